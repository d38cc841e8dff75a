"""Distances of unit rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sameplayer.errors import RankingError
from sameplayer.ranking import squared_euclidean


def test_distances_are_the_published_ones(golden: Path) -> None:
    data = np.load(golden / "rerank.npz")
    distance = squared_euclidean(data["query"], data["gallery"])
    np.testing.assert_allclose(distance, data["qg"], atol=1e-5)
    blocks = squared_euclidean(data["query"], data["gallery"], memory_gb=1e-6)
    np.testing.assert_allclose(blocks, distance, atol=1e-6)


def test_nan_features_are_refused_with_their_rows() -> None:
    rows = np.eye(4, dtype=np.float32)
    rows[2, 1] = np.nan
    with pytest.raises(RankingError, match=r"rows \[2\]"):
        squared_euclidean(rows, rows)


def test_features_whose_length_overflows_are_refused_instead_of_becoming_zeros() -> None:
    rows = np.eye(4, dtype=np.float32)
    rows[1] *= 1e30
    with pytest.raises(RankingError, match="row 1 are too large"):
        squared_euclidean(rows, rows)


@pytest.mark.parametrize("bad", [np.eye(4), [["a", "b"], ["c", "d"]], [[1, 2], [3]]])
def test_what_does_not_fit_or_is_no_number_is_refused(bad: object) -> None:
    with pytest.raises(RankingError, match=r"columns|no array of numbers"):
        squared_euclidean(np.eye(3), bad)  # type: ignore[arg-type]
