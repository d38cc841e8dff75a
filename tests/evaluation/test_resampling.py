"""Resampling: the same means in blocks of any size, in bounded memory."""

from __future__ import annotations

import tracemalloc
from itertools import combinations

import numpy as np
import pytest

from sameplayer.evaluation import resampling
from sameplayer.evaluation.resampling import (
    bootstrap_interval,
    clustered_interval,
    permuted_p_value,
    sign_change_p_value,
)


def both(values: np.ndarray, draws: int) -> tuple[tuple[float, float], float]:
    rng = np.random.default_rng(0)
    return bootstrap_interval(values, draws, rng), sign_change_p_value(values, draws, rng)


@pytest.mark.parametrize("block", [1, 333, 10_000])
def test_blocks_do_not_change_the_result(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).normal(0.1, 1, 41)
    rng = np.random.default_rng(0)
    drawn = values[rng.integers(0, 41, (500, 41))].mean(axis=1)
    changed = (rng.choice((-1.0, 1.0), (500, 41)) * values).mean(axis=1)
    p_value = ((np.abs(changed) >= abs(values.mean()) - 1e-12).sum() + 1) / 501
    monkeypatch.setattr(resampling, "BLOCK", block)
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
    whole = clustered_interval(values, clusters, 3000, np.random.default_rng(0))
    monkeypatch.setattr(resampling, "BLOCK", block)
    parts = clustered_interval(values, clusters, 3000, np.random.default_rng(0))
    assert parts == whole
    means = values.reshape(15, 4).mean(axis=1)
    drawn = means[rng.integers(0, 15, (3000, 15))].mean(axis=1)
    assert whole == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.05)
    alone = clustered_interval(np.ones(4), np.zeros(4), 10, rng)
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
    monkeypatch.setattr(resampling, "BLOCK", block)
    found = permuted_p_value(summed, counts, inside, 6000, np.random.default_rng(0))
    assert found == pytest.approx(exact, abs=0.02)
