"""The crop table: one row a picture of one person, the object every stage starts from.

A crop table is a pandas DataFrame. Its columns:

    image      path of the picture, relative to the table's root
    person     identity as a string, or missing (hidden, or a distractor)
    role       "train", "query", "gallery", or "distractor" (a gallery picture of nobody)
    sequence   the short clip that the picture is from
    frame      number of the frame in its sequence
    camera     the camera that saw it
    game       the game or match
    team       team or kit
    left, top, width, height    box in ``image`` in pixels, missing = the whole picture

and any further columns, which are carried along. The table's facts travel in ``Crops``:
the root folder and the *scope*, the column within whose values an identity holds (missing = the
whole set). Two persons of different scopes are never assumed to be different people.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.data.images import Picture, decode, picture_size, read_crop
from sameplayer.errors import DataError
from sameplayer.files import whole_file, write_text

COLUMNS = ("image", "person", "role", "sequence", "frame", "camera", "game", "team")
TEXT = ("person", "sequence", "camera", "game", "team", "role", "number", "read_number")
BOX = ("left", "top", "width", "height")
ROLES = ("train", "query", "gallery", "distractor")
SCOPES = ("sequence", "game")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: ``row`` is the row's position in the table, or None."""

    kind: str
    row: int | None
    file: str
    text: str

    def __str__(self) -> str:
        place = self.file if self.row is None else f"row {self.row}, {self.file}"
        return f"{self.kind}: {place}: {self.text}"


@dataclass(frozen=True)
class Crops:
    """An immutable crop table with its root folder and its identity scope.

    table   DataFrame with the columns above; never changed after construction
    root    folder to which ``image`` is relative
    scope   None (person ids hold over the whole set), "game" or "sequence"
    source  which adapter read it, for messages and records
    """

    table: pd.DataFrame
    root: Path
    scope: str | None = None
    source: str = "table"
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", _normalised(self.table))
        object.__setattr__(self, "root", Path(self.root))
        if self.scope is not None and self.scope not in SCOPES:
            raise DataError(f"Scope {self.scope!r} is unknown; expected one of {SCOPES} or none.")
        if self.scope is not None:
            _refuse_gaps(self.table, self.scope, self.root)

    def __len__(self) -> int:
        return len(self.table)

    def select(self, *roles: str) -> Crops:
        """Return the rows of these roles, in order, re-numbered from 0."""
        return self.where(self.table["role"].isin(roles).to_numpy())

    def where(self, keep: np.ndarray) -> Crops:
        """Return the rows where ``keep`` (n,) is true, or the rows at these positions."""
        rows = np.flatnonzero(keep) if keep.dtype == bool else keep
        return replace(self, table=self.table.iloc[rows].reset_index(drop=True))

    def path(self, row: int) -> Path:
        return self.root / str(self.table["image"].iat[row])

    def box(self, row: int) -> tuple[float, float, float, float] | None:
        values: list[Any] = [self.table[name].iat[row] for name in BOX]
        if pd.isna(values[2]):
            return None
        left, top, width, height = map(float, values)
        return left, top, width, height

    def read(self, row: int) -> Picture:
        """Return the picture of one row as uint8 RGB (h, w, 3)."""
        return read_crop(self.path(row), self.box(row))

    def scopes(self) -> np.ndarray:
        """Return (n,) integers: rows with equal numbers share one identity scope."""
        if self.scope is None:
            return np.zeros(len(self), np.int64)
        return pd.factorize(self.table[self.scope])[0].astype(np.int64)

    def persons(self) -> np.ndarray:
        """Return (n,) integers, one a (scope, person); -1 where the person is missing."""
        return identities(self)[0]


def identities(*parts: Crops) -> list[np.ndarray]:
    """Return (n,) integers for each table: equal numbers are one person of one scope, in all parts.

    -1 where the person is missing. This is the one place that says who is who. Raises DataError
    where the parts differ in scope.
    """
    scope = parts[0].scope
    if any(part.scope != scope for part in parts):
        names = " and ".join(part.scope or "set" for part in parts)
        raise DataError(f"Identities hold within {names}; expected the same scope in all tables.")
    table = pd.concat([part.table for part in parts], ignore_index=True)
    person = pd.factorize(table["person"])[0]
    within = np.zeros(len(table), np.int64) if scope is None else pd.factorize(table[scope])[0]
    known = person >= 0
    codes = np.full(len(table), -1, np.int64)
    codes[known] = pd.factorize((within * (person.max(initial=0) + 1) + person)[known])[0]
    return np.split(codes, np.cumsum([len(part) for part in parts])[:-1])


