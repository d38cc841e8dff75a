"""Scores of readings."""

from __future__ import annotations

import pytest

from sameplayer.errors import RankingError
from sameplayer.numbers.reading import reading
from sameplayer.numbers.scores import score_numbers
from tests.numbers.told import evidence


def test_scores_of_readings_by_hand() -> None:
    names = ("4", "14", "17")
    shares = [{"14": 0.9}, {"14": 0.8}, {"4": 0.7}, {"": 0.9}, {"17": 0.4}]
    readings = [reading(evidence(one, names), names, 0.5) for one in shares]
    scores = score_numbers(readings, ["14", "17", "4", "", "17"])
    assert (scores.readings, scores.numbered, scores.coverage) == (5, 4, 0.6)
    assert scores.precision == pytest.approx(2 / 3)
    assert scores.accuracy == pytest.approx(3 / 5)
    assert scores.coverage_at_90 == pytest.approx(1 / 5)
    assert scores.confusions == {("7", "4"): 1}
    assert scores.confidence == pytest.approx(0.8)
    # Of the four that see a number: 0.9 and 0.7 right, 0.8 wrong, 0.4 right, each in its own step.
    assert scores.calibration_error == pytest.approx((0.1 + 0.8 + 0.3 + 0.6) / 4)
    with pytest.raises(RankingError, match="1 labels"):
        score_numbers(readings, ["4"])
