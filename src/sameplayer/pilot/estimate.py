"""Estimate the error rates over all pairs, with their uncertainty, from answers to some pairs.

Pairs are stratified by similarity, and pairs to ask about are drawn at random within each stratum.
The share of matches by similarity is drawn from its posterior as a rising curve (see ``curve``:
more similar pairs are no less likely to match); unanswered pairs of a stratum then are binomial.
The similarity of every pair is known, so each draw gives the false match and false non-match rate
at every threshold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from sameplayer.pilot.curve import Counts, draw_odds

DRAWS = 2000
LEAST_MASS = 1e-9


@dataclass(frozen=True, eq=False)
class Strata:
    """Pairs in bins of similarity, the bins in strata, and the answers to some of the pairs.

    edges      (B + 1,) similarities, rising: bin b holds edges[b] <= s < edges[b + 1]
    starts     (H,) the first bin of each stratum, rising from 0
    asked      (B,) number of pairs that only an answer decides
    known      (B,) number of pairs known to be different
    answered   (H,) number of answered pairs of each stratum
    matches    (H,) number of those that are matches
    """

    edges: np.ndarray
    starts: np.ndarray
    asked: np.ndarray
    known: np.ndarray
    answered: np.ndarray
    matches: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """(H,) number of pairs of each stratum that may be asked about."""
        return np.add.reduceat(self.asked, self.starts)

    @property
    def middles(self) -> np.ndarray:
        """(B,) the similarity in the middle of each bin."""
        return (self.edges[1:] + self.edges[:-1]) / 2

    @property
    def centres(self) -> np.ndarray:
        """(H,) the mean similarity of each stratum's pairs."""
        summed = np.add.reduceat(self.middles * self.asked, self.starts)
        empty = np.add.reduceat(self.middles, self.starts) / np.diff(
            self.starts, append=len(self.asked)
        )
        return np.where(self.sizes > 0, summed / np.maximum(self.sizes, 1), empty)

    @property
    def counts(self) -> Counts:
        """The answers, with each stratum's similarity in standard deviations."""
        mass = np.maximum(self.asked.sum(), 1)
        mean = self.middles @ self.asked / mass
        spread = np.sqrt(((self.middles - mean) ** 2) @ self.asked / mass)
        return Counts((self.centres - mean) / max(spread, 1e-6), self.answered, self.matches)

    @property
    def of_bin(self) -> np.ndarray:
        """(B,) the stratum of each bin."""
        return np.searchsorted(self.starts, np.arange(len(self.asked)), side="right") - 1


@dataclass(frozen=True, eq=False)
class Rates:
    """Draws of the error rates at each threshold.

    thresholds    (B + 1,) similarities; a pair at or above the threshold is a predicted match
    missed        (D, B + 1) false non-match rate: share of the matches below the threshold
    false         (D, B + 1) false match rate: share of the non-matches at or above it
    matching      (D,) share of matches among all pairs
    """

    thresholds: np.ndarray
    missed: np.ndarray
    false: np.ndarray
    matching: np.ndarray

    def at(self, threshold: float) -> int:
        """Return the index of the threshold nearest to a similarity."""
        return int(np.abs(self.thresholds - threshold).argmin())

    def threshold_for(self, false: float) -> float:
        """Return the lowest threshold at which the median false match rate is at most ``false``."""
        middle = np.median(self.false, axis=0)
        return float(self.thresholds[int(np.argmax(middle <= false))])


def draw_rates(strata: Strata, draws: int = DRAWS, seed: int = 0) -> Rates:
    """Return posterior draws of the error rates over all pairs."""
    rng = np.random.default_rng(seed)
    same = _spread(strata, _matches(strata, draws, rng))
    other = np.maximum(strata.asked - same, 0) + strata.known
    below = _from_zero(np.cumsum(same, axis=1))
    under = _from_zero(np.cumsum(other, axis=1))
    all_same, all_other = below[:, -1:], under[:, -1:]
    return Rates(
        strata.edges,
        below / np.maximum(all_same, LEAST_MASS),
        1 - under / np.maximum(all_other, LEAST_MASS),
        (all_same / np.maximum(all_same + all_other, LEAST_MASS))[:, 0],
    )


def _matches(strata: Strata, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return (draws, H) numbers of matches in each stratum."""
    odds = draw_odds(strata.counts, draws, rng)
    rest = strata.sizes - strata.answered
    found: np.ndarray = strata.matches + rng.binomial(np.maximum(rest, 0), expit(odds))
    return found


def _spread(strata: Strata, matches: np.ndarray) -> np.ndarray:
    """Return (D, B) matches per bin, interpolated between strata."""
    sizes, of_bin = np.maximum(strata.sizes, 1), strata.of_bin
    middles, centres = strata.middles, strata.centres
    share = np.clip((matches + 0.1) / (sizes + 0.2), 1e-7, 1 - 1e-7)
    odds = logit(share)
    place = np.clip(np.searchsorted(centres, middles) - 1, 0, max(len(centres) - 2, 0))
    step = np.maximum(np.diff(centres, append=centres[-1] + 1), 1e-6)
    along = np.clip((middles - centres[place]) / step[place], 0, 1)
    after = np.minimum(place + 1, len(centres) - 1)
    line = odds[:, place] * (1 - along) + odds[:, after] * along
    raw = strata.asked * expit(line)
    summed = np.add.reduceat(raw, strata.starts, axis=1)
    scale = matches / np.maximum(summed, LEAST_MASS)
    return np.minimum(raw * scale[:, of_bin], strata.asked)


def _from_zero(rising: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros((len(rising), 1)), rising], axis=1)
