"""Is the record as it was written? The chain of events, the rows, the pictures, the means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sameplayer.errors import SettingError
from sameplayer.files import whole_file
from sameplayer.gallery.database import Cursor
from sameplayer.gallery.gallery import Gallery
from sameplayer.gallery.history import START, broken_links, chain_head
from sameplayer.gallery.markers import unfinished
from sameplayer.gallery.pictures import KIND
from sameplayer.gallery.rows import unit_mean

STEP = 256  # persons or pictures that are looked at within one read
SAME = 1e-6  # a mean is computed anew, by another order of sums at most
COLUMNS = "seq, at, actor, kind, subjects, digest, previous, hash, undone_by"


@dataclass(frozen=True)
class Verified:
    """What was found.

    events       how many there are
    head         number and hash of the last one: keep it elsewhere, and give it to ``verify``
    wrong        what is not as it must be, in words
    unfinished   what was stopped and will be finished, in words: no damage
    """

    events: int
    head: str
    wrong: tuple[str, ...]
    unfinished: tuple[str, ...] = ()

    def __str__(self) -> str:
        word = "nothing is wrong" if not self.wrong else f"{len(self.wrong)} things are wrong"
        lines = [*self.wrong, *self.unfinished, f"{self.events} events, {word}"]
        return "\n".join([*lines, f"head of the chain: {self.head}"])


def verify(gallery: Gallery, head: str | None = None) -> Verified:
    """Check the whole gallery; it may be in use.

    head    one that was printed before: it must still be in the chain. Without it, nobody can
            tell whether all of the chain was written anew

    Raises SettingError for a head that is none.
    """
    kept = None if head is None else _parse(head)
    wrong = list(gallery.database.problems())
    with gallery.database.read() as cursor:
        wrong += broken_links(cursor)
        wrong += _untold(cursor)
        if kept is not None:
            wrong += _not_in_chain(cursor, *kept)
        last = chain_head(cursor)
        stopped = [
            f"{one.key} is deleted, but not finished: forget {one.key} again"
            for one in unfinished(gallery, cursor)
        ]
    wrong += _wrong_files(gallery)
    wrong += _wrong_means(gallery)
    return Verified(last.seq, f"{last.seq}:{last.hash}", tuple(wrong), tuple(stopped))


def write_events(gallery: Gallery, path: str | Path, *, actor: str) -> int:
    """Write all events as a table, without what they say in detail; return how many.

    path    .csv, or .json for a list of objects, with the columns seq, at, actor, kind, subjects
            (ids), digest, previous, hash, undone_by. No name stands in it; written whole or not
    """
    path = Path(path)
    if path.suffix not in (".csv", ".json"):
        raise SettingError("path", repr(path.name), "a file that ends with .csv or .json")
    gallery.note(actor, "audit")
    rows = [row for part in _events(gallery) for row in part]
    names = COLUMNS.split(", ")
    with whole_file(path) as partial:
        if path.suffix == ".json":
            facts = [
                {**dict(zip(names, row, strict=True)), "subjects": json.loads(row[4])}
                for row in rows
            ]
            partial.write_text(json.dumps(facts, indent=0), encoding="utf-8")
        else:
            import pandas as pd

            from sameplayer.data.cells import guarded_table

            table = pd.DataFrame(rows, columns=names)
            table["subjects"] = [" ".join(json.loads(one)) for one in table["subjects"]]
            table["undone_by"] = table["undone_by"].astype("Int64")
            guarded_table(table).to_csv(partial, index=False)
    return len(rows)


def _events(gallery: Gallery) -> Iterator[list[tuple]]:
    last = 0
    while True:
        with gallery.database.read() as cursor:
            rows = cursor.rows(
                f"SELECT {COLUMNS} FROM event WHERE seq > ? ORDER BY seq LIMIT ?", last, 10_000
            )
        if not rows:
            return
        yield rows
        last = rows[-1][0]


def _parse(head: str) -> tuple[int, str]:
    number, _, chained = head.strip().partition(":")
    if not number.isdecimal() or len(chained) != len(START):
        raise SettingError("head", repr(head), "number:hash, as it was printed")
    return int(number), chained.lower()


def _not_in_chain(cursor: Cursor, number: int, chained: str) -> list[str]:
    found = cursor.one("SELECT hash FROM event WHERE seq = ?", number)
    if number == 0 or (found is not None and found[0] == chained):
        return []
    what = "is not there" if found is None else "is another one"
    return [f"event {number} {what}: the chain was cut or written anew since the head was kept"]


def _untold(cursor: Cursor) -> list[str]:
    """Compare the events that lost their detail with what the events of forgetting say."""
    empty = cursor.one("SELECT COUNT(*) FROM event WHERE detail IS NULL")
    rows = cursor.rows("SELECT detail FROM event WHERE kind = 'forget' AND detail IS NOT NULL")
    said = sum(json.loads(row[0]).get("events", 0) for row in rows)
    count = 0 if empty is None else empty[0]
    if count == said:
        return []
    return [f"{count} events have lost their detail, but only {said} by forgetting a person"]


def _wrong_files(gallery: Gallery) -> list[str]:
    """Compare picture files and rows; what changes meanwhile is looked at twice."""
    there = {path.stem: path for path in gallery.files.folder.glob(f"??/*{KIND}")}
    journals = [path.read_text() for path in _journals(gallery)]
    underway = {key for text in journals for key in text.split()}
    known = set()
    for part in _rows(gallery, "picture", "id, file"):
        known |= {key for key, file in part if file is not None}
    missing = [key for key in sorted(known - there.keys()) if _lost(gallery, key)]
    extra = sorted(there.keys() - known - underway)
    return [f"picture {key}: its file is gone" for key in missing] + [
        f"{there[key].relative_to(gallery.folder)}: a file of no picture" for key in extra
        if there[key].exists()
    ]  # fmt: skip


def _journals(gallery: Gallery) -> list[Path]:
    return [
        path
        for path in gallery.files.folder.glob("journal-*")
        if path.suffix != ".partial" and path.exists()
    ]


def _lost(gallery: Gallery, picture: str) -> bool:
    if gallery.files.path(picture).exists():
        return False
    with gallery.database.read() as cursor:
        return cursor.one("SELECT 1 FROM picture WHERE id = ?", picture) is not None


def _wrong_means(gallery: Gallery) -> Iterator[str]:
    """Give the persons whose mean or count is not that of their pictures."""
    for part in _rows(gallery, "person", "id"):
        with gallery.database.read() as cursor:
            for (key,) in part:
                yield from _wrong_mean(cursor, key)


def _wrong_mean(cursor: Cursor, person: str) -> Iterator[str]:
    said = cursor.one("SELECT pictures, mean FROM person WHERE id = ?", person)
    rows = cursor.rows(
        "SELECT vector.data FROM picture LEFT JOIN vector ON vector.picture = picture.id "
        "WHERE picture.person = ? AND picture.state = 'kept' ORDER BY picture.id", person,
    )  # fmt: skip
    if said is None:  # forgotten meanwhile
        return
    if any(row[0] is None for row in rows):
        yield f"person {person}: a picture has no vector"
        return
    if said[0] != len(rows):
        yield f"person {person}: {said[0]} pictures by the row, {len(rows)} are there"
    elif rows:
        mean = unit_mean(np.frombuffer(b"".join(row[0] for row in rows), np.float32), len(rows))
        held = np.frombuffer(said[1] or b"", np.float32)
        if held.shape != mean.shape or np.abs(held - mean).max() > SAME:
            yield f"person {person}: the mean is not that of the pictures"
    elif said[1] is not None:
        yield f"person {person}: a mean, but no pictures"


def _rows(gallery: Gallery, table: str, columns: str) -> Iterator[list[tuple]]:
    """Give the rows of a table by id, in parts: no long read holds up an erasure."""
    last = ""
    while True:
        with gallery.database.read() as cursor:
            rows = cursor.rows(
                f"SELECT {columns} FROM {table} WHERE id > ? ORDER BY id LIMIT ?", last, STEP
            )
        if not rows:
            return
        yield rows
        last = rows[-1][0]
