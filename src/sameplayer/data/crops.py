"""The crop table: one row per picture of one person, the object that every stage starts from.

A crop table is a pandas DataFrame. Its columns:

    image      path of the picture, relative to the table's root
    person     identity as a string, or missing (hidden, or a distractor)
    role       "train", "query", "gallery", or "distractor" (a gallery picture without a match)
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
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.common.cells import guarded_table
from sameplayer.common.files import whole_file, write_text
from sameplayer.data.columns import BOX, SCOPES, frozen, normalised, refuse_gaps
from sameplayer.data.crop_files import further_columns, read_crop_table, with_known_columns
from sameplayer.data.images.picture import Picture
from sameplayer.data.reading import Box, read_crop
from sameplayer.data.roles import checked_roles
from sameplayer.errors import DataError, refuse_other_types


@dataclass(frozen=True, eq=False)
class Crops:
    """An immutable crop table with its root folder and its identity scope.

    table   DataFrame with the columns above; every access gives a copy, so changing it changes
            nothing here: give a changed table to ``dataclasses.replace(crops, table=...)``
    root    folder to which ``image`` is relative
    scope   None (person ids hold over the whole set), "game" or "sequence"
    source  which layout it was read from, for messages and records
    notes   what was read as what, what was left out or not used; one sentence each

    Columns under other tools' names (``path``, ``pid``, ``x1`` to ``y2``) are renamed, as in files.

    Raises DataError for a table that lacks ``image``, holds half a box or an unknown role, or
    whose scope's column has gaps.

    >>> Crops(pd.DataFrame({"path": ["a.png", "b.png"], "pid": [7, 8]}), Path("pictures"))
    Crops(2 pictures, pictures, scope set, source table)
    """

    table: pd.DataFrame
    root: Path
    scope: str | None = None
    source: str = "table"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root))
        table, notes = with_known_columns(self.table, self.root)
        object.__setattr__(self, "table", normalised(table, self.root))
        object.__setattr__(self, "notes", (*self.notes, *notes))
        if self.scope is not None and self.scope not in SCOPES:
            raise DataError(f"Scope {self.scope!r} is unknown; expected one of {SCOPES} or none.")
        if self.scope is not None:
            refuse_gaps(self._own, self.scope, self.root)

    def __len__(self) -> int:
        return len(self._own)

    def __repr__(self) -> str:
        scope = self.scope or "set"
        return f"Crops({len(self)} pictures, {self.root}, scope {scope}, source {self.source})"

    def select(self, *roles: str) -> Crops:
        """Return the rows of these roles, in order. Raises DataError for an unknown role."""
        return self.where(self._own["role"].isin(checked_roles(roles)))

    def of_split(self, name: str) -> Crops:
        """Return the rows of one split: training, valid, test or challenge.

        Rows that name no split are "training" where their role is train, else "test". Raises
        DataError, naming the splits there are, for any other.
        """
        splits = self.splits()
        if not (splits == name).any():
            known = ", ".join(sorted(set(splits)))
            raise DataError(f"{self.root}: no split {name!r}; found {known}.")
        return self.where(splits == name)

    def splits(self) -> np.ndarray:
        """Return (n,) split names: the column ``split``, or training or test by role."""
        by_role = pd.Series(np.where(self._own["role"] == "train", "training", "test"))
        if "split" in self._own.columns:
            by_role = self._own["split"].fillna(by_role)
        return by_role.to_numpy(dtype=object)

    def where(self, keep: np.ndarray | pd.Series | Sequence[bool] | Sequence[int]) -> Crops:
        """Return the selected rows, numbered from 0.

        keep    (n,) true and false, as an array, list or Series (missing: false), or the
                positions of rows, in any order, also repeated

        Raises DataError for a mask of another length and for positions that are not there.
        """
        rows = self._own.iloc[self._positions(keep)].reset_index(drop=True)
        part = copy(self)  # rows of a checked table need no second check
        for cached in ("_images", "_boxes"):
            part.__dict__.pop(cached, None)
        part.__dict__["table"] = frozen(rows)
        return part

    def path(self, row: int) -> Path:
        """Return the picture's path; a frame of a video is ``match.mp4#12``."""
        return self.root / str(self._images[row])

    def box(self, row: int) -> Box | None:
        """Return (left, top, width, height) in pixels, or None for the whole picture."""
        left, top, width, height = self._boxes[row].tolist()
        return None if np.isnan(left) else (left, top, width, height)

    def read(self, row: int) -> Picture:
        """Return the picture of one row as uint8 RGB (h, w, 3), the caller's own.

        Rows that follow each other in one picture or video are decoded once. Raises MissingFile,
        or DataError for a picture, frame or box that cannot be read.
        """
        return read_crop(self.path(row), self.box(row))

    def scopes(self) -> np.ndarray:
        """Return (n,) integers: rows with equal numbers share one identity scope."""
        if self.scope is None:
            return np.zeros(len(self), np.int64)
        return pd.factorize(self._own[self.scope])[0].astype(np.int64)

    def persons(self) -> np.ndarray:
        """Return (n,) integers, one per (scope, person); -1 where the person is missing."""
        return identities(self)[0]

    @cached_property
    def _images(self) -> np.ndarray:
        return self._own["image"].to_numpy(dtype=object)

    @cached_property
    def _boxes(self) -> np.ndarray:
        return self._own[list(BOX)].to_numpy(dtype=float, na_value=np.nan)

    @property
    def _own(self) -> pd.DataFrame:
        table: pd.DataFrame = self.__dict__["table"]
        return table

    def _positions(self, keep: Any) -> np.ndarray:
        if isinstance(keep, pd.Series) and keep.dtype == "boolean":
            keep = keep.fillna(False)
        rows = np.asarray(keep)
        if rows.ndim == 1 and rows.dtype == bool and len(rows) == len(self):
            return np.flatnonzero(rows)
        if rows.size == 0:
            return np.zeros(0, np.int64)
        if rows.ndim != 1 or not np.issubdtype(rows.dtype, np.integer):
            raise DataError(
                f"{self.root}: rows are selected by a mask of {len(self)} values or by positions; "
                f"found {rows.dtype} of shape {rows.shape}."
            )
        outside = rows[(rows < 0) | (rows >= len(self))]
        if len(outside):
            raise DataError(f"{self.root}: no row {outside[0]}; expected 0 to {len(self) - 1}.")
        return rows


