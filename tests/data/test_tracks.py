"""Which rows are one track."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sameplayer.data.crops import Crops
from sameplayer.data.layouts.sources import read_source
from sameplayer.data.tracks import as_tracks, cannot_links, one_track_each, spaced, track_keys
from sameplayer.errors import DataError, SettingError


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


Row = tuple[str | None, str | None, str | None, int | None]
ROWS: list[Row] = [
    ("1", "a", None, 1),
    ("2", "a", None, 1),
    ("1", "b", None, 1),
    ("3", "a", None, 2),
    ("2", "a", None, 2),
    (None, "a", None, 2),
    ("4", "a", None, None),
    ("1", "a", "x", 1),
]


def footage(rows: list[Row], **more: Any) -> Crops:
    """A table of rows (track, sequence, camera, frame)."""
    names = ["person", "sequence", "camera", "frame"]
    table = pd.DataFrame(rows, columns=names).assign(image="picture.jpg", **more)
    return Crops(table, Path("clips"))


def known_pairs(crops: Crops) -> set[tuple[int, int]]:
    one, other = cannot_links(as_tracks(crops)).pairs.nonzero()
    return set(zip(one.tolist(), other.tolist(), strict=True))


def test_a_track_is_a_person_of_one_camera_and_sequence() -> None:
    tracks = as_tracks(footage(ROWS))
    assert tracks.table["person"].tolist() == ["0", "1", "2", "3", "1", "4"]
    assert tracks.table["sequence"].tolist() == ["0", "0", "1", "0", "0", "2"]
    assert tracks.scope == "sequence"
    assert tracks.persons().tolist() == [0, 1, 2, 3, 1, 4]


def test_a_column_of_tracks_counts_more_than_labels() -> None:
    tracks = as_tracks(footage(ROWS[:5], track=[7, 7, 7, None, 8]))
    assert tracks.table["person"].tolist() == ["0", "0", "1", "2"]


def test_tracks_differ_where_one_frame_of_one_camera_shows_both() -> None:
    assert known_pairs(footage(ROWS)) == {(0, 1), (1, 0), (1, 3), (3, 1)}


@given(
    st.lists(
        st.tuples(
            st.sampled_from("12345"),
            st.sampled_from("ab"),
            st.sampled_from("xy"),
            st.integers(1, 4),
        ),
        min_size=1,
        max_size=40,
    )
)
@settings(max_examples=40)
def test_no_pair_is_known_that_was_never_seen_at_once(rows: list[Row]) -> None:
    crops = footage(rows)
    numbers = as_tracks(crops).persons()
    seen = {
        (numbers[i], numbers[j])
        for i, (*_, one) in enumerate(rows)
        for j, (*_, other) in enumerate(rows)
        if one == other and rows[i][1:3] == rows[j][1:3] and numbers[i] != numbers[j]
    }
    assert known_pairs(crops) == seen


def test_a_person_who_is_found_twice_in_a_frame_is_not_known_to_be_two() -> None:
    rows: list[Row] = [("1", "a", None, 1), ("2", "a", None, 1), ("3", "a", None, 1)]
    boxes = {"left": [0, 2, 15], "top": 0, "width": [20, 10, 20], "height": 40}
    assert known_pairs(footage(rows, **boxes)) == {(0, 2), (2, 0), (1, 2), (2, 1)}


def test_what_is_known_of_a_part_is_numbered_anew() -> None:
    known = cannot_links(as_tracks(footage(ROWS)))
    assert known.others().tolist() == [1, 2, 0, 1, 0]
    assert known.among(np.array([3, 0, 1])).tolist() == [
        [False, False, True],
        [False, False, True],
        [True, True, False],
    ]
    assert known.part(np.array([1, 2, 3])).others().tolist() == [1, 0, 1]


def test_pictures_of_a_track_are_spaced_from_its_first() -> None:
    frames = [9, 1, 2, 4, 4, 5, 8]
    crops = as_tracks(footage([("1", "a", None, frame) for frame in frames]))
    assert np.flatnonzero(spaced(crops, 3)).tolist() == [1, 3, 6]
    assert np.flatnonzero(spaced(crops, 1)).tolist() == [0, 1, 2, 3, 5, 6]
    both = as_tracks(footage([("1", "a", None, 1), ("2", "a", None, 2), ("1", "a", None, 2)]))
    assert spaced(both, 2).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("person", "need the column 'person', which says which rows are one track"),
        ("frame", "need the column 'frame', which says who was seen together"),
        ("sequence", "need the column 'sequence' or 'camera', since frames are counted"),
    ],
)
def test_a_table_that_lacks_a_column_is_told_which_and_why(column: str, words: str) -> None:
    crops = footage(ROWS[:5])
    with pytest.raises(DataError, match=rf"clips: tracks as persons {words}.*Filled are: image"):
        as_tracks(replace(crops, table=crops.table.assign(**{column: None})))


def test_clips_of_one_match_say_nothing_of_each_other(volleyball: Path) -> None:
    tracks = as_tracks(read_source(volleyball / "clips"))
    known = cannot_links(tracks).pairs.toarray()
    clip = tracks.table.drop_duplicates("person")["sequence"].astype(int).to_numpy()
    assert not known[clip[:, None] != clip].any()
    assert known[clip[:, None] == clip].sum() >= 4 * 12 * 11 - 10  # some boxes cover each other
