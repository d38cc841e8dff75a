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
from sameplayer.gallery.core.records import Answer, Candidate, NewPicture, PictureFilter
from sameplayer.gallery.people.enrolment import new_pictures
from sameplayer.gallery.search.evidence import SHOWN, largest, reordered, supported
from sameplayer.gallery.search.questions import keep_question, stated

TOP = 5  # candidates of an answer


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
    return supported(gallery, answers, [unit_mean(one.rows) for one in queries], where, shown)


def _answer(gallery: GalleryCore, means: Means, asked: Query, top: int, share: float) -> Answer:
    """Answer one query, without the pictures that the answer rests on."""
    similarities, counts = means.similarities(unit_mean(asked.rows)), means.pictures
    allowed = _allowed(means, asked.without)
    chances, nobody = _chances(gallery, similarities, counts, allowed, len(asked.rows), share)
    order = similarities.astype(np.float64)
    if chances is not None:  # of equal chances the more alike comes first
        order = chances + 1e-12 * order
    best = largest(np.where(allowed, order, -np.inf), min(top, int(allowed.sum())))
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


def most_alike(gallery: GalleryCore, person: str, top: int = TOP) -> list[Candidate]:
    """Return the persons whose pictures are most like a person's, the most alike first."""
    with gallery.database.read() as cursor:
        row = cursor.one("SELECT mean FROM person WHERE id = ?", person)
    if row is None or row[0] is None:
        return []
    mean = np.frombuffer(row[0], np.float32)[None]
    found = answer_vectors(gallery, mean, top=top, without={person})
    return [one for one in found.candidates if one.evidence]


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
