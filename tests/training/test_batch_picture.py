"""A picture of the first batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from sameplayer.data.crops import Crops
from sameplayer.training.config import TrainConfig
from sameplayer.training.run.batch_picture import show_batch
from tests.training.small_runs import QUICK


def test_it_shows_anchors_above_their_positives(league: Crops, tmp_path: Path) -> None:
    config = replace(QUICK, pairs=5, augment="none")
    assert show_batch(league, config, tmp_path / "batch.png") == 5
    picture = cv2.imread(str(tmp_path / "batch.png"))
    assert picture.shape == (2 * 64, 5 * 32, 3)
    assert picture.std() > 10


def test_an_own_augmentation_is_shown(league: Crops, tmp_path: Path) -> None:
    def black(anchor, positive, rng):  # type: ignore[no-untyped-def]
        return anchor, np.zeros_like(positive)

    show_batch(league, replace(QUICK, pairs=5), tmp_path / "batch.png", augment=black)
    picture = cv2.imread(str(tmp_path / "batch.png"))
    assert picture[64:].max() == 0 < picture[:64].max()


def test_no_weights_are_fetched(league: Crops, tmp_path: Path) -> None:
    config = TrainConfig(preset="test_vit", pairs=4, height=32, width=32)
    assert show_batch(league, config, tmp_path / "batch.png") == 4


def test_weights_decide_the_size(league: Crops, tmp_path: Path) -> None:
    from sameplayer.encoder.load import create_encoder

    create_encoder("small", pretrained=False, height=48, width=24).save(tmp_path / "start")
    config = TrainConfig(weights=str(tmp_path / "start"), pairs=3)
    show_batch(league, config, tmp_path / "batch.png")
    assert cv2.imread(str(tmp_path / "batch.png")).shape == (96, 72, 3)
    with pytest.raises(Exception, match="height is 64"):
        show_batch(league, replace(config, height=64), tmp_path / "other.png")
