"""Resampling: the same means in blocks of any size, in bounded memory."""

from __future__ import annotations

import tracemalloc
from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import binomtest

from sameplayer.common import statistics
from sameplayer.common.statistics import (
    bootstrap_interval,
    cluster_bootstrap_interval,
    expected_calibration_error,
    fit_logistic,
    permutation_p_value,
    platt_targets,
    reliability_table,
    sign_flip_p_value,
    wilson_interval,
)


def both(values: np.ndarray, draws: int) -> tuple[tuple[float, float], float]:
    rng = np.random.default_rng(0)
    return bootstrap_interval(values, draws, rng), sign_flip_p_value(values, draws, rng)


@pytest.mark.parametrize("block", [1, 333, 10_000])
def test_blocks_do_not_change_the_result(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).normal(0.1, 1, 41)
    rng = np.random.default_rng(0)
    drawn = values[rng.integers(0, 41, (500, 41))].mean(axis=1)
    changed = (rng.choice((-1.0, 1.0), (500, 41)) * values).mean(axis=1)
    p_value = ((np.abs(changed) >= abs(values.mean()) - 1e-12).sum() + 1) / 501
    monkeypatch.setattr(statistics, "BLOCK", block)
    assert both(values, 500) == (tuple(np.percentile(drawn, [2.5, 97.5])), p_value)


def test_memory_does_not_grow_with_the_draws() -> None:
    values = np.random.default_rng(1).normal(size=11_600)
    tracemalloc.start()
    both(values, 600)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6 < 600 * 11_600 * 8


@pytest.mark.parametrize("block", [1, 333, 10_000])
def test_clusters_are_drawn_whole_in_blocks_of_any_size(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    values, clusters = rng.normal(size=60), np.repeat(np.arange(15), 4)
    whole = cluster_bootstrap_interval(values, clusters, 3000, np.random.default_rng(0))
    monkeypatch.setattr(statistics, "BLOCK", block)
    parts = cluster_bootstrap_interval(values, clusters, 3000, np.random.default_rng(0))
    assert parts == whole
    means = values.reshape(15, 4).mean(axis=1)
    drawn = means[rng.integers(0, 15, (3000, 15))].mean(axis=1)
    assert whole == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.05)
    alone = cluster_bootstrap_interval(np.ones(4), np.zeros(4), 10, rng)
    assert alone == (1, 1)


@pytest.mark.parametrize("block", [1, 333, 10_000])
def test_exchanged_groups_give_the_exact_share_of_exchanges(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    summed, counts = np.array([9.0, 8.0, 3.0, 2.0, 1.0, 0.5]), np.array([1, 2, 1, 1, 2, 1])
    inside = np.array([True, True, False, False, False, False])

    def gap(chosen: tuple[int, ...]) -> float:
        mask = np.isin(np.arange(6), chosen)
        first = summed[mask].sum() / counts[mask].sum()
        return abs(first - summed[~mask].sum() / counts[~mask].sum())

    gaps = [gap(pair) for pair in combinations(range(6), 2)]
    exact = np.mean([one >= gap((0, 1)) - 1e-12 for one in gaps])
    monkeypatch.setattr(statistics, "BLOCK", block)
    found = permutation_p_value(summed, counts, inside, 6000, np.random.default_rng(0))
    assert found == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize(("hits", "count"), [(0, 1), (3, 7), (7, 7), (40, 1000)])
def test_wilsons_interval_is_scipys(hits: int, count: int) -> None:
    ends = binomtest(hits, count).proportion_ci(method="wilson")
    assert wilson_interval(hits / count, count) == pytest.approx((ends.low, ends.high), abs=1e-6)


def test_a_logistic_fit_is_the_minimum_of_its_penalised_loss() -> None:
    rng = np.random.default_rng(1)
    features = np.column_stack([rng.normal(size=(200, 2)), np.ones(200)])
    positive = rng.random(200) < expit(features @ [2.0, -1.0, 0.5])
    target, weight, penalty = platt_targets(positive), rng.random(200), np.array([3.0, 1.0, 0.0])

    def loss(at: np.ndarray) -> float:
        score = features @ at
        return float(weight @ (np.logaddexp(0, score) - target * score) + penalty @ at**2 / 2)

    best = minimize(loss, np.zeros(3), tol=1e-12).x
    assert fit_logistic(features, target, weight, penalty) == pytest.approx(best, abs=1e-4)


def test_bins_of_equal_mass_hold_as_many_values_each() -> None:
    probability = np.array([0.9, 0.1, 0.2, 0.85])
    table = reliability_table(probability, probability > 0.5, bins=2, equal_mass=True)
    assert table == pytest.approx(np.array([[0.15, 0, 0.5], [0.875, 1, 0.5]]))
    error = expected_calibration_error(probability, probability > 0.5, bins=2, equal_mass=True)
    assert error == pytest.approx((0.15 + 0.125) / 2)
    assert np.isnan(expected_calibration_error(np.zeros(0), np.zeros(0)))
