"""The curve from similarity to probability: fitted well, honest about its prior, never infinite."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from sameplayer.encoder.calibration import Calibration, fit_calibration
from sameplayer.errors import DataError, SettingError


def drawn_pairs(count: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Similarities of matches around 0.6 and of others around 0.2, both with deviation 0.2.

    By Bayes' rule the true curve is a logistic one: slope 10, offset logit(share) - 4.
    """
    rng = np.random.default_rng(seed)
    same = rng.random(count) < share
    return rng.normal(np.where(same, 0.6, 0.2), 0.2), same


def test_the_curve_is_the_one_that_the_pairs_were_drawn_from() -> None:
    fitted = fit_calibration(*drawn_pairs(40_000, 0.05, 1))
    assert fitted.slope == pytest.approx(10, rel=0.05)
    assert fitted.offset == pytest.approx(-4, abs=0.25)
    assert fitted.same + fitted.others == 40_000
    assert fitted.probability(0.4) == pytest.approx(0.5, abs=0.02)


def test_the_fit_is_the_minimum_of_the_log_loss() -> None:
    similarities, same = drawn_pairs(500, 0.4, 2)
    fitted = fit_calibration(similarities, same, prior=0.3)
    target = np.where(same, (same.sum() + 1) / (same.sum() + 2), 1 / ((~same).sum() + 2))
    weight = np.where(same, 0.3 / same.sum(), 0.7 / (~same).sum())

    def loss(line: np.ndarray) -> float:
        score = line[0] * similarities + line[1]
        return float(weight @ (np.logaddexp(0, score) - target * score))

    best = minimize(loss, [1.0, 0.0], tol=1e-12).x
    np.testing.assert_allclose([fitted.slope, fitted.offset], best, rtol=1e-3)


@pytest.mark.parametrize("share", [0.5, 0.05, 0.005])
def test_probabilities_hold_for_other_pairs_at_the_prior_that_is_named(share: float) -> None:
    fitted = fit_calibration(*drawn_pairs(20_000, 0.2, 3))
    similarities, same = drawn_pairs(200_000, share, 4)
    said = np.array([fitted.probability(s, share) for s in similarities[:20_000]])
    assert said.mean() == pytest.approx(share, rel=0.15)
    sure = similarities > 0.4 - math.log(share / (1 - share)) / 10  # p over a half
    assert same[sure].mean() > 0.5


def test_pairs_that_a_threshold_separates_give_a_finite_curve() -> None:
    similarities = np.concatenate([np.full(30, 0.9), np.full(5_000, 0.1)])
    fitted = fit_calibration(similarities, similarities > 0.5)
    assert math.isfinite(fitted.slope)
    assert fitted.probability(0.9) > 0.95
    assert fitted.probability(0.1) < 0.05
    assert 0 <= fitted.probability(-1) < fitted.probability(1) <= 1


def test_too_few_pairs_and_an_encoder_that_knows_nothing_are_refused() -> None:
    similarities, same = drawn_pairs(100, 0.5, 5)
    with pytest.raises(DataError, match="9 pairs of one person"):
        fit_calibration(similarities, np.arange(100) < 9)
    with pytest.raises(DataError, match="no more alike"):
        fit_calibration(-similarities, same)
    with pytest.raises(SettingError, match="prior is 1"):
        fit_calibration(similarities, same, prior=1)


@pytest.mark.parametrize(
    "change", [{"slope": 0}, {"slope": math.inf}, {"offset": "a"}, {"prior": 0}, {"same": 0.5}]
)
def test_a_calibration_out_of_range_is_refused(change: dict) -> None:
    values = {"slope": 9.0, "offset": -3.0, "prior": 0.5, "same": 20, "others": 20, "data": ""}
    with pytest.raises(SettingError):
        Calibration(**(values | change))
