"""Corrections: read, added to, found again in another run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sameplayer.errors import DataError, MissingFile
from sameplayer.identity import Correction, FramePoint, read_corrections
from sameplayer.identity.inputs.corrections import (
    COLUMNS,
    add_corrections,
    check_players,
    locate_corrections,
    write_corrections,
)

HEAD = ",".join(COLUMNS[:10])
ONE = Correction("same", FramePoint("left", 3, 20.0, 30.5), FramePoint("right", 9, 1.0, 2.0))
TWO = Correction("is", FramePoint("left", 5, 7.0, 8.0), None, "Ana", ("12", ""), "seen, on video")
THREE = Correction("different", ONE.first, TWO.first)
BOXES = pd.DataFrame(
    {
        "tracklet": [0, 0, 1, 2],
        "camera": ["left", "left", "left", "right"],
        "frame": [3, 5, 3, 9],
        "left": [10.0, 12.0, 26.0, 0.0],
        "top": [10.0, 10.0, 10.0, 0.0],
        "width": [20.0, 20.0, 20.0, 4.0],
        "height": [40.0, 40.0, 40.0, 8.0],
    }
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "corrections.csv"
    write_corrections([ONE, TWO, THREE], path)
    assert read_corrections(path) == (ONE, TWO, THREE)


def test_rows_are_added_and_none_is_lost_or_doubled(tmp_path: Path) -> None:
    path = tmp_path / "corrections.csv"
    assert add_corrections([ONE], path) == 1
    turned = Correction("same", ONE.second or ONE.first, ONE.first, note="again")
    assert add_corrections([turned, TWO], path) == 1
    assert read_corrections(path) == (ONE, TWO)
    before = path.read_bytes()
    assert add_corrections([TWO], path) == 0
    assert path.read_bytes() == before


def test_a_damaged_table_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "corrections.csv"
    path.write_text(f"{HEAD}\nmaybe,left,1,2,3,left,1,2,3,\n")
    before = path.read_bytes()
    with pytest.raises(DataError, match="row 2: column 'kind' is 'maybe'"):
        add_corrections([ONE], path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("is,left,1,2,3,,,,,", "column 'player' is ''"),
        ("same,left,1,2,3,left,1,2,3,Ana", "column 'player' is 'Ana'"),
        ("is,left,1,2,3,left,1,2,3,Ana", "column 'second_camera'"),
        ("same,left,1,2,3,,,,,", "column 'second_camera' is ''"),
        ("same,left,0,2,3,left,1,2,3,", "column 'first_frame' is '0'; expected a frame from 1"),
        ("same,left,1.5,2,3,left,1,2,3,", "column 'first_frame' is '1.5'"),
        ("same,left,1,nan,3,left,1,2,3,", "column 'first_x' is 'nan'; expected pixels"),
        ("same,left,1,2,3,left,1,2,here,", "column 'second_y' is 'here'"),
    ],
)
def test_a_row_that_is_wrong_says_where(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "corrections.csv"
    path.write_text(f"{HEAD}\n{row}\n")
    with pytest.raises(DataError, match=message) as raised:
        read_corrections(path)
    assert str(path) in str(raised.value)


def test_no_table_and_no_columns(tmp_path: Path) -> None:
    with pytest.raises(MissingFile):
        read_corrections(tmp_path / "none.csv")
    path = tmp_path / "corrections.csv"
    path.write_text("kind,player\n")
    with pytest.raises(
        DataError, match=r"needs the columns first_camera, .* found the columns kind,"
    ):
        read_corrections(path)


def test_places_are_found_in_the_boxes_of_another_run() -> None:
    """The box of the other run is some pixels off; the nearer of two counts."""
    found = locate_corrections([ONE, TWO_HERE], BOXES)
    np.testing.assert_array_equal(found, [[0, 2], [0, -1]])


TWO_HERE = Correction("is", FramePoint("left", 5, 25.0, 33.0), None, "Ana")


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (
            FramePoint("left", 3, 90.0, 30.0),
            r"row 2: nobody stands at \(90, 30\) in frame 3 of 'left'",
        ),
        (FramePoint("left", 4, 20.0, 30.0), "row 2: nobody stands"),
        (
            FramePoint("lft", 3, 20.0, 30.0),
            "row 2: no camera 'lft' in the match. Did you mean 'left'",
        ),
    ],
)
def test_a_place_where_nobody_stands_is_refused(place: FramePoint, message: str) -> None:
    with pytest.raises(DataError, match=message):
        locate_corrections([Correction("is", place, None, "Ana")], BOXES)


def test_a_table_of_corrections_holds_no_formula_and_is_read_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    rows = (Correction("is", FramePoint("=cmd", 1, -3.5, 2.0), player="@Ana", note="+1+1"),)
    write_corrections(rows, path)
    assert path.read_text().splitlines()[1] == "is,'=cmd,1,-3.5,2,,,,,'@Ana,,,'+1+1"
    assert read_corrections(path) == rows


def test_a_name_that_steers_a_terminal_is_refused() -> None:
    rows = [Correction("is", FramePoint("left", 1, 2, 3), player="Ana\x1b[2J")]
    with pytest.raises(DataError, match=r"row 2: the name .* control character '\\x1b'"):
        check_players(rows, None)
