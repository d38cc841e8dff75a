"""Fusing models, and using many pictures of one person."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sameplayer.data.crops import Crops
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.errors import ConfigError, DataError, RankingError
from sameplayer.evaluation.scores import compare, evaluate
from sameplayer.evaluation.submission import (
    fuse_submissions,
    read_submission,
    write_distances,
    write_submission,
)
from sameplayer.ranking.expansion import augment_gallery, expand_queries, multi_query, pool_tracks
from sameplayer.ranking.fusion import dissimilarity, fuse, fuse_rankings
from sameplayer.ranking.prepared import rank_one_by_one
from sameplayer.ranking.ranking import rank
from sameplayer.ranking.rerank import k_reciprocal


def persons(count: int = 12, pictures: int = 5, noise: float = 1.2, seed: int = 1) -> Embeddings:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(count, 16))
    rows = np.repeat(centres, pictures, axis=0)
    rows = rows + noise * rng.normal(size=rows.shape)
    unit = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    table = pd.DataFrame(
        {
            "image": [f"{number}.png" for number in range(len(rows))],
            "person": np.repeat([str(p) for p in range(count)], pictures),
            "role": ["query", *["gallery"] * (pictures - 1)] * count,
            "sequence": np.repeat([str(p // 4) for p in range(count)], pictures),
        }
    )
    return Embeddings(unit, Crops(table, Path()), f"encoder {seed}")


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
        fuse([first, second], normalise="rank"),
        fuse([first, second / 100 - 7], normalise="rank"),
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
    with pytest.raises(ConfigError, match="2 weights"):
        fuse([rows], weights=[1, 2])
    with pytest.raises(ConfigError, match="unknown"):
        fuse([rows, rows], "mean")
    with pytest.raises(ConfigError, match="unknown"):
        fuse([rows, rows], normalise="log")
    with pytest.raises(RankingError, match=r"Matrix 2.*row 3, column 4"):
        fuse([rows, np.where(np.arange(200).reshape(10, 20) == 64, np.nan, rows)])


def test_rankings_of_the_same_pictures_are_fused_and_others_refused() -> None:
    first, second = rank(persons(seed=1)), rank(persons(seed=2))
    fused = fuse_rankings([first, second])
    np.testing.assert_allclose(fused.distance, (first.distance + second.distance) / 2, atol=1e-5)
    assert fused.fingerprint == "encoder 1 + encoder 2"
    with pytest.raises(RankingError, match="other queries"):
        fuse_rankings([first, rank(persons(count=10))])
    scoped = persons()
    scoped = replace(scoped, crops=replace(scoped.crops, scope="sequence"))
    apart = fuse_rankings([rank(scoped), rank(scoped)])
    assert np.isinf(apart.distance[0, -1])
    assert evaluate(apart).mAP == evaluate(rank(scoped)).mAP


def test_submission_files_are_fused_by_equal_ids_only(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).random((2, 3))
    write_submission(tmp_path / "a.csv", rows, np.array([1, 2]), np.array([7, 8, 9]))
    write_submission(tmp_path / "b.csv", rows + 1, np.array([1, 2]), np.array([7, 8, 9]))
    write_submission(tmp_path / "c.csv", rows, np.array([1, 2]), np.array([7, 9, 8]))
    fused, queries, gallery = fuse_submissions([tmp_path / "a.csv", tmp_path / "b.csv"])
    np.testing.assert_allclose(fused, rows + 0.5, atol=2e-5)
    assert (queries.tolist(), gallery.tolist()) == ([1, 2], [7, 8, 9])
    with pytest.raises(DataError, match=r"c\.csv: its gallery ids"):
        fuse_submissions([tmp_path / "a.csv", tmp_path / "c.csv"])
    with pytest.raises(RankingError, match="expected integers"):
        write_submission(tmp_path / "d.csv", rows, np.array(["x", "y"]), np.array([7, 8, 9]))
    write_distances(tmp_path / "rows.csv", rank(persons()))
    assert read_submission(tmp_path / "rows.csv")[1].tolist() == list(range(12))


def test_expansion_raises_map_of_noisy_pictures() -> None:
    noisy = persons(count=40, pictures=8, noise=0.8)
    plain = evaluate(rank(noisy))
    expanded = evaluate(rank(expand_queries(noisy, 3, alpha=3)))
    both = evaluate(rank(augment_gallery(expand_queries(noisy, 3, alpha=3), 3, alpha=3)))
    assert expanded.mAP > plain.mAP
    assert both.mAP > expanded.mAP
    assert compare(plain, both).p_value < 0.05


def test_average_expansion_is_the_mean_of_query_and_neighbours() -> None:
    rows = persons()
    made = expand_queries(rows, 2).vectors[0]
    gallery = np.flatnonzero(rows.crops.table["role"] == "gallery")
    near = gallery[np.argsort(-rows.vectors[gallery] @ rows.vectors[0])[:2]]
    mean = rows.vectors[[0, *near]].mean(axis=0)
    np.testing.assert_allclose(made, mean / np.linalg.norm(mean), atol=1e-6)
    with pytest.raises(RankingError, match="k is 0"):
        expand_queries(rows, 0)


def test_expansion_stays_within_the_identity_scope() -> None:
    rows = persons()
    scoped = replace(rows, crops=replace(rows.crops, scope="sequence"))
    alone = scoped.where(np.flatnonzero(rows.crops.table["sequence"] == "0"))
    np.testing.assert_allclose(
        expand_queries(scoped, 4).vectors[: len(alone)], expand_queries(alone, 4).vectors, atol=1e-6
    )


def test_tracks_are_pooled_to_unit_rows() -> None:
    rows = persons()
    pooled = pool_tracks(rows, ("person", "role"))
    assert len(pooled) == 24
    np.testing.assert_allclose(np.linalg.norm(pooled.vectors, axis=1), 1, atol=1e-6)
    heavy = np.ones(len(rows))
    heavy[3] = 1e9
    weighted = pool_tracks(rows, ("person", "role"), heavy)
    np.testing.assert_allclose(weighted.vectors[1], rows.vectors[3], atol=1e-6)
    assert weighted.crops.table["image"].iat[1] == "3.png"
    with pytest.raises(RankingError, match="No column 'track'"):
        pool_tracks(rows, ("track",))
    with pytest.raises(RankingError, match="60 weights"):
        pool_tracks(rows, weights=np.zeros(60))


def test_queries_of_one_person_become_one_row() -> None:
    rows = persons(pictures=6)
    table = rows.crops.table.copy()
    table["role"] = ["query", "query", *["gallery"] * 4] * 12
    ranking = rank(replace(rows, crops=replace(rows.crops, table=table)))
    for how, reduce in (("mean", np.mean), ("min", np.min)):
        merged = multi_query(ranking, how=how)
        assert merged.distance.shape == (12, 48)
        np.testing.assert_allclose(merged.distance[0], reduce(ranking.distance[:2], axis=0))
    with pytest.raises(RankingError, match="mean or min"):
        multi_query(ranking, how="max")


def test_one_by_one_and_jointly_agree_for_one_query() -> None:
    rows = persons()
    keep = (rows.crops.table["role"] != "query") | (rows.crops.table["person"] == "3")
    one = rows.where(np.flatnonzero(keep))
    alone = rank_one_by_one(one, k1=8, k2=3, lambda_=0.3)
    joint = rank(one, rerank="k-reciprocal", k1=8, k2=3, lambda_=0.3)
    np.testing.assert_allclose(alone.distance, joint.distance, atol=1e-5)
    scoped = replace(rows, crops=replace(rows.crops, scope="sequence"))
    with pytest.raises(RankingError, match="one set"):
        rank_one_by_one(scoped)


@given(st.integers(0, 1000))
def test_comparison_of_a_ranking_with_itself_finds_no_difference(seed: int) -> None:
    scores = evaluate(rank(persons(seed=seed)))
    same = compare(scores, scores, draws=200)
    assert same.difference == 0
    assert same.p_value == 1


def test_comparison_needs_the_same_queries() -> None:
    with pytest.raises(RankingError, match="not of the same queries"):
        compare(evaluate(rank(persons())), evaluate(rank(persons(count=9))))


def test_similarities_by_mistake_are_refused() -> None:
    ranking = rank(persons(noise=0.2))
    with pytest.raises(RankingError, match="seem to be similarities"):
        evaluate(replace(ranking, distance=1 - ranking.distance))


def test_approximate_neighbours_lose_little() -> None:
    rows = persons(count=60, pictures=20)
    query, gallery = rows.vectors[::20], np.delete(rows.vectors, np.s_[::20], axis=0)
    exact = k_reciprocal(query, gallery)
    rough = k_reciprocal(query, gallery, approximate=True, effort=200)
    agree = np.argsort(exact, 1)[:, :10] == np.argsort(rough, 1)[:, :10]
    assert agree.mean() > 0.95


def test_memory_must_be_over_0() -> None:
    with pytest.raises(RankingError, match="--memory"):
        k_reciprocal(np.eye(3), np.eye(3), memory_gb=0)
