"""Corruption of pictures: what each does, of any shape of picture, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from sameplayer.data.corruption.corruptions import (
    CORRUPTIONS,
    checked,
    cut,
    cut_inside,
    loosen,
    shift,
    tighten,
)
from sameplayer.data.images.picture import Picture
from sameplayer.errors import ConfigError
from tests.data.pictures import noise

SHAPES = [(1, 1), (1, 40), (40, 1), (2, 3), (160, 60)]
PICTURE = noise(160, 60)


def corruption(name: str, level: float, picture: Picture = PICTURE, seed: int = 0) -> Picture:
    return CORRUPTIONS[name].apply(picture, level, np.random.default_rng(seed))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_level_of_every_corruption_gives_a_picture_of_any_picture(
    name: str, shape: tuple[int, int]
) -> None:
    picture = noise(*shape)
    before = picture.copy()
    for level in (*CORRUPTIONS[name].levels, CORRUPTIONS[name].least, CORRUPTIONS[name].most):
        if name != "height" or level < 1000:
            checked(name, corruption(name, level, picture))
    assert (picture == before).all()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_levels_stand_from_mild_to_severe(name: str) -> None:
    smooth = np.repeat(np.linspace(0, 200, 512)[:, None], 200, 1)[..., None]
    picture = (smooth * (1.0, 0.7, 0.3)).astype(np.uint8) + noise(512, 200) // 8
    whole = corruption(name, CORRUPTIONS[name].levels[0], picture)
    last = corruption(name, CORRUPTIONS[name].levels[-1], picture)
    ends = [_same_size(one, picture) for one in (whole, last)]
    errors = [np.abs(one.astype(float) - picture).mean() for one in ends]
    assert errors[1] > errors[0] > 0
    assert CORRUPTIONS[name].ordered(CORRUPTIONS[name].levels[::-1]) == CORRUPTIONS[name].levels


def _same_size(one: Picture, like: Picture) -> Picture:
    rows = np.arange(like.shape[0]) * one.shape[0] // like.shape[0]
    columns = np.arange(like.shape[1]) * one.shape[1] // like.shape[1]
    return one[rows][:, columns]


def test_what_is_random_is_decided_by_the_random_state() -> None:
    for name in ("blur", "shift", "hidden-side", "hidden-patch", "tint"):
        level = CORRUPTIONS[name].levels[-1]
        again = [corruption(name, level, seed=seed) for seed in (1, 1)]
        assert (again[0] == again[1]).all()
        others = [corruption(name, level, seed=seed) for seed in range(6)]
        assert any((one != others[0]).any() for one in others), name


def test_a_picture_that_is_low_already_stays_as_it_is() -> None:
    assert corruption("height", 200) is PICTURE
    assert corruption("height", 80).shape == (80, 30, 3)


def test_grey_leaves_no_colour_and_gain_multiplies() -> None:
    assert (np.ptp(corruption("grey", 100), axis=2) == 0).all()
    assert (corruption("dark", 0.5) == np.rint(PICTURE * 0.5)).all()
    assert (corruption("bright", 1) == PICTURE).all()
    assert (corruption("tint", 0) == PICTURE).all()
    grey = corruption("grey", 100)
    assert (np.abs(corruption("grey", 100, grey).astype(int) - grey) <= 1).all()


def test_the_hidden_part_is_of_the_share_that_was_asked_for() -> None:
    for name, level in (("hidden-below", 50), ("hidden-side", 25), ("hidden-patch", 30)):
        for seed in range(8):
            changed = (corruption(name, level, seed=seed) != PICTURE).any(axis=2).mean()
            assert abs(changed - level / 100) < 0.03, (name, seed)
    assert (corruption("hidden-below", 50)[:80] == PICTURE[:80]).all()


def test_motion_blur_keeps_what_is_even_and_the_mean_of_the_rest() -> None:
    even = np.full((40, 30, 3), 77, np.uint8)
    assert (corruption("blur", 15, even) == 77).all()
    assert (corruption("blur", 1) == PICTURE).all()
    assert corruption("blur", 9).std() < 0.6 * PICTURE.std()
    assert abs(corruption("blur", 9).mean() - PICTURE.mean()) < 1.5


def test_a_box_is_made_larger_about_its_middle_and_moved_by_its_size() -> None:
    rng = np.random.default_rng(0)
    assert loosen((10, 20, 30, 60), 20, rng) == (7, 14, 36, 72)
    assert tighten((10, 20, 30, 60), 20, rng) == (13, 26, 24, 48)
    left, top, width, height = shift((10, 20, 30, 60), 40, rng)
    assert (width, height) == (30, 60)
    assert ((left - 10) / 30) ** 2 + ((top - 20) / 60) ** 2 == pytest.approx(0.16)


def test_what_lies_outside_a_picture_is_mirrored_or_left_away() -> None:
    row = np.repeat(np.arange(4, dtype=np.uint8)[None, :, None], 3, 2)
    assert cut(row, (-2, 0, 8, 1))[0, :, 0].tolist() == [2, 1, 0, 1, 2, 3, 2, 1]
    assert cut_inside(row, (-2, 0, 4, 1))[0, :, 0].tolist() == [0, 1]
    assert cut_inside(row, (50, 0, 2, 1)).shape == (1, 2, 3)


def test_a_corruption_that_gives_no_picture_is_named() -> None:
    for wrong in (None, np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8), np.zeros(3, np.uint8)):
        with pytest.raises(
            ConfigError, match=r"corruption 'mine' returned .* expected a uint8 picture"
        ):
            checked("mine", wrong)
