"""What numbers and teams say of two tracklets being one person."""

from __future__ import annotations

import numpy as np
import pytest

from sameplayer.identity.evidence.attributes import (
    NUMBER_PRIOR,
    attribute_evidence,
    attribute_odds,
    paired_odds,
)
from tests.identity.drawn import evidence, looks

FIVE = evidence(looks([[0], [1], [2], [3], [4]]), ["7", "7", "8", None, "77"], [0, 0, 0, 1, None])


def test_a_number_that_is_not_seen_says_nothing() -> None:
    odds = attribute_odds(
        attribute_evidence(FIVE).probabilities(), attribute_evidence(FIVE).probabilities()
    )
    np.testing.assert_allclose(odds.number[3], 0, atol=1e-5)


def test_the_same_number_speaks_for_one_person_and_another_against() -> None:
    odds = attribute_odds(
        attribute_evidence(FIVE).probabilities(), attribute_evidence(FIVE).probabilities()
    )
    assert odds.number[0, 1] > 3
    assert odds.number[0, 2] < -3
    assert not odds.apart[0, 1]
    assert odds.apart[0, 2]


def test_a_rare_number_says_more_than_a_common_one() -> None:
    said = evidence(looks([[0], [1], [2], [3]]), ["7", "7", "77", "77"])
    odds = attribute_odds(
        attribute_evidence(said).probabilities(), attribute_evidence(said).probabilities()
    ).number
    assert odds[2, 3] > odds[0, 1] + 1


def test_one_digit_of_two_is_no_proof_of_another_player() -> None:
    said = evidence(looks([[0], [1], [2]]), ["49", "9", "8"])
    odds = attribute_odds(
        attribute_evidence(said).probabilities(), attribute_evidence(said).probabilities()
    )
    assert odds.number[0, 1] > odds.number[0, 2] + 1
    assert not odds.apart[0, 1]
    assert odds.apart[0, 2]


def test_other_teams_are_apart() -> None:
    odds = attribute_odds(
        attribute_evidence(FIVE).probabilities(), attribute_evidence(FIVE).probabilities()
    )
    assert odds.apart[0, 3]
    assert odds.team[0, 3] < odds.team[0, 1]


def test_a_reading_that_mostly_sees_none_says_nothing_however_sharp_the_rest() -> None:
    said = evidence(looks([[0], [1]]))
    shares = np.full((2, 102), 1e-6)
    shares[:, 7], shares[:, -1] = 0.3, 0.7
    said.number[:] = np.log(shares / shares.sum(axis=1, keepdims=True))
    assert (
        attribute_odds(
            attribute_evidence(said).probabilities(), attribute_evidence(said).probabilities()
        ).number[0, 1]
        == 0
    )


def test_rows_and_whole_tables_agree() -> None:
    shares = attribute_evidence(FIVE).probabilities()
    order = np.array([1, 2, 0, 4, 3])
    whole, rows = attribute_odds(shares, shares), paired_odds(shares, shares.rows(order))
    at = np.arange(5)
    np.testing.assert_allclose(rows.number, whole.number[at, order], atol=1e-5)
    np.testing.assert_allclose(rows.team, whole.team[at, order], atol=1e-5)
    np.testing.assert_array_equal(rows.apart, whole.apart[at, order])


def test_a_cluster_says_what_its_tracklets_say_together() -> None:
    attributes = attribute_evidence(FIVE)
    summed = attributes.summed(np.array([0, 0, 1, 1, 3]), 4)
    np.testing.assert_allclose(
        summed.number[0], attributes.number[0] + attributes.number[1], rtol=1e-6
    )
    np.testing.assert_allclose(summed.number[2], 0)
    assert summed.probabilities(0.0).number[0, 7] > attributes.probabilities().number[0, 7]
    weak = attribute_evidence(evidence(looks([[0], [1]]), ["7", None])).summed(np.array([0, 0]), 1)
    alone = attribute_evidence(evidence(looks([[0]]), ["7"]))
    np.testing.assert_allclose(weak.probabilities().number, alone.probabilities().number, rtol=1e-5)


def test_the_prior_of_numbers_is_one() -> None:
    assert NUMBER_PRIOR.sum() == pytest.approx(1)
