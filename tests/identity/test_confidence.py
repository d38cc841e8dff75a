"""How sure an identity is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from match.simulate import Drawn, draw, majority

from sameplayer.common.statistics import expected_calibration_error
from sameplayer.errors import DataError, SettingError
from sameplayer.identity.linking.confidence import (
    DEFAULT,
    ConfidenceModel,
    fit_confidence,
    identity_confidence,
)
from sameplayer.identity.linking.link import link
from tests.identity.drawn import evidence, looks


def test_a_clear_tracklet_is_surer_than_one_between_two_identities() -> None:
    odds = looks([[0, 1, 2], [3, 4, 5]])
    odds[2, 3:] = odds[3:, 2] = 2.5
    found = identity_confidence(evidence(odds), np.array([0, 0, 0, 1, 1, 1]))
    assert found.probability[2] < found.probability[0] - 0.1
    assert found.second[2] == 1
    assert found.second_probability[2] > found.second_probability[0]
    assert found.margin[2] == pytest.approx(0.5, abs=0.01)


def test_probabilities_are_none_over_one_together_and_the_second_is_not_the_first() -> None:
    match = draw(Drawn(150), 2)
    labels = link(match.evidence)
    found = identity_confidence(match.evidence, labels)
    assert ((found.probability >= 0) & (found.probability <= 1)).all()
    assert (found.probability + found.second_probability <= 1 + 1e-9).all()
    assert (found.second != labels).all()
    np.testing.assert_array_equal(found.size, np.bincount(labels)[labels])


def test_one_who_is_alone_and_like_nobody_has_no_second() -> None:
    found = identity_confidence(evidence(np.zeros((1, 1))), np.array([0]))
    assert found.second.tolist() == [-1]
    assert found.second_probability.tolist() == [0.0]


def test_a_second_identity_that_is_forbidden_is_not_named() -> None:
    said = evidence(looks([[0, 1], [2]], unlike=2.0), apart=[(0, 2), (1, 2)])
    found = identity_confidence(said, np.array([0, 0, 1]))
    assert found.second.tolist() == [-1, -1, -1]
    free = identity_confidence(evidence(looks([[0, 1], [2]], unlike=2.0)), np.array([0, 0, 1]))
    assert free.second.tolist() == [1, 1, 0]
    blocked = np.array([[0, 2], [1, 2]])
    held = identity_confidence(
        evidence(looks([[0, 1], [2]])), np.array([0, 0, 1]), cannot_link=blocked
    )
    assert held.second.tolist() == [-1, -1, -1]


@pytest.mark.parametrize("boast", [1.0, 2.0])
def test_the_shipped_curve_holds_on_drawn_matches_that_it_was_not_fitted_to(boast: float) -> None:
    probability, right = [], []
    for seed in (300, 301, 302):
        match = draw(Drawn(300, noise=0.9, boast=boast), seed)
        labels = link(match.evidence)
        probability.append(identity_confidence(match.evidence, labels).probability)
        right.append(majority(labels, match.person)[labels] == match.person)
    error = expected_calibration_error(np.concatenate(probability), np.concatenate(right), bins=15)
    assert error < 0.05


def test_a_fit_finds_the_curve_that_made_the_labels() -> None:
    rng = np.random.default_rng(0)
    margin, size = rng.uniform(-4, 8, 4000), rng.integers(1, 20, 4000)
    true = ConfidenceModel(0.6, 0.3, -0.5, "")
    right = rng.random(4000) < true.probability(margin, size)
    found = fit_confidence(margin, size, right, "drawn")
    assert found.slope == pytest.approx(0.6, abs=0.08)
    assert found.size_slope == pytest.approx(0.3, abs=0.15)
    assert expected_calibration_error(found.probability(margin, size), right) < 0.03


def test_a_fit_needs_right_and_wrong_ones_and_a_margin_that_says_something() -> None:
    margin = np.linspace(-3, 3, 40)
    size = np.full(40, 5)
    with pytest.raises(DataError, match="40 identities are right and 0 wrong"):
        fit_confidence(margin, size, np.ones(40, bool), "none")
    with pytest.raises(DataError, match="no higher margin"):
        fit_confidence(margin, size, margin < 0, "none")


def test_a_curve_that_falls_is_refused() -> None:
    with pytest.raises(SettingError, match="slope"):
        replace(DEFAULT, slope=-1.0)
