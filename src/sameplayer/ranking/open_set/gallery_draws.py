"""The persons of a crop table and their tracks, and searches of galleries drawn from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sameplayer.common.vectors import unit_means
from sameplayer.data.crops import Crops

TRACK = ("sequence", "camera", "track")  # where the table has them; with the person, a track
ACROSS = 0.25  # share of persons with several tracks from which on questions go across tracks
Counts = tuple[int, int]  # fewest and most pictures
GALLERIES = 150  # drawn for a fit
SEARCHES = 24  # of enrolled persons, and of others, in each of them
LARGEST_GALLERY = 128
ENROLLED, ASKED = (1, 12), (1, 10)  # pictures, in such a gallery


@dataclass(frozen=True, eq=False)
class Person:
    """One person: an array of row numbers for each track, and the identity scope's number."""

    code: int
    tracks: tuple[np.ndarray, ...]
    scope: int

    @property
    def rows(self) -> np.ndarray:
        """All row numbers, track after track."""
        return np.concatenate(self.tracks)


@dataclass(frozen=True, eq=False)
class People:
    """The persons of a table, and whether questions go from one track of a person to another.

    Pictures of one track are more alike than those of two. Where a quarter of the persons with
    several pictures, or more, have several tracks, the pictures that ask and those that are
    enrolled are of different tracks, and whoever has one track only is never asked about while
    enrolled. Else they are different pictures.
    """

    persons: tuple[Person, ...]
    across: bool

    def can_be_mated(self, person: Person) -> bool:
        """Tell whether a person can be enrolled and asked about by other pictures."""
        return len(person.tracks) > 1 if self.across else len(person.rows) > 1

    def enrol_and_ask(
        self, person: Person, enrolled: int, asked: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw disjoint rows of one person: those enrolled, and those of one track that ask.

        Where there are fewer pictures, fewer are drawn, of each at least one.
        """
        track = int(rng.integers(len(person.tracks)))
        pool = [rows for number, rows in enumerate(person.tracks) if number != track]
        own = rng.permutation(person.tracks[track])
        if not self.across:
            total = len(person.rows)
            asked = min(asked, len(own), max(1, total - enrolled), total - 1)
            pool.append(own[asked:])
        return rng.permutation(np.concatenate(pool))[:enrolled], own[:asked]

    def cohesion(self, vectors: np.ndarray) -> float:
        """Return the mean cosine of two pictures of one person, each person weighing the same."""
        means = []
        for person in self.persons:
            count = len(person.rows)
            if count > 1:
                summed = vectors[person.rows].sum(axis=0, dtype=np.float64)
                means.append((summed @ summed - count) / (count * (count - 1)))
        return float(np.clip(np.mean(means), 0, 1))

    def by_scope(self) -> list[list[Person]]:
        """Return the persons of each identity scope; those of two scopes are never compared."""
        scopes: dict[int, list[Person]] = {}
        for person in self.persons:
            scopes.setdefault(person.scope, []).append(person)
        return list(scopes.values())


def people_of(crops: Crops) -> People:
    """Return the persons of a table; rows without a person are left out."""
    table, codes, scopes = crops.table, crops.persons(), crops.scopes()
    named = [name for name in TRACK if name in table.columns]
    keys = table[named].astype("string").fillna("").agg("/".join, axis=1).to_numpy(dtype=object)
    persons = []
    for code in range(int(codes.max(initial=-1)) + 1):
        rows = np.flatnonzero(codes == code)
        own = keys[rows]
        tracks = tuple(rows[own == key] for key in dict.fromkeys(own))
        persons.append(Person(code, tracks, int(scopes[rows[0]])))
    several = [len(person.tracks) > 1 for person in persons if len(person.rows) > 1]
    return People(tuple(persons), any(several) and sum(several) >= ACROSS * len(several))


@dataclass(frozen=True, eq=False)
class Searches:
    """m searches of one gallery of N persons.

    similarities       (m, N) cosine between the unit mean of what asks and of who is enrolled
    query_pictures     (m,) int64: how many pictures ask
    person_pictures    (N,) int64: how many pictures of each person are enrolled
    mate               (m,) int64: which of the N is the one who is asked about; -1: none of them
    person             (m,) int64: who is asked about, the same number in all searches of a table
    query_rows, person_rows    m and N arrays: the rows of the table that ask, and are enrolled
    """

    similarities: np.ndarray
    query_pictures: np.ndarray
    person_pictures: np.ndarray
    mate: np.ndarray
    person: np.ndarray
    query_rows: tuple[np.ndarray, ...]
    person_rows: tuple[np.ndarray, ...]


def draw_searches(
    vectors: np.ndarray,
    people: People,
    persons: Sequence[Person],
    size: int,
    rng: np.random.Generator,
    *,
    enrolled: Counts,
    asked: Counts,
    most: int | None = None,
) -> Searches:
    """Draw a gallery of ``size`` of these persons, and search it for those persons and the others.

    vectors            (n, d) unit rows of the table
    persons            of one scope, more than ``size``
    enrolled, asked    fewest and most pictures of a person, of a question: drawn so that every
                       doubling is as likely
    most               searches of enrolled persons, and of others, at most; None: all there are
    """
    order = [persons[number] for number in rng.permutation(len(persons))]
    inside, outside = order[:size], order[size:]
    gallery: list[np.ndarray] = []
    queries: list[np.ndarray] = []
    mate, who = [], []
    for number, person in enumerate(inside):
        if people.can_be_mated(person):
            rows, own = people.enrol_and_ask(person, _drawn(enrolled, rng), _drawn(asked, rng), rng)
            if most is None or len(queries) < most:
                queries.append(own)
                mate.append(number)
                who.append(person.code)
        else:
            rows = rng.permutation(person.rows)[: _drawn(enrolled, rng)]
        gallery.append(rows)
    for person in outside[:most]:
        track = person.tracks[int(rng.integers(len(person.tracks)))]
        queries.append(rng.permutation(track)[: _drawn(asked, rng)])
        mate.append(-1)
        who.append(person.code)
    return Searches(
        mean_rows(vectors, queries) @ mean_rows(vectors, gallery).T,
        np.array(list(map(len, queries))),
        np.array(list(map(len, gallery))),
        np.array(mate),
        np.array(who),
        tuple(queries),
        tuple(gallery),
    )


def draw_galleries(vectors: np.ndarray, people: People, rng: np.random.Generator) -> list[Searches]:
    """Return searches of GALLERIES galleries of many sizes, to learn from.

    Each is of one scope, has questions about who is enrolled and about others, and mixes persons
    and questions of few and of many pictures.
    """
    scopes = [persons for persons in people.by_scope() if len(persons) > 1]
    shares = np.array(list(map(len, scopes)), float)
    counts: dict[str, Any] = {"enrolled": ENROLLED, "asked": ASKED, "most": SEARCHES}
    drawn: list[Searches] = []
    while len(drawn) < GALLERIES:
        persons = scopes[int(rng.choice(len(scopes), p=shares / shares.sum()))]
        most = min(max(len(persons) * 2 // 3, 1), LARGEST_GALLERY)
        size = int(np.exp(rng.uniform(0, np.log(most + 1))))
        searches = draw_searches(vectors, people, persons, size, rng, **counts)
        if (searches.mate >= 0).any():
            drawn.append(searches)
    return drawn


def mean_rows(vectors: np.ndarray, groups: Sequence[np.ndarray]) -> np.ndarray:
    """Return (len(groups), d) unit rows: the mean of the rows of each group, to length 1.

    vectors    (n, d) unit rows; a mean of length 0 stays 0
    """
    group = np.repeat(np.arange(len(groups)), [len(rows) for rows in groups])
    return unit_means(vectors[np.concatenate(groups)], group, len(groups))


def _drawn(counts: Counts, rng: np.random.Generator) -> int:
    fewest, most = counts
    return int(math.exp(rng.uniform(math.log(fewest), math.log(most + 1))))
