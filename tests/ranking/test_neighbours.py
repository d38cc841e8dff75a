"""Neighbour lists: in blocks of any size, on torch, by a graph index."""

from __future__ import annotations

from pathlib import Path

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sameplayer.errors import SettingError
from sameplayer.ranking import hard_weights, k_reciprocal
from sameplayer.ranking.config import NeighbourSearch
from sameplayer.ranking.neighbours.search import find_neighbours
from tests.ranking.drawn import persons, unit


def test_lists_are_those_of_all_distances_sorted() -> None:
    rng = np.random.default_rng(1)
    query, gallery = rng.normal(size=(5, 8)), rng.normal(size=(40, 8))
    rows = unit(np.concatenate([query, gallery]))
    squared = ((rows[:, None] - rows[None]) ** 2).sum(axis=2)
    both = find_neighbours(query, gallery, 7, own=6)
    np.testing.assert_array_equal(both.all.lists, np.argsort(squared, 1, kind="stable")[:, :7])
    np.testing.assert_allclose(both.direct, squared[:5, 5:], atol=1e-5)
    within = np.argsort(squared[5:, 5:], 1, kind="stable")[:, :6]
    np.testing.assert_array_equal(both.own, within)
    twice = squared**2
    relative = find_neighbours(query, gallery, 7)
    np.testing.assert_array_equal(relative.all.lists, both.all.lists)
    np.testing.assert_allclose(relative.all.farthest, twice.max(axis=1), rtol=1e-4)
    divided = twice / twice.max(axis=1, keepdims=True)
    np.testing.assert_allclose(relative.direct, divided[:5, 5:], atol=1e-5)
    alone = find_neighbours(None, gallery, 7)
    np.testing.assert_allclose(alone.all.values, np.sort(twice[5:, 5:], 1)[:, :7], atol=1e-5)


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 2))
def test_of_equal_distances_the_lower_number_is_first_in_tiles_of_any_size(
    seed: int, side: int, threads: int
) -> None:
    rng = np.random.default_rng(seed)
    m, total = int(rng.integers(1, 9)), int(rng.integers(10, 60))
    rows = rng.choice((-0.5, 0.5), (total, 4)).astype(np.float32)  # products are exact
    rows[rng.random(total) < 0.1] = 0
    squared = ((rows[:, None] - rows[None]) ** 2).sum(axis=2)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(min(threads, before))
        search = NeighbourSearch(memory_gb=4 * side**2 / 1e9)
        both = find_neighbours(rows[:m], rows[m:], 7, search, own=6)
    finally:
        numba.set_num_threads(before)
    np.testing.assert_array_equal(both.all.lists, np.argsort(squared, 1, kind="stable")[:, :7])
    within = np.argsort(squared[m:, m:], 1, kind="stable")[:, :6]
    np.testing.assert_array_equal(both.own, within)
    np.testing.assert_array_equal(both.direct, squared[:m, m:])
    np.testing.assert_array_equal(both.all.farthest, squared.max(axis=1))


def test_small_blocks_and_torch_find_the_same_neighbours(golden: Path) -> None:
    data = np.load(golden / "rerank.npz")
    for method in (k_reciprocal, hard_weights):
        whole = method(data["query"], data["gallery"])
        small = method(data["query"], data["gallery"], search=NeighbourSearch(memory_gb=1e-5))
        np.testing.assert_allclose(small, whole, atol=1e-5)
        torch_cpu = method(data["query"], data["gallery"], search=NeighbourSearch(device="cpu:0"))
        np.testing.assert_allclose(torch_cpu, whole, atol=1e-5)


def test_a_device_that_is_none_is_refused() -> None:
    with pytest.raises(SettingError, match="device is gpu"):
        k_reciprocal(np.eye(3), np.eye(3), search=NeighbourSearch(device="gpu"))


def test_memory_and_progress_are_obeyed(golden: Path) -> None:
    data = np.load(golden / "rerank.npz")
    told: list[tuple[int, int]] = []
    search = NeighbourSearch(memory_gb=100 * 100 * 4 / 1e9)
    find_neighbours(
        data["query"], data["gallery"], 5, search, progress=lambda *step: told.append(step)
    )
    assert told == [(100, 360), (200, 360), (300, 360), (360, 360)]


def test_approximate_neighbours_lose_little() -> None:
    pytest.importorskip("faiss")
    rows = persons(count=60, pictures=20)
    query, gallery = rows.vectors[::20], np.delete(rows.vectors, np.s_[::20], axis=0)
    search = NeighbourSearch(approximate=True, effort=200)
    for method in (k_reciprocal, hard_weights):
        exact, rough = method(query, gallery), method(query, gallery, search=search)
        agree = np.argsort(exact, 1)[:, :10] == np.argsort(rough, 1)[:, :10]
        assert agree.mean() > 0.95
