"""The mean row of every person, held in memory, and kept as the record is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sameplayer.common.cache import Latest
from sameplayer.common.hashing import array_fingerprint
from sameplayer.gallery.core.means import conditions_of, stored_mean
from sameplayer.gallery.core.records import PictureFilter
from sameplayer.gallery.store.base import Cursor, Database

if TYPE_CHECKING:
    from sameplayer.ranking.prepared.gallery import PreparedGallery

BLOCK = 1024  # persons that are held, and read, together
PICTURES = 4096  # pictures that are read together
FILTERS = 8  # filters whose means are kept
PREPARED = 8  # sets of candidates' pictures that are kept prepared for re-ranking
EVERYTHING = PictureFilter()


class PersonRow(NamedTuple):
    """A person as the record has it now; no mean: not one to answer with."""

    id: str
    name: str
    live: bool
    pictures: int
    mean: np.ndarray | None


@dataclass(frozen=True, eq=False)
class Block:
    """Some persons: ids, names, how many pictures each has (n,), unit means (n, d)."""

    ids: tuple[str, ...]
    names: tuple[str, ...]
    pictures: np.ndarray
    means: np.ndarray

    def edited(self, changed: dict[str, PersonRow]) -> Block:
        """Return the block with some of its persons as they are now, or gone."""
        ids, names = list(self.ids), list(self.names)
        pictures, means = self.pictures.copy(), self.means.copy()
        gone = []
        for key, person in changed.items():
            row = self.ids.index(key)
            if person.mean is None:
                gone.append(row)
            else:
                names[row], pictures[row], means[row] = person.name, person.pictures, person.mean
        for row in sorted(gone, reverse=True):
            del ids[row], names[row]
        if gone:
            pictures, means = np.delete(pictures, gone), np.delete(means, gone, axis=0)
        return Block(tuple(ids), tuple(names), pictures, means)

    def extended(self, other: Block) -> Block:
        """Return the persons of both."""
        return Block(
            self.ids + other.ids,
            self.names + other.names,
            np.concatenate([self.pictures, other.pictures]),
            np.concatenate([self.means, other.means]),
        )


@dataclass(frozen=True, eq=False)
class Means:
    """The persons that answers are chosen from, as of the event ``changed``."""

    blocks: tuple[Block, ...]
    changed: int

    def __len__(self) -> int:
        return sum(len(block.ids) for block in self.blocks)

    @cached_property
    def ids(self) -> list[str]:
        """The id of each person."""
        return [key for block in self.blocks for key in block.ids]

    @cached_property
    def rows(self) -> dict[str, int]:
        """The row of each person, by id."""
        return {key: row for row, key in enumerate(self.ids)}

    @cached_property
    def pictures(self) -> np.ndarray:
        """(n,) how many pictures each person has."""
        return np.concatenate([np.zeros(0, np.int64), *(one.pictures for one in self.blocks)])

    def similarities(self, query: np.ndarray) -> np.ndarray:
        """Return (n,) cosines of a unit row (d,) to every person."""
        found = [block.means @ query for block in self.blocks]
        return np.concatenate([np.zeros(0, np.float32), *found])

    def person(self, row: int) -> tuple[str, str]:
        """Return id and name of a row of ``similarities``."""
        for block in self.blocks:
            if row < len(block.ids):
                return block.ids[row], block.names[row]
            row -= len(block.ids)
        raise IndexError(row)


class Index:
    """Reads the means once, and then only those of persons that changed. Threads may share it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._all = CachedMeans(EVERYTHING)
        self._filtered: Latest[CachedMeans] = Latest(FILTERS)
        self._prepared: Latest[PreparedGallery] = Latest(PREPARED)

    def means(self, where: PictureFilter = EVERYTHING) -> Means:
        """Return what the record says now, of the pictures that count."""
        held = self._all
        if where != EVERYTHING:
            held = self._filtered.get(where, lambda: CachedMeans(where))
        return held.means(self._database)

    def prepared(self, rows: np.ndarray) -> PreparedGallery:
        """Return unit rows (n, d) prepared for re-ranking; kept for the next query among them."""
        from sameplayer.ranking.prepared.gallery import PreparedGallery

        return self._prepared.get(array_fingerprint(rows), lambda: PreparedGallery(rows))

    def evict_deleted(self) -> None:
        """Hold nobody any more who is not in the record."""
        self._filtered = Latest(FILTERS)
        self._prepared = Latest(PREPARED)
        if self._all.loaded:
            self._all.means(self._database)


