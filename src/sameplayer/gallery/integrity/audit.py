"""Is the gallery as it was written? Events, seals of all rows and files, means, the folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sameplayer.common.files import whole_file
from sameplayer.errors import DataError, SettingError
from sameplayer.gallery.core.events import START, Event, chain_head, detail_hash, event_hash
from sameplayer.gallery.core.gallery import GalleryCore
from sameplayer.gallery.core.sealing import seal_everything
from sameplayer.gallery.integrity.audit_state import (
    broken_seals,
    open_to_others,
    wrong_files,
    wrong_means,
)
from sameplayer.gallery.privacy.pending_deletions import unfinished
from sameplayer.gallery.store.base import EVENT, Cursor, rows_after

COLUMNS = "seq, at, actor, kind, subjects, digest, previous, hash, undone_by"


@dataclass(frozen=True)
class Verified:
    """What was found.

    events       how many there are
    head         number and hash of the last one: keep it elsewhere, and give it to ``verify``
    wrong        what is not as it must be, in words
    unfinished   what was stopped and will be finished, in words: no damage
    notes        what else is to be known, in words: a clock that was behind, an open folder, a time
                 at which everything was taken as right
    """

    events: int
    head: str
    wrong: tuple[str, ...]
    unfinished: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        word = "nothing is wrong" if not self.wrong else f"{len(self.wrong)} things are wrong"
        notes = [f"note: {one}" for one in self.notes]
        lines = [*self.wrong, *self.unfinished, *notes, f"{self.events} events, {word}"]
        return "\n".join([*lines, f"head of the chain: {self.head}"])


def verify(gallery: GalleryCore, head: str | None = None) -> Verified:
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
        notes = [*_clock(cursor), *_taken_as_right(cursor)]
    wrong += wrong_files(gallery)
    wrong += broken_seals(gallery)
    wrong += wrong_means(gallery)
    notes += open_to_others(gallery)
    return Verified(last.seq, f"{last.seq}:{last.hash}", tuple(wrong), tuple(stopped), tuple(notes))


def accept(gallery: GalleryCore, *, actor: str) -> Event:
    """Take what the gallery holds now as right, as an event: after damage that cannot be mended.

    ``verify`` still finds what is wrong with the chain of events, and means and files that do not
    fit their rows.
    """
    with gallery.database.write() as cursor:
        gallery.files.settle(cursor)
        return seal_everything(cursor, gallery.seals(cursor), gallery.files.content, actor)


def write_events(gallery: GalleryCore, path: str | Path, *, actor: str) -> int:
    """Write all events as a table, without what they say in detail; return how many.

    path    .csv, or .json for a list of objects, with the columns seq, at, actor, kind, subjects
            (ids), digest, previous, hash, undone_by. No name stands in it; written whole or not
    """
    path = Path(path)
    if path.suffix not in (".csv", ".json"):
        raise DataError(f"{path}: expected the name of a file that ends with .csv or .json.")
    gallery.note(actor, "audit")
    sql = f"SELECT {COLUMNS} FROM event WHERE seq > ? ORDER BY seq LIMIT ?"
    rows = [row for part in rows_after(gallery.rows, sql, 0, 10_000) for row in part]
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

            from sameplayer.common.cells import guarded_table

            table = pd.DataFrame(rows, columns=names)
            table["subjects"] = [" ".join(json.loads(one)) for one in table["subjects"]]
            table["undone_by"] = table["undone_by"].astype("Int64")
            guarded_table(table).to_csv(partial, index=False)
    return len(rows)


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
    said = sum(_emptied(row[0]) for row in rows)
    count = 0 if empty is None else empty[0]
    if count == said:
        return []
    return [f"{count} events have lost their detail, but only {said} by forgetting a person"]


def _taken_as_right(cursor: Cursor) -> list[str]:
    """Say when everything was sealed as it was, by ``accept`` or by a version with seals."""
    rows = cursor.rows("SELECT seq, actor, at FROM event WHERE kind = 'seal' ORDER BY seq")
    return [
        f"event {seq}, by {actor or 'nobody named'}, {at}: all was taken as right as it was then; "
        "what was changed by other means before is not found"
        for seq, actor, at in rows
    ]


def _emptied(detail: str) -> int:
    """Return how many events an event of forgetting emptied; 0 for one that was changed."""
    try:
        return int(json.loads(detail).get("events", 0))
    except (AttributeError, TypeError, ValueError):
        return 0


def _clock(cursor: Cursor) -> list[str]:
    """Say which events were written while the clock was behind the last one."""
    said = "FROM event WHERE detail LIKE '%\"clock\":%'"
    found = cursor.one(f"SELECT COUNT(*), MIN(seq), MAX(seq) {said}")
    if found is None or not found[0]:
        return []
    return [
        f"{found[0]} of the events {found[1]} to {found[2]} were written while the clock was "
        "before the last event; each says as clock what it said"
    ]


def broken_links(cursor: Cursor, size: int = 10_000) -> list[str]:
    """Return what is wrong with the chain, in words; nothing: every event is as it was written."""
    wrong: list[str] = []
    before = cursor.one("SELECT COUNT(*) FROM event WHERE seq < 1")
    if before is not None and before[0]:
        wrong.append(f"{before[0]} events with numbers before 1: added since")
    previous, last = START, 0
    while True:
        sql = f"SELECT {EVENT} FROM event WHERE seq > ? ORDER BY seq LIMIT ?"
        found = cursor.rows(sql, last, size)
        about = _subjects(cursor, last, found[-1][0] if found else last)
        for row in found:
            seq, at, actor, kind, subjects, detail, salt, digest, said, chained = row
            if seq != last + 1:
                wrong.append(f"event {last + 1} to {seq - 1}: missing")
            if said != previous:
                wrong.append(f"event {seq}: does not follow the one before it")
            if not _is_hash(chained, seq, at, actor, kind, subjects, digest, said):
                wrong.append(f"event {seq}: changed since it was written")
            if detail is not None and detail_hash(salt, detail) != digest:
                wrong.append(f"event {seq}: its detail was changed")
            if _named(subjects) != about.get(seq, []):
                wrong.append(f"event {seq}: whom it is about was changed")
            previous, last = chained, seq
        if len(found) < size:
            return wrong


def _is_hash(chained: str, *row: Any) -> bool:
    try:
        return event_hash(*row) == chained
    except TypeError:  # somebody wrote bytes there
        return False


def _named(subjects: Any) -> list[str] | None:
    """Return the subjects of an event in order; None for what is no list of them."""
    try:
        return sorted(set(json.loads(subjects)))
    except (TypeError, ValueError):
        return None


def _subjects(cursor: Cursor, after: int, last: int) -> dict[int, list[str]]:
    """Return the subjects, in order, by which events are found."""
    found: dict[int, list[str]] = {}
    sql = "SELECT seq, subject FROM about WHERE seq > ? AND seq <= ? ORDER BY subject"
    for seq, subject in cursor.rows(sql, after, last):
        found.setdefault(seq, []).append(subject)
    return found
