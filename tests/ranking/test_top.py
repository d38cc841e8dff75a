"""The top M of a re-ranking is that of the dense one, for every M, however the rows are cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sameplayer.errors import RankingError, SettingError
from sameplayer.ranking.config import TopConfig
from sameplayer.ranking.rerank import blocks, top
from sameplayer.ranking.rerank.reranking import k_reciprocal
from sameplayer.ranking.rerank.top import k_reciprocal_top
from tests.ranking.drawn import persons


def exact_rows(seed: int, count: int, width: int = 8) -> np.ndarray:
    """Unit rows of four halves: sums and products are exact, and many distances are equal."""
    rng = np.random.default_rng(seed)
    rows = np.zeros((count, width), np.float32)
    for row in rows:
        row[rng.permutation(width)[:4]] = rng.choice([-0.5, 0.5], 4)
    return rows


def dense(rows: np.ndarray, m: int, **settings: float) -> np.ndarray:
    """Return (ids, distances) of all gallery rows, sorted as the top M is."""
    query, gallery = rows[:m], rows[m:]
    distance = k_reciprocal(query, gallery, **settings)
    direct = np.maximum(2 - 2 * query @ gallery.T, 0) ** 2
    number = np.broadcast_to(np.arange(len(gallery)), distance.shape)
    order = np.lexsort((number, direct, distance), axis=1)
    return order + m, np.take_along_axis(distance, order, 1)  # type: ignore[return-value]


@settings(max_examples=40)
@given(
    st.integers(0, 10**6),
    st.integers(1, 12),
    st.integers(2, 60),
    st.integers(1, 80),
    st.sampled_from([(20, 6, 0.3), (4, 3, 0.5), (7, 1, 0.0), (1, 1, 1.0), (50, 60, 0.3)]),
    st.sampled_from([3, 7, 512]),
)
def test_it_is_the_dense_answer_for_every_m_and_every_cut(
    seed: int, m: int, n: int, most: int, values: tuple[int, int, float], tile: int
) -> None:
    rows = exact_rows(seed, m + n)
    asked = np.arange(m + n) < m
    with pytest.MonkeyPatch.context() as patch:
        for module in (blocks, top):
            patch.setattr(module, "TILE", tile)
        ids, distances = k_reciprocal_top(
            rows, TopConfig(*values, top=most), asked=asked, offered=~asked
        )
    order, sorted_ = dense(rows, m, **dict(zip(("k1", "k2", "lambda_"), values, strict=True)))
    kept = min(most, n)
    np.testing.assert_array_equal(ids[:, :kept], order[:, :kept])
    np.testing.assert_array_equal(distances[:, :kept], sorted_[:, :kept])
    assert (ids[:, kept:] == -1).all()
    assert np.isinf(distances[:, kept:]).all()


def test_every_row_a_query() -> None:
    rows = persons(30, 5).vectors
    ids, distances = k_reciprocal_top(rows, TopConfig(top=160))
    assert ids.shape == (150, 160)
    assert (ids[:, 149:] == -1).all()
    for row in (0, 7, 149):
        others = np.delete(np.arange(150), row)
        expected = k_reciprocal(rows[[row]], rows[others])[0]
        np.testing.assert_allclose(distances[row, :149], np.sort(expected), atol=1e-6)
        places = np.searchsorted(others, ids[row, :149])
        np.testing.assert_array_equal(others[places], ids[row, :149])  # itself is not among them
        np.testing.assert_allclose(expected[places], distances[row, :149], atol=1e-6)


def test_on_drawn_persons_it_is_the_dense_ranking_but_for_rounding() -> None:
    rows = persons(94, 10).vectors
    asked = np.arange(940) % 10 == 0
    query, gallery = rows[asked], rows[~asked]
    ids, distances = k_reciprocal_top(rows, TopConfig(top=30), asked=asked, offered=~asked)
    whole = k_reciprocal(query, gallery)
    np.testing.assert_allclose(distances, np.sort(whole, axis=1)[:, :30], atol=1e-6)
    column = np.cumsum(~asked) - 1
    np.testing.assert_allclose(np.take_along_axis(whole, column[ids], 1), distances, atol=1e-6)
    fewer = k_reciprocal_top(rows, TopConfig(top=7), asked=asked, offered=~asked)
    np.testing.assert_array_equal(fewer[0], ids[:, :7])
    np.testing.assert_array_equal(fewer[1], distances[:, :7])


def test_what_it_refuses() -> None:
    rows = exact_rows(1, 6)
    with pytest.raises(SettingError, match="top is 0"):
        k_reciprocal_top(rows, TopConfig(top=0))
    with pytest.raises(SettingError, match="k1"):
        k_reciprocal_top(rows, TopConfig(k1=0))
    with pytest.raises(RankingError, match=r"asked is bool of shape \(5,\).*6 rows"):
        k_reciprocal_top(rows, asked=np.ones(5, bool))
    rows[2, 0] = np.nan
    with pytest.raises(RankingError, match=r"rows \[2\]"):
        k_reciprocal_top(rows)
