"""Fusion of several models: the published ones, weights, normalisation, own functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sameplayer.errors import RankingError, SameplayerError, SettingError
from sameplayer.evaluation import evaluate
from sameplayer.ranking import FUSIONS, combined, dissimilarity, fuse, rank, similarity
from sameplayer.ranking.fusion import NORMALISATIONS, fuse_rankings
from tests.ranking.drawn import persons


@pytest.mark.parametrize(
    ("function", "name"),
    [(similarity, "similarity"), (dissimilarity, "dissimilarity"), (combined, "both")],
)
def test_fusion_is_the_published_one(golden: Path, function: Callable, name: str) -> None:
    data = np.load(golden / "fusion.npz")
    np.testing.assert_allclose(function(data["mats"]), data[name], atol=1.1e-5)
    named = fuse(data["mats"], {"both": "combined"}.get(name, name))
    np.testing.assert_array_equal(named, function(data["mats"]))


def test_weights_and_normalisation() -> None:
    rng = np.random.default_rng(1)
    first = rng.random((4, 30))
    second = 100 * (first + 0.1 * rng.random((4, 30)))
    np.testing.assert_allclose(
        fuse([first, second], weights=[3, 1]), (3 * first + second) / 4, atol=1e-5
    )
    by_score = fuse([first, second], normalise="score")
    assert by_score.min() >= 0
    assert by_score.max() <= 1
    ranks = fuse([first], normalise="rank")
    np.testing.assert_array_equal(np.sort(ranks, axis=1)[0], np.arange(30) / 29)
    np.testing.assert_array_equal(
        fuse([first, second], normalise="rank"), fuse([first, second / 100 - 7], normalise="rank")
    )
    np.testing.assert_array_equal(fuse([first]), first)


def test_dissimilarity_weighs_a_model_more_that_agrees_less() -> None:
    rng = np.random.default_rng(2)
    same = rng.random((1, 60))
    other = rng.random((1, 60))
    fused = dissimilarity([same, same, other], top=10)
    mean = (2 * same + other) / 3
    assert np.abs(fused - other).mean() < np.abs(mean - other).mean()


def test_bad_fusions_are_refused() -> None:
    rows = np.random.default_rng(1).random((10, 20))
    with pytest.raises(RankingError, match="shapes"):
        fuse([rows, rows[:, 1:]])
    with pytest.raises(RankingError, match="runs against the others"):
        fuse([rows, 1 - rows])
    with pytest.raises(RankingError, match=r"Matrix 2.*row 3, column 4"):
        fuse([rows, np.where(np.arange(200).reshape(10, 20) == 64, np.nan, rows)])
    with pytest.raises(SettingError, match=r"weights is \[1, 2\]; expected 1 numbers"):
        fuse([rows], weights=[1, 2])
    with pytest.raises(SettingError, match="method is 'mean'; expected one of similarity"):
        fuse([rows, rows], "mean")
    with pytest.raises(SettingError, match="normalise is 'log'; expected one of none"):
        fuse([rows, rows], normalise="log")


@pytest.mark.parametrize("top", [0, -1])
def test_lists_of_no_length_never_reach_compiled_code(top: int) -> None:
    rows = np.random.default_rng(1).random((10, 20))
    for function in (dissimilarity, combined):
        with pytest.raises(SettingError, match=f"top is {top}; expected 1 or more"):
            function([rows, rows], top)
    with pytest.raises(SettingError, match="top"):
        fuse([rows, rows], "dissimilarity", top=top)


KINDS: list[Any] = [np.float16, np.float32, ">f8", np.int64, np.uint8, bool, object, complex, "U3"]


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("shape", [(10, 20), (10, 0), (0, 20), (10,), (2, 3, 4)])
def test_matrices_of_any_kind_fuse_or_are_refused_by_our_own_errors(
    kind: object, shape: tuple[int, ...]
) -> None:
    matrix = (9 * np.random.default_rng(1).random(shape)).astype(kind)  # type: ignore[call-overload]
    try:
        fused = dissimilarity([matrix, matrix])
    except SameplayerError:
        return
    assert np.dtype(kind).kind in "fiu"  # type: ignore[call-overload]
    np.testing.assert_allclose(fused, matrix.astype(float), atol=1e-5)


def test_an_own_fusion_and_normalisation_are_functions_or_entries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = np.random.default_rng(1).random((10, 20))

    def nearest(matrices: list[np.ndarray], weights: np.ndarray, top: int) -> np.ndarray:
        assert (weights == 1).all()
        return np.min(matrices, axis=0)

    models = [rows, rows + 1]
    np.testing.assert_array_equal(fuse(models, nearest), rows)  # type: ignore[arg-type]
    np.testing.assert_array_equal(fuse(models, nearest, normalise=np.negative), -1 - rows)  # type: ignore[arg-type]
    monkeypatch.setitem(FUSIONS, "nearest", nearest)
    monkeypatch.setitem(NORMALISATIONS, "half", lambda matrix: matrix / 2)
    np.testing.assert_array_equal(fuse(models, "nearest", normalise="half"), rows / 2)
    facts = fuse_rankings([rank(persons()), rank(persons())], "nearest", normalise="half").facts
    assert (facts["fusion"], facts["normalise"]) == ("nearest", "half")
    with pytest.raises(RankingError, match="returned shape"):
        fuse(models, lambda matrices, weights, top: matrices[0][:1])


def test_rankings_of_the_same_pictures_are_fused_and_others_refused() -> None:
    first, second = rank(persons(seed=1)), rank(persons(seed=2))
    fused = fuse_rankings([first, second])
    np.testing.assert_allclose(fused.distance, (first.distance + second.distance) / 2, atol=1e-5)
    assert fused.fingerprint == "encoder 1 + encoder 2"
    with pytest.raises(RankingError, match="other queries"):
        fuse_rankings([first, rank(persons(count=10))])
    with pytest.raises(RankingError, match="No rankings"):
        fuse_rankings([])
    weighted = fuse_rankings([first, second], "combined", weights=[1, 2], top=5)
    assert weighted.facts == {
        "rerank": "none",
        "fusion": "combined",
        "normalise": "none",
        "fusion top": 5,
        "fusion weights": [1, 2],
    }


def test_pairs_of_different_scopes_stay_at_infinity() -> None:
    scoped = persons()
    scoped = replace(scoped, crops=replace(scoped.crops, scope="sequence"))
    apart = fuse_rankings([rank(scoped), rank(scoped)])
    assert np.isinf(apart.distance[0, -1])
    assert evaluate(apart).mAP == evaluate(rank(scoped)).mAP
