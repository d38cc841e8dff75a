"""Where a tracklet goes over from one person to another."""

from __future__ import annotations

import numpy as np
import pytest

from sameplayer.errors import DataError
from sameplayer.identity.evidence.split_tracklets import find_splits
from tests.identity.drawn import numbers


def curve(cosine: np.ndarray) -> np.ndarray:
    return 12 * (cosine - 0.5)


def _rows(persons: list[int], noise: float = 0.5, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(persons) + 1, 64))
    rows = centres[persons] + noise * rng.normal(size=(len(persons), 64))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(5))
def test_a_pure_tracklet_stays_whole(seed: int) -> None:
    for noise in (0.2, 0.6, 1.5):
        assert find_splits(_rows([0] * 16, noise, seed), None, curve) == []


@pytest.mark.parametrize("cut", [2, 5, 8, 13])
def test_two_persons_are_cut_where_one_gives_way_to_the_other(cut: int) -> None:
    assert find_splits(_rows([0] * cut + [1] * (15 - cut)), None, curve) == [cut]


def test_three_persons_give_three_parts_and_four_no_more() -> None:
    assert find_splits(_rows([0] * 5 + [1] * 5 + [2] * 5), None, curve) == [5, 10]
    four = _rows([0] * 5 + [1] * 5 + [2] * 5 + [3] * 5)
    assert len(find_splits(four, None, curve)) == 2
    assert find_splits(four, None, curve, parts=4) == [5, 10, 15]


def test_one_strange_picture_is_no_second_person() -> None:
    assert find_splits(_rows([0] * 7 + [1] + [0] * 7), None, curve) == []


def test_two_numbers_cut_where_the_look_changes_most_between_them() -> None:
    """The look alone says too little: a hard curve leaves the cut to the numbers."""
    rows = _rows([0] * 6 + [1] * 6)
    read = ["7", "7", None, None, None, None, None, None, None, "8", "8", None]

    def blind(cosine: np.ndarray) -> np.ndarray:
        return 0.5 * cosine

    assert find_splits(rows, None, blind) == []
    assert find_splits(rows, numbers(read), blind) == [6]


def test_numbers_that_come_back_or_are_read_once_do_not_cut() -> None:
    rows = _rows([0] * 9)
    back = ["7", "7", None, "8", "8", None, "7", None, None]
    once = ["7", "7", None, None, None, None, None, None, "8"]
    unsure = numbers(["7", "7", None, None, None, None, None, "8", "8"], sure=0.6)
    assert find_splits(rows, numbers(back), curve) == []
    assert find_splits(rows, numbers(once), curve) == []
    assert find_splits(rows, unsure, curve) == []


@pytest.mark.parametrize("count", [0, 1, 3])
def test_too_few_pictures_stay_whole(count: int) -> None:
    assert find_splits(_rows([0, 1, 1])[:count], None, curve) == []


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(DataError, match=r"expected \(k, d\) and \(k, 102\)"):
        find_splits(_rows([0, 0]), numbers(["7"]), curve)
