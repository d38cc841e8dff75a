"""Re-ranking reproduces the published implementations and refuses what is no feature."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sameplayer.errors import RankingError, SettingError
from sameplayer.ranking import RERANKERS, RankConfig, hard_weights, k_reciprocal
from sameplayer.ranking.rerank.reranking import rerank


@pytest.mark.parametrize("case", ["20_6_0.3", "15_4_0.5", "20_1_0.3", "7_3_0.0"])
def test_k_reciprocal_is_the_published_one(golden: Path, case: str) -> None:
    data = np.load(golden / "rerank.npz")
    k1, k2, lambda_ = case.split("_")
    distance = k_reciprocal(data["query"], data["gallery"], int(k1), int(k2), float(lambda_))
    np.testing.assert_allclose(distance, data[f"out_{case}"], atol=1e-5)


@pytest.mark.parametrize("case", ["20_6_0.7", "20_6_0.5", "10_3_0.3"])
def test_hard_weights_is_the_published_one(golden: Path, case: str) -> None:
    data = np.load(golden / "rerank_hard.npz")
    k1, k2, lambda_ = case.split("_")
    distance = hard_weights(data["query"], data["gallery"], int(k1), int(k2), float(lambda_))
    np.testing.assert_allclose(distance, data[f"out_{case}"], atol=1e-5)


def test_the_papers_hard_weights_differ_from_the_published_code(golden: Path) -> None:
    data = np.load(golden / "rerank_hard.npz")
    faithful = hard_weights(data["query"], data["gallery"])
    paper = hard_weights(data["query"], data["gallery"], faithful=False)
    assert 0.01 < np.abs(faithful - paper).max() < 0.5
    order = np.random.default_rng(1).permutation(len(data["gallery"]))
    permuted = hard_weights(data["query"], data["gallery"][order], faithful=False)
    np.testing.assert_allclose(permuted, paper[:, order], atol=1e-5)


def test_names_and_settings_call_the_same_functions(golden: Path) -> None:
    data = np.load(golden / "rerank.npz")
    both = data["query"], data["gallery"]
    np.testing.assert_array_equal(rerank(*both), k_reciprocal(*both))
    np.testing.assert_array_equal(rerank(*both, "hard"), hard_weights(*both))
    config = RankConfig("k-reciprocal", 15, 4, 0.5)
    np.testing.assert_array_equal(rerank(*both, config), k_reciprocal(*both, 15, 4, 0.5))
    zero = RankConfig("hard", lambda_=0)
    np.testing.assert_array_equal(rerank(*both, zero), hard_weights(*both, lambda_=0))
    with pytest.raises(SettingError, match="one of none, k-reciprocal, hard"):
        rerank(*both, "harder")


@pytest.mark.parametrize("bad", [{"k1": 0}, {"k2": 0}, {"lambda_": 1.5}, {"lambda_": -0.1}])
def test_settings_out_of_range_are_refused(bad: dict[str, float]) -> None:
    rows = np.eye(4, dtype=np.float32)
    for method in (k_reciprocal, hard_weights):
        with pytest.raises(SettingError, match=next(iter(bad))):
            method(rows, rows, **bad)  # type: ignore[arg-type]


@given(st.integers(0, 5), st.integers(0, 3), st.sampled_from([np.nan, np.inf, -np.inf]))
def test_features_that_are_not_finite_are_named_by_row(row: int, column: int, bad: float) -> None:
    rows = np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)
    broken = rows.copy()
    broken[row, column] = bad
    for method in RERANKERS:
        with pytest.raises(RankingError, match=rf"gallery.*rows \[{row}\]"):
            rerank(rows, broken, method)


@pytest.mark.parametrize("method", list(RERANKERS))
def test_empty_or_misshaped_features_are_refused(method: str) -> None:
    rows = np.eye(4, dtype=np.float32)
    with pytest.raises(RankingError, match="query features have shape"):
        rerank(rows[:0], rows, method)
    with pytest.raises(RankingError, match="gallery features have shape"):
        rerank(rows, rows[0], method)
    with pytest.raises(RankingError, match="columns"):
        rerank(rows, rows[:, :3], method)


def test_reranking_keeps_the_number_of_torch_threads() -> None:
    script = "import numpy as np, torch; from sameplayer.ranking.rerank import k_reciprocal; "
    script += "k_reciprocal(np.eye(3), np.eye(3)); print(torch.get_num_threads())"
    limited = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=limited, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"
