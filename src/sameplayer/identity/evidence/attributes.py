"""Shirt number and team of tracklets and clusters, as log-likelihoods, probabilities and odds.

An attribute belongs to the person, so two clusters are compared by their pooled evidence: the
tracklets that show a number count for those that show none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sameplayer.identity.evidence.evidence import Evidence
from sameplayer.numbers.reader import NUMBERS
from sameplayer.tracks.tracklets import Tracklets

SLIP = 0.005
"""Share of tracklets whose number or team is misread or another person's, however sure."""
SURE = 0.98
"""Probability, at even odds, from which two numbers or teams are surely two."""

LINKED, NAMED = 1.0, 0.5
"""Correlation assumed between the errors of a cluster's tracklets, see ``tempered``: full in
linking, because equally misread tracklets merge first; half in naming."""
FLOOR = np.float32(1e-6)
GIVEN_TEAM = 0.98  # probability of a team that came with boxes: labels have errors


def _number_prior() -> np.ndarray:
    """Return (101,): how often a player wears each number; half of all wear 1 to 25."""
    share = np.full(len(NUMBERS), 0.5 / len(NUMBERS))
    share[1:26] += 0.5 / 25
    return share


NUMBER_PRIOR = _number_prior()
NUMBER_PRIOR32 = NUMBER_PRIOR.astype(np.float32)

PART = 0.05
"""Share of readings of two digits that saw only one: a body half turned away hides the other."""


def _read_as() -> np.ndarray:
    """Return (101, 101): how often a number that is worn (row) is read as another (column)."""
    table = np.eye(len(NUMBERS))
    for row, number in enumerate(NUMBERS):
        if len(number) == 2:
            table[row] *= 1 - PART
            for digit in number:
                table[row, int(digit)] += PART / 2
    return table


READ_AS = _read_as()


@dataclass(frozen=True, eq=False)
class AttributeEvidence:
    """Evidence of n tracklets or clusters about number and team.

    number      (n, 101) float32: summed log-likelihoods of each of NUMBERS; 0: no evidence
    team        (n, 3) float32: summed log-likelihoods of first team, second team, neither
    observed    (n, 2) float32: how many tracklets show a number, and a team
    share       (3,) of people in the first team, the second, neither
    """

    number: np.ndarray
    team: np.ndarray
    observed: np.ndarray
    share: np.ndarray

    def __len__(self) -> int:
        return len(self.number)

    def rows(self, chosen: np.ndarray) -> AttributeEvidence:
        """Return the evidence of some rows."""
        return AttributeEvidence(
            self.number[chosen], self.team[chosen], self.observed[chosen], self.share
        )

    def summed(self, labels: np.ndarray, count: int) -> AttributeEvidence:
        """Return the evidence of ``count`` clusters; labels (n,) name the cluster of each row."""
        order = np.argsort(labels, kind="stable")
        filled, first = np.unique(labels[order], return_index=True)
        sums = []
        for rows in (self.number, self.team, self.observed):
            whole = np.zeros((count, rows.shape[1]), np.float32)
            if len(filled):
                whole[filled] = np.add.reduceat(rows[order], first, axis=0)
            sums.append(whole)
        return AttributeEvidence(sums[0], sums[1], sums[2], self.share)

    def without(self, other: AttributeEvidence) -> AttributeEvidence:
        """Return the evidence minus that of the other, row by row."""
        number, team = self.number - other.number, self.team - other.team
        return AttributeEvidence(number, team, self.observed - other.observed, self.share)

    def tempered(self, correlation: float) -> tuple[np.ndarray, np.ndarray]:
        """Return log-likelihoods of numbers (n, 101) and teams (n, 3) for correlated errors.

        correlation    between the errors of a cluster's tracklets: m of them count as
                       m ** (1 - correlation); with 1 a cluster has the mean of their evidence
        """
        scale = np.maximum(self.observed, 1) ** np.float32(-correlation)
        return self.number * scale[:, :1], self.team * scale[:, 1:]

    def probabilities(self, correlation: float = LINKED) -> AttributeProbabilities:
        """Return the probabilities of numbers and teams."""
        number, team = self.tempered(correlation)
        return AttributeProbabilities(
            _normalised(number + np.log(NUMBER_PRIOR32)),
            _normalised(team + np.log(self.share).astype(np.float32)),
            self.share,
            self.observed[:, 0] > 0,
        )


@dataclass(frozen=True, eq=False)
class AttributeProbabilities:
    """Probabilities of number and team of n tracklets or clusters.

    number    (n, 101) float32: of each number; NUMBER_PRIOR where none is visible
    team      (n, 3) float32: of each team
    share     (3,) prior of each team
    read      (n,) bool: whether any number is visible
    """

    number: np.ndarray
    team: np.ndarray
    share: np.ndarray
    read: np.ndarray

    def rows(self, chosen: np.ndarray) -> AttributeProbabilities:
        """Return the probabilities of some rows."""
        return AttributeProbabilities(
            self.number[chosen], self.team[chosen], self.share, self.read[chosen]
        )


def attribute_evidence(
    evidence: Evidence, rows: np.ndarray | slice = slice(None)
) -> AttributeEvidence:
    """Return the evidence of the chosen tracklets about number and team.

    The reader's probabilities assume a uniform prior over NUMBERS. "No number visible" is equally
    likely for every number, so it is no evidence; where it is the most likely reading, the others
    are ignored too. One of two digits may be hidden (PART). A share SLIP of tracklets is assumed to
    be misread, so no single tracklet outweighs everything else.
    """
    shares = np.exp(evidence.number[rows])
    shares /= shares.sum(axis=1, keepdims=True)
    likely = shares[:, -1:] + shares[:, :-1] * len(NUMBERS)
    likely[shares[:, -1] >= 0.5] = 1
    likely = likely @ READ_AS.T
    number = np.log((1 - SLIP) * likely + SLIP).astype(np.float32)
    share = evidence.team.sum(axis=0)
    share = (share + 1) / (share.sum() + 3)
    team = evidence.team[rows] / evidence.team[rows].sum(axis=1, keepdims=True)
    team = np.log((1 - SLIP) * team / share + SLIP).astype(np.float32)
    observed = np.stack([shares[:, -1] < 0.5, np.ones(len(number))], axis=1).astype(np.float32)
    return AttributeEvidence(number, team, observed, share)


