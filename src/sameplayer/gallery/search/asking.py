"""Who is this? Candidates with probabilities, and that it is nobody we know."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

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
from sameplayer.gallery.store.base import Cursor, parts_of

TOP = 5  # candidates of an answer
SHOWN = 3  # pictures of a candidate that an answer rests on
LOOKED_AT = 200  # a candidate's newest pictures, among which those are chosen
TOGETHER = 25  # candidates whose pictures are read together


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


class Query(NamedTuple):
    """Unit rows (n, d) of one person's pictures, and persons who are no candidates."""

    rows: np.ndarray
    without: Collection[str] = ()


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
    return answer_queries(gallery, [Query(rows, without)], where, top, known, shown)[0]


def answer_queries(
    gallery: GalleryCore,
    queries: Sequence[Query],
    where: PictureFilter = EVERYTHING,
    top: int = TOP,
    known: float | None = None,
    shown: int = SHOWN,
) -> list[Answer]:
    """Answer several queries; the pictures of all their candidates are read together."""
    means = gallery.means(where)
    share = gallery.settings.known if known is None else known
    answers = [_answer(gallery, means, query, top, share) for query in queries]
    return _supported(gallery, answers, [unit_mean(one.rows) for one in queries], where, shown)


def _answer(gallery: GalleryCore, means: Means, asked: Query, top: int, share: float) -> Answer:
    """Answer one query, without the pictures that the answer rests on."""
    similarities, counts = means.similarities(unit_mean(asked.rows)), means.pictures
    allowed = _allowed(means, asked.without)
    chances, nobody = _chances(gallery, similarities, counts, allowed, len(asked.rows), share)
    order = similarities.astype(np.float64)
    if chances is not None:  # of equal chances the more alike comes first
        order = chances + 1e-12 * order
    best = _first(np.where(allowed, order, -np.inf), min(top, int(allowed.sum())))
    candidates = tuple(
        Candidate(
            *means.person(int(row)),
            float(similarities[row]),
            None if chances is None else float(chances[row]),
            int(counts[row]),
            (),
        )
        for row in best
    )
    return Answer(candidates, nobody, len(asked.rows), int(allowed.sum()), share)


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
    allowed[[means.rows[key] for key in without if key in means.rows]] = False
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
    persons = [one.person for one in answer.candidates]
    with gallery.database.read() as cursor:
        looked = _looked_at(cursor, persons, where, len(query))
    owner = np.repeat(np.arange(len(persons)), [len(looked[key].facts) for key in persons])
    if not len(owner):
        return answer
    vectors = np.concatenate([looked[key].vectors for key in persons])
    distance = gallery.index.prepared(vectors).distances(query[None])[0]
    candidates = [
        replace(one, evidence=_chosen(looked[one.person], query, most, -distance[owner == at]))
        for at, one in enumerate(answer.candidates)
    ]
    return replace(answer, candidates=tuple(candidates))


class _LookedAt(NamedTuple):
    """A person's newest pictures that count: (id, date) and vectors (n, d)."""

    facts: list[tuple[str, str | None]]
    vectors: np.ndarray


def _supported(
    gallery: GalleryCore,
    answers: Sequence[Answer],
    queries: Sequence[np.ndarray],
    where: PictureFilter,
    most: int,
) -> list[Answer]:
    """Return answers with the pictures that are most like the query of each, (d,)."""
    if most == 0:
        return list(answers)
    found: dict[tuple[int, str], tuple[SupportingPicture, ...]] = {}
    persons = dict.fromkeys(one.person for answer in answers for one in answer.candidates)
    with gallery.database.read() as cursor:
        for part in parts_of(persons, TOGETHER):
            looked = _looked_at(cursor, part, where, gallery.settings.width)
            for at, (answer, query) in enumerate(zip(answers, queries, strict=True)):
                for one in answer.candidates:
                    if one.person in looked:
                        found[at, one.person] = _chosen(looked[one.person], query, most)
    return [
        replace(
            answer,
            candidates=tuple(
                replace(one, evidence=found[at, one.person]) for one in answer.candidates
            ),
        )
        for at, answer in enumerate(answers)
    ]


def _chosen(
    looked: _LookedAt, query: np.ndarray, most: int, order: np.ndarray | None = None
) -> tuple[SupportingPicture, ...]:
    """Return the pictures whose ``order`` is largest; None: the most like the query (d,)."""
    similarities = looked.vectors @ query
    best = _first(similarities if order is None else order, min(most, len(looked.facts)))
    return tuple(SupportingPicture(*looked.facts[row], float(similarities[row])) for row in best)


def _looked_at(
    cursor: Cursor, persons: Sequence[str], where: PictureFilter, width: int
) -> dict[str, _LookedAt]:
    """Return each person's newest pictures that count, ``LOOKED_AT`` at most."""
    conditions, values = conditions_of(where)
    held: dict[str, list[tuple]] = {person: [] for person in persons}
    for person, *row in cursor.rows(
        "SELECT person, id, taken, data FROM (SELECT picture.person, picture.id, picture.taken, "
        "vector.data, ROW_NUMBER() OVER (PARTITION BY picture.person "
        "ORDER BY picture.added DESC, picture.id) AS place FROM picture "
        "JOIN vector ON vector.picture = picture.id WHERE picture.state = 'kept' "
        f"AND picture.person IN ({', '.join('?' * len(persons))}) {conditions}) AS looked "
        "WHERE place <= ? ORDER BY person, place",
        *persons,
        *values,
        LOOKED_AT,
    ):
        held[person].append(tuple(row))
    return {
        person: _LookedAt(
            [row[:2] for row in rows],
            np.frombuffer(b"".join(row[2] for row in rows), np.float32).reshape(len(rows), width),
        )
        for person, rows in held.items()
    }
