"""Which rows are one track."""

from __future__ import annotations

import pandas as pd
import pytest

from sameplayer.data.tracks import track_keys
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
