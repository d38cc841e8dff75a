"""Corrections: what a person says of a match's log, which every later run obeys.

A row of a small table (.csv) says that two appearances show one person (``same``), two persons
(``different``), or whom one shows (``is``). An appearance is named by what stays when a match is
run again: the camera, a frame, and the middle of its box in that frame. The appearance's number in
the log stands beside it for the reader; nobody looks it up by that.

    kind,first_camera,first_frame,first_x,first_y,second_camera,second_frame,second_x,second_y,
    player,first_appearance,second_appearance,note
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from sameplayer.common.cells import guarded
from sameplayer.common.files import write_text
from sameplayer.common.names import control_character
from sameplayer.data.tabular.read_table import read_table
from sameplayer.errors import DataError, did_you_mean
from sameplayer.identity.inputs.roster import Roster

KINDS = ("same", "different", "is")
COLUMNS = (
    "kind",
    "first_camera",
    "first_frame",
    "first_x",
    "first_y",
    "second_camera",
    "second_frame",
    "second_x",
    "second_y",
    "player",
    "first_appearance",
    "second_appearance",
    "note",
)
NEEDED = COLUMNS[:10]
FIRST = 2  # row of the first correction, below the header

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FramePoint:
    """An appearance, by what stays: a camera's name, a frame from 1, the middle of the box."""

    camera: str
    frame: int
    x: float
    y: float


@dataclass(frozen=True)
class Correction:
    """One row; second is None for the kind ``is``, and player "" for the others.

    player        a name of the roster, or "team number"
    appearances   of the log at the time, as words; "" where nobody wrote them
    """

    kind: str
    first: FramePoint
    second: FramePoint | None = None
    player: str = ""
    appearances: tuple[str, str] = ("", "")
    note: str = ""


def read_corrections(path: str | Path) -> tuple[Correction, ...]:
    """Read the rows of a table; a table without rows is fine.

    Raises MissingFile, and DataError naming file, row and column.
    """
    path = Path(path)
    columns: dict[str, tuple[str, ...]] = dict.fromkeys(COLUMNS, ())
    numbers = [name for name in COLUMNS if name.endswith(("_x", "_y", "_frame"))]
    read = read_table(path, columns, needed=NEEDED, numbers=numbers, what="table of corrections")
    for note in read.notes:
        log.warning("%s: %s", path, note)
    table = read.table.reindex(columns=list(COLUMNS)).astype("string").fillna("")
    rows = zip(read.rows.tolist(), table.itertuples(index=False), strict=True)
    return tuple(
        _correction(path, row, dict(zip(COLUMNS, cells, strict=True))) for row, cells in rows
    )


