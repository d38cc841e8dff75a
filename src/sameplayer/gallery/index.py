"""The mean row of every person, held in memory, and kept as the record is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from threading import Lock

import numpy as np

from sameplayer.data.latest import Latest
from sameplayer.gallery.database import Cursor, Database
from sameplayer.gallery.records import Where

BLOCK = 4096  # persons that are held, and read, together
FILTERS = 8  # filters whose means are kept
EVERYTHING = Where()


@dataclass(frozen=True, eq=False)
class Block:
    """Some persons: ids, names, revisions, how many pictures each has, unit means (n, d)."""

    ids: tuple[str, ...]
    names: tuple[str, ...]
    revisions: np.ndarray
    pictures: np.ndarray
    means: np.ndarray

    def same_as(self, live: dict[str, int]) -> bool:
        """Tell whether every person is still there, unchanged."""
        return all(live.get(key) == old for key, old in zip(self.ids, self.revisions, strict=True))


@dataclass(frozen=True, eq=False)
class Means:
    """The persons that answers are chosen from, as of the event ``changed``."""

    blocks: tuple[Block, ...]
    changed: int

    def __len__(self) -> int:
        return sum(len(block.ids) for block in self.blocks)

    @property
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
        self._lock = Lock()
        self._means = Means((), -1)
        self._filtered: Latest[Means] = Latest(FILTERS)

    def means(self, where: Where = EVERYTHING) -> Means:
        """Return what the record says now, of the pictures that count."""
        with self._lock, self._database.read() as cursor:
            changed = _changed(cursor)
            if changed != self._means.changed:
                self._means = _renewed(cursor, self._means, changed)
                self._filtered = Latest(FILTERS)
            means, filtered = self._means, self._filtered
        if where == EVERYTHING:
            return means
        return filtered.get(where, lambda: self._some(where))

    def _some(self, where: Where) -> Means:
        with self._database.read() as cursor:
            return _of_pictures(cursor, where)


def _changed(cursor: Cursor) -> int:
    found = cursor.one("SELECT changed FROM latest")
    return 0 if found is None else int(found[0])


def _renewed(cursor: Cursor, old: Means, changed: int) -> Means:
    """Return the means as they are now, with the blocks that did not change."""
    live: dict[str, int] = dict(
        cursor.rows("SELECT id, revision FROM person WHERE state = 'active' AND pictures > 0")
    )
    kept = [block for block in old.blocks if len(block.ids) == BLOCK and block.same_as(live)]
    held = {key for block in kept for key in block.ids}
    wanted = sorted(live.keys() - held)
    return Means((*kept, *_read(cursor, wanted, bool(held))), changed)


def _read(cursor: Cursor, wanted: list[str], some: bool) -> Iterator[Block]:
    """Read persons by id, in blocks; ``some``: they are few of all."""
    columns = "SELECT id, name, revision, pictures, mean FROM person WHERE "
    for start in range(0, len(wanted), BLOCK):
        part = wanted[start : start + BLOCK]
        if some:
            rows = []
            for at in range(0, len(part), 500):
                few = part[at : at + 500]
                rows += cursor.rows(f"{columns} id IN ({', '.join('?' * len(few))})", *few)
        else:
            rows = cursor.rows(
                f"{columns} state = 'active' AND pictures > 0 AND id >= ? AND id <= ?",
                part[0], part[-1],
            )  # fmt: skip
        yield _block(rows)


def _block(rows: list[tuple[str, str, int, int, bytes]]) -> Block:
    ids, names, revisions, pictures, means = zip(*rows, strict=True)
    return Block(
        ids, names, np.array(revisions), np.array(pictures),
        np.frombuffer(b"".join(means), np.float32).reshape(len(rows), -1),
    )  # fmt: skip


def _of_pictures(cursor: Cursor, where: Where) -> Means:
    """Return the means of the pictures that count, read in steps."""
    sums: dict[str, np.ndarray] = {}
    counts: dict[str, int] = {}
    names: dict[str, str] = {}
    conditions, values = conditions_of(where)
    last = ("", "")
    while True:
        rows = cursor.rows(
            "SELECT picture.person, picture.id, person.name, vector.data FROM picture "
            "JOIN vector ON vector.picture = picture.id JOIN person ON person.id = picture.person "
            "WHERE person.state = 'active' AND picture.state = 'kept' "
            f"AND (picture.person, picture.id) > (?, ?) {conditions} "
            "ORDER BY picture.person, picture.id LIMIT ?", *last, *values, BLOCK,
        )  # fmt: skip
        for person, _, name, data in rows:
            row = np.frombuffer(data, np.float32).astype(np.float64)
            sums[person] = sums[person] + row if person in sums else row
            counts[person] = counts.get(person, 0) + 1
            names[person] = name
        if len(rows) < BLOCK:
            break
        last = rows[-1][:2]
    return Means(tuple(_blocks(sums, counts, names)), _changed(cursor))


def conditions_of(where: Where) -> tuple[str, list[str]]:
    """Return what a filter adds to a condition on pictures, and its values."""
    words = ("team = ?", "game = ?", "camera = ?", "taken >= ?", "taken <= ?")
    # A day that is counted ends with its last moment.
    team, game, camera, since, until = astuple(where)
    values = (team, game, camera, since, None if until is None else until + "~")
    chosen = [(word, value) for word, value in zip(words, values, strict=True) if value is not None]
    return "".join(f" AND picture.{word}" for word, _ in chosen), [one for _, one in chosen]


def _blocks(
    sums: dict[str, np.ndarray], counts: dict[str, int], names: dict[str, str]
) -> Iterable[Block]:
    ids = sorted(sums)
    for start in range(0, len(ids), BLOCK):
        part = ids[start : start + BLOCK]
        means = np.stack([sums[key] for key in part])
        means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
        yield Block(
            tuple(part), tuple(names[key] for key in part), np.zeros(len(part), np.int64),
            np.array([counts[key] for key in part]), means.astype(np.float32),
        )  # fmt: skip
