"""Who is this? Candidates with probabilities, and that it is nobody we know."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from sameplayer.common.vectors import unit_mean
from sameplayer.data.images.picture import Picture
from sameplayer.errors import DataError
from sameplayer.gallery.core.gallery import GalleryCore
from sameplayer.gallery.core.index import EVERYTHING, Means
from sameplayer.gallery.core.means import conditions_of
from sameplayer.gallery.core.records import (
    Answer,
    Candidate,
    NewPicture,
    PictureFilter,
    SupportingPicture,
)
from sameplayer.gallery.people.enrolment import new_pictures
from sameplayer.gallery.search.questions import keep_question, stated
from sameplayer.gallery.store.base import Cursor

TOP = 5  # candidates of an answer
SHOWN = 3  # pictures of a candidate that an answer rests on
LOOKED_AT = 200  # a candidate's newest pictures, among which those are chosen


def ask(
    gallery: GalleryCore,
    pictures: Sequence[Picture],
    *,
    actor: str,
    where: PictureFilter = EVERYTHING,
    top: int = TOP,
    known: float | None = None,
    keep: bool = False,
    rerank: bool = False,
) -> Answer:
    """Say whose pictures these are: of one person, such as a crop or the crops of a track.

    pictures    uint8 RGB (h, w, 3), one or more
    where       which pictures of the gallery count
    top         candidates to name, at most
    known       share of the players asked about who are enrolled; None: the gallery's
    keep        keep the pictures as a question, for a person's word
    rerank      choose and order the pictures that the answer rests on by k-reciprocal re-ranking
                among the candidates' pictures; candidates and probabilities stay as they are

    Raises DataError for no picture, RankingError for another encoder.
    """
    if not pictures:
        raise DataError("No picture to ask about; expected one or more of one person.")
    made = new_pictures(gallery, pictures, keep=keep and gallery.refresh_settings().keep_pictures)
    answer = ask_ready(gallery, made, actor=actor, where=where, top=top, known=known, keep=keep)
    if not rerank:
        return answer
    return reordered(gallery, answer, np.stack([one.vector for one in made]), where)


def ask_ready(
    gallery: GalleryCore,
    pictures: Sequence[NewPicture],
    *,
    actor: str,
    where: PictureFilter = EVERYTHING,
    top: int = TOP,
    known: float | None = None,
    keep: bool = False,
) -> Answer:
    """Like ``ask``, of pictures that are embedded already."""
    vectors = np.stack([one.vector for one in pictures])
    answer = ask_vectors(gallery, vectors, actor=actor, where=where, top=top, known=known)
    if not keep:
        return answer
    return replace(answer, question=keep_question(gallery, pictures, actor, stated(answer)))


def ask_vectors(
    gallery: GalleryCore,
    vectors: np.ndarray,
    *,
    actor: str,
    where: PictureFilter = EVERYTHING,
    top: int = TOP,
    known: float | None = None,
    without: Collection[str] = (),
) -> Answer:
    """Like ``ask``, of unit rows (n, d) of one person's pictures.

    without    ids of persons who are no candidates: somebody said that it is not they
    """
    rows = gallery.check_vectors(vectors)
    answer = answer_vectors(gallery, rows, where, top, known, without)
    gallery.note(
        actor,
        "ask",
        *(one.person for one in answer.candidates),
        pictures=len(rows),
        nobody=answer.nobody,
    )
    return answer


def answer_vectors(
    gallery: GalleryCore,
    rows: np.ndarray,
    where: PictureFilter = EVERYTHING,
    top: int = TOP,
    known: float | None = None,
    without: Collection[str] = (),
    shown: int = SHOWN,
) -> Answer:
    """Answer without writing to the audit log: for the machine's own use.

    shown    pictures of a candidate to name, at most
    """
    query = unit_mean(rows)
    means = gallery.means(where)
    share = gallery.settings.known if known is None else known
    similarities, counts = means.similarities(query), means.pictures
    allowed = _allowed(means, without)
    chances, nobody = _chances(gallery, similarities, counts, allowed, len(rows), share)
    order = similarities.astype(np.float64)
    if chances is not None:  # of equal chances the more alike comes first
        order = chances + 1e-12 * order
    best = _first(np.where(allowed, order, -np.inf), min(top, int(allowed.sum())))
    candidates = []
    with gallery.database.read() as cursor:
        for row in best:
            person, name = means.person(int(row))
            candidates.append(
                Candidate(
                    person,
                    name,
                    float(similarities[row]),
                    None if chances is None else float(chances[row]),
                    int(counts[row]),
                    _rests_on(cursor, person, query, where, shown),
                )
            )
    return Answer(tuple(candidates), nobody, len(rows), int(allowed.sum()), share)


def most_alike(gallery: GalleryCore, person: str, top: int = TOP) -> list[Candidate]:
    """Return the persons whose pictures are most like a person's, the most alike first."""
    with gallery.database.read() as cursor:
        row = cursor.one("SELECT mean FROM person WHERE id = ?", person)
    if row is None or row[0] is None:
        return []
    mean = np.frombuffer(row[0], np.float32)[None]
    found = answer_vectors(gallery, mean, top=top, without={person})
    return [one for one in found.candidates if one.rests_on]


