"""The settings of a gallery as its record keeps them."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

from sameplayer.common.names import check_line
from sameplayer.errors import DataError, SettingError
from sameplayer.gallery.core.records import Settings
from sameplayer.gallery.store.base import Cursor


def write_settings(cursor: Cursor, settings: Settings) -> None:
    """Keep all settings."""
    cursor.run("DELETE FROM setting")
    rows = [(name, json.dumps(value)) for name, value in asdict(settings).items()]
    cursor.many("INSERT INTO setting (name, value) VALUES (?, ?)", rows)


def read_settings(cursor: Cursor, folder: Path) -> Settings:
    """Return the settings; DataError where one is missing or unknown."""
    try:
        kept = {name: json.loads(value) for name, value in cursor.rows("SELECT * FROM setting")}
        return check_settings(Settings(**kept))
    except (TypeError, ValueError, SettingError) as error:
        raise DataError(f"{folder}: its settings are damaged ({error}); restore a copy.") from error


def check_settings(settings: Settings) -> Settings:
    """Return settings that hold together; a blank basis is none.

    Raises SettingError, naming the one that does not fit.
    """
    from sameplayer.encoder.calibration import check_prior

    for name, kinds, expected in (
        ("purpose", str, "what the gallery is for, in words"),
        ("retention", (int, type(None)), "days, 1 or more; None: without limit"),
        ("basis", (str, type(None)), "words; None: no basis of its own"),
        ("known", (int, float), "a share over 0 and below 1"),
    ):
        value = getattr(settings, name)
        if not isinstance(value, kinds):
            raise SettingError(name, f"of type {type(value).__name__}", expected)
    if not settings.purpose.strip():
        raise SettingError("purpose", "empty", "what the gallery is for, in words")
    if settings.retention is not None and settings.retention < 1:
        raise SettingError("retention", settings.retention, "days, 1 or more")
    try:
        check_prior(settings.known)
    except SettingError as error:
        raise SettingError("known", settings.known, "a share over 0 and below 1") from error
    return replace(settings, basis=check_line("basis", settings.basis))


def absolute_source(encoder: str | Path) -> str:
    """Return what ``load_encoder`` takes in any folder: a file's whole path, or a name."""
    return str(Path(encoder).resolve()) if Path(encoder).exists() else str(encoder)
