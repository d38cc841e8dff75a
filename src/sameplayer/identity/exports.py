"""Exports of a log that the field's tools read: EXPORTS, a name -> the function that writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sameplayer.errors import SettingError, did_you_mean
from sameplayer.identity.export_cvat import export_cvat, export_label_studio
from sameplayer.identity.export_gsr import export_gsr
from sameplayer.identity.export_mot import export_mot
from sameplayer.identity.export_sportscode import export_sportscode
from sameplayer.identity.player_log import PlayerLog

EXPORTS: dict[str, Callable[[PlayerLog, Path], list[Path]]] = {
    "mot": export_mot,
    "sportscode": export_sportscode,
    "cvat": export_cvat,
    "label-studio": export_label_studio,
    "gsr": export_gsr,
}


def export_log(log: PlayerLog, to: str, folder: str | Path) -> list[Path]:
    """Write one of EXPORTS into a folder; return the files, each whole.

    Raises SettingError for a name that is not in EXPORTS, DataError for what cannot be written.
    """
    check_export(to)
    return EXPORTS[to](log, Path(folder))


def check_export(to: str, setting: str = "to") -> None:
    """Raise SettingError, naming a setting, for a name that is not in EXPORTS."""
    if to not in EXPORTS:
        known = f"one of {', '.join(EXPORTS)}"
        raise SettingError(setting, repr(to), f"{known}{did_you_mean(to, EXPORTS)}")
