"""Box columns of other tools: corners, sizes, centres, or one cell of four numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from sameplayer.data.columns import BOX, parse_numbers
from sameplayer.data.tabular.column_names import plain
from sameplayer.errors import DataError


def _forms(*names: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(form.split()) for form in names)


PREFIXES = ("bb", "bbox", "box", "boundingbox", "rect", "")
STARTS = _forms("left top", "xmin ymin", "x1 y1", "xtl ytl", "xleft ytop", "x y", "l t")
ENDS = _forms(
    *("left top right bottom", "xmin ymin xmax ymax", "minx miny maxx maxy", "x0 y0 x1 y1"),
    *("x1 y1 x2 y2", "xtl ytl xbr ybr", "tlx tly brx bry", "xleft ytop xright ybottom"),
    *("x y x2 y2", "l t r b"),
)
CENTRES = _forms(
    *("cx cy", "xc yc", "xcenter ycenter", "xcentre ycentre", "centerx centery"), "centrex centrey"
)
SIZES = _forms("width height", "w h")
FOUR: dict[str, tuple[tuple[str, ...], ...]] = {"corners": ENDS}
FOUR["corner and size"] = tuple((*start, *size) for size in SIZES for start in STARTS)
FOUR["centre and size"] = tuple((*centre, *size) for size in SIZES for centre in CENTRES)
"""What four columns say -> their names, without dots and dashes, after any of PREFIXES: a name with
one is a box's for sure, while x, y may be a place on the pitch and width, height the picture's."""
BOTH = sorted(product(PREFIXES, repeat=2), key=lambda both: both[0] != both[1])
CELLS = {
    "corners": ("xyxy", "ltrb", "tlbr"),
    "corner and size": ("xywh", "ltwh", "tlwh", ""),
    "centre and size": ("cxcywh", "xcycwh"),
}
"""What a cell of four numbers says -> how its column is called, beside any of PREFIXES."""
SAID = {
    "corners": "the left, top, right and bottom of a box",
    "corner and size": "the left, top, width and height of a box",
    "centre and size": "the middle, width and height of a box",
}
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
BOX_NAMES = frozenset(
    prefix + name
    for prefix in PREFIXES
    for forms in FOUR.values()
    for form in forms
    for name in form
)
"""Every name that a column of a box's numbers may have, as ``plain`` gives it."""
CELL_NAMES = frozenset(
    name
    for words in CELLS.values()
    for word in words
    for prefix in PREFIXES
    for name in (prefix + word, word + prefix)
    if name
)
"""Every name that a column of a whole box in one cell may have, as ``plain`` gives it."""
WRAPPED = re.compile(r"\bnp\.\w+\(")  # how a list of numpy's numbers is printed


def with_boxes(
    table: pd.DataFrame, rows: Sequence[int] | np.ndarray, path: Path, *, halves: bool = False
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return a table with left, top, width and height in place of other box columns.

    rows      (n,) where each row stands in the file, for the words of an error
    halves    whether a row may have half a box, or one without an end, which is missing then

    The four are numbers, missing where a row has no box; a table without boxes stays as it is, and
    so does one that has our four. A width and a height that are no box's are the picture's: they
    become image_width and image_height. Notes say which columns were read as what. Raises DataError
    for cells that are no box.
    """
    names = {plain(str(name)): str(name) for name in reversed(table.columns)}
    kind, columns = box_columns(names)
    if set(BOX) <= set(table.columns) and not {"right", "bottom"} <= set(names):
        kind, columns = "corner and size", list(BOX)
    if not kind:
        return _with_picture_sizes(table, "where nothing says where a box begins")
    numbers = _numbers(table, columns, rows, path, halves)
    left, top, third, fourth = numbers.T
    if kind == "corners":
        third, fourth = third - left, fourth - top
    elif kind == "centre and size":
        left, top = left - third / 2, top - fourth / 2
    box = np.stack([left, top, third, fourth], axis=1)
    if columns == list(BOX):
        return table.assign(**dict(zip(BOX, numbers.T, strict=True))), ()
    rest, moved = _with_picture_sizes(
        table.drop(columns=columns), f"since the box is in {', '.join(columns)}"
    )
    rest = rest.drop(columns=[name for name in BOX if name in rest])
    rest[list(BOX)] = pd.DataFrame(box, index=rest.index)
    if [plain(name) for name in columns] in (list(BOX), ["left", "top", "right", "bottom"]):
        return rest, moved
    single = len(columns) == 1
    listed = f"The column{'s' * (not single)} {', '.join(columns)} {'is' if single else 'are'}"
    return rest, (f"{listed} read as {SAID[kind]}.", *moved)


def box_columns(names: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return what the columns of boxes say, a key of SAID, and which they are; ("", []): none.

    names    of columns, by what ``plain`` makes of them
    """
    for kind, forms in FOUR.items():
        for before, after in BOTH:
            for form in forms:
                four = (*(before + name for name in form[:2]), *(after + name for name in form[2:]))
                if all(name in names for name in four):
                    return kind, [names[name] for name in four]
    for kind, words in CELLS.items():
        for word in words:
            for prefix in PREFIXES:
                for name in (prefix + word, word + prefix):
                    if name and name in names:
                        return kind, [names[name]]
    return "", []


def _with_picture_sizes(table: pd.DataFrame, why: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    sizes = {name: f"image_{name}" for name in ("width", "height") if name in table}
    if len(sizes) < 2 or "left" in table or "top" in table:
        return table, ()
    return table.rename(columns=sizes), (
        f"The columns width and height are taken as the picture's size, {why}.",
    )


def _numbers(
    table: pd.DataFrame,
    columns: list[str],
    rows: Sequence[int] | np.ndarray,
    path: Path,
    halves: bool,
) -> np.ndarray:
    """Return (n, 4) float64, NaN where a row has no box."""
    if len(columns) == 1:
        cells = table[columns[0]].tolist()
        return np.array(
            [_four(cell, columns[0], row, path) for row, cell in zip(rows, cells, strict=True)]
        ).reshape(-1, 4)
    box = np.stack(
        [
            parse_numbers(table[name], rows, path, expected="a number of pixels", infinite=halves)
            for name in columns
        ],
        axis=1,
    )
    box[np.isinf(box)] = np.nan
    half = np.flatnonzero(np.isnan(box).any(axis=1) & ~np.isnan(box).all(axis=1))
    if len(half) and not halves:
        raise DataError(
            f"{path}, row {rows[half[0]]}: half a box; expected all of {', '.join(columns)}, or "
            "none."
        )
    return box


def _four(cell: object, name: str, row: int, path: Path) -> list[float]:
    """Return the four numbers of a cell such as "[1, 2, 3, 4]"; of an empty one NaN."""
    if cell is None or (isinstance(cell, float) and np.isnan(cell)) or cell is pd.NA:
        return [np.nan] * 4
    text = " ".join(map(str, cell)) if isinstance(cell, list | tuple | np.ndarray) else str(cell)
    text = WRAPPED.sub("(", text)
    numbers = [float(number) for number in NUMBER.findall(text)]
    rest = NUMBER.sub("", text).strip("[]() ,;\t\n")
    if len(numbers) != 4 or set(rest) - set(" ,;\t\n") or not np.isfinite(numbers).all():
        raise DataError(
            f"{path}, row {row}: column {name!r} is {text[:60]!r}; expected four numbers, such as "
            '"[10, 20, 30, 60]".'
        )
    return numbers
