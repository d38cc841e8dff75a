"""Reading a crop table from a file: other tools' columns, boxes, roles and paths."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import numpy as np
import pandas as pd

from sameplayer.data.columns import BOX, COLUMNS, ROLES, TEXT, parse_numbers, without_decimal_points
from sameplayer.data.roles import roles_of_split
from sameplayer.data.tabular.box_columns import BOX_NAMES, with_boxes
from sameplayer.data.tabular.column_names import plain
from sameplayer.data.tabular.encodings import head_lines
from sameplayer.data.tabular.picture_paths import find_pictures
from sameplayer.data.tabular.read_table import Table, read_table
from sameplayer.errors import DataError

ENDINGS = (".csv", ".tsv", ".xlsx", ".parquet", ".xls", ".xlsm", ".ods", ".numbers")
_ALIASES = {
    "image": "path img_path image_path file_path picture_path crop_path file_name image_name "
    "img_name image_file img file picture crop",
    "person": "pid person_id identity identity_id player_id",
    "role": "",
    "sequence": "seq sequence_id seq_id clip clip_id",
    "frame": "frame_id frame_index frame_idx frame_number frame_no frame_num",
    "camera": "camid cam_id camera_id cam camera_name",
    "game": "game_id match match_id",
    "team": "team_name team_id club",
    "number": "jersey_number shirt_number jersey",
    **dict.fromkeys(BOX, ""),
}
CROP_ALIASES = {name: tuple(others.split()) for name, others in _ALIASES.items()}
"""Column -> other usual names; of several that are there the first counts."""
PERSONS = ("player", "player_name", "name", "label")
"""Columns that name a person only where their cells are no classes and no files."""
FURTHER = ("track", "taken", "read_number_probability", "read_number_frames")
"""Columns that stages look for, beside those of every table."""
CLASSES = re.compile(
    "persons?|people|players?|ball|referee|goalkeeper|goalie|human|pedestrian|staff|coach|other|[01]"
)
"""Cells of a column of classes, which names no persons."""


def read_crop_table(
    path: Path, root: Path, scope: str | None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return a file's crop table with standard columns, and notes on what was renamed.

    root     the folder of the pictures
    scope    within which identities hold, for the roles that a column ``split`` says

    Raises MissingFile, and DataError for an invalid table.
    """
    read = read_table(
        path, CROP_ALIASES, needed=("image",), numbers={*BOX_NAMES, "frame"}, what="crop table"
    )
    table, notes = _with_persons_and_boxes(read, path)
    if "frame" in table:
        table = table.assign(frame=parse_numbers(table["frame"], read.rows, path))
    for name in table.columns:
        if name in TEXT:
            table[name], whole = without_decimal_points(table[name])
            notes += whole
        elif isinstance(table[name].dtype, pd.StringDtype) and name not in (*BOX, "frame"):
            table[name] = _typed(table[name])
    if "role" in table and isinstance(table["role"].dtype, pd.StringDtype):
        small = table["role"].str.lower()
        table["role"] = small.where(small.isin(ROLES), table["role"])
    table, more = roles_of_split(table, path, scope)
    notes += more
    if isinstance(table["image"].dtype, pd.StringDtype):
        table["image"], more = find_pictures(table["image"], root)
        notes += more
    return table, (*notes, *_near_names(table))


def with_known_columns(table: pd.DataFrame, root: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return a caller's table with other tools' columns renamed, as in a file, and notes.

    A table with all columns of an image and a box is returned as it is. Raises DataError where the
    column ``image`` is missing or a column is named twice.
    """
    if {"image", *BOX} <= set(table.columns):
        return table, ()
    read = read_table(table, CROP_ALIASES, needed=("image",), what="crop table", where=root)
    table, notes = _with_persons_and_boxes(read, root)
    return table, (*notes,)


def further_columns(table: pd.DataFrame) -> tuple[str, ...]:
    """Return a note on columns that no stage uses; they are kept."""
    names = [
        str(column) for column in table.columns if column not in {*COLUMNS, *BOX, *TEXT, *FURTHER}
    ]
    if not names:
        return ()
    shown = ", ".join(names)[:200]
    return (f"Other columns are kept, and used only where you name them: {shown}.",)


def is_crop_table(path: Path) -> bool:
    """Tell whether a file may be a crop table: by its ending; a .txt by its first line."""
    if path.suffix.lower() in ENDINGS:
        return True
    if path.suffix.lower() != ".txt":
        return False
    line = next(filter(None, head_lines(path)), "")
    words = {plain(word.strip('"')) for word in re.split("[,;\t]", line)}
    return bool(words & {plain(name) for name in ("image", *CROP_ALIASES["image"])})


def _with_persons_and_boxes(read: Table, where: Path) -> tuple[pd.DataFrame, list[str]]:
    read = _with_persons(read)
    table, notes = with_boxes(read.table, read.rows, where)
    _refuse_shares(table, where)
    return table, [*read.notes, *notes]


def _with_persons(read: Table) -> Table:
    """Rename one of PERSONS to person, where that is missing and the cells name persons."""
    table = read.table
    if "person" in table:
        return read
    compared = {plain(str(name)): str(name) for name in table.columns}
    for name in (compared[plain(alias)] for alias in PERSONS if plain(alias) in compared):
        cells = table[name].dropna().astype(str)
        words = set(cells.str.lower().unique())
        if (
            all(map(CLASSES.fullmatch, words))
            or cells.str.contains(r"\.(?:jpe?g|png|bmp|webp)$", case=False).any()
        ):
            continue
        notes = (*read.notes, f"The column {name!r} is read as 'person'.")
        return Table(table.rename(columns={name: "person"}), read.rows, notes)
    return read


def _refuse_shares(table: pd.DataFrame, path: Path) -> None:
    """Raise DataError for boxes in shares of the picture, which would be cut as single pixels."""
    if not set(BOX) <= set(table.columns):
        return
    sides = table[list(BOX)].to_numpy(float, na_value=np.nan)
    most = np.nanmax(sides[:, :2] + sides[:, 2:], initial=-np.inf)
    if 0 < most <= 1.001:
        raise DataError(
            f"{path}: the boxes look like shares of the picture, all from 0 to 1; expected pixels. "
            "Multiply left and width by the picture's width, top and height by its height."
        )


def _typed(column: pd.Series) -> pd.Series:
    """Return text as numbers if all cells are, unless one has a leading zero, as ids do."""
    number = r"[+-]?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?"
    known = column.dropna()
    if not len(known) or not known.str.fullmatch(number).all():
        return column
    return pd.to_numeric(column.astype(object))


def _near_names(table: pd.DataFrame) -> list[str]:
    """Return notes on unused columns whose names are close to standard ones."""
    notes = []
    for name in map(str, table.columns):
        if name in (*COLUMNS, *BOX, *TEXT):
            continue
        near = difflib.get_close_matches(
            plain(name), [column for column in COLUMNS if column not in table], 1, 0.8
        )
        if near:
            notes.append(f"The column {name!r} is kept but not used; did you mean {near[0]!r}?")
    return notes
