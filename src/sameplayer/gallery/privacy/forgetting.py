"""Forgetting a person: every byte, looked for afterwards, with a receipt that names nobody.

All rows go in one transaction, with what events say in detail; the chain of events holds without
it. Then the deleted bytes are overwritten, and every file is searched for them. Whatever stops
this in between, a marker with keyed fingerprints is left, by which the same command finishes it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sameplayer.common.names import clean_name, name_key
from sameplayer.errors import DataError, MissingFile, SettingError, Unfinished
from sameplayer.gallery.core.events import Change, Event, chain_head
from sameplayer.gallery.core.gallery import GalleryCore, find_person
from sameplayer.gallery.core.name_search import person_called
from sameplayer.gallery.people.suppression import name_hashes
from sameplayer.gallery.privacy.byte_patterns import (
    SHORT,
    Traces,
    file_pieces,
    name_pieces,
    traces_of,
    vector_pieces,
)
from sameplayer.gallery.privacy.byte_search import Residue, look_for
from sameplayer.gallery.privacy.deletion_plan import DeletionPlan, delete, doomed_persons
from sameplayer.gallery.privacy.pending_deletions import (
    Marker,
    has_receipt,
    keep_marker,
    pending_marker,
    settle_markers,
)
from sameplayer.gallery.store.base import Cursor

SHOWN = 5  # places that an error names


@dataclass(frozen=True)
class Receipt:
    """What was forgotten: ids and counts, no name.

    person         id; it stays in the chain of events, as a random word
    persons        how many: the person, and those merged into that person
    pictures       how many
    rows           deleted rows of all tables
    events         events that say no longer what was done
    bytes_found    bytes that are left after all: 0
    copies         exports that somebody may still have, in words: they are to be erased by hand
    files          files that were searched
    head           number and hash of the last event, the receipt itself
    seconds        for the deletion, until nothing could be read any more
    searched       seconds for the search
    notes          what else is to be known
    """

    person: str
    persons: int
    pictures: int
    rows: int
    events: int
    bytes_found: int
    copies: tuple[str, ...]
    files: int
    head: str
    seconds: float
    searched: float
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [
            f"forgotten: {self.person or 'pictures of nobody'}, {self.pictures} pictures, "
            f"{self.rows} rows, the detail of {self.events} events",
            f"deleted in {1000 * self.seconds:.0f} ms; {self.files} files searched in "
            f"{self.searched:.1f} s: {self.bytes_found} bytes found",
            *(f"a copy to erase by hand: {one}" for one in self.copies),
            *(f"note: {one}" for one in self.notes),
            f"head of the chain: {self.head}",
        ]
        return "\n".join(lines)


def forget(gallery: GalleryCore, person: str, *, actor: str, reason: str = "") -> Receipt:
    """Delete every byte of a person, and of everyone merged into that person; there is no undo.

    person    name or id; where nobody has it now, a deletion of that person that was stopped is
              finished
    reason    why, in words that name nobody: they stay

    The pictures and the names do not come back by enrolling, see ``lift_suppression``.

    Raises MissingFile for nobody, DataError where several persons have the name in different
    spellings (give an id), Unfinished where bytes are left: while another program reads the
    gallery they stay in its files. The rows are gone all the same, and the same call finishes it.
    """
    marker = pending_marker(gallery, person)
    if marker is not None:
        return finish(gallery, marker, actor)
    return erase(
        gallery,
        lambda cursor: _whole_person(gallery, cursor, person),
        actor=actor,
        facts={"reason": reason},
        keep_out=True,
    )


def lift_suppression(gallery: GalleryCore, name: str, *, actor: str, basis: str) -> Event:
    """Let a forgotten name come again; pictures that were forgotten stay away.

    basis    why the person may be kept now, such as a new consent, in words

    Raises MissingFile for a name that is not kept out, SettingError without a basis.
    """
    if not basis.strip():
        raise SettingError("basis", "empty", "why the person may be kept now, in words")
    hashes = name_hashes(gallery, name)
    with gallery.change(actor, "readmit") as change:
        change.touch("suppressed", *hashes)
        marks = ", ".join("?" * len(hashes))
        if not change.cursor.run(f"DELETE FROM suppressed WHERE hash IN ({marks})", *hashes):
            raise MissingFile(f"{clean_name(name)!r} is not kept out of this gallery.")
        change.about(hashes[0])
        return change.done(basis=basis)


def erase(
    gallery: GalleryCore,
    collect: Callable[[Cursor], tuple[str, DeletionPlan]],
    *,
    actor: str,
    facts: dict[str, str],
    keep_out: bool,
) -> Receipt:
    """Delete what ``collect`` gives, with the id of the deletion, and look for what is left.

    keep_out    the pictures and names must not come back
    """
    started = time.perf_counter()
    with gallery.change(actor, "forget") as change:
        settle_markers(gallery, change.cursor)
        key, doomed = collect(change.cursor)
        traces, notes = _traces(gallery, doomed)
        names = sorted({name_hashes(gallery, name)[0] for _, name in doomed.names})
        rows = delete(change, doomed)
        if keep_out:
            notes += _keep_out(gallery, change, doomed)
        counts = {
            "persons": len(doomed.persons),
            "pictures": len(doomed.pictures),
            "rows": rows,
            "events": len(doomed.events),
            "copies": len(doomed.copies),
        }
        files = [one.id for one in doomed.pictures if one.has_file]
        journal = gallery.files.journal(files) if files else None
        change.about(key)
        copies = tuple(f"event {seq}, {at}: {place}" for seq, at, place in doomed.copies)
        marker = Marker(key, change.seq, tuple(names), counts, tuple(notes), copies, traces)
        keep_marker(gallery, marker)
        change.done(**facts, **counts)
    if journal is not None:
        with _not_finished(marker):
            gallery.files.remove(files)
        journal.unlink(missing_ok=True)
    return finish(gallery, marker, actor, started)


def finish(
    gallery: GalleryCore, marker: Marker, actor: str, started: float | None = None
) -> Receipt:
    """Overwrite the bytes of a deletion, look for what is left, and write the receipt.

    Raises Unfinished where another program reads the gallery, or bytes are left.
    """
    began = time.perf_counter() if started is None else started
    with _not_finished(marker):
        if started is None:
            with gallery.database.write() as cursor:
                gallery.files.settle(cursor)
        gallery.database.erase()
        erased = time.perf_counter()
        gallery.index.evict_deleted()
        residue = look_for(gallery, marker.traces)
    if residue.places:
        raise Unfinished(_left(gallery, marker, residue))
    seconds, searched = erased - began, time.perf_counter() - erased
    head = _write_receipt(gallery, marker, actor, residue)
    return Receipt(
        marker.key,
        marker.counts["persons"],
        marker.counts["pictures"],
        marker.counts["rows"],
        marker.counts["events"],
        residue.bytes_found,
        marker.copies,
        residue.files,
        head,
        seconds,
        searched,
        (*marker.notes, *residue.notes, *gallery.database.remains()),
    )


@contextmanager
def _not_finished(marker: Marker) -> Iterator[None]:
    """Say of an error that the rows are gone all the same."""
    try:
        yield
    except DataError as error:
        raise Unfinished(
            f"{marker.key} is deleted from the record and cannot be brought back, but not "
            f"finished: {error}"
        ) from error


def _write_receipt(gallery: GalleryCore, marker: Marker, actor: str, residue: Residue) -> str:
    with gallery.change(actor, "receipt") as change:
        if not has_receipt(change.cursor, marker.key):
            change.about(marker.key)
            change.done(
                deleted_by=marker.event,
                bytes_found=residue.bytes_found,
                files=residue.files,
                **marker.counts,
            )
        head = chain_head(change.cursor)
    marker.path(gallery).unlink(missing_ok=True)
    return f"{head.seq}:{head.hash}"


def _whole_person(gallery: GalleryCore, cursor: Cursor, who: str) -> tuple[str, DeletionPlan]:
    person = find_person(cursor, person_called(cursor, who, alone=True) or who)
    return person.id, doomed_persons(cursor, person.id, name_hashes(gallery, person.name))


def _traces(gallery: GalleryCore, doomed: DeletionPlan) -> tuple[Traces, list[str]]:
    """Return what to look for afterwards, and what cannot be told from chance."""
    pieces: list[tuple[str, bytes]] = []
    notes = []
    for person, name in doomed.names:
        pieces += name_pieces(person, name)
        if len(name.encode()) < SHORT:
            notes.append("a name is too short to be looked for alone; it was, beside the id")
    for mean in doomed.means.values():
        pieces += vector_pieces(mean)
    for one in doomed.pictures:
        pieces += [("picture id", one.id.encode()), *vector_pieces(one.vector)]
        if one.has_file and gallery.files.path(one.id).exists():
            pieces += file_pieces(gallery.files.read(one.id))
    return traces_of(gallery.secret("traces"), pieces), notes


def _keep_out(gallery: GalleryCore, change: Change, doomed: DeletionPlan) -> list[str]:
    """Keep the pictures and the names from coming back, but no name that somebody else has."""
    notes = []
    rows = {one.digest: "picture" for one in doomed.pictures}
    others = {
        name_key(name)
        for (name,) in change.cursor.rows("SELECT name FROM person WHERE state <> 'removed'")
    }
    for _, name in doomed.names:
        if name_key(name) in others:
            notes.append("somebody else has a name of this person: it is not kept out")
        else:
            rows[name_hashes(gallery, name)[0]] = "name"
    change.touch("suppressed", *rows)
    change.cursor.many(
        "INSERT INTO suppressed (hash, kind, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(hashed, kind, change.at) for hashed, kind in rows.items()],
    )
    return notes


def _left(gallery: GalleryCore, marker: Marker, residue: Residue) -> str:
    """Say where bytes are left, and what to do."""
    shown = ", ".join(
        f"{one.piece.what} in {_named(gallery, one.file)} at byte {one.offset}"
        for one in residue.places[:SHOWN]
    )
    more = len(residue.places) - SHOWN
    return (
        f"{gallery.folder}: {marker.key} is deleted from the record, but {residue.bytes_found} "
        f"bytes are left: {shown}{f', and {more} more' if more > 0 else ''}. Remove copies that "
        "lie in the folder, end other programs that have the gallery open, and run the same "
        "command again: it finishes this."
    )


def _named(gallery: GalleryCore, path: Path) -> Path:
    """Return a path as seen from the gallery's folder, if it lies there."""
    return path.relative_to(gallery.folder) if path.is_relative_to(gallery.folder) else path