class CachedMeans:
    """The means of one filter. What was given out never changes: a change makes new blocks."""

    def __init__(self, where: PictureFilter) -> None:
        self._where = where
        self._lock = Lock()
        self._forget()

    @property
    def loaded(self) -> bool:
        """Whether the means were read before."""
        return self._means.changed >= 0

    def means(self, database: Database) -> Means:
        """Return the means as they are now."""
        with self._lock, database.read() as cursor:
            changed = last_change(cursor)
            if changed != self._means.changed:
                try:
                    self._renew(cursor, changed)
                except BaseException:
                    self._forget()
                    raise
            return self._means

    def _forget(self) -> None:
        self._means = Means((), -1)
        self._place: dict[str, int] = {}  # the block of every live person; NOWHERE: in none

    def _renew(self, cursor: Cursor, changed: int) -> None:
        blocks = list(self._means.blocks)
        for persons in _read(cursor, self._means.changed, self._where):
            self._put(blocks, persons)
        count = cursor.one(f"SELECT COUNT(*) FROM person WHERE {LIVE}")
        if count is None or count[0] != len(self._place):  # a row was deleted: its person forgotten
            live = {key for (key,) in cursor.rows(f"SELECT id FROM person WHERE {LIVE}")}
            gone = [key for key in self._place if key not in live]
            self._put(blocks, [PersonRow(key, "", False, 0, None) for key in gone])
        self._means = Means(tuple(blocks), changed)

    def _put(self, blocks: list[Block], persons: Iterable[PersonRow]) -> None:
        """Put persons where they were; new ones at the end."""
        edits: dict[int, dict[str, PersonRow]] = {}
        fresh = []
        for one in persons:
            at = self._place.get(one.id, NOWHERE)
            if at != NOWHERE:
                edits.setdefault(at, {})[one.id] = one
            elif one.mean is not None:
                fresh.append(one)
            if not one.live:
                self._place.pop(one.id, None)
            elif one.mean is None:
                self._place[one.id] = NOWHERE
        for at, changed in edits.items():
            blocks[at] = blocks[at].edited(changed)
        while fresh:
            if not blocks or len(blocks[-1].ids) >= BLOCK:
                blocks.append(_block(fresh[:BLOCK]))
                added, fresh = fresh[:BLOCK], fresh[BLOCK:]
            else:
                room = BLOCK - len(blocks[-1].ids)
                added, fresh = fresh[:room], fresh[room:]
                blocks[-1] = blocks[-1].extended(_block(added))
            self._place.update(dict.fromkeys((one.id for one in added), len(blocks) - 1))


NOWHERE = -1
LIVE = "state = 'active' AND pictures > 0"


def last_change(cursor: Cursor) -> int:
    """Return the number of the last event that changed what answers rest on."""
    found = cursor.one("SELECT changed FROM latest")
    return 0 if found is None else int(found[0])


def _block(persons: list[PersonRow]) -> Block:
    return Block(
        tuple(one.id for one in persons),
        tuple(one.name for one in persons),
        np.array([one.pictures for one in persons]),
        np.stack([one.mean for one in persons if one.mean is not None]),
    )


def _read(cursor: Cursor, since: int, where: PictureFilter) -> Iterator[list[PersonRow]]:
    """Read the persons that changed after an event, with the means of the pictures that count."""
    mean = ", mean" if where == EVERYTHING else ""
    sql = (
        f"SELECT revision, id, name, state, pictures{mean} FROM person "
        "WHERE (revision, id) > (?, ?) ORDER BY revision, id LIMIT ?"
    )
    last: tuple[int, str] = (since + 1, "")
    while True:
        rows = cursor.rows(sql, *last, BLOCK)
        live = [row for row in rows if row[3] == "active" and row[4]]
        yield [
            PersonRow(row[1], row[2], False, 0, None)
            for row in rows
            if row[3] != "active" or not row[4]
        ]
        if mean:
            yield [PersonRow(row[1], row[2], True, row[4], _vector(row[5])) for row in live]
        else:
            for part in _parts(live):
                found = _of_pictures(cursor, [row[1] for row in part], where)
                yield [
                    PersonRow(row[1], row[2], True, *found.get(row[1], (0, None))) for row in part
                ]
        if len(rows) < BLOCK:
            return
        last = rows[-1][:2]


def _vector(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.float32)


def _parts(rows: list[tuple]) -> Iterator[list[tuple]]:
    """Give persons in parts of few pictures, as the last column counts them."""
    ends = np.cumsum([row[-1] for row in rows]) // PICTURES
    for part in np.unique(ends):
        yield [row for row, end in zip(rows, ends, strict=True) if end == part]


def _of_pictures(
    cursor: Cursor, persons: list[str], where: PictureFilter
) -> dict[str, tuple[int, np.ndarray]]:
    """Return how many pictures of each person count, and their unit mean."""
    conditions, values = conditions_of(where)
    rows = cursor.rows(
        "SELECT picture.person, vector.data FROM picture "
        "JOIN vector ON vector.picture = picture.id WHERE picture.state = 'kept' "
        f"AND picture.person IN ({', '.join('?' * len(persons))}) {conditions} "
        "ORDER BY picture.person, picture.id",
        *persons,
        *values,
    )
    found: dict[str, list[bytes]] = {}
    for person, data in rows:
        found.setdefault(person, []).append(data)
    return {person: (len(data), stored_mean(data)) for person, data in found.items()}
