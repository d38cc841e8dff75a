"""FORMATS: how others write boxes of people, each read into one table of annotations.

A format of one's own is an own entry:

    FORMATS["mine"] = Format("a text ending in .boxes", recognise, read)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sameplayer.data.annotations import box_table, cvat, json_files, mot, yolo
from sameplayer.data.annotations.heads import head_lines
from sameplayer.data.annotations.table import Annotations
from sameplayer.errors import DataError, MissingFile

ARCHIVES = (".zip", ".gz", ".tar", ".7z", ".rar")


@dataclass(frozen=True)
class Format:
    """A format of boxes: what is looked for, whether a path has it, and how it is read.

    what         ends the sentence "expected ..." in messages
    recognise    called with a file or folder that is there; looks at the ending and at most at the
                 first 64 KB, or at the names in a folder, and never raises
    read         called with such a path; raises DataError for what it cannot read
    """

    what: str
    recognise: Callable[[Path], bool]
    read: Callable[[Path], Annotations]


FORMATS: dict[str, Format] = {
    "cvat": Format(cvat.WHAT, cvat.has_cvat, cvat.read_cvat),
    "json": Format(json_files.WHAT, json_files.has_boxes_json, json_files.read_boxes_json),
    "yolo": Format(yolo.WHAT, yolo.has_yolo, yolo.read_yolo),
    "table": Format(box_table.WHAT, box_table.has_box_table, box_table.read_box_table),
    "mot": Format(mot.WHAT, mot.has_mot_text, mot.read_mot_text),
}


def read_annotations(path: str | Path) -> Annotations:
    """Read the boxes of a file or folder in whichever of FORMATS it is.

    Raises MissingFile; DataError that lists the formats where none fits, and as they do.
    """
    path = Path(path)
    if not path.exists():
        raise MissingFile(f"{path}: no such file or folder; expected boxes.")
    name = recognised(path) or ("json" if path.suffix.lower() == ".json" else None)
    if name is None:
        looked = "\n".join(f"  {name:<9} {one.what}" for name, one in FORMATS.items())
        begin = next(filter(None, head_lines(path)), "")
        found = f" It begins with {begin[:60]!r}." if begin.isprintable() and begin else ""
        if path.suffix.lower() in ARCHIVES:
            found = " It is an archive: unpack it, and give what is in it."
        raise DataError(f"{path}: no known format of boxes.{found} Expected one of:\n{looked}")
    try:
        return FORMATS[name].read(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error


def recognised(path: Path) -> str | None:
    """Return the name in FORMATS of a file or folder that is there, or None."""
    return next((name for name, one in FORMATS.items() if one.recognise(path)), None)
