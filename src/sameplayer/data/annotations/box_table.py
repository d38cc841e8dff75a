"""Tables of boxes: CSV, Excel and Parquet with a row a box, under the names that tools use."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.data.annotations.classes import labels_of
from sameplayer.data.annotations.columns import BOX_NAMES, CELLS, with_boxes
from sameplayer.data.annotations.heads import head_lines
from sameplayer.data.annotations.table import TEXTS, Annotations
from sameplayer.data.column_names import plain
from sameplayer.data.columns import as_text
from sameplayer.data.tables import Table, read_table
from sameplayer.errors import DataError

WHAT = (
    "a table (.csv, .tsv, .xlsx, .parquet) with frame, left, top, width, height (or right, "
    "bottom) and where known track, score, class, camera"
)
COLUMNS: dict[str, tuple[str, ...]] = {
    "frame": ("frame_id", "frame_number", "frame_no", "frame_num", "frames", "fn"),
    "frame_index": ("frame_idx",),
    "track": ("track_id", "tracker_id", "tracking_id", "object_id", "obj_id", "id", "tid",
              "player_id", "person_id", "target_id", "identity", "tracklet_id"),
    "left": ("x", "x1", "x_min", "xmin", "xtl", "bb_left", "bbox_left", "box_left", "bbox_x",
             "bbox_x1", "bb_x", "l"),
    "top": ("y", "y1", "y_min", "ymin", "ytl", "bb_top", "bbox_top", "box_top", "bbox_y",
            "bbox_y1", "bb_y", "t"),
    "width": ("w", "bb_width", "bbox_width", "box_width", "bbox_w", "bb_w"),
    "height": ("h", "bb_height", "bbox_height", "box_height", "bbox_h", "bb_h"),
    "right": ("x2", "x_max", "xmax", "xbr", "bb_right", "bbox_right", "bbox_x2"),
    "bottom": ("y2", "y_max", "ymax", "ybr", "bb_bottom", "bbox_bottom", "bbox_y2"),
    "middle_x": ("x_center", "center_x", "cx", "xc", "x_centre", "centre_x"),
    "middle_y": ("y_center", "center_y", "cy", "yc", "y_centre", "centre_y"),
    "score": ("conf", "confidence", "prob", "probability", "det_score", "det_conf"),
    "label": ("class_name", "category", "category_name", "cls_name", "object_class"),
    "class": ("class_id", "category_id", "cls", "cls_id", "class_number"),
    "camera": ("cam", "camera_id", "cam_id", "view"),
    "sequence": ("video", "seq", "sequence_name", "clip"),
    "role": (),
    "team": ("club", "team_name"),
    "number": ("jersey", "jersey_number", "shirt", "shirt_number"),
    "name": ("player", "player_name"),
}  # fmt: skip
NUMBERS = (
    "frame", "frame_index", "track", "left", "top", "width", "height", "right", "bottom",
    "middle_x", "middle_y", "score",
)  # fmt: skip
WAYS = (
    ("left", "top", "width", "height"),
    ("left", "top", "right", "bottom"),
    ("middle_x", "middle_y", "width", "height"),
)
RENAMED = re.compile("The column '(.+)' is read as '(.+)'[.]")
OTHERS = BOX_NAMES | {word for words in CELLS.values() for word in words if word} | {"bbox", "box"}
TYPED = (".parquet", ".xlsx")
TEXT = (".csv", ".tsv", ".txt")
EMPTY = ("", "na", "n/a", "nan", "null", "none", "<na>", "-")


def has_box_table(path: Path) -> bool:
    """Tell whether a file is a table whose names are those of boxes; of Parquet by its ending."""
    suffix = path.suffix.lower()
    if not path.is_file() or suffix not in (*TYPED, *TEXT):
        return False
    if suffix in TYPED:
        return True
    return any(_names_boxes(line) for line in head_lines(path)[:2])


def _names_boxes(line: str) -> bool:
    names = {plain(cell.strip('\r"')) for cell in re.split("[,;\t|]", line)}
    known = [{plain(one) for one in (name, *COLUMNS[name])} & names for name in COLUMNS]
    found = {name for name, ours in zip(COLUMNS, known, strict=True) if ours}
    framed = bool(found & {"frame", "frame_index"})
    return framed and bool(found & {"left", "middle_x", "width", "right"} or names & OTHERS)


def read_box_table(path: Path) -> Annotations:
    """Read a table with a row a box.

    Boxes are left, top and width, height, or left, top, right, bottom, or the middle and width,
    height. Raises DataError, with the row, for a cell that is no number.
    """
    return boxes_in(read_table(path, COLUMNS, numbers=NUMBERS, what="table of boxes"), path)


def boxes_in(read: Table, path: Path) -> Annotations:
    """Return the boxes of a table whose columns have our names.

    A frame_index counts from 0, as ``enumerate`` does; for a frame the numbers tell.
    """
    table, notes = read.table, _shortened(read.notes)
    if "class" in table.columns and "label" not in table.columns:
        classes = pd.to_numeric(table["class"], errors="coerce")
        labels = table["class"]
        if (classes == np.floor(classes)).all():
            named, said = labels_of(
                classes.astype(int), {}, 0, "the column class", "a column class_name"
            )
            labels, notes = classes.map(named).astype(object), (*notes, *said)
        table = table.assign(label=labels)
    sides = next((one for one in WAYS if set(one) <= set(table.columns)), None)
    if sides is None:
        table, said = with_boxes(table, read.rows, path)
        sides, notes = WAYS[0] if set(WAYS[0]) <= set(table.columns) else None, (*notes, *said)
        read = replace(read, table=table)
    frame = next((one for one in ("frame", "frame_index") if one in table.columns), None)
    if frame is None or sides is None:
        raise DataError(
            f"{path}: boxes need the columns frame, left, top, width, height (or right, bottom in "
            f"place of the sizes); found {', '.join(map(str, table.columns)) or 'none'}."
            + ("" if frame else ' A sink of supervision takes custom_data={"frame": number}.')
        )
    rows = [f"row {row}" for row in read.rows]
    numbers = {name: _number(read, name, path) for name in (frame, "track", "score", *sides)}
    columns: dict[str, Any] = {"row": rows, "frame": numbers[frame], "track": numbers["track"]}
    first, second, third, fourth = (numbers[name] for name in sides)
    if sides[2] == "right":
        third, fourth = third - first, fourth - second
    elif sides[0] == "middle_x":
        first, second = first - third / 2, second - fourth / 2
    columns |= {"left": first, "top": second, "width": third, "height": fourth}
    columns["score"] = numbers["score"]
    for name in TEXTS:
        if name in table.columns:
            columns[name] = as_text(table[name], path)
    return Annotations(pd.DataFrame(columns), 0 if frame == "frame_index" else None, notes=notes)


def _shortened(notes: tuple[str, ...]) -> tuple[str, ...]:
    """Return notes with one on all columns that are read under our names."""
    read = [RENAMED.fullmatch(note) for note in notes]
    told = ", ".join(f"{one[1]} as {one[2]}" for one in read if one)
    rest = tuple(note for note, one in zip(notes, read, strict=True) if not one)
    return (f"Columns are read under other names: {told}.", *rest) if told else rest


def _number(read: Table, name: str, path: Path) -> np.ndarray:
    """Return a column as (n,) float64, missing or not there: nan."""
    if name not in read.table.columns:
        return np.full(len(read.table), np.nan)
    column = read.table[name]
    if not pd.api.types.is_numeric_dtype(column):
        text = column.astype("string").str.strip()
        column = text.mask(text.str.lower().isin(EMPTY))
    values = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = np.isnan(values) & column.notna().to_numpy(dtype=bool)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{path}, row {read.rows[row]}: {name} is {str(column.iloc[row])[:40]!r}; expected a "
            "number, or nothing."
        )
    return values
