"""Cllr, log loss, Brier and calibration error against hand-computed cases and definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sameplayer.common.statistics import expected_calibration_error, reliability_table
from sameplayer.errors import RankingError
from sameplayer.evaluation.open_set.calibration_metrics import bias, brier, cllr, log_loss, min_cllr

RATIOS = st.lists(st.integers(-40, 40).map(lambda tenths: tenths / 10), min_size=1, max_size=12)


def test_cllr_by_hand() -> None:
    assert cllr(np.zeros(3), np.zeros(5)) == pytest.approx(1)  # a ratio of 1 says nothing
    assert cllr(np.full(2, 50.0), np.full(2, -50.0)) == pytest.approx(0, abs=1e-9)
    found = cllr(np.log([3.0]), np.log([1.0, 1 / 3]))
    assert found == pytest.approx((math.log2(4 / 3) + (1 + math.log2(4 / 3)) / 2) / 2)


@given(RATIOS, RATIOS)
def test_cllr_is_its_definition(same: list[float], others: list[float]) -> None:
    genuine = sum(math.log2(1 + 1 / math.exp(ratio)) for ratio in same) / len(same)
    impostor = sum(math.log2(1 + math.exp(ratio)) for ratio in others) / len(others)
    assert cllr(np.array(same), np.array(others)) == pytest.approx((genuine + impostor) / 2)


@given(RATIOS, RATIOS)
def test_no_rising_map_does_better_than_min_cllr(same: list[float], others: list[float]) -> None:
    genuine, impostor = np.array(same), np.array(others)
    least = min_cllr(genuine, impostor)
    assert -1e-9 <= least <= 1 + 1e-9
    for scale, shift in ((1, 0), (0.5, 1), (3, -2), (10, 0.3)):
        assert least <= cllr(scale * genuine + shift, scale * impostor + shift) + 1e-9
    assert min_cllr(7 * genuine + 1, 7 * impostor + 1) == pytest.approx(least)  # order alone


def test_min_cllr_by_hand() -> None:
    assert min_cllr(np.array([1.0, 2.0]), np.array([-1.0, 0.0])) == pytest.approx(0)
    assert min_cllr(np.array([-1.0]), np.array([1.0])) == pytest.approx(1)
    # One of two others lies above the first of two: pooled, half of that weight is right.
    found = min_cllr(np.array([0.0, 2.0]), np.array([-1.0, 1.0]))
    assert found == pytest.approx(0.5 * (0.5 * 1 + 0.5 * 1))


def test_weights_count_as_copies_do() -> None:
    rng = np.random.default_rng(0)
    stated, right = rng.random(20), rng.random(20) < 0.5
    times = rng.integers(1, 4, 20)
    copies = np.repeat(stated, times), np.repeat(right, times)
    for score in (log_loss, brier, bias, expected_calibration_error):
        assert score(stated, right, times) == pytest.approx(score(*copies))
    same, others = stated[:9], stated[9:]
    copied = np.repeat(same, times[:9]), np.repeat(others, times[9:])
    for cost in (cllr, min_cllr):
        weighed = cost(same, others, times[:9], times[9:])
        assert weighed == pytest.approx(cost(*copied))


def test_scores_of_probabilities_by_hand() -> None:
    stated, right = np.array([0.8, 0.8, 0.3]), np.array([True, False, False])
    loss = -(math.log(0.8) + math.log(0.2) + math.log(0.7)) / 3
    assert log_loss(stated, right) == pytest.approx(loss)
    assert brier(stated, right) == pytest.approx((0.04 + 0.64 + 0.09) / 3)
    assert bias(stated, right) == pytest.approx(1.9 / 3 - 1 / 3)
    assert reliability_table(stated, right).tolist() == pytest.approx(
        np.array([[0.3, 0, 1 / 3], [0.8, 0.5, 2 / 3]])
    )
    assert expected_calibration_error(stated, right) == pytest.approx(0.3 / 3 + 0.3 * 2 / 3)


def test_a_certainty_that_was_wrong_costs_much_and_no_infinity() -> None:
    assert 20 < log_loss(np.array([1.0]), np.array([False])) < 21
    assert log_loss(np.array([1.0]), np.array([True])) < 1e-8


def test_a_side_without_pairs_is_refused() -> None:
    for cost in (cllr, min_cllr):
        with pytest.raises(RankingError, match="0 ratios of one person and 1 of two"):
            cost(np.zeros(0), np.zeros(1))