class _CopyOnRead:
    """The field ``table``: every access returns a lazy copy, so that no caller changes the crops.

    pandas copies a column only when it is written to, so an access costs some microseconds.
    """

    def __get__(self, crops: Crops, owner: type) -> pd.DataFrame:
        table: pd.DataFrame = crops.__dict__["table"].copy(deep=False)
        return table

    def __set__(self, crops: Crops, table: pd.DataFrame) -> None:
        crops.__dict__["table"] = table


Crops.table = _CopyOnRead()  # type: ignore[assignment]


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
    """Read a crop table from CSV, Excel or Parquet; pictures are relative to the table's folder.

    Columns may have the names of other tools and boxes their forms, see ``data.crop_files``; the
    crops' notes say what was read as what.

    A file ``<name>.json`` beside it may hold {"scope": ..., "root": ...} as ``write_crops`` leaves;
    any other file of that name is refused, since it may be such a file that was damaged. Raises
    MissingFile, or DataError for an invalid table.
    """
    refuse_other_types("read_crops", path=(path, (str, Path)))
    path = Path(path)
    facts = _side_facts(path.with_suffix(".json"))
    root, scope = path.parent / facts.get("root", "."), facts.get("scope")
    table, notes = read_crop_table(path, root, scope)
    notes += () if facts else further_columns(table)  # with facts beside it, it is our own
    try:
        return Crops(table, root, scope, "table", notes)
    except DataError as error:
        raise DataError(f"{path}: {str(error).removeprefix(f'{root}: ')}") from error


def write_crops(crops: Crops, path: str | Path) -> None:
    """Write CSV or Parquet, and ``<name>.json`` with root and scope; whole files or none."""
    path = Path(path)
    if path.suffix not in (".csv", ".parquet"):
        raise DataError(f"{path}: a crop table ends in .csv or .parquet.")
    root = os.path.relpath(crops.root.resolve(), path.parent.resolve())
    with whole_file(path) as partial:
        if path.suffix == ".parquet":
            try:
                crops.table.to_parquet(partial, index=False)
            except (OverflowError, TypeError, ValueError) as error:  # of numbers over 64 bits, say
                raise DataError(
                    f"{path}: cannot be stored as Parquet ({error}); write .csv."
                ) from error
        else:
            guarded_table(crops.table).to_csv(partial, index=False)
        facts = json.dumps({"scope": crops.scope, "root": root}, indent=2)
        write_text(path.with_suffix(".json"), facts + "\n")


def describe_crops(crops: Crops) -> str:
    """Return the counts of a table as text: one line per role (and split, if several)."""
    persons, splits = crops.persons(), crops.splits()
    roles = crops.table["role"].to_numpy(dtype=object)
    lines = [f"{crops.root}: {crops.source}, {len(crops)} pictures, scope {crops.scope or 'set'}"]
    several = "split" in crops.table.columns
    keys = pd.Series([f"{s} {r}" if several else r for s, r in zip(splits, roles, strict=True)])
    for name in keys.unique():
        of_key = persons[(keys == name).to_numpy()]
        known = len(np.unique(of_key[of_key >= 0]))
        lines.append(f"  {name:<20}{len(of_key):>8} pictures {known:>6} persons")
    return "\n".join(lines)


def _side_facts(path: Path) -> dict[str, str]:
    """Return root and scope from the JSON file beside a table, as far as given."""
    if not path.is_file():
        return {}
    expected = 'expected {"scope": ..., "root": ...} as write_crops leaves'
    advice = "Write the table again, or rename this file if it is another's."
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise DataError(f"{path}: {expected}, found invalid JSON ({error}). {advice}") from error
    if not isinstance(facts, dict):
        raise DataError(f"{path}: {expected}, found a {type(facts).__name__}. {advice}")
    unknown = sorted(set(facts) - {"scope", "root"})
    if unknown:
        raise DataError(f"{path}: {expected}, found {', '.join(unknown)[:200]}. {advice}")
    facts = {name: value for name, value in facts.items() if value is not None}
    wrong = [name for name, value in facts.items() if not isinstance(value, str)]
    if wrong:
        raise DataError(f"{path}: {wrong[0]} is {facts[wrong[0]]!r}; expected a text. {advice}")
    return facts
