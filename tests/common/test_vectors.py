"""Mean directions: of length 1, by group, by weight, zeros where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from sameplayer.common.vectors import unit_mean, unit_means


def test_means_of_groups_are_the_means_of_their_rows() -> None:
    rows = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    group = np.random.default_rng(1).integers(0, 3, 20)
    means = unit_means(rows, group, 4)
    for code in range(3):
        np.testing.assert_allclose(means[code], unit_mean(rows[group == code]), rtol=1e-6)
    assert means.dtype == np.float32
    assert means[3].tolist() == [0, 0, 0, 0]
    assert np.linalg.norm(means[:3], axis=1) == pytest.approx(1)


def test_weights_turn_the_mean_and_opposite_rows_cancel() -> None:
    rows = np.eye(2, dtype=np.float32)
    mean = unit_means(rows, np.array([0, 0]), 1, np.array([3.0, 4.0]))
    assert mean == pytest.approx(np.array([[0.6, 0.8]]))
    assert unit_mean(np.array([[1.0, 0], [-1, 0]])).tolist() == [0, 0]
