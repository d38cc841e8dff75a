"""Deletions that are not finished: a file for each, with fingerprints only, until the receipt."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sameplayer.common.files import write_text
from sameplayer.errors import DataError, MissingFile
from sameplayer.gallery.core.gallery import GalleryCore, find_person
from sameplayer.gallery.people.suppression import name_hashes
from sameplayer.gallery.privacy.byte_patterns import Traces, read_traces
from sameplayer.gallery.privacy.byte_search import MARKER
from sameplayer.gallery.store.base import Cursor


@dataclass(frozen=True, eq=False)
class Marker:
    """A deletion that has no receipt yet.

    key       id of the person, or of the deletion
    event     number of the event that deleted the rows
    names     keyed hashes of the person's names, see ``said_hash``
    counts    what was deleted
    notes     what the receipt will say besides
    copies    exports that somebody may still have, in words for the receipt
    traces    what to look for
    """

    key: str
    event: int
    names: tuple[str, ...]
    counts: dict[str, int]
    notes: tuple[str, ...]
    copies: tuple[str, ...]
    traces: Traces

    def path(self, gallery: GalleryCore) -> Path:
        """Return the file of the marker."""
        return gallery.folder / f"forget-{self.key}.json"


def keep_marker(gallery: GalleryCore, marker: Marker) -> None:
    """Write the file of a deletion: before its transaction ends."""
    facts = {
        "key": marker.key,
        "event": marker.event,
        "names": marker.names,
        "counts": marker.counts,
        "notes": marker.notes,
        "copies": marker.copies,
        "pieces": marker.traces.pieces,
    }
    write_text(marker.path(gallery), json.dumps(facts))


def unfinished(gallery: GalleryCore, cursor: Cursor) -> list[Marker]:
    """Return the deletions that were done and have no receipt."""
    found = [_read(gallery, path) for path in _files(gallery) if path.suffix == ".json"]
    return [one for one in found if one is not None and _stands(cursor, one)]


def pending_marker(gallery: GalleryCore, who: str) -> Marker | None:
    """Return the latest unfinished deletion of a person, by id or by a name that was the person's.

    None where a person who is there has that id or name: it is that person who is meant.
    """
    with gallery.database.read() as cursor:
        with suppress(MissingFile):
            find_person(cursor, who)
            return None
        hashes = set(name_hashes(gallery, who))
        found = [
            one
            for one in unfinished(gallery, cursor)
            if one.key == who or hashes.intersection(one.names)
        ]
    return max(found, key=lambda one: one.event, default=None)


def settle_markers(gallery: GalleryCore, cursor: Cursor) -> None:
    """Remove markers of deletions that never came to be or are finished, and half-written ones.

    Call it within ``GalleryCore.change``: another deletion may be on its way otherwise.
    """
    standing = {one.path(gallery) for one in unfinished(gallery, cursor)}
    for path in _files(gallery):
        if path not in standing:
            path.unlink(missing_ok=True)


def has_receipt(cursor: Cursor, key: str) -> bool:
    """Tell whether a deletion is finished."""
    return _event(cursor, key, "receipt") is not None


def _files(gallery: GalleryCore) -> list[Path]:
    """Return the markers, whole or not; what else has such a name is none."""
    found = gallery.folder.glob("forget-*")
    return sorted(path for path in found if MARKER.fullmatch(path.name))


def _stands(cursor: Cursor, marker: Marker) -> bool:
    deleted = _event(cursor, marker.key, "forget") == marker.event
    return deleted and not has_receipt(cursor, marker.key)


def _event(cursor: Cursor, key: str, kind: str) -> int | None:
    found = cursor.one(
        "SELECT event.seq FROM about JOIN event ON event.seq = about.seq "
        "WHERE about.subject = ? AND event.kind = ?",
        key,
        kind,
    )
    return None if found is None else int(found[0])


def _read(gallery: GalleryCore, path: Path) -> Marker | None:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        traces = read_traces(gallery.secret("traces"), facts["pieces"], path)
        return Marker(
            facts["key"],
            facts["event"],
            tuple(facts["names"]),
            facts["counts"],
            tuple(facts["notes"]),
            tuple(facts.get("copies", ())),
            traces,
        )
    except FileNotFoundError:  # it was finished at this moment
        return None
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: damaged ({error}); restore it from a copy.") from error
