"""Resampling: the same means in blocks of any size, in bounded memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from sameplayer.evaluation import resampling
from sameplayer.evaluation.resampling import bootstrap_interval, sign_change_p_value


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