def read_crops(path: str | Path) -> Crops:
    """Read a crop table from CSV or Parquet; pictures are relative to the table's folder.

    A file ``<name>.json`` beside it may hold {"scope": ..., "root": ...} as ``write_crops`` leaves.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such table; expected a .csv or .parquet file.")
    try:
        if path.suffix == ".parquet":
            table = pd.read_parquet(path)
        elif path.suffix == ".csv":
            table = pd.read_csv(path, dtype=dict.fromkeys(TEXT, str))
        else:
            raise DataError(f"{path}: expected a table ending in .csv or .parquet.")
    except (ValueError, OSError) as error:
        raise DataError(f"{path}: cannot be read as a table ({error}).") from error
    facts = {}
    side = path.with_suffix(".json")
    if side.is_file():
        facts = json.loads(side.read_text())
    root = path.parent / facts.get("root", ".")
    return Crops(table, root, facts.get("scope"), "table")


def write_crops(crops: Crops, path: str | Path) -> None:
    """Write CSV or Parquet, and ``<name>.json`` with root and scope; whole files or none."""
    path = Path(path)
    if path.suffix not in (".csv", ".parquet"):
        raise DataError(f"{path}: a crop table ends in .csv or .parquet.")
    root = os.path.relpath(crops.root.resolve(), path.parent.resolve())
    with whole_file(path) as partial:
        if path.suffix == ".parquet":
            crops.table.to_parquet(partial, index=False)
        else:
            crops.table.to_csv(partial, index=False)
        facts = json.dumps({"scope": crops.scope, "root": root}, indent=2)
        write_text(path.with_suffix(".json"), facts + "\n")


def check_crops(crops: Crops, progress: Callable[[int, int], None] | None = None) -> list[Problem]:
    """Return everything that is wrong with a table, in the order of its rows.

    Every picture is decoded once, on all cores. ``progress`` is called with (done, all).
    """
    problems = _file_problems(crops, progress) + _table_problems(crops)
    return sorted(problems, key=lambda problem: (problem.row is None, problem.row or 0))


def _normalised(table: pd.DataFrame) -> pd.DataFrame:
    if "image" not in table.columns:
        found = ", ".join(map(str, table.columns)) or "none"
        raise DataError(f"A crop table needs the column 'image'; found the columns: {found}.")
    table = table.copy()
    for name in COLUMNS:
        if name not in table.columns:
            table[name] = pd.NA
    table["role"] = table["role"].fillna("gallery")
    unknown = sorted(set(table["role"].astype(str)) - set(ROLES))
    if unknown:
        raise DataError(f"Column 'role' holds {unknown}; expected one of {ROLES}.")
    for name in ("image", "person", "role", "sequence", "camera", "game", "team"):
        table[name] = _as_text(table[name])
    for name in ("frame", *BOX):
        if name not in table.columns:
            table[name] = np.nan
        try:
            table[name] = pd.to_numeric(table[name]).astype("Float64")
        except (ValueError, TypeError) as error:
            raise DataError(f"Column {name!r} holds a value that is no number: {error}.") from error
    rest = [name for name in table.columns if name not in COLUMNS + BOX]
    return table[[*COLUMNS, *BOX, *rest]].reset_index(drop=True)


def _refuse_gaps(table: pd.DataFrame, scope: str, root: Path) -> None:
    """A person without a scope would be somebody else in every row, or the same in all of them."""
    gaps = np.flatnonzero((table[scope].isna() & table["person"].notna()).to_numpy())
    if len(gaps):
        raise DataError(
            f"{root}: identities hold within a {scope}, but column {scope!r} is empty in "
            f"{len(gaps)} of {len(table)} rows, such as row {gaps[0]}, "
            f"{table['image'].iat[gaps[0]]}. Fill the column, or choose the scope in which persons "
            "are told apart: set, game or sequence."
        )


def _as_text(column: pd.Series) -> pd.Series:
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    return column.astype("string")


def _file_problems(crops: Crops, progress: Callable[[int, int], None] | None) -> list[Problem]:
    rows_of = crops.table.groupby("image", sort=False, dropna=False).indices
    problems: list[Problem] = []
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        checks = pool.map(lambda item: _check_file(crops, *item), rows_of.items())
        for done, found in enumerate(checks, start=1):
            problems.extend(found)
            if progress is not None:
                progress(done, len(rows_of))
    return problems


def _check_file(crops: Crops, image: str, rows: np.ndarray) -> list[Problem]:
    path = crops.root / str(image)
    try:
        if "#" in str(image):
            picture = read_crop(path)
        else:
            picture_size(path)
            picture = decode(path)
    except DataError as error:
        kind = "missing file" if "no such" in str(error) else "unreadable picture"
        text = str(error).removeprefix(f"{path}: ")
        return [Problem(kind, int(row), str(image), text) for row in rows]
    high, wide = picture.shape[:2]
    return [
        problem
        for row in rows
        if (problem := _check_box(crops.box(int(row)), int(row), str(image), wide, high))
    ]


def _check_box(
    box: tuple[float, float, float, float] | None, row: int, image: str, wide: int, high: int
) -> Problem | None:
    if box is None:
        return None
    left, top, width, height = box
    shown = f"box left {left:g}, top {top:g}, width {width:g}, height {height:g}"
    if not (width > 0 and height > 0):
        return Problem("zero-size box", row, image, f"{shown}; width and height must be over 0.")
    if left >= wide or top >= high or left + width <= 0 or top + height <= 0:
        text = f"{shown} lies outside the picture of {wide} x {high} pixels."
        return Problem("box outside the picture", row, image, text)
    if left < -1 or top < -1 or left + width > wide + 1 or top + height > high + 1:
        text = f"{shown} reaches over the edge of the picture of {wide} x {high} pixels."
        return Problem("box over the edge", row, image, text)
    return None


def _table_problems(crops: Crops) -> list[Problem]:
    table = crops.table
    person, role = crops.persons(), table["role"].to_numpy(dtype=object)
    known = person >= 0
    problems = []

    def report(rows: np.ndarray, kind: str, text: str) -> None:
        for row in rows:
            name = table["person"].iat[row]
            file = str(table["image"].iat[row])
            problems.append(Problem(kind, int(row), file, text.format(person=name)))

    in_gallery = np.isin(person, person[role == "gallery"])
    is_query = (role == "query") & known
    report(
        np.flatnonzero(is_query & ~in_gallery),
        "query without a match",
        "person {person} has no gallery picture; the query is left out of the scores.",
    )
    tested = np.isin(person, person[(role == "query") | (role == "gallery")])
    report(
        np.flatnonzero((role == "train") & known & tested),
        "person in train and test",
        "person {person} is also in query or gallery, which makes the scores too good.",
    )
    counts = pd.Series(person[(role == "train") & known]).value_counts()
    single = np.isin(person, counts.index[counts == 1].to_numpy())
    report(
        np.flatnonzero((role == "train") & known & single),
        "single picture in train",
        "person {person} has one picture only; no pair can be drawn, so it is not trained on.",
    )
    repeated = table.duplicated(["image", *BOX, "role"], keep="first").to_numpy()
    report(np.flatnonzero(repeated), "duplicate row", "the same picture, box and role as before.")
    return problems


def describe_crops(crops: Crops) -> str:
    """Return the counts of a table: one line a role (and split, where there are several)."""
    table, persons = crops.table, crops.persons()
    lines = [f"{crops.root}: {crops.source}, {len(crops)} pictures, scope {crops.scope or 'set'}"]
    keys = ["split", "role"] if "split" in table.columns else ["role"]
    for names, rows in table.groupby(keys, sort=False).indices.items():
        shown = " ".join(map(str, names if isinstance(names, tuple) else (names,)))
        known = persons[rows][persons[rows] >= 0]
        lines.append(f"  {shown:<20}{len(rows):>8} pictures {len(np.unique(known)):>6} persons")
    return "\n".join(lines)