def write_corrections(corrections: Iterable[Correction], path: str | Path) -> None:
    """Write the table, whole or not at all."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in corrections:
        cells = [one.kind, *_cells(one.first), *_cells(one.second), one.player, *one.appearances]
        writer.writerow(map(guarded, [*cells, one.note]))
    write_text(path, file.getvalue())


def add_corrections(corrections: Sequence[Correction], path: str | Path) -> int:
    """Add rows to a table that may be there already; return how many were new.

    What stands in the table stays. A row that says the same as one that is there is not added
    again. Raises DataError, and leaves the table as it is, where the table cannot be read.
    """
    path = Path(path)
    old = read_corrections(path) if path.exists() else ()
    known = {_meaning(one) for one in old}
    new = []
    for one in corrections:
        if _meaning(one) not in known:
            known.add(_meaning(one))
            new.append(one)
    if new or not path.exists():
        write_corrections([*old, *new], path)
    return len(new)


def locate_corrections(corrections: Sequence[Correction], boxes: pd.DataFrame) -> np.ndarray:
    """Return (m, 2) int64: the tracklets that each correction names; -1 for no second one.

    boxes    a row a box: tracklet, camera, frame, left, top, width, height, as ``Tracklets.table``

    A place names the box of its camera and frame that holds it, the one whose middle is nearest; a
    box that was found a little elsewhere counts within half its own size. Raises DataError naming
    the row where there is none.
    """
    check_cameras(corrections, sorted(set(boxes["camera"])))
    found = np.full((len(corrections), 2), -1, np.int64)
    by_frame = boxes.groupby(["camera", "frame"]).indices
    for row, one in enumerate(corrections):
        for at, place in enumerate((one.first, one.second)):
            if place is None:
                continue
            here = boxes.iloc[by_frame.get((place.camera, place.frame), [])]
            found[row, at] = _nearest(row, place, here)
    return found


def _nearest(row: int, place: FramePoint, here: pd.DataFrame) -> int:
    x = (here["left"] + here["width"] / 2 - place.x).abs() / here["width"]
    y = (here["top"] + here["height"] / 2 - place.y).abs() / here["height"]
    distance = np.maximum(x.to_numpy(), y.to_numpy())
    if not len(distance) or distance.min() > 1:
        raise DataError(
            f"Corrections, row {row + FIRST}: nobody stands at ({place.x:g}, {place.y:g}) in frame "
            f"{place.frame} of {place.camera!r}; expected the middle of a box of the log. Was the "
            "match run with other boxes or at other frames? Point at a box of the new log."
        )
    return int(here["tracklet"].iloc[int(distance.argmin())])


def check_cameras(corrections: Sequence[Correction], cameras: Sequence[str]) -> None:
    """Raise DataError naming the row for a camera that is none of these."""
    for row, one in enumerate(corrections):
        for place in (one.first, one.second):
            if place is not None and place.camera not in cameras:
                raise DataError(
                    f"Corrections, row {row + FIRST}: no camera {place.camera!r} in the match."
                    f"{did_you_mean(place.camera, cameras)}"
                )


def check_players(corrections: Sequence[Correction], roster: Roster | None) -> dict[int, int]:
    """Return the roster's row of each correction of kind ``is``, by the correction's row.

    Raises DataError naming the row for a player who is not on the roster, and for a name with a
    control character. Without a roster there are no rows.
    """
    found = {}
    for row, one in enumerate(corrections):
        strange = control_character(one.player)
        if strange is not None:
            raise DataError(
                f"Corrections, row {row + FIRST}: the name {one.player!r} holds the control "
                f"character {strange!r}; expected a name on one line."
            )
        if one.kind == "is" and roster is not None:
            try:
                found[row] = roster.find(one.player)
            except DataError as error:
                raise DataError(f"Corrections, row {row + FIRST}: {error}") from None
    return found


def _correction(path: Path, row: int, cell: dict[str, str]) -> Correction:
    def wrong(column: str, expected: str) -> DataError:
        return DataError(
            f"{path}: row {row}: column {column!r} is {cell[column]!r}; expected {expected}."
        )

    kind = cell["kind"].strip()
    if kind not in KINDS:
        raise wrong("kind", f"one of {', '.join(KINDS)}")
    player = cell["player"].strip()
    if (kind == "is") != bool(player):
        raise wrong("player", "a player for the kind 'is', and nothing for the others")
    places: list[FramePoint | None] = []
    for at in ("first", "second"):
        parts = {name: cell[f"{at}_{name}"].strip() for name in ("camera", "frame", "x", "y")}
        if at == "second" and kind == "is":
            if any(parts.values()):
                raise wrong("second_camera", "nothing: the kind 'is' is of one appearance")
            places.append(None)
            continue
        if not parts["camera"]:
            raise wrong(f"{at}_camera", "a camera's name")
        numbers = {name: _number(parts[name]) for name in ("frame", "x", "y")}
        for name, value in numbers.items():
            if not np.isfinite(value) or (name == "frame" and (value < 1 or value % 1)):
                raise wrong(f"{at}_{name}", "a frame from 1" if name == "frame" else "pixels")
        places.append(
            FramePoint(parts["camera"], int(numbers["frame"]), numbers["x"], numbers["y"])
        )
    first, second = places
    assert first is not None
    seen = cell["first_appearance"], cell["second_appearance"]
    return Correction(kind, first, second, player, seen, cell["note"])


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return float("nan")
    return value if abs(value) < 1e9 else float("nan")


def _cells(place: FramePoint | None) -> list[str]:
    if place is None:
        return [""] * 4
    return [place.camera, str(place.frame), f"{place.x:.10g}", f"{place.y:.10g}"]


def _meaning(one: Correction) -> tuple:
    places = [one.first] if one.second is None else [one.first, one.second]
    return one.kind, one.player, *sorted((*_cells(place),) for place in places)
