"""The compiled sparse re-rankings equal the plain dense ones."""

from __future__ import annotations

import numpy as np
import plain
import pytest
from hypothesis import given, settings

import sameplayer.ranking.rerank.sparse_gpu as sparse_on_device
from sameplayer.ranking import hard_weights, k_reciprocal
from sameplayer.ranking.config import NeighbourSearch
from sameplayer.ranking.kernels import Sparse
from sameplayer.ranking.kernels.neighbours import smallest_columns
from sameplayer.ranking.kernels.sparse import LANES, mean_rows, squared_distance, transpose
from tests.ranking.drawn import Case, cases, shaken


@settings(max_examples=60)
@given(cases())
def test_sparse_k_reciprocal_is_the_dense_one(case: Case) -> None:
    np.testing.assert_allclose(k_reciprocal(*case), plain.k_reciprocal(*case), atol=1e-5)


@settings(max_examples=20)
@given(cases())
def test_torch_finds_the_same_sets_weights_and_distances(case: Case) -> None:
    query, gallery, *rest = shaken(case)
    torch_cpu = k_reciprocal(query, gallery, *rest, search=NeighbourSearch(device="cpu:0"))
    np.testing.assert_allclose(torch_cpu, k_reciprocal(query, gallery, *rest), atol=1e-5)


def test_torch_takes_many_rows_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.repeat(np.random.default_rng(1).normal(size=(30, 16)), 10, axis=0)
    rows += np.random.default_rng(2).normal(size=rows.shape)
    both = rows[::10].astype(np.float32), np.delete(rows, np.s_[::10], axis=0).astype(np.float32)
    whole = k_reciprocal(*both)
    for terms in (1000, 100_000):
        monkeypatch.setattr(sparse_on_device, "_TERMS", terms)
        steps = k_reciprocal(*both, search=NeighbourSearch(device="cpu:0"))
        np.testing.assert_allclose(steps, whole, atol=1e-5)


@settings(max_examples=60)
@given(cases())
def test_sparse_hard_weights_are_the_dense_ones(case: Case) -> None:
    distance = hard_weights(*case)
    if len(case[1]) == 1:  # the published average over no neighbours is not a number
        assert np.isfinite(distance).all()
    else:
        np.testing.assert_allclose(distance, plain.hard_weights(*case), atol=1e-5)


@settings(max_examples=40)
@given(cases())
def test_distances_stay_within_0_and_1_and_scale_does_not_matter(case: Case) -> None:
    query, gallery, *rest = shaken(case)
    for method in (k_reciprocal, hard_weights):
        distance = method(query, gallery, *rest)
        assert distance.min() >= -1e-6
        assert distance.max() <= 1 + 1e-6
        # A power of two changes no digit of a feature, so no neighbour either.
        np.testing.assert_array_equal(method(query * 8, gallery / 4, *rest), distance)


@settings(max_examples=40)
@given(cases())
def test_k_reciprocal_follows_the_order_of_the_gallery(case: Case) -> None:
    query, gallery, *rest = shaken(case)
    order = np.random.default_rng(1).permutation(len(gallery))
    permuted = k_reciprocal(query, gallery[order], *rest)
    np.testing.assert_allclose(permuted, k_reciprocal(query, gallery, *rest)[:, order], atol=1e-5)


@settings(max_examples=40)
@given(cases())
def test_hard_weights_follow_the_order_of_the_gallery_where_nothing_is_averaged(case: Case) -> None:
    # Averaging in place, as published, meets the rows in the order of the gallery.
    query, gallery, k1, _, lambda_ = shaken(case)
    order = np.random.default_rng(1).permutation(len(gallery))
    whole = hard_weights(query, gallery, k1, 1, lambda_)
    permuted = hard_weights(query, gallery[order], k1, 1, lambda_)
    np.testing.assert_allclose(permuted, whole[:, order], atol=1e-5)


def test_hard_weights_averaged_in_place_depend_on_the_order_of_the_gallery() -> None:
    rows = np.random.default_rng(2).normal(size=(60, 8)).astype(np.float32)
    order = np.random.default_rng(1).permutation(55)
    whole, permuted = hard_weights(rows[:5], rows[5:]), hard_weights(rows[:5], rows[5:][order])
    assert np.abs(permuted - whole[:, order]).max() > 1e-3


@pytest.mark.parametrize("width", [1, 31, 32, 100, 1024])
def test_sums_are_taken_in_one_order_however_the_loop_is_compiled(width: int) -> None:
    rows = np.random.default_rng(width).normal(size=(2, width)).astype(np.float32)
    lengths, scratch = np.zeros(2, np.float32), np.empty(LANES, np.float32)
    lanes, whole = np.zeros(LANES, np.float32), width - width % LANES
    product = -rows[0] * rows[1]
    for start in range(0, whole, LANES):
        lanes += product[start : start + LANES]
    total = np.float32(0)
    for part in (*lanes, *product[whole:]):
        total += part
    negated = np.stack([-rows[0], rows[1]])
    assert squared_distance(negated, lengths, 0, negated, lengths, 1, scratch) == max(
        -2 * total, np.float32(0)
    )
    assert squared_distance(rows, lengths, 0, rows, lengths, 1, scratch) == max(
        2 * total, np.float32(0)
    )


def test_smallest_columns_are_those_of_a_stable_sort() -> None:
    matrix = np.random.default_rng(1).integers(0, 5, (6, 30)).astype(np.float32)
    for count in (1, 7, 30):
        expected = np.argsort(matrix, axis=1, kind="stable")[:, :count]
        np.testing.assert_array_equal(smallest_columns(matrix, count), expected)


def test_sparse_rows_are_averaged_and_transposed_as_dense_ones() -> None:
    rng = np.random.default_rng(1)
    dense = np.where(rng.random((9, 9)) < 0.4, rng.random((9, 9)), 0).astype(np.float32)
    starts = np.concatenate([[0], np.cumsum((dense > 0).sum(axis=1))])
    sparse = Sparse(starts, np.nonzero(dense)[1].astype(np.int32), dense[dense > 0])
    lists = np.argsort(rng.random((9, 9)), axis=1).astype(np.int32)
    mean = mean_rows(lists, 4, sparse, 3)
    expected = np.stack([dense[lists[i, :4]].mean(axis=0) for i in range(9)])
    np.testing.assert_allclose(whole(mean, 9), expected, atol=1e-6)
    np.testing.assert_array_equal(whole(transpose(sparse, 2, 9), 7), dense[2:].T)


def whole(sparse: Sparse, width: int) -> np.ndarray:
    dense = np.zeros((len(sparse.starts) - 1, width), np.float32)
    rows = np.repeat(np.arange(len(dense)), np.diff(sparse.starts))
    dense[rows, sparse.columns] = sparse.weights
    return dense
