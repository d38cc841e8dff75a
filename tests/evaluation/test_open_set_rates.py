"""FPIR, FNIR, thresholds, DET and OSCR against hand-computed cases and their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sameplayer.errors import RankingError, SettingError
from sameplayer.evaluation.open_set.rates import (
    det,
    fnir,
    fpir,
    oscr,
    outcomes,
    threshold_at,
    tpir_at,
)

# Three persons enrolled. Three mated searches: found first, found second, found first but low.
# Two others: one scores 0.7 at best, one 0.3.
SCORES = np.array(
    [[0.9, 0.2, 0.1], [0.8, 0.6, 0.5], [0.1, 0.2, 0.4], [0.7, 0.1, 0.2], [0.3, 0.3, 0.1]]
)
MATES = np.array([0, 1, 2, -1, -1])


@st.composite
def searched(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Scores of few distinct values, so that many are equal; galleries of several sizes."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    m, n = draw(st.integers(2, 12)), draw(st.integers(1, 6))
    scores = rng.integers(0, draw(st.integers(1, 20)) + 1, (m, n)) / 10
    mates = rng.integers(-1, n, m)
    empty = rng.random((m, n)) < 0.2
    empty[np.arange(m), np.maximum(mates, 0)] = False
    return np.where(empty, -np.inf, scores), mates


def test_by_hand() -> None:
    found = outcomes(SCORES, MATES)
    assert found.rank.tolist() == [1, 2, 1, 0, 0]
    assert fpir(found, 0.5) == 0.5
    assert fpir(found, 0.7) == 0.5  # at or above
    assert fpir(found, 0.71) == 0
    assert fnir(found, 0.5) == pytest.approx(2 / 3)  # the second is no first, the third too low
    assert fnir(found, 0.5, rank=2) == pytest.approx(1 / 3)
    assert fnir(found, -np.inf, rank=3) == 0
    assert 0.7 < threshold_at(found, 0.1) < 0.7001
    assert tpir_at(found, 0.1) == pytest.approx(1 / 3)
    assert 0.3 < threshold_at(found, 0.5) < 0.3001
    assert tpir_at(found, 0.5) == pytest.approx(2 / 3)
    assert threshold_at(found, 1) == -np.inf
    # Pairs of a mated and another search: 0.9 beats both; the second is not first; 0.4 beats 0.3.
    assert oscr(found) == pytest.approx(3 / 6)


def test_weights_count_as_copies_do() -> None:
    times = np.array([2, 1, 3, 1, 2])
    copied = outcomes(np.repeat(SCORES, times, axis=0), np.repeat(MATES, times))
    found = outcomes(SCORES, MATES)
    assert oscr(found, times) == pytest.approx(oscr(copied))
    for rate in (0, 0.1, 0.34, 0.7, 1):
        assert threshold_at(found, rate, times) == threshold_at(copied, rate)
        assert tpir_at(found, rate, times) == pytest.approx(tpir_at(copied, rate))
    assert fpir(found, 0.5, times) == fpir(copied, 0.5)
    assert fnir(found, 0.5, 2, times) == fnir(copied, 0.5, 2)


@given(searched(), st.integers(-1, 21), st.integers(1, 4))
def test_rates_are_their_definitions(
    case: tuple[np.ndarray, np.ndarray], tenths: int, rank: int
) -> None:
    scores, mates = case
    assume((mates >= 0).any() and (mates < 0).any())
    found, threshold = outcomes(scores, mates), tenths / 10
    named = missed = 0
    for row, mate in zip(scores, mates, strict=True):
        if mate < 0:
            named += any(score >= threshold for score in row)
        else:
            before = sum(score >= row[mate] for at, score in enumerate(row) if at != mate)
            missed += before >= rank or row[mate] < threshold
    assert fpir(found, threshold) == pytest.approx(named / (mates < 0).sum())
    assert fnir(found, threshold, rank) == pytest.approx(missed / (mates >= 0).sum())


@given(searched(), st.floats(0, 1))
def test_the_threshold_is_the_lowest_that_keeps_the_rate(
    case: tuple[np.ndarray, np.ndarray], rate: float
) -> None:
    scores, mates = case
    assume((mates >= 0).any() and (mates < 0).any())
    found = outcomes(scores, mates)
    threshold = threshold_at(found, rate)
    assert fpir(found, threshold) <= rate + 1e-9
    lower = found.best[~found.mated & (found.best < threshold)]
    if len(lower):  # the next lower threshold that changes anything names too many
        assert fpir(found, lower.max()) > rate - 1e-9


@given(searched())
def test_oscr_is_the_area_under_its_curve(case: tuple[np.ndarray, np.ndarray]) -> None:
    scores, mates = case
    assume((mates >= 0).any() and (mates < 0).any())
    found = outcomes(scores, mates)
    at = np.r_[np.inf, np.unique(found.best)[::-1]]
    # The paper's curves ask for more than the threshold; between two values that is the same.
    named = [fpir(found, value) for value in at]
    right = [1 - fnir(found, value) for value in at]
    area = sum(
        (named[k + 1] - named[k]) * (right[k + 1] + right[k]) / 2 for k in range(len(at) - 1)
    )
    assert oscr(found) == pytest.approx(area)


@given(searched())
def test_det_falls_on_one_side_as_it_rises_on_the_other(
    case: tuple[np.ndarray, np.ndarray],
) -> None:
    scores, mates = case
    assume((mates >= 0).any() and (mates < 0).any())
    threshold, named, missed = det(outcomes(scores, mates), points=8).T
    assert (np.diff(threshold) > 0).all()
    assert (np.diff(named) <= 0).all()
    assert (np.diff(missed) >= 0).all()
    assert (named[-1], missed[-1]) == (0, 1)
    assert len(threshold) <= 9


@pytest.mark.parametrize(
    ("scores", "mates", "message"),
    [
        ([[0.1, np.nan]], [0], "row 0 is NaN"),
        ([[0.1, 0.2]], [2], "columns from 0 to 1"),
        ([[0.1, 0.2]], [-2], "columns from 0 to 1"),
        ([[0.1, 0.2]], [0, 1], "expected"),
        ([0.1], [0], "expected"),
        ([[0.1, -np.inf]], [1], "-inf"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(scores: object, mates: object, message: str) -> None:
    with pytest.raises(RankingError, match=message):
        outcomes(np.array(scores), np.array(mates))


def test_a_rate_out_of_range_is_refused() -> None:
    with pytest.raises(SettingError, match=r"rate is 1\.5"):
        threshold_at(outcomes(SCORES, MATES), 1.5)
