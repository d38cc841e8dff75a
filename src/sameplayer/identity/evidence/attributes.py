"""Shirt number and team: what tracklets or clusters of them say together, and of each other.

A trait belongs to the person, so two clusters are compared by what each says as a whole: the
tracklets that show a number speak for those that show none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sameplayer.identity.evidence.evidence import Evidence
from sameplayer.numbers.reader import NUMBERS

SLIP = 0.005
"""Share of tracklets whose number or team is read on somebody else or wrongly, however sure."""
SURE = 0.98
"""Probability, at even odds, from which two numbers or teams are surely two."""

LINKED, NAMED = 1.0, 0.5
"""How much the errors of a cluster's tracklets are taken for one error, see ``tempered``: in
linking wholly, since tracklets that were misread alike find each other first; in naming by half."""
FLOOR = np.float32(1e-6)


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
class Traits:
    """What n tracklets or clusters say of the number and team of whom they show.

    number    (n, 101) float32: sums of log-likelihoods of each of NUMBERS; 0: says nothing
    team      (n, 3) float32: sums of log-likelihoods of first team, second team, neither
    said      (n, 2) float32: how many tracklets said a number, and a team
    share     (3,) of people in the first team, the second, neither
    """

    number: np.ndarray
    team: np.ndarray
    said: np.ndarray
    share: np.ndarray

    def __len__(self) -> int:
        return len(self.number)

    def rows(self, chosen: np.ndarray) -> Traits:
        """Return the traits of some rows."""
        return Traits(self.number[chosen], self.team[chosen], self.said[chosen], self.share)

    def summed(self, labels: np.ndarray, count: int) -> Traits:
        """Return the traits of ``count`` clusters; labels (n,) name the cluster of each row."""
        order = np.argsort(labels, kind="stable")
        filled, first = np.unique(labels[order], return_index=True)
        sums = []
        for rows in (self.number, self.team, self.said):
            whole = np.zeros((count, rows.shape[1]), np.float32)
            if len(filled):
                whole[filled] = np.add.reduceat(rows[order], first, axis=0)
            sums.append(whole)
        return Traits(sums[0], sums[1], sums[2], self.share)

    def less(self, other: Traits) -> Traits:
        """Return the traits without those of the other, row by row."""
        number, team = self.number - other.number, self.team - other.team
        return Traits(number, team, self.said - other.said, self.share)

    def tempered(self, echo: float) -> tuple[np.ndarray, np.ndarray]:
        """Return log-likelihoods of numbers (n, 101) and of teams (n, 3) that count for evidence.

        echo    how much the errors of a cluster's tracklets are one error: m of them count as
                m ** (1 - echo); with 1 a cluster says what they say on average
        """
        scale = np.maximum(self.said, 1) ** np.float32(-echo)
        return self.number * scale[:, :1], self.team * scale[:, 1:]

    def shares(self, echo: float = LINKED) -> Shares:
        """Return the probabilities of numbers and teams."""
        number, team = self.tempered(echo)
        return Shares(
            _normalised(number + np.log(NUMBER_PRIOR32)),
            _normalised(team + np.log(self.share).astype(np.float32)),
            self.share,
            self.said[:, 0] > 0,
        )


@dataclass(frozen=True, eq=False)
class Shares:
    """What n tracklets or clusters are, by their traits.

    number    (n, 101) float32: the probability of each number, NUMBER_PRIOR where nothing is seen
    team      (n, 3) float32: the probability of each team
    share     (3,) of people in each team, where nothing is seen
    read      (n,) bool: whether any number is seen
    """

    number: np.ndarray
    team: np.ndarray
    share: np.ndarray
    read: np.ndarray

    def rows(self, chosen: np.ndarray) -> Shares:
        """Return the shares of some rows."""
        return Shares(self.number[chosen], self.team[chosen], self.share, self.read[chosen])


def traits_of(evidence: Evidence, rows: np.ndarray | slice = slice(None)) -> Traits:
    """Return what the chosen tracklets say of their number and team.

    The reader's probabilities hold for a number that may be any of NUMBERS alike. "None is seen"
    is as likely for every number, so it says nothing, and where it is the likeliest, what number it
    would be says nothing either. Of two digits one may be hidden (PART). A share SLIP of tracklets
    is taken to be read wrongly, so no tracklet alone outweighs everything else.
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
    said = np.stack([shares[:, -1] < 0.5, np.ones(len(number))], axis=1).astype(np.float32)
    return Traits(number, team, said, share)


@dataclass(frozen=True, eq=False)
class TraitOdds:
    """Log-likelihood ratios, one person against two, by the traits of m rows against n.

    number    (m, n) float32
    team      (m, n) float32
    apart     (m, n) bool: another number or another team, with a probability over the asked one
    """

    number: np.ndarray
    team: np.ndarray
    apart: np.ndarray


def trait_odds(first: Shares, second: Shares, sure: float = SURE) -> TraitOdds:
    """Compare m rows with n.

    Two persons of one team wear different numbers; those of two teams, or of none, wear any. So
    with a and b the numbers' shares, the ratio is

        sum(a b / prior) / (t (1 - sum(a b)) / (1 - sum(prior^2)) + 1 - t)

    where t is the probability that both are of one team, by the teams that were seen. Two
    tracklets with the same sure number 7 have log-odds of about 4 where nothing is known of the
    teams, and more within a team; a number that is not seen leaves 0.

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


def row_odds(first: Shares, second: Shares, sure: float = SURE) -> TraitOdds:
    """Compare each row with the row of its own place in the second, (n,) each, as trait_odds."""
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


def _judged(number: np.ndarray, team: np.ndarray, sure: float) -> TraitOdds:
    limit = -np.log(sure / (1 - sure))
    return TraitOdds(number, team, (number < limit) | (team < limit))


def _share(shares: Shares) -> np.ndarray:
    return shares.share.astype(np.float32)


def _log(values: np.ndarray) -> np.ndarray:
    logs: np.ndarray = np.log(np.maximum(values, FLOOR))
    return logs


def _normalised(logs: np.ndarray) -> np.ndarray:
    rows: np.ndarray = np.exp(logs - logs.max(axis=1, keepdims=True))
    rows /= rows.sum(axis=1, keepdims=True)
    return rows
