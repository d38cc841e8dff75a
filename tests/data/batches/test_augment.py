"""Transforms of a pair: what is shared, what is drawn for each, what they do to the pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sameplayer.data.batches.augment import (
    AUGMENTS,
    Augment,
    erase,
    find_augment,
    flip_pair,
    jitter,
    sharpen,
    strong_pair,
)
from sameplayer.errors import SettingError

RNG = np.random.default_rng(5)
ANCHOR, POSITIVE = (RNG.integers(0, 256, (24, 12, 3), dtype=np.uint8) for _ in range(2))


def mirrored(picture: np.ndarray, before: np.ndarray) -> bool:
    same = np.array_equal(picture, before)
    assert same or np.array_equal(picture, before[:, ::-1])
    return not same


def test_both_pictures_of_a_pair_are_mirrored_or_neither() -> None:
    flips = []
    for seed in range(200):
        anchor, positive = flip_pair(ANCHOR, POSITIVE, np.random.default_rng(seed))
        flips.append(mirrored(anchor, ANCHOR))
        assert mirrored(positive, POSITIVE) == flips[-1]
    assert 70 < sum(flips) < 130


def albumentations_sharpen(picture: np.ndarray, alpha: float, lightness: float) -> np.ndarray:
    """albumentations 1.3's Sharpen, method "kernel", in plain loops (borders left out)."""
    effect = np.array([[-1, -1, -1], [-1, 8 + lightness, -1], [-1, -1, -1]], np.float32)
    unchanged = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], np.float32)
    kernel = (1 - alpha) * unchanged + alpha * effect
    high, wide = picture.shape[:2]
    sharp = np.zeros((high - 2, wide - 2, 3))
    for y in range(3):
        for x in range(3):
            sharp += kernel[y, x] * picture[y : y + high - 2, x : x + wide - 2]
    return np.clip(np.rint(sharp), 0, 255)


def test_sharpening_is_that_of_albumentations() -> None:
    sharpened = 0
    for seed in range(40):
        picture = sharpen(ANCHOR, np.random.default_rng(seed))
        rng = np.random.default_rng(seed)
        if rng.random() >= 0.5:
            np.testing.assert_array_equal(picture, ANCHOR)
            continue
        sharpened += 1
        alpha, lightness = rng.uniform(0.2, 0.5), rng.uniform(0.5, 1.0)
        expected = albumentations_sharpen(ANCHOR, alpha, lightness)
        assert np.abs(picture[1:-1, 1:-1] - expected).max() <= 1
    assert 10 < sharpened < 30


def test_light_and_place_change_a_little() -> None:
    grey = np.full((40, 20, 3), 120, np.uint8)
    grey[16:24, 8:12] = 200
    means, middles = [], []
    for seed in range(100):
        picture = jitter(grey, np.random.default_rng(seed))
        assert picture.shape == grey.shape
        assert picture.dtype == np.uint8
        means.append(np.median(picture))
        bright = np.argwhere(picture.sum(axis=2) > 1.3 * np.median(picture.sum(axis=2)))
        middles.append(bright.mean(axis=0) if len(bright) else (20, 10))
    assert np.std(means) > 15
    moved = np.abs(np.array(middles) - (19.5, 9.5))
    assert (moved <= (5, 3)).all()
    assert moved.max() > 1


def test_the_strong_one_draws_for_each_picture_alone() -> None:
    anchor, positive = strong_pair(ANCHOR, ANCHOR, np.random.default_rng(1))
    assert not np.array_equal(anchor, positive)


def test_erasing_is_of_each_image_and_by_its_own_generator() -> None:
    images = torch.ones((40, 3, 32, 16))
    generators = [np.random.default_rng((1, pair)) for pair in range(20)]
    state = torch.get_rng_state()
    erased = erase(images, generators)
    assert torch.equal(torch.get_rng_state(), state)
    shares = (erased == 0).flatten(1).float().mean(dim=1)
    assert 10 < int((shares > 0).sum()) < 30
    assert 0.015 < float(shares[shares > 0].min()) < float(shares.max()) < 0.36
    one = erase(images[:2], [np.random.default_rng((1, 0))])
    assert torch.equal(one, erased[[0, 20]])


def test_names_and_own_ones_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    own = lambda anchor, positive, rng: (positive, anchor)  # noqa: E731
    assert find_augment(own) == Augment(own)
    assert find_augment("2023").erases
    assert not find_augment("2022").erases
    monkeypatch.setitem(AUGMENTS, "mine", own)
    assert find_augment("mine").pair is own
    with pytest.raises(SettingError, match=r"augment is 2024; expected one of none, 2022"):
        find_augment("2024")
