"""A lasting gallery: one folder with the record, the pictures and a key."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sameplayer.common.files import whole_folder
from sameplayer.errors import MissingFile, RankingError, refuse_other_types
from sameplayer.gallery.core.events import Change, Event, iso, note
from sameplayer.gallery.core.index import EVERYTHING, Index, Means, last_change
from sameplayer.gallery.core.key import make_key, read_key, secret_of
from sameplayer.gallery.core.name_search import person_called
from sameplayer.gallery.core.notices import warn_of_clock, warn_once
from sameplayer.gallery.core.records import Kept, Person, Settings, Where
from sameplayer.gallery.core.sealing import check_seals, seal_everything
from sameplayer.gallery.core.seals import Seals
from sameplayer.gallery.core.settings import (
    check_settings,
    lasting_name,
    read_settings,
    write_settings,
)
from sameplayer.gallery.store.base import Cursor, Database
from sameplayer.gallery.store.open import new_database, open_database
from sameplayer.gallery.store.picture_files import PictureFiles

if TYPE_CHECKING:
    from sameplayer.encoder.encoder import Encoder

PERSON = ", ".join(one.name for one in fields(Person))
KEPT = ", ".join(one.name for one in fields(Kept))


class Gallery:
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
        self.renewed()
        self._encoder = None if encoder is None else self._own(encoder)

    def __enter__(self) -> Gallery:
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

    def means(self, where: Where = EVERYTHING) -> Means:
        """Return the mean rows as the record has them now; the settings are as new as they."""
        means = self.index.means(where)
        if self._settings is None or means.changed != self._settings[0]:
            self.renewed()
        return means

    @property
    def settings(self) -> Settings:
        """What holds for the whole gallery, as of the last answer or change made here."""
        return self.renewed() if self._settings is None else self._settings[1]

    def renewed(self) -> Settings:
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
        with self.database.note() as cursor:
            event = note(cursor, self.seals(cursor), actor, kind, subjects, **facts)
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

    def persons(self, state: str | None = None) -> list[Person]:
        """Return persons by name: all, or those of a state."""
        with self.database.read() as cursor:
            chosen = "" if state is None else "WHERE state = ? "
            sql = f"SELECT {PERSON} FROM person {chosen}ORDER BY name, id"
            rows = cursor.rows(sql, *([] if state is None else [state]))
            return [Person(*row) for row in rows]

    def pictures(self, person: str) -> list[Kept]:
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


def create_gallery(
    folder: str | Path,
    encoder: Encoder | str | Path = "person",
    *,
    purpose: str,
    retention: int | None = None,
    basis: str | None = None,
    require_basis: bool = False,
    keep_pictures: bool = True,
    audit_reads: bool = True,
    known: float = 0.5,
    store: str | None = None,
    actor: str = "",
) -> Gallery:
    """Make an empty gallery in a new or empty folder, and return it open.

    encoder      what ``load_encoder`` takes, or an Encoder, whose folder or name then has to be
                 given when the gallery is opened
    retention    days that a person is kept after the last picture came; None: for ever
    store        connection string of a PostgreSQL database, in which a schema is made; None: a
                 SQLite file in the folder
    The other arguments are those of ``Settings``.

    Raises SettingError, DataError for a folder that holds files or cannot be written.
    """
    from sameplayer.encoder.encoder import Encoder as Kind
    from sameplayer.encoder.load import load_encoder

    kinds = Kind, str, Path
    refuse_other_types("create_gallery", folder=(folder, (str, Path)), encoder=(encoder, kinds))
    own = encoder if isinstance(encoder, Kind) else load_encoder(encoder)
    named = "" if isinstance(encoder, Kind) else lasting_name(encoder)
    settings = check_settings(
        Settings(
            secrets.token_hex(8),
            named,
            own.fingerprint(),
            own.row_width,
            purpose,
            retention,
            basis,
            require_basis,
            keep_pictures,
            audit_reads,
            known,
            None,
            iso(datetime.now(UTC)),
        )
    )
    with whole_folder(folder, private=True) as partial:
        (partial / "pictures").mkdir(mode=0o700)
        make_key(partial)
        with new_database(partial, store, settings.id) as made, made.write() as cursor:
            write_settings(cursor, settings)
            seals = Seals(cursor, secret_of(read_key(partial), "seals"))
            facts = {"purpose": purpose, "encoder": settings.fingerprint}
            seal_everything(cursor, seals, lambda _: None, actor, "create", **facts)
    return open_gallery(folder, own)


def open_gallery(
    folder: str | Path, encoder: Encoder | str | Path | None = None, *, device: str = "auto"
) -> Gallery:
    """Open a gallery.

    encoder    None: the one it was made with, loaded when needed
    device     where the encoder is loaded: auto, cpu, cuda, cuda:N or mps

    Raises MissingFile, DataError for what is no gallery, RankingError for another encoder.
    """
    refuse_other_types("open_gallery", folder=(folder, (str, Path)))
    if not Path(folder).is_dir():
        raise MissingFile(
            f"{folder}: no such folder. Make a gallery with: sameplayer gallery create {folder}"
        )
    if isinstance(encoder, (str, Path)):
        from sameplayer.encoder.load import load_encoder

        encoder = load_encoder(encoder, device=device)
    return Gallery(folder, open_database(Path(folder)), encoder, device)


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


def pictures_of(cursor: Cursor, column: str, key: str) -> list[Kept]:
    """Return the pictures that are kept of a person or a question, by date."""
    sql = (
        f"SELECT {KEPT} FROM picture WHERE {column} = ? AND state = 'kept' "
        "ORDER BY COALESCE(taken, ''), added, id"
    )
    return [Kept(*row) for row in cursor.rows(sql, key)]
