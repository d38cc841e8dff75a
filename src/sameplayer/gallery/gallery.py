"""A lasting gallery of known players: one folder, and its verbs as methods."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sameplayer.common.files import whole_folder
from sameplayer.errors import MissingFile, refuse_other_types
from sameplayer.gallery.core.events import iso
from sameplayer.gallery.core.gallery import GalleryCore
from sameplayer.gallery.core.key import make_key, read_key, secret_of
from sameplayer.gallery.core.records import Settings
from sameplayer.gallery.core.sealing import seal_everything
from sameplayer.gallery.core.seals import Seals
from sameplayer.gallery.core.settings import absolute_source, check_settings, write_settings
from sameplayer.gallery.integrity.audit import verify
from sameplayer.gallery.people import corrections
from sameplayer.gallery.people.consent import set_policy
from sameplayer.gallery.people.enrolment import enrol
from sameplayer.gallery.privacy.forgetting import forget, lift_suppression
from sameplayer.gallery.privacy.retention import due, sweep
from sameplayer.gallery.privacy.subject_export import export_person
from sameplayer.gallery.re_embedding import re_embed
from sameplayer.gallery.reverting.undo import history, undo
from sameplayer.gallery.review.anomalies import duplicates, odd_pictures
from sameplayer.gallery.review.queue import queue
from sameplayer.gallery.review.reliability import reliability
from sameplayer.gallery.search.asking import ask, ask_vectors
from sameplayer.gallery.search.calibration import calibrate
from sameplayer.gallery.store.open import new_database, open_database

if TYPE_CHECKING:
    from sameplayer.encoder.encoder import Encoder


class Gallery(GalleryCore):
    """Known persons, their pictures, and everything that was ever done to them.

    Make one with ``create_gallery``, open one with ``open_gallery``. Threads may
    share a gallery; other processes may open the same folder. The reference lists the methods under
    their modules, as functions that take the gallery first.

    >>> import pandas as pd
    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> from sameplayer.data import Crops
    >>> from sameplayer.synthetic import draw_crop
    >>> temporary = TemporaryDirectory()
    >>> folder = Path(temporary.name)
    >>> Image.fromarray(draw_crop(7, 0).picture).save(folder / "ann.png")
    >>> table = pd.DataFrame({"image": ["ann.png"], "person": ["Ann"]})
    >>> with create_gallery(folder / "CLUB", "colour", purpose="an example") as club:
    ...     enrolled = club.enrol(Crops(table, folder), actor="me")
    ...     answer = club.ask([draw_crop(7, 1).picture], actor="me")
    >>> answer.candidates[0].name
    'Ann'
    >>> temporary.cleanup()
    """

    ask = ask
    ask_vectors = ask_vectors
    calibrate = calibrate
    enrol = enrol
    queue = queue
    confirm = corrections.confirm
    confirm_new = corrections.confirm_new
    reject = corrections.reject
    mark_unknown = corrections.mark_unknown
    skip = corrections.skip
    merge = corrections.merge
    split = corrections.split
    rename = corrections.rename
    restrict = corrections.restrict
    remove_pictures = corrections.remove_pictures
    duplicates = duplicates
    odd_pictures = odd_pictures
    reliability = reliability
    history = history
    undo = undo
    set_policy = set_policy
    due = due
    sweep = sweep
    forget = forget
    lift_suppression = lift_suppression
    export_person = export_person
    verify = verify
    re_embed = re_embed


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
    named = "" if isinstance(encoder, Kind) else absolute_source(encoder)
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
