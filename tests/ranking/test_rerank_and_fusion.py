"""Re-ranking and fusion reproduce the published implementations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sameplayer.errors import RankingError
from sameplayer.ranking.distance import squared_euclidean
from sameplayer.ranking.fusion import combined, dissimilarity, similarity
from sameplayer.ranking.rerank import hard_weights, k_reciprocal


@pytest.mark.parametrize("case", ["20_6_0.3", "15_4_0.5", "20_1_0.3", "7_3_0.0"])
def test_k_reciprocal_is_the_published_one(golden: Path, case: str) -> None:
    data = np.load(golden / "rerank.npz")
    k1, k2, lambda_ = case.split("_")
    found = k_reciprocal(data["query"], data["gallery"], int(k1), int(k2), float(lambda_))
    np.testing.assert_allclose(found, data[f"out_{case}"], atol=1e-5)


@pytest.mark.parametrize("case", ["20_6_0.7", "20_6_0.5", "10_3_0.3"])
def test_hard_weights_is_the_published_one(golden: Path, case: str) -> None:
    data = np.load(golden / "rerank_hard.npz")
    k1, k2, lambda_ = case.split("_")
    found = hard_weights(data["query"], data["gallery"], int(k1), int(k2), float(lambda_))
    np.testing.assert_allclose(found, data[f"out_{case}"], atol=1e-5)


def test_distances_are_the_published_ones(golden: Path) -> None:
    data = np.load(golden / "rerank.npz")
    found = squared_euclidean(data["query"], data["gallery"])
    np.testing.assert_allclose(found, data["qg"], atol=1e-5)


@pytest.mark.parametrize(
    ("fuse", "name"),
    [(similarity, "similarity"), (dissimilarity, "dissimilarity"), (combined, "both")],
)
def test_fusion_is_the_published_one(golden: Path, fuse: object, name: str) -> None:
    data = np.load(golden / "fusion.npz")
    np.testing.assert_allclose(fuse(data["mats"]), data[name], atol=1.1e-5)  # type: ignore[operator]


@pytest.mark.parametrize("bad", [{"k1": 0}, {"k2": 0}, {"lambda_": 1.5}, {"lambda_": -0.1}])
def test_settings_out_of_range_are_refused(bad: dict[str, float]) -> None:
    rows = np.eye(4, dtype=np.float32)
    for method in (k_reciprocal, hard_weights):
        with pytest.raises(RankingError):
            method(rows, rows, **bad)  # type: ignore[arg-type]


def test_nan_features_are_refused_with_their_rows() -> None:
    rows = np.eye(4, dtype=np.float32)
    rows[2, 1] = np.nan
    with pytest.raises(RankingError, match=r"rows \[2\]"):
        squared_euclidean(rows, rows)


def test_other_widths_are_refused() -> None:
    with pytest.raises(RankingError, match="columns"):
        squared_euclidean(np.eye(3), np.eye(4))
