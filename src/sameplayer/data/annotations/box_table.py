"""Tables of boxes: CSV, Excel and Parquet with one row per box, under many column names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.data.annotations.classes import class_labels
from sameplayer.data.annotations.rows import (
    TEXTS,
    Annotations,
    folder_in_name,
    number_in_name,
    track_numbers,
)
from sameplayer.data.columns import BOX, as_text, number_cells, parse_numbers
from sameplayer.data.tabular.box_columns import BOX_NAMES, CELL_NAMES, box_columns, with_boxes
from sameplayer.data.tabular.column_names import plain
from sameplayer.data.tabular.encodings import head_lines
from sameplayer.data.tabular.read_table import Table, read_table
from sameplayer.errors import DataError

WHAT = (
    "a table (.csv, .tsv, .xlsx, .parquet) with frame, left, top, width, height (or right, "
    "bottom) and where known track, score, class, camera"
)
_COLUMNS = {
    "frame": "frame_id frame_number frame_no frame_num frames fn",
    "frame_index": "frame_idx",
    "image": "image_name file_name image_path img_path img image_file",
    "track": "track_id tracker_id tracking_id object_id obj_id id tid player_id person_id "
    "target_id identity tracklet_id",
    "score": "conf confidence prob probability det_score det_conf",
    "label": "class_name category category_name cls_name object_class type object_type object",
    "class": "class_id category_id cls cls_id class_number",
    "camera": "cam camera_id cam_id view",
    "sequence": "video seq sequence_name clip",
    "role": "",
    "team": "club team_name",
    "number": "jersey jersey_number shirt shirt_number",
    "name": "player player_name",
}
COLUMNS = {name: tuple(others.split()) for name, others in _COLUMNS.items()}
"""Column -> other usual names; of several that are there the first counts."""
NUMBERS = ("frame", "frame_index", "track", "score", *BOX_NAMES)
FRAMES = ("frame", "frame_index", "image")  # columns that say the frame, the best first
RENAMED = re.compile("The column '(.+)' is read as '(.+)'[.]")
TYPED = (".parquet", ".xlsx")
TEXT = (".csv", ".tsv", ".txt")


def has_box_table(path: Path) -> bool:
    """Tell whether a file is a table whose names are those of boxes; of Parquet by its ending."""
    suffix = path.suffix.lower()
    if not path.is_file() or suffix not in (*TYPED, *TEXT):
        return False
    if suffix in TYPED:
        return True
    truth = suffix == ".txt" and path.stem.lower().startswith("gt")  # has flags, as MOT text
    heads = [line for line in head_lines(path)[:2] if not line.startswith("#")]
    lines = [re.split("[,;\t|]", line) for line in heads]
    return any(names_boxes(line) and not (truth and in_mot_order(line)) for line in lines)


def names_boxes(cells: Sequence[str]) -> bool:
    """Tell whether the cells of a line name columns of boxes, or a few of them and a frame."""
    names = [plain(cell.strip('\r"')) for cell in cells]
    framed = any(plain(alias) in names for name in FRAMES for alias in (name, *COLUMNS[name]))
    parts = BOX_NAMES.union(CELL_NAMES).intersection(names)
    return bool(framed and parts) or len(box_columns(dict(zip(names, names, strict=True)))[1]) == 4


def in_mot_order(cells: Sequence[str]) -> bool:
    """Tell whether the names in a line are those of MOT text: frame, track, corner and size."""
    names = [plain(cell.strip('\r"')) for cell in cells]
    kind, four = box_columns(dict(zip(names, names, strict=True)))
    first = zip(names, ("frame", "track"), strict=False)
    ours = all(alias in map(plain, (name, *COLUMNS[name])) for alias, name in first)
    return ours and kind == "corner and size" and four == names[2:6]


def read_box_table(path: Path) -> Annotations:
    """Read a table with one row per box.

    Boxes are as ``with_boxes`` takes them. A frame is its number, or the one at the end of its
    image's name. Raises DataError, with the row, for a cell that is not a number.
    """
    return boxes_in(read_table(path, COLUMNS, numbers=NUMBERS, what="table of boxes"), path)


def boxes_in(read: Table, path: Path) -> Annotations:
    """Return the boxes of a table whose columns are renamed already.

    A frame_index counts from 0, as ``enumerate`` does; for a frame the numbers tell.
    """
    table, notes = read.table, _shortened(read.notes)
    if "class" in table.columns and "label" not in table.columns:
        classes = pd.to_numeric(table["class"], errors="coerce")
        labels, known = table["class"], classes[table["class"].notna()]
        if (known == np.floor(known)).all():
            named, more = class_labels(
                known.astype(int), {}, 0, "the column class", "a column class_name"
            )
            labels, notes = classes.map(named).astype(object), (*notes, *more)
        table = table.assign(label=labels)
    if "label" not in table.columns and "role" in table.columns:
        table = table.assign(label=table["role"])
    if "track" not in table.columns and "name" in table.columns:
        table = table.assign(track=table["name"])
        notes = (*notes, "Names are read as tracks, since there is no column track.")
    table, more = with_boxes(table, read.rows, path, halves=True)
    read, notes = replace(read, table=table), (*notes, *more)
    kind = next((column for column in FRAMES if column in table.columns), None)
    if kind is None or not set(BOX) <= set(table.columns):
        raise _lacking(path, table)
    columns: dict[str, Any] = {"row": [f"row {row}" for row in read.rows]}
    if kind == "image":
        columns["frame"], table = _frames_of_images(read, path)
        notes = (*notes, "Frames are the numbers at the end of the images' names.")
    else:
        columns["frame"] = _number(read, kind, path)
    columns["track"], numbered = _tracks(read, path)
    notes = (*notes, *numbered)
    columns |= {name: _number(read, name, path) for name in (*BOX, "score")}
    for name in TEXTS:
        if name in table.columns:
            columns[name] = as_text(table[name], path)
    used = {*COLUMNS, *BOX, "image_width", "image_height"}
    unused = ", ".join(str(name) for name in table.columns if name not in used)
    notes += (f"Columns that are not used: {unused[:200]}.",) if unused else ()
    return Annotations(pd.DataFrame(columns), 0 if kind == "frame_index" else None, notes=notes)


def _lacking(path: Path, table: pd.DataFrame) -> DataError:
    names = list(map(str, table.columns))
    hint = " Is the header missing? The first row has to name the columns."
    if "score" in names or "track" in names:
        hint = ' A sink of supervision takes custom_data={"frame": number}.'
    return DataError(
        f"{path}: boxes need the columns frame, left, top, width, height (or right, bottom in "
        f"place of the sizes); found {', '.join(names) or 'none'}."
        + ("" if set(FRAMES) & set(names) else hint)
    )


def _frames_of_images(read: Table, path: Path) -> tuple[np.ndarray, pd.DataFrame]:
    """Return (n,) the numbers in the images' names, and the table with their folders, if several.

    Raises DataError, with the row, for a name without a number.
    """
    codes, images = pd.factorize(read.table["image"].astype("string"), use_na_sentinel=False)
    numbers = [None if pd.isna(image) else number_in_name(image) for image in images]
    if None in numbers:
        row = int(np.argmax(codes == numbers.index(None)))
        raise DataError(
            f"{path}, row {read.rows[row]}: the image {str(images[codes[row]])[:60]!r} has no "
            "number; expected the frame's number at the end of its name, or a column frame."
        )
    folders = np.array([folder_in_name(image) or "" for image in images], object)[codes]
    several = "sequence" not in read.table and len(set(folders)) > 1
    table = read.table.assign(sequence=folders) if several else read.table
    return np.array(numbers, np.float64)[codes], table


def _tracks(read: Table, path: Path) -> tuple[np.ndarray, list[str]]:
    """Return (n,) float64 tracks, missing: nan; names are numbered."""
    if "track" not in read.table.columns:
        return np.full(len(read.table), np.nan), []
    column = read.table["track"]
    if pd.api.types.is_numeric_dtype(column):
        return _number(read, "track", path), []
    return track_numbers(number_cells(column).astype(object))


def _shortened(notes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the notes, with those on renamed columns joined into one."""
    read = [RENAMED.fullmatch(note) for note in notes]
    renamed = ", ".join(f"{match[1]} as {match[2]}" for match in read if match)
    rest = tuple(note for note, match in zip(notes, read, strict=True) if not match)
    return (f"Columns are read under other names: {renamed}.", *rest) if renamed else rest


def _number(read: Table, name: str, path: Path) -> np.ndarray:
    """Return a column as (n,) float64, missing or not there: nan."""
    if name not in read.table.columns:
        return np.full(len(read.table), np.nan)
    return parse_numbers(read.table[name], read.rows, path, infinite=True)
