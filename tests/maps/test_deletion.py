"""How faithful a map is."""

from __future__ import annotations

import numpy as np
import pytest

from sameplayer.errors import ConfigError, SettingError
from sameplayer.maps.deletion import faithfulness, shares
from sameplayer.maps.score_cam import random_map
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
    with pytest.raises(ConfigError, match="same size"):
        faithfulness(encoder, picture, picture, good[:10])
    with pytest.raises(SettingError, match="steps is 0"):
        faithfulness(encoder, picture, picture, good, steps=0)


def test_shares_of_a_map_of_zeros_are_nan_and_areas_are_not() -> None:
    share, area = shares(np.zeros((4, 4)), {"half": np.eye(4, dtype=bool)})["half"]
    assert np.isnan(share)
    assert area == 0.25