@dataclass(frozen=True, eq=False)
class AttributeOdds:
    """Log-likelihood ratios, one person against two, of m rows against n.

    number    (m, n) float32
    team      (m, n) float32
    apart     (m, n) bool: different numbers or teams, with at least the given probability
    """

    number: np.ndarray
    team: np.ndarray
    apart: np.ndarray


def attribute_odds(
    first: AttributeProbabilities, second: AttributeProbabilities, sure: float = SURE
) -> AttributeOdds:
    """Compare m rows with n.

    Two persons of one team wear different numbers; those of two teams, or of none, wear any. So
    with a and b the numbers' shares, the ratio is

        sum(a b / prior) / (t (1 - sum(a b)) / (1 - sum(prior^2)) + 1 - t)

    where t is the probability that both are of one team. Two tracklets with the same certain
    number 7 have log-odds of about 4 where the teams are unknown, and more within a team; without
    a visible number it is 0.

    sure    probability, at even odds, from which two numbers or teams count as surely different
    """
    mates = first.team[:, :2] @ second.team[:, :2].T
    team = _log((first.team / _share(first)) @ second.team.T)
    number = np.zeros_like(team)
    both = np.ix_(np.flatnonzero(first.read), np.flatnonzero(second.read))
    if number[both].size:
        rows, columns = first.number[first.read], second.number[second.read]
        agree = (columns @ (rows / NUMBER_PRIOR32).T).T
        number[both] = _number_odds(agree, (columns @ rows.T).T, mates[both])
    return _judged(number, team, sure)


def paired_odds(
    first: AttributeProbabilities, second: AttributeProbabilities, sure: float = SURE
) -> AttributeOdds:
    """Compare each row with the same row of the second, (n,) each, as ``attribute_odds`` does."""
    product = first.number * second.number
    teams = first.team * second.team
    agree = (product / NUMBER_PRIOR32).sum(axis=1)
    number = _number_odds(agree, product.sum(axis=1), teams[:, :2].sum(axis=1))
    number = np.where(first.read & second.read, number, np.float32(0))
    return _judged(number, _log((teams / _share(first)).sum(axis=1)), sure)


def _number_odds(agree: np.ndarray, same: np.ndarray, mates: np.ndarray) -> np.ndarray:
    other = mates * (1 - same) / (1 - NUMBER_PRIOR32 @ NUMBER_PRIOR32) + (1 - mates)
    odds: np.ndarray = _log(agree) - _log(other)
    return odds


def _judged(number: np.ndarray, team: np.ndarray, sure: float) -> AttributeOdds:
    limit = -np.log(sure / (1 - sure))
    return AttributeOdds(number, team, (number < limit) | (team < limit))


def _share(shares: AttributeProbabilities) -> np.ndarray:
    return shares.share.astype(np.float32)


def _log(values: np.ndarray) -> np.ndarray:
    logs: np.ndarray = np.log(np.maximum(values, FLOOR))
    return logs


def _normalised(logs: np.ndarray) -> np.ndarray:
    rows: np.ndarray = np.exp(logs - logs.max(axis=1, keepdims=True))
    rows /= rows.sum(axis=1, keepdims=True)
    return rows


def with_given_numbers(number: np.ndarray, tracklets: Tracklets) -> np.ndarray:
    """Return (n, 102) log-probabilities in which a given number is certain.

    number    (n, 102) as in Evidence
    """
    number = number.copy()
    numbers = _given(tracklets, "number")
    for tracklet, given in zip(numbers.index.to_numpy(np.int64), numbers, strict=True):
        worn = given if given == "00" else given.lstrip("0") or "0"
        if worn in NUMBERS:
            number[tracklet] = number.min(initial=-12.0)
            number[tracklet, NUMBERS.index(worn)] = 0
    return number


def with_given_teams(
    team: np.ndarray, tracklets: Tracklets, words: tuple[str, str] | None
) -> tuple[np.ndarray, tuple[str, str] | None]:
    """Return (n, 3) probabilities with the given teams, and the names of the two.

    team     (n, 3) as in Evidence, by the kits
    words    of the kits; None: there are no two kits

    The two most frequent given teams get the kits that they wear; other teams are neither. Nothing
    changes where fewer than two teams are given.
    """
    given = _given(tracklets, "team")
    names = given.value_counts().index[:2].tolist()
    if len(names) < 2:
        return team, words
    wears = [(team[given.index[given == name]] @ (1, -1, 0)).mean() for name in names]
    first, second = names if wears[0] >= wears[1] else names[::-1]
    team = team.copy()
    team[given.index] = (1 - GIVEN_TEAM) / 2
    place = given.map({first: 0, second: 1}).fillna(2).to_numpy(np.int64)
    team[given.index, place] = GIVEN_TEAM
    return team, (first, second)


def _given(tracklets: Tracklets, name: str) -> pd.Series:
    """Return the given labels of a column by tracklet, without missing ones."""
    if name not in tracklets.table.columns:
        return pd.Series(dtype=object)
    return tracklets.table.groupby("tracklet")[name].first().dropna()
