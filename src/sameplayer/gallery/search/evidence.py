"""The pictures that an answer rests on: those of the candidates that are most like the query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from sameplayer.common.vectors import unit_mean
from sameplayer.gallery.core.gallery import GalleryCore
from sameplayer.gallery.core.index import EVERYTHING
from sameplayer.gallery.core.means import conditions_of
from sameplayer.gallery.core.records import Answer, PictureFilter, SupportingPicture
from sameplayer.gallery.store.base import Cursor, parts_of

SHOWN = 3  # pictures of a candidate that an answer rests on
LOOKED_AT = 200  # a candidate's newest pictures, among which those are chosen
TOGETHER = 25  # candidates whose pictures are read together


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


def supported(
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
    best = largest(similarities if order is None else order, min(most, len(looked.facts)))
    chosen = ((*looked.facts[row], float(similarities[row])) for row in best.tolist())
    return tuple(SupportingPicture(key, taken, alike) for key, taken, alike in chosen)


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


def largest(values: np.ndarray, count: int) -> np.ndarray:
    """Return the positions of the largest values, falling; equal ones by position."""
    if count == 0:
        return np.zeros(0, np.int64)
    largest = np.argpartition(-values, count - 1)[:count]
    return largest[np.lexsort((largest, -values[largest]))]
