"""The sparse re-rankings equal the plain dense ones, one query at a time as well."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import plain
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sameplayer.data.crops import Crops
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.errors import DataError, RankingError
from sameplayer.ranking.neighbours import find_neighbours
from sameplayer.ranking.prepared import PreparedGallery
from sameplayer.ranking.rerank import hard_weights, k_reciprocal

Case = tuple[np.ndarray, np.ndarray, int, int, float]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Groups of features, or many equal distances; neighbour counts beyond the gallery.

    Rounding would decide among nearly equal distances, so rows that repeat, and rows of zeros, come
    with features whose products are exact.
    """
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    m, n, width = draw(st.integers(1, 8)), draw(st.integers(1, 50)), draw(st.integers(2, 24))
    if draw(st.booleans()):
        centres = rng.normal(size=(5, width))
        rows = centres[rng.integers(5, size=m + n)] + rng.normal(size=(m + n, width))
    else:
        rows = np.zeros((m + n, width + 2))
        for row in rows:
            row[rng.choice(width + 2, 4, replace=False)] = rng.choice((-0.5, 0.5), 4)
        rows[-1] = rows[0]
        rows[(m + n) // 2] = 0
    k1, k2 = draw(st.integers(1, 60)), draw(st.integers(1, 9))
    rows = rows.astype(np.float32)
    return rows[:m], rows[m:], k1, k2, draw(st.sampled_from([0.0, 0.3, 1.0]))


def embedded(rows: np.ndarray) -> Embeddings:
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    table = pd.DataFrame({"image": [f"{number}.png" for number in range(len(rows))]})
    return Embeddings(unit.astype(np.float32), Crops(table, Path()), "none")


@settings(max_examples=60)
@given(cases())
def test_sparse_k_reciprocal_is_the_dense_one(case: Case) -> None:
    np.testing.assert_allclose(k_reciprocal(*case), plain.k_reciprocal(*case), atol=1e-5)


@settings(max_examples=60)
@given(cases())
def test_sparse_hard_weights_are_the_dense_ones(case: Case) -> None:
    found = hard_weights(*case)
    if len(case[1]) == 1:  # the published average over no neighbours is not a number
        assert np.isfinite(found).all()
    else:
        np.testing.assert_allclose(found, plain.hard_weights(*case), atol=1e-5)


@settings(max_examples=40)
@given(cases(), st.sampled_from([k_reciprocal, hard_weights]))
def test_distances_stay_within_0_and_1_and_follow_the_gallery(case: Case, method: object) -> None:
    query, gallery, *rest = case
    rng = np.random.default_rng(len(gallery))
    gallery = gallery + rng.normal(scale=1e-3, size=gallery.shape).astype(np.float32)
    found = method(query, gallery, *rest)  # type: ignore[operator]
    assert found.min() >= -1e-6
    assert found.max() <= 1 + 1e-6
    order = rng.permutation(len(gallery))
    permuted = method(query, gallery[order], *rest)  # type: ignore[operator]
    if method is k_reciprocal:  # the published hard weights depend on the order of the rows
        np.testing.assert_allclose(permuted, found[:, order], atol=1e-5)
    scaled = method(query * 7, gallery * 3, *rest)  # type: ignore[operator]
    if method is k_reciprocal:
        np.testing.assert_allclose(scaled, found, atol=1e-4)


@settings(max_examples=40)
@given(cases())
def test_a_prepared_gallery_answers_as_if_the_query_were_the_only_one(case: Case) -> None:
    query, gallery, *rest = case
    # Of rows at exactly equal distance, rounding decides who is nearer: keep them apart.
    rng = np.random.default_rng(len(gallery))
    gallery = gallery + rng.normal(scale=1e-2, size=gallery.shape).astype(np.float32)
    found = PreparedGallery(embedded(gallery), *rest).distances(query)
    alone = [plain.k_reciprocal(one[None], gallery, *rest)[0] for one in query]
    np.testing.assert_allclose(found, np.stack(alone), atol=1e-5)


@pytest.mark.parametrize("case", ["20_6_0.3", "15_4_0.5", "20_1_0.3", "7_3_0.0"])
def test_prepared_gallery_on_the_golden_queries(golden: Path, case: str) -> None:
    data = np.load(golden / "rerank.npz")
    k1, k2, lambda_ = case.split("_")
    setting = int(k1), int(k2), float(lambda_)
    found = PreparedGallery(embedded(data["gallery"]), *setting).distances(data["query"])
    alone = [plain.k_reciprocal(one[None], data["gallery"], *setting)[0] for one in data["query"]]
    np.testing.assert_allclose(found, np.stack(alone), atol=1e-5)


def test_prepared_gallery_is_saved_and_refuses_other_embeddings(
    golden: Path, tmp_path: Path
) -> None:
    data = np.load(golden / "rerank.npz")
    gallery = embedded(data["gallery"])
    prepared = PreparedGallery(gallery, 15, 4, 0.5)
    prepared.save(tmp_path / "gallery.prepared")
    again = PreparedGallery.load(tmp_path / "gallery.prepared", gallery)
    np.testing.assert_array_equal(again.distances(data["query"]), prepared.distances(data["query"]))
    with pytest.raises(RankingError, match="prepare the gallery again"):
        PreparedGallery.load(tmp_path / "gallery.prepared", embedded(data["query"]))
    (tmp_path / "other").write_bytes(b"nothing")
    with pytest.raises(DataError, match="not a prepared gallery"):
        PreparedGallery.load(tmp_path / "other", gallery)
    with pytest.raises(RankingError, match="columns"):
        prepared.distances(np.ones((1, 3), np.float32))


def test_small_blocks_and_torch_find_the_same_neighbours(golden: Path) -> None:
    data = np.load(golden / "rerank.npz")
    for method in (k_reciprocal, hard_weights):
        whole = method(data["query"], data["gallery"])
        small = method(data["query"], data["gallery"], memory_gb=1e-5)
        np.testing.assert_allclose(small, whole, atol=1e-5)
        torch_cpu = method(data["query"], data["gallery"], device="cpu:0")
        np.testing.assert_allclose(torch_cpu, whole, atol=1e-5)


def test_memory_and_progress_are_obeyed(golden: Path) -> None:
    data = np.load(golden / "rerank.npz")
    told: list[tuple[int, int]] = []
    find_neighbours(
        data["query"],
        data["gallery"],
        5,
        memory_gb=100 * 360 * 4 / 1e9,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(100, 360), (200, 360), (300, 360), (360, 360)]


def test_the_papers_hard_weights_differ_from_the_published_code(golden: Path) -> None:
    data = np.load(golden / "rerank_hard.npz")
    faithful = hard_weights(data["query"], data["gallery"])
    paper = hard_weights(data["query"], data["gallery"], faithful=False)
    assert 0.01 < np.abs(faithful - paper).max() < 0.5
    order = np.random.default_rng(1).permutation(len(data["gallery"]))
    permuted = hard_weights(data["query"], data["gallery"][order], faithful=False)
    np.testing.assert_allclose(permuted, paper[:, order], atol=1e-5)


def test_reranking_keeps_the_number_of_torch_threads() -> None:
    script = "import numpy as np, torch; from sameplayer.ranking.rerank import k_reciprocal; "
    script += "k_reciprocal(np.eye(3), np.eye(3)); print(torch.get_num_threads())"
    limited = {**os.environ, "OMP_NUM_THREADS": "1"}
    said = subprocess.run(
        [sys.executable, "-c", script], env=limited, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "1"
