"""Crops that are read corrupted: the same for the same seed, boxes with what is around them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from sameplayer.data.corruption.corrupted_crops import corrupt_crops, find_corruptions
from sameplayer.data.corruption.corruptions import CORRUPTIONS, Corruption
from sameplayer.data.crops import Crops
from sameplayer.errors import ConfigError, SettingError
from tests.data.pictures import noise


@pytest.fixture
def crops(tmp_path: Path) -> Crops:
    """A row with a box in a larger picture, one at its edge, and one without a box."""
    cv2.imwrite(str(tmp_path / "frame.png"), noise(100, 100))
    table = pd.DataFrame({"image": ["frame.png"] * 3, "person": ["1", "2", "3"]})
    for name, values in zip(
        ("left", "top", "width", "height"), ((40, 90), (30, 0), (20, 10), (40, 20)), strict=True
    ):
        table[name] = [*values, None]
    return Crops(table, tmp_path)


def test_a_boxed_row_shows_what_is_really_around_it(crops: Crops) -> None:
    whole = noise(100, 100)[:, :, ::-1]
    assert (corrupt_crops(crops, "loose", 50).read(0) == whole[20:80, 35:65]).all()
    assert (corrupt_crops(crops, "loose", 100).read(1) == whole[0:30, 85:100]).all()
    padded = corrupt_crops(crops, "loose", 20).read(2)
    assert padded.shape == (120, 120, 3)
    assert (padded[10:110, 10:110] == whole).all()
    assert (padded[:10] == padded[20:10:-1]).all()


def test_harm_is_decided_by_seed_and_picture_not_by_row_or_order(crops: Crops) -> None:
    read = corrupt_crops(crops, "hidden-patch", 30, seed=4)
    reverse = corrupt_crops(crops.where([2, 1, 0]), "hidden-patch", 30, seed=4)
    part = read.where([1, 2])
    for row in range(3):
        assert (read.read(row) == reverse.read(2 - row)).all()
    assert (part.read(1) == read.read(2)).all()
    other = corrupt_crops(crops, "hidden-patch", 30, seed=5)
    assert any((other.read(row) != read.read(row)).any() for row in range(3))


def test_the_table_stays_as_it_is_and_the_plain_crops_stay_plain(crops: Crops) -> None:
    read = corrupt_crops(crops, "grey", 100)
    assert read.table.equals(crops.table)
    assert (np.ptp(read.read(0), axis=2) == 0).all()
    assert (np.ptp(crops.read(0), axis=2) > 0).any()


def test_harms_are_chosen_by_name_with_levels_in_order() -> None:
    assert find_corruptions(["blur=9,3", "grey"]) == {"blur": (3, 9), "grey": (50, 75, 100)}
    assert find_corruptions({"height": [24, 64]}) == {"height": (64, 24)}
    assert list(find_corruptions()) == list(CORRUPTIONS)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (["blurr"], r"corruptions is 'blurr'; expected one of height, .* Did you mean 'blur'\?"),
        (["jpeg=0"], "corruptions is jpeg=0; expected levels of jpeg from 1 to 100 of 100"),
        (["blur=nan"], "corruptions is blur=nan; expected levels of blur"),
        (["blur=much"], "corruptions is 'blur=much'; expected numbers with commas between"),
        (["blur="], "expected numbers with commas between"),
        ({"blur": []}, "corruptions is 'blur' without a level; expected one level or more"),
        ([], "corruptions is empty; expected one or more of height"),
    ],
    ids=str,
)
def test_unknown_harms_and_levels_out_of_range_are_refused(choice: object, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        find_corruptions(choice)


def test_an_own_harm_is_an_entry_and_what_it_gives_is_checked(
    crops: Crops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        CORRUPTIONS, "less", Corruption((1, 2), lambda picture, level, rng: picture[:-1])
    )
    assert corrupt_crops(crops, "less", 1).read(0).shape == (39, 20, 3)
    monkeypatch.setitem(
        CORRUPTIONS, "none", Corruption((1,), lambda picture, level, rng: picture[:0])
    )
    with pytest.raises(ConfigError, match="corruption 'none' returned uint8 of shape"):
        corrupt_crops(crops, "none", 1).read(0)
