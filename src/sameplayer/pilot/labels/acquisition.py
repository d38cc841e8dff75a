"""Which pair to ask about next: the one whose answer narrows the rates most.

The variance of both error rates is a sum over strata (Neyman, 1934); the next question goes where
one answer takes the most of it away, each rate measured by how far off it may be.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from scipy.special import expit

from sameplayer.pilot.folder import Pilot
from sameplayer.pilot.labels.labels import Told, counts
from sameplayer.pilot.rates.curve import likeliest
from sameplayer.pilot.rates.estimate import Strata

OFF = 0.5  # of the wanted false match rate: how far off that rate may be
DOUBT = 0.1  # of a match is always left, over the answers of a stratum


def next_pair(pilot: Pilot, told: Told, leave: Collection[str] = ()) -> str | None:
    """Return the next pair to ask about, or None when all questions were asked.

    leave    pairs that are not to be asked now, such as those that somebody else is looking at
    """
    left = told.left.copy()
    left[[pilot.places[pair] for pair in leave if pair in pilot.places]] = False
    if told.asked >= pilot.config.pairs or not left.any():
        return None
    stratum = pilot.pairs["stratum"].to_numpy()
    strata = pilot.population.strata(counts(pilot, told.labels))
    tried = np.bincount(stratum[_tried(pilot, told)], minlength=len(strata.starts))
    worth = gains(strata, tried, pilot.config.false_matches, pilot.config.within)
    open_ = np.unique(stratum[left])
    best = open_[np.argmax(worth[open_])]
    return str(pilot.pairs["pair"].iat[int(np.flatnonzero(left & (stratum == best))[0])])


def gains(strata: Strata, tried: np.ndarray, wanted: float, within: float) -> np.ndarray:
    """Return (H,) how much variance one more answer of each stratum takes away.

    tried     (H,) answers there were, "unsure" ones too
    wanted    false match rate that sets the threshold
    within    how far off the share of missed matches may be
    """
    worth = importance(strata, wanted, within)
    return np.where(tried == 0, np.inf, worth**2 / np.maximum(tried * (tried + 1), 1))


def importance(strata: Strata, wanted: float, within: float) -> np.ndarray:
    """Return (H,) by which the answers are best shared among the strata, ``Neyman``'s weights."""
    odds, _ = likeliest(strata.counts)
    floor = DOUBT / (strata.answered + 10)
    share = np.clip(expit(odds), floor, 1 - floor)
    sizes = strata.sizes
    same, other = sizes * share, sizes * (1 - share)
    other_known = np.add.reduceat(strata.known, strata.starts) + other
    above = np.cumsum(other_known[::-1])[::-1] / other_known.sum()
    first = int(np.argmax(above <= wanted)) if (above <= wanted).any() else len(sizes) - 1
    over = np.arange(len(sizes)) >= first
    missed, false = same[~over].sum() / same.sum(), other_known[over].sum() / other_known.sum()
    to_missed = (~over - missed) / same.sum() / within
    to_false = (over - false) / other_known.sum() / (OFF * wanted)
    found: np.ndarray = sizes * np.sqrt(share * (1 - share)) * np.hypot(to_missed, to_false)
    return found


def _tried(pilot: Pilot, told: Told) -> np.ndarray:
    """Return for each pair whether it has an answer or, before one that has, needs none."""
    answered = np.zeros(len(told.labels), bool)
    answered[[pilot.places[pair] for pair in told.answers]] = True
    return answered | (told.labels >= 0)
