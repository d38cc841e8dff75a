"""What shirt numbers add to a likelihood ratio: by hand, and where nothing is read."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sameplayer.errors import RankingError
from sameplayer.ranking.jersey_term import SLIP, number_log_ratio


def reading(number: int | None, visible: float = 1.0, count: int = 100) -> np.ndarray:
    """Log-probabilities of a reader that is sure of one number, or sees none."""
    shares = np.full(count + 1, 1e-12)
    shares[-1] = 1 - visible
    if number is not None:
        shares[number] = visible
    return np.log(np.maximum(shares, 1e-12) / shares.sum())


def test_equal_numbers_speak_for_one_person_and_others_against() -> None:
    same = number_log_ratio(reading(7), reading(7), weight=1)
    apart = number_log_ratio(reading(7), reading(8), weight=1)
    even = SLIP / 100
    agree = (1 - SLIP + even) ** 2 + 99 * even**2
    clash = 2 * (1 - SLIP + even) * even + 98 * even**2
    assert same == pytest.approx(math.log(100 * agree), abs=1e-6)
    assert apart == pytest.approx(math.log(100 * clash), abs=1e-6)


def test_where_no_number_is_seen_nothing_is_said() -> None:
    assert number_log_ratio(reading(None, 0), reading(7)) == pytest.approx(0, abs=1e-9)
    half = number_log_ratio(reading(7, 0.5), reading(8), weight=1)
    assert math.log(0.5) < half < math.log(0.5) + 0.1  # at worst the half that is not seen


def test_the_weight_scales_and_rows_broadcast() -> None:
    queries = np.stack([reading(7), reading(9)])[:, None]
    persons = np.stack([reading(7), reading(8), reading(9)])[None]
    full, half = (number_log_ratio(queries, persons, weight) for weight in (1.0, 0.5))
    assert full.shape == (2, 3)
    assert half == pytest.approx(full / 2)
    assert (full > 0).tolist() == [[True, False, False], [False, False, True]]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(RankingError, match="101 and 11 columns"):
        number_log_ratio(reading(7), reading(7, count=10))
    with pytest.raises(RankingError, match="do not sum to 1"):
        number_log_ratio(np.zeros(101), reading(7))
