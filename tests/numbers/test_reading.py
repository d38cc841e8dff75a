"""Readings of pictures and tracks: sums of evidence, abstention, temperature."""

from __future__ import annotations

import numpy as np
import pytest

from sameplayer.errors import ConfigError, DataError
from sameplayer.numbers.reading import (
    combine,
    fit_temperature,
    read_track_number,
    reading,
    tempered,
)
from sameplayer.numbers.scores import score_numbers
from tests.numbers.told import Told, evidence


def test_a_track_sums_evidence_and_leaves_out_frames_that_see_nothing() -> None:
    rows = np.stack(
        [
            evidence({"4": 0.45, "14": 0.45}),
            evidence({"4": 0.2, "14": 0.6}),
            evidence({"": 0.97}),
            evidence({"4": 0.4, "14": 0.5}),
        ]
    )
    reader = Told(rows, ("4", "14", "7"))
    pictures = [np.full((40, 20, 3), value, np.uint8) for value in range(4)]
    found = read_track_number(pictures, reader)
    assert (found.number, found.frames) == ("14", 3)
    # By hand: three equal frames, products of the shares among numbers.
    within = [np.exp(row[:3]) / np.exp(row[:3]).sum() for row in rows[[0, 1, 3]]]
    product = np.prod(within, axis=0)
    hidden = np.exp(rows[[0, 1, 3], 3]).mean()
    expected = (1 - hidden) * product[1] / product.sum()
    assert found.probability == pytest.approx(expected, rel=1e-6)
    cooler = read_track_number(pictures, reader, temperature=4)
    shares = product**0.25 / (product**0.25).sum()
    assert cooler.probability == pytest.approx((1 - hidden) * shares[1], rel=1e-6)
    assert cooler.visible == pytest.approx(found.visible)
    nobody = combine(rows[[2, 2]], np.ones(2))
    assert np.exp(nobody[-1]) == pytest.approx(0.97)
    heavy = combine(rows[:2], np.array([1.0, 3.0]))
    assert heavy[1] - heavy[0] > combine(rows[:2], np.ones(2))[1] - combine(rows[:2], np.ones(2))[0]


def test_abstention_needs_a_probability_below_the_threshold() -> None:
    row = evidence({"14": 0.6})
    assert reading(row, ("4", "14", "7"), 0.5).number == "14"
    unsure = reading(row, ("4", "14", "7"), 0.7)
    assert (unsure.number, round(unsure.probability, 3)) == (None, 0.6)
    assert unsure.top(1) == [("14", pytest.approx(0.6))]


def test_calibration_makes_overconfident_readings_honest() -> None:
    rng, names = np.random.default_rng(5), ("4", "14")
    truth = rng.choice(names, 400).tolist()
    guess = [one if rng.random() < 0.7 else names[one == "4"] for one in truth]
    rows = np.stack([evidence({one: 0.97, "": 0.01}, names) for one in guess])
    readings = [reading(row, names, 0.5) for row in rows]
    nothing = reading(evidence({"": 0.9}, names), names, 0.5)
    temperature = fit_temperature([*readings, nothing, readings[0]], [*truth, "4", ""])
    cooler = [reading(row, names, 0.5) for row in tempered(rows, temperature)]
    right = np.mean([one == known for one, known in zip(guess, truth, strict=True)])
    assert cooler[0].probability == pytest.approx(0.99 * right, abs=0.01)
    assert cooler[0].visible == pytest.approx(readings[0].visible)
    errors = [score_numbers(some, truth).calibration_error for some in (readings, cooler)]
    assert errors[0] == pytest.approx(0.97 - right, abs=1e-6)
    assert errors[1] < 0.02
    assert fit_temperature(cooler, truth) == pytest.approx(1, abs=0.01)
    with pytest.raises(DataError, match="that see a number"):
        fit_temperature([nothing], ["4"])
    with pytest.raises(DataError, match="'9' is none of"):
        fit_temperature(readings[:1], ["9"])
    with pytest.raises(ConfigError, match="temperature is 0"):
        tempered(rows, 0)
