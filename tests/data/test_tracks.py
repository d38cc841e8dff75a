"""Which rows are one track."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from sameplayer.data.crops import Crops
from sameplayer.data.tracks import one_track_each, track_keys
from sameplayer.errors import SettingError


def test_rows_with_equal_names_are_one_track_and_rows_without_one_stay_alone() -> None:
    table = pd.DataFrame(
        {
            "sequence": ["b", "a", "b", None, None, "a", "a"],
            "person": ["1", "1", "1", "1", "1", "2", "1"],
            "frame": [1.0, 1.0, None, 1.0, 1.0, 1.0, 2.0],
        }
    )
    assert track_keys(table, ("sequence", "person")).tolist() == [0, 1, 0, 2, 3, 4, 1]
    assert track_keys(table, ("frame",)).tolist() == [0, 0, 1, 0, 0, 0, 2]


def test_values_that_run_into_each_other_are_not_confused() -> None:
    table = pd.DataFrame({"a": ["x\x1fy", "x"], "b": ["z", "y\x1fz"]})
    assert track_keys(table, ("a", "b")).tolist() == [0, 1]


@pytest.mark.parametrize("by", [("shirt",), ()])
def test_a_column_that_is_not_there_is_named(by: tuple[str, ...]) -> None:
    with pytest.raises(SettingError, match="expected columns of the table: image"):
        track_keys(pd.DataFrame({"image": ["a"]}), by)


def followed(**change: list[object]) -> Crops:
    """Two persons of two frames each, each seen in one sequence by one camera."""
    columns: dict[str, list[object]] = {
        "image": ["a#1", "a#2", "a#1", "a#2"],
        "person": ["p", "p", "q", "q"],
        "sequence": ["1", "1", "2", "2"],
        "camera": ["x"] * 4,
        "frame": [1, 2, 1, 2],
    }
    return Crops(pd.DataFrame(columns | change), Path())


def test_persons_of_one_track_each_are_told_from_persons_of_several() -> None:
    assert one_track_each(followed())
    assert one_track_each(followed(person=["p", "p", "q", None]))
    several: list[dict[str, list[object]]] = [
        {"sequence": ["1", "1", "2", "3"]},
        {"camera": ["x", "y", "x", "x"]},
        {"track": ["1", "2", "1", "1"]},
        {"frame": [None] * 4},  # pictures of their own, not of a video
        {"sequence": [None] * 4},
        {"camera": [None] * 4},
        {"person": [None] * 4},
        {"person": ["p", "q", "r", "s"]},
    ]
    for change in several:
        assert not one_track_each(followed(**change)), change
    assert not one_track_each(replace(followed(), scope="sequence"))
