"""FORMATS: the formats of boxes that are read, each into one table of annotations.

Add a format of your own as an entry:

    FORMATS["mine"] = Format("a text ending in .boxes", recognise, read)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.data.annotations import box_table, cvat, mot, yolo
from sameplayer.data.annotations.box_table import COLUMNS, boxes_in
from sameplayer.data.annotations.coco import is_coco, is_game_state, read_coco, read_game_state
from sameplayer.data.annotations.label_studio import is_label_studio, read_label_studio
from sameplayer.data.annotations.rows import Annotations, BoxCollector, load_json, objects
from sameplayer.data.tabular.box_columns import BOX_NAMES, CELL_NAMES
from sameplayer.data.tabular.column_names import plain, rename_columns
from sameplayer.data.tabular.encodings import head_lines
from sameplayer.data.tabular.read_table import Table
from sameplayer.errors import DataError, MissingFile


def is_sink(data: Any) -> bool:
    """Tell whether JSON is a list of objects, each a row of a table."""
    return isinstance(data, list) and all(isinstance(item, dict) for item in data[:100])


def read_sink(data: Any, path: Path) -> Annotations:
    """Read a list of objects, each a box with the column names of a table of boxes.

    Numbers may be text. Raises DataError, with the entry, for anything else.
    """
    boxes = [box for _, box in objects(BoxCollector(path), data, "box")]
    known = {plain(alias) for name, others in COLUMNS.items() for alias in (name, *others)}
    known |= BOX_NAMES | CELL_NAMES
    keys = list({key: None for box in boxes for key in box if plain(key) in known})
    names, notes = rename_columns(path, keys, COLUMNS, (), "list of boxes")
    table = pd.DataFrame(
        {
            name: pd.Series([box.get(key) for box in boxes], dtype=object).infer_objects()
            for key, name in zip(keys, names, strict=True)
        }
    )
    if not boxes:
        table = pd.DataFrame(columns=["frame", "left", "top", "width", "height"], dtype=float)
    return boxes_in(Table(table, np.arange(1, len(boxes) + 1), (*notes,)), path)


JSON = (
    "JSON (.json): COCO with track_id or instance_id, SoccerNet's Labels-GameState.json, Label "
    "Studio with videorectangle, or a list of boxes as supervision's JSONSink writes it"
)
_WORDS = '"images" "annotations" "predictions" "bbox "x_min" "videorectangle" "sequence" "xyxy"'
WORDS = _WORDS.split()
KINDS: dict[str, tuple[Callable[[Any], bool], Callable[[Any, Path], Annotations]]] = {
    "game state": (is_game_state, read_game_state),
    "Label Studio": (is_label_studio, read_label_studio),
    "COCO": (is_coco, read_coco),
    "sink": (is_sink, read_sink),
}


def has_boxes_json(path: Path) -> bool:
    """Tell whether a JSON file begins with keys that files of boxes have, or is an empty list."""
    if path.suffix.lower() != ".json":
        return False
    head = "\n".join(head_lines(path))
    return head.lstrip()[:1] in ("[", "{") and (
        any(word in head for word in WORDS) or head.split() in (["[]"], ["[", "]"])
    )


def read_boxes_json(path: Path) -> Annotations:
    """Read JSON of any of KINDS. Raises DataError for other or invalid JSON."""
    data = load_json(path)
    for fits, read in KINDS.values():
        if fits(data):
            return read(data, path)
    keys = list(data)[:8] if isinstance(data, dict) else type(data).__name__
    raise DataError(
        f"{path}: no known format of boxes. It holds {keys!r:.200}; expected {JSON}. Or export MOT "
        "text, a table, YOLO text or CVAT XML."
    )


ARCHIVES = (".zip", ".gz", ".tar", ".7z", ".rar")


@dataclass(frozen=True)
class Format:
    """A format of boxes: a description, a test whether a path has it, and its reader.

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
    "json": Format(JSON, has_boxes_json, read_boxes_json),
    "yolo": Format(yolo.WHAT, yolo.has_yolo, yolo.read_yolo),
    "table": Format(box_table.WHAT, box_table.has_box_table, box_table.read_box_table),
    "mot": Format(mot.WHAT, mot.has_mot_text, mot.read_mot_text),
}


def read_annotations(path: str | Path) -> Annotations:
    """Read the boxes of a file or folder of any of FORMATS.

    Raises MissingFile; DataError that lists the formats where none fits, and as they do.
    """
    path = Path(path)
    if not path.exists():
        raise MissingFile(f"{path}: no such file or folder; expected boxes.")
    name = detect_format(path) or ("json" if path.suffix.lower() == ".json" else None)
    if name is None:
        looked = "\n".join(f"  {name:<9} {format_.what}" for name, format_ in FORMATS.items())
        begin = next(filter(None, head_lines(path)), "")
        begins = f" It begins with {begin[:60]!r}." if begin.isprintable() and begin else ""
        if path.suffix.lower() in ARCHIVES:
            begins = " It is an archive: unpack it, and give what is in it."
        raise DataError(f"{path}: no known format of boxes.{begins} Expected one of:\n{looked}")
    try:
        return FORMATS[name].read(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error


def detect_format(path: Path) -> str | None:
    """Return the name in FORMATS of a file or folder that is there, or None."""
    return next((name for name, format_ in FORMATS.items() if format_.recognise(path)), None)
