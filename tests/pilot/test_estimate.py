"""Rates from answers to some pairs, where the answers to all are known."""

from __future__ import annotations

import numpy as np
import pytest

from sameplayer.pilot.acquisition import gains, importance
from sameplayer.pilot.estimate import Rates, Strata, draw_rates
from sameplayer.pilot.population import KITS, Pairs, count_pairs, draw_pairs, stratum_of

PEOPLE = {
    "well told apart": (0.05, 0.6, 0.1),
    "hardly told apart": (0.03, 0.35, 0.15),
    "many of one person": (0.5, 0.6, 0.12),
}


def _drawn(share: float, gap: float, spread: float, seed: int) -> tuple[Pairs, np.ndarray]:
    """Pairs of one person, more alike by a gap, with a tail of those who hardly are."""
    rng = np.random.default_rng(seed)
    count = 20_000
    same = rng.random(count) < share
    hidden = rng.random(count) < 0.1
    alike = 0.1 + gap * same * np.where(hidden, 0.4, 1.0) + rng.normal(0, spread, count)
    size = rng.random(count)
    nothing = np.zeros(count, np.int64)
    pairs = Pairs(
        np.arange(count),
        np.arange(count) + count,
        np.clip(alike, -1, 1),
        rng.random(count) < 0.1,
        size,
        size,
        nothing,
    )
    return Pairs(*(*vars(pairs).values(),)), same & ~pairs.differ


def _asked(pairs: Pairs, same: np.ndarray, count: int, seed: int) -> Strata:
    population = count_pairs(pairs)
    order = draw_pairs(pairs, population, count, seed)
    counted = population.counts.sum(axis=(1, 2, 3))
    none = np.zeros(len(population.starts), np.int64)
    strata = Strata(population.edges, population.starts, counted[0], counted[1], none, none)
    for _ in range(count):
        worth = gains(strata, strata.answered, 0.01, 0.05)
        full = strata.answered >= [len(part) for part in order]
        best = int(np.argmax(np.where(full, -1, worth)))
        row = order[best][strata.answered[best]]
        one = np.eye(len(none), dtype=np.int64)[best]
        strata = Strata(
            strata.edges,
            strata.starts,
            strata.asked,
            strata.known,
            strata.answered + one,
            strata.matches + one * same[row],
        )
    return strata


@pytest.mark.parametrize("people", PEOPLE)
def test_the_interval_holds_the_rates_over_all_pairs_as_often_as_it_says(people: str) -> None:
    held: list[bool] = []
    for seed in range(8):
        pairs, same = _drawn(*PEOPLE[people], seed)
        rates = draw_rates(_asked(pairs, same, 120, seed), 1000, seed)
        threshold = rates.threshold_for(0.01)
        at = rates.at(threshold)
        for drawn, true in (
            (rates.missed[:, at], (pairs.similarity[same] < threshold).mean()),
            (rates.false[:, at], (pairs.similarity[~same] >= threshold).mean()),
            (rates.matching, same.mean()),
        ):
            low, high = np.percentile(drawn, [2.5, 97.5])
            held.append(bool(low - 1e-4 <= true <= high + 1e-4))
    assert np.mean(held) >= 0.8  # of 24; 95 % of many


def test_where_all_are_told_apart_the_rates_are_right_to_a_thousandth() -> None:
    pairs, same = _drawn(0.05, 0.8, 0.05, 2)
    rates = draw_rates(_asked(pairs, same, 120, 2), 500)
    threshold = rates.threshold_for(0.01)
    at = rates.at(threshold)
    false = (pairs.similarity[~same] >= threshold).mean()
    assert np.median(rates.false[:, at]) == pytest.approx(false, abs=0.001)
    assert np.median(rates.missed[:, at]) < 0.02


def test_with_every_pair_answered_the_rates_are_those_of_all_pairs() -> None:
    pairs, same = _drawn(0.2, 0.5, 0.1, 1)
    population = count_pairs(pairs)
    counted = population.counts.sum(axis=(1, 2, 3))
    open_ = ~pairs.differ
    stratum = stratum_of(population, pairs.similarity[open_])
    strata = Strata(
        population.edges,
        population.starts,
        counted[0],
        counted[1],
        np.bincount(stratum),
        np.bincount(stratum, same[open_]).astype(int),
    )
    rates = draw_rates(strata, 200)
    assert np.ptp(rates.matching) < 1e-12
    assert rates.matching[0] == pytest.approx(same.mean(), abs=1e-4)
    at = rates.at(rates.threshold_for(0.05))
    threshold = rates.thresholds[at]
    assert rates.missed[0, at] == pytest.approx(
        (pairs.similarity[same] < threshold).mean(), abs=0.02
    )
    assert rates.false[0, at] == pytest.approx(
        (pairs.similarity[~same] >= threshold).mean(), abs=0.004
    )


def test_rates_fall_and_rise_with_the_threshold_and_more_answers_narrow_them() -> None:
    pairs, same = _drawn(*PEOPLE["hardly told apart"], 3)
    widths = []
    for count in (60, 300):
        rates = draw_rates(_asked(pairs, same, count, 3), 500)
        assert (np.diff(rates.missed, axis=1) >= -1e-12).all()
        assert (np.diff(rates.false, axis=1) <= 1e-12).all()
        widths.append(_width(rates))
    assert widths[1] < 0.8 * widths[0]


def _width(rates: Rates) -> float:
    low, high = np.percentile(rates.missed[:, rates.at(rates.threshold_for(0.01))], [2.5, 97.5])
    return float(high - low)


def test_every_beginning_of_a_draw_has_its_share_of_small_pairs() -> None:
    rng = np.random.default_rng(0)
    count = 9000
    kits = rng.integers(0, len(KITS), count)
    pairs = Pairs(
        np.arange(count),
        np.arange(count),
        np.full(count, 0.5),
        np.zeros(count, bool),
        rng.random(count),
        rng.random(count),
        kits,
    )
    population = count_pairs(pairs)
    order = draw_pairs(pairs, population, 108, 0)[0]
    thirds = np.searchsorted(population.height, pairs.height[order])
    for size in (27, 54, 108):
        assert np.abs(np.bincount(thirds[:size], minlength=3) - size / 3).max() <= 10
    assert np.bincount(thirds, minlength=3).tolist() == pytest.approx([36, 36, 36], abs=5)
    more = draw_pairs(pairs, population, 200, 0)[0]
    assert (more[: len(order)] == order).all()


def test_questions_go_where_the_answer_is_open() -> None:
    pairs, same = _drawn(*PEOPLE["well told apart"], 5)
    strata = _asked(pairs, same, 150, 5)
    weights = importance(strata, 0.01, 0.05)
    shares = strata.matches / np.maximum(strata.answered, 1)
    open_ = (shares > 0.1) & (shares < 0.9)
    sure = strata.centres > 0.75
    assert (weights / strata.sizes)[open_].min() > (weights / strata.sizes)[sure].max()
