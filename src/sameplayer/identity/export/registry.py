"""Exports of a log that the field's tools read: EXPORTS, a name -> the function that writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sameplayer.errors import SettingError, did_you_mean
from sameplayer.identity.export.annotation_tools import export_cvat, export_label_studio
from sameplayer.identity.export.json_boxes import export_coco, export_gsr
from sameplayer.identity.export.sportscode import export_sportscode
from sameplayer.identity.export.tables import export_mot, export_supervision
from sameplayer.identity.log.player_log import PlayerLog

EXPORTS: dict[str, Callable[[PlayerLog, Path], list[Path]]] = {
    "mot": export_mot,
    "sportscode": export_sportscode,
    "cvat": export_cvat,
    "label-studio": export_label_studio,
    "coco": export_coco,
    "supervision": export_supervision,
    "gsr": export_gsr,
}


def export_log(log: PlayerLog, to: str, folder: str | Path) -> list[Path]:
    """Write one of EXPORTS into a folder; return the files, each whole.

    Raises SettingError for a name that is not in EXPORTS, DataError for what cannot be written.
    """
    check_exports([to])
    return EXPORTS[to](log, Path(folder))


def check_exports(names: Sequence[str], setting: str = "to") -> None:
    """Raise SettingError, naming a setting, for a name that is not in EXPORTS or is there twice."""
    known = ", ".join(EXPORTS)
    for place, name in enumerate(names):
        if name not in EXPORTS:
            raise SettingError(setting, repr(name), f"one of {known}{did_you_mean(name, EXPORTS)}")
        if name in names[:place]:
            raise SettingError(setting, f"{name!r} twice", f"each once, of {known}")