def _chances(
    gallery: GalleryCore,
    similarities: np.ndarray,
    pictures: np.ndarray,
    allowed: np.ndarray,
    query_pictures: int,
    known: float,
) -> tuple[np.ndarray | None, float | None]:
    """Return the probability of each person, and of nobody; None where not calibrated."""
    record = gallery.settings.likelihood
    if record is None:
        return None, None
    from sameplayer.ranking.open_set.likelihood import Likelihood, posterior

    chances = np.zeros(len(similarities))
    if not allowed.any():
        return chances, 1.0
    found = posterior(
        Likelihood.from_record(record),
        similarities[allowed],
        query_pictures,
        pictures[allowed],
        known,
    )
    chances[allowed] = found.persons
    return chances, float(found.nobody)


def _allowed(means: Means, without: Collection[str]) -> np.ndarray:
    allowed = np.ones(len(means), bool)
    if without:
        ids = [key for block in means.blocks for key in block.ids]
        allowed = np.array([key not in without for key in ids], bool)
    return allowed


def _first(values: np.ndarray, count: int) -> np.ndarray:
    """Return the positions of the largest values, falling; equal ones by position."""
    if count == 0:
        return np.zeros(0, np.int64)
    largest = np.argpartition(-values, count - 1)[:count]
    return largest[np.lexsort((largest, -values[largest]))]


def reordered(
    gallery: GalleryCore,
    answer: Answer,
    rows: np.ndarray,
    where: PictureFilter = EVERYTHING,
    most: int = SHOWN,
) -> Answer:
    """Return an answer whose pictures are chosen and ordered by k-reciprocal re-ranking.

    rows    (n, d) unit rows that were asked about

    The candidates' pictures that count, their newest ``LOOKED_AT``, are the gallery that is
    re-ranked; a person whose pictures are each other's neighbours shows those before lone ones.
    """

    query = unit_mean(rows)
    with gallery.database.read() as cursor:
        looked = [_looked_at(cursor, one.person, where, len(query)) for one in answer.candidates]
    owner = np.repeat(np.arange(len(looked)), [len(facts) for facts, _ in looked])
    if not len(owner):
        return answer
    vectors = np.concatenate([found for _, found in looked])
    distance = gallery.index.prepared(vectors).distances(query[None])[0]
    candidates = [
        replace(one, rests_on=_chosen(facts, found @ query, -distance[owner == at], most))
        for at, (one, (facts, found)) in enumerate(zip(answer.candidates, looked, strict=True))
    ]
    return replace(answer, candidates=tuple(candidates))


def _rests_on(
    cursor: Cursor, person: str, query: np.ndarray, where: PictureFilter, most: int
) -> tuple[SupportingPicture, ...]:
    if most == 0:
        return ()
    facts, vectors = _looked_at(cursor, person, where, len(query))
    similarities = vectors @ query
    return _chosen(facts, similarities, similarities, most)


def _chosen(
    facts: Sequence[tuple[str, str | None]], similarities: np.ndarray, order: np.ndarray, most: int
) -> tuple[SupportingPicture, ...]:
    """Return the pictures (id, date) whose ``order`` is largest."""
    return tuple(
        SupportingPicture(facts[row][0], facts[row][1], float(similarities[row]))
        for row in _first(order, min(most, len(facts)))
    )


def _looked_at(
    cursor: Cursor, person: str, where: PictureFilter, width: int
) -> tuple[list[tuple[str, str | None]], np.ndarray]:
    """Return (id, date) and row of a person's newest pictures that count."""
    conditions, values = conditions_of(where)
    rows = cursor.rows(
        "SELECT picture.id, picture.taken, vector.data FROM picture "
        "JOIN vector ON vector.picture = picture.id WHERE picture.person = ? "
        f"AND picture.state = 'kept' {conditions} ORDER BY picture.added DESC, picture.id LIMIT ?",
        person,
        *values,
        LOOKED_AT,
    )
    vectors = np.frombuffer(b"".join(row[2] for row in rows), np.float32)
    return [row[:2] for row in rows], vectors.reshape(len(rows), width)
