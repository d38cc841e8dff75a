"""A lasting gallery: one folder with the record, the pictures and a key."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from sameplayer.errors import MissingFile, RankingError
from sameplayer.gallery.core.events import Change, Event, event_of, note
from sameplayer.gallery.core.index import EVERYTHING, Index, Means, last_change
from sameplayer.gallery.core.key import read_key, secret_of
from sameplayer.gallery.core.name_search import person_called
from sameplayer.gallery.core.notices import warn_of_clock, warn_once
from sameplayer.gallery.core.records import Person, PictureFilter, Settings, StoredPicture
from sameplayer.gallery.core.sealing import check_seals
from sameplayer.gallery.core.seals import Seals
from sameplayer.gallery.core.settings import check_settings, read_settings, write_settings
from sameplayer.gallery.store.base import Cursor, Database, Row
from sameplayer.gallery.store.picture_files import PictureFiles

if TYPE_CHECKING:
    from sameplayer.encoder.encoder import Encoder

PERSON = ", ".join(one.name for one in fields(Person))
STORED = ", ".join(one.name for one in fields(StoredPicture))


class GalleryCore:
    """Known persons, their pictures, and everything that was ever done to them.

    Make one with ``create_gallery``, open one with ``open_gallery``. Threads may share it; other
    processes may open the same folder.
    """

    def __init__(
        self,
        folder: str | Path,
        database: Database,
        encoder: Encoder | None = None,
        device: str = "auto",
    ) -> None:
        self.folder = Path(folder)
        self._device = device
        self.database = database
        self.files = PictureFiles(self.folder / "pictures")
        self.index = Index(database)
        self._key = read_key(self.folder)
        self._settings: tuple[int, Settings] | None = None  # as of which event, and what they were
        check_seals(database, self.folder, self.secret("seals"), self.files.content)
        self.refresh_settings()
        self._encoder = None if encoder is None else self._own(encoder)

    def __repr__(self) -> str:
        ((persons,),) = self.rows("SELECT COUNT(*) FROM person WHERE state = 'active'")
        return f"Gallery({str(self.folder)!r}, {persons} persons)"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the record."""
        self.database.close()

    @property
    def encoder(self) -> Encoder:
        """The encoder of the gallery, loaded when first asked for.

        Raises RankingError where what has its name now is another one.
        """
        if self._encoder is None:
            from sameplayer.encoder.load import load_encoder

            self._encoder = self._own(load_encoder(self.settings.encoder, device=self._device))
        return self._encoder

    def means(self, where: PictureFilter = EVERYTHING) -> Means:
        """Return the mean rows as the record has them now; the settings are as new as they."""
        means = self.index.means(where)
        if self._settings is None or means.changed != self._settings[0]:
            self.refresh_settings()
        return means

    @property
    def settings(self) -> Settings:
        """What holds for the whole gallery, as of the last answer or change made here."""
        return self.refresh_settings() if self._settings is None else self._settings[1]

    def refresh_settings(self) -> Settings:
        """Return the settings, read again where anything changed: other programs may set some."""
        with self.database.read() as cursor:
            return self._renewed(cursor)

    @contextmanager
    def change(self, actor: str, kind: str) -> Iterator[Change]:
        """Give one event in the making, alone with the record; end it with ``Change.done``."""
        with self.database.write() as cursor:
            self.files.settle(cursor)
            self._renewed(cursor)
            change = Change(cursor, actor, kind, self.seals(cursor))
            warn_of_clock(self.folder, change.clock)
            yield change
        for journal in change.journals:
            journal.unlink(missing_ok=True)

    def note(self, actor: str, kind: str, *subjects: str, **facts: Any) -> Event | None:
        """Write that somebody read something, where the gallery keeps such events.

        In a gallery that can only be read, nothing is written: a warning says so, once.
        """
        if not self.settings.audit_reads:
            return None
        if self.database.read_only:
            warn_once(self.folder, "it can only be read here: no event says who asks and looks")
            return None
        written = self.database.note(
            lambda cursor: note(cursor, self.seals(cursor), actor, kind, subjects, **facts)
        )
        event = event_of((*written.event, None))
        warn_of_clock(self.folder, event.detail)
        return event

    def seals(self, cursor: Cursor) -> Seals:
        """Return the seals of a transaction."""
        return Seals(cursor, self.secret("seals"))

    def set(self, actor: str, **changes: Any) -> Settings:
        """Change settings, such as ``known`` or ``retention``, as an event."""
        with self.change(actor, "settings") as change:
            kept = read_settings(change.cursor, self.folder)  # another program may have set some
            changed = check_settings(replace(kept, **changes))
            change.touch("setting", *(one.name for one in fields(Settings)))
            write_settings(change.cursor, changed)
            change.done(names=sorted(changes))
        self._settings = (change.seq, changed)
        return changed

    def person(self, who: str) -> Person:
        """Return a person by id or name; whoever was merged away is who it was merged into.

        Raises MissingFile, an error without a list of names: who is enrolled is not for everyone.
        """
        with self.database.read() as cursor:
            return find_person(cursor, who)

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """Return the rows of one query, in a transaction of its own."""
        with self.database.read() as cursor:
            return cursor.rows(sql, *values)

    def persons(self, state: str | None = None) -> list[Person]:
        """Return persons by name: all, or those of a state."""
        chosen = "" if state is None else "WHERE state = ? "
        sql = f"SELECT {PERSON} FROM person {chosen}ORDER BY name, id"
        return [Person(*row) for row in self.rows(sql, *([] if state is None else [state]))]

    def pictures(self, person: str) -> list[StoredPicture]:
        """Return a person's pictures by their date, then by when they came."""
        with self.database.read() as cursor:
            return pictures_of(cursor, "person", person)

    def digest(self, kind: str, content: bytes) -> str:
        """Return the keyed digest of a name or of pixels: nothing can be guessed from it."""
        return hmac.new(self._key, kind.encode() + b"\0" + content, hashlib.sha256).hexdigest()

    def secret(self, purpose: str) -> bytes:
        """Return a key for one purpose, made from the gallery's."""
        return secret_of(self._key, purpose)

    def check_vectors(self, vectors: np.ndarray) -> np.ndarray:
        """Return (n, d) float32 unit rows; RankingError for what this gallery cannot compare."""
        rows = np.atleast_2d(np.asarray(vectors))
        if rows.dtype.kind != "f" or rows.ndim != 2 or rows.shape[1] != self.settings.width:
            raise RankingError(
                f"Vectors of shape {rows.shape}, {rows.dtype}; the gallery {self.folder} has rows "
                f"of {self.settings.width} floats, of encoder {self.settings.fingerprint}."
            )
        lengths = np.linalg.norm(rows, axis=1)
        if not np.isfinite(lengths).all() or (np.abs(lengths - 1) > 1e-3).any():
            raise RankingError("Vectors that are not of length 1; expected unit rows.")
        return rows.astype(np.float32, copy=False)

    def _own(self, encoder: Encoder) -> Encoder:
        found = encoder.fingerprint()
        if found != self.settings.fingerprint:
            raise RankingError(
                f"{self.folder}: made with encoder {self.settings.fingerprint}, but "
                f"{self.settings.encoder!r} is now {found}. Give the encoder of then, or make a "
                "new gallery from the pictures with: sameplayer gallery re-embed"
            )
        return encoder

    def _renewed(self, cursor: Cursor) -> Settings:
        changed, held = last_change(cursor), self._settings
        if held is None or held[0] != changed:
            self._settings = held = changed, read_settings(cursor, self.folder)
        return held[1]


def find_person(cursor: Cursor, who: str) -> Person:
    """Return a person by id or name, in whatever spelling, following merges.

    Raises MissingFile where there is none, DataError where several have the name, see
    ``person_called``.
    """
    key = person_called(cursor, who)
    row = None if key is None else cursor.one(f"SELECT {PERSON} FROM person WHERE id = ?", key)
    if row is None:
        raise MissingFile(f"No person {who!r} in this gallery; expected a name or an id of one.")
    return Person(*row)


def pictures_of(cursor: Cursor, column: str, key: str) -> list[StoredPicture]:
    """Return the pictures that are kept of a person or a question, by date."""
    sql = (
        f"SELECT {STORED} FROM picture WHERE {column} = ? AND state = 'kept' "
        "ORDER BY COALESCE(taken, ''), added, id"
    )
    return [StoredPicture(*row) for row in cursor.rows(sql, key)]
