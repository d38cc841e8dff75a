"""How faithful a map is."""

from __future__ import annotations

import numpy as np
import pytest

from sameplayer.errors import ConfigError, SettingError
from sameplayer.maps.deletion import check_map, faithfulness, random_map, shares
from tests.maps.map_helpers import reddest


def test_faithfulness_tells_a_good_map_from_a_random_and_a_reversed_one() -> None:
    encoder = reddest()
    picture = np.random.default_rng(1).integers(0, 60, (64, 64, 3), dtype=np.uint8)
    picture[4:28, 4:28, 0] = 250
    good = np.zeros((64, 64), np.float32)
    good[4:28, 4:28] = 1
    honest = faithfulness(encoder, picture, picture, good)
    reverse = faithfulness(encoder, picture, picture, 1 - good)
    chance = faithfulness(encoder, picture, picture, random_map((64, 64), 3))
    assert honest.deletion_area < chance.deletion_area < reverse.deletion_area + 1e-6
    assert honest.insertion_area > reverse.insertion_area
    assert honest.deletion[0] == pytest.approx(1, abs=1e-5)
    assert honest.insertion[-1] == pytest.approx(1, abs=1e-5)
    flat = faithfulness(encoder, picture, picture, good, hidden="mean")
    assert flat.deletion_area < honest.deletion_area + 0.2
    with pytest.raises(SettingError, match="hidden is 'white'; expected one of blur, mean"):
        faithfulness(encoder, picture, picture, good, hidden="white")
    with pytest.raises(ConfigError, match="same size"):
        faithfulness(encoder, picture, picture, good[:10])
    with pytest.raises(SettingError, match="steps is 0"):
        faithfulness(encoder, picture, picture, good, steps=0)


def test_a_map_of_what_matters_passes_its_test_and_others_do_not() -> None:
    encoder = reddest()
    picture = np.random.default_rng(1).integers(0, 60, (64, 64, 3), dtype=np.uint8)
    picture[4:28, 4:28, 0] = 250
    good = np.zeros((64, 64), np.float32)
    good[4:28, 4:28] = 1
    row = encoder.embed([picture])[0]
    passed = check_map(encoder, picture, row, row, good)
    assert passed.holds
    assert passed.marked > 2 * max(passed.middle, passed.random)
    for useless in (1 - good, np.flip(good).copy(), random_map((64, 64), 1)):
        failed = check_map(encoder, picture, row, row, useless)
        assert not failed.holds
        assert f"is worth {failed.marked:.3f} to the similarity" in failed.words
    black = np.zeros_like(picture)
    assert not check_map(encoder, black, row, row, np.zeros((64, 64), np.float32)).holds
    with pytest.raises(ConfigError, match="same size"):
        check_map(encoder, picture, row, row, good[:10])


def test_shares_of_a_map_of_zeros_are_nan_and_areas_are_not() -> None:
    share, area = shares(np.zeros((4, 4)), {"half": np.eye(4, dtype=bool)})["half"]
    assert np.isnan(share)
    assert area == 0.25
