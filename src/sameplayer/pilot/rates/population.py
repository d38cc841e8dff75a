"""All pairs that a pilot speaks of: their strata, and a draw from each.

The similarity of every pair is known, only its label is not. Strata are bands of similarity, twice
as wide each time from the top, where matches and errors are; within a stratum the pairs stand in a
random order in which every beginning has its share of small, blurred and alike-clad pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sameplayer.errors import DataError
from sameplayer.pilot.rates.estimate import Strata

STEP = 0.0025  # similarity: the width of a bin
LESS = 0.7  # of the pairs above a stratum are above the next one
FINEST = 22  # strata, at most
SMALLEST = 10  # pairs of a stratum
STRATUM_SHARE = 0.35  # of the questions may come from one stratum, at most
THIRDS = 3
GOLDEN = (5**0.5 - 1) / 2
KITS = ("different kits", "same kit", "kits not known")


@dataclass(frozen=True, eq=False)
class Pairs:
    """k pairs of pictures.

    first, second    (k,) int: the two pictures
    similarity       (k,) float
    differ           (k,) bool: known to be of two persons
    height, sharp    (k,) the smaller of the two pictures' values
    kit              (k,) index of KITS
    """

    first: np.ndarray
    second: np.ndarray
    similarity: np.ndarray
    differ: np.ndarray
    height: np.ndarray
    sharp: np.ndarray
    kit: np.ndarray

    def __len__(self) -> int:
        return len(self.first)


@dataclass(frozen=True, eq=False)
class Population:
    """Counts of all pairs, by what is known of them without an answer.

    edges            (B + 1,) similarities, see ``Strata``
    starts           (H,) first bin of each stratum
    height, sharp    (2,) where the lower, middle and upper third meet
    counts           (2, 3, 3, 3, B) int64: asked or known to differ, height third, sharpness third,
                     kit, bin
    """

    edges: np.ndarray
    starts: np.ndarray
    height: np.ndarray
    sharp: np.ndarray
    counts: np.ndarray

    def strata(self, answers: np.ndarray, **only: int) -> Strata:
        """Return the pairs of a group with the answers to some of them.

        answers    (H, 3, 3, 3, 2) counts: stratum, height third, sharpness third, kit, then
                   of one person or of two
        only       height, sharp, kit: the group; none: all pairs
        """
        chosen = tuple(
            slice(None) if only.get(name) is None else slice(only[name], only[name] + 1)
            for name in ("height", "sharp", "kit")
        )
        counts = self.counts[(slice(None), *chosen)].sum(axis=(1, 2, 3))
        told = answers[(slice(None), *chosen)].sum(axis=(1, 2, 3))
        return Strata(self.edges, self.starts, counts[0], counts[1], told.sum(axis=1), told[:, 0])


def count_pairs(pairs: Pairs) -> Population:
    """Return the counts of all pairs. Raises DataError where there is none to ask about."""
    asked = ~pairs.differ
    if not asked.any():
        raise DataError(
            "No two pictures of which it is open whether they show one person; expected pictures "
            "of two tracks or more that were not seen side by side."
        )
    low, high = pairs.similarity.min(), pairs.similarity.max()
    edges = np.arange(np.floor(low / STEP), np.floor(high / STEP) + 2) * STEP
    bins = bin_of(edges, pairs.similarity)
    counted = np.bincount(bins[asked], minlength=len(edges) - 1)
    heights, sharps = _thirds(pairs.height[asked]), _thirds(pairs.sharp[asked])
    cells = np.zeros((2, THIRDS, THIRDS, len(KITS), len(edges) - 1), np.int64)
    where = (
        pairs.differ.astype(int),
        third_of(heights, pairs.height),
        third_of(sharps, pairs.sharp),
        pairs.kit,
        bins,
    )
    np.add.at(cells, where, 1)
    return Population(edges, _starts(counted), heights, sharps, cells)


def bin_of(edges: np.ndarray, similarity: np.ndarray) -> np.ndarray:
    """Return (k,) the bin of each similarity."""
    return np.clip(np.searchsorted(edges, similarity, side="right") - 1, 0, len(edges) - 2)


def third_of(ends: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return (k,) 0, 1 or 2: the third in which each value is."""
    return np.searchsorted(ends, values, side="left")


def stratum_of(population: Population, similarity: np.ndarray) -> np.ndarray:
    """Return (k,) the stratum of each similarity."""
    bins = bin_of(population.edges, similarity)
    return np.searchsorted(population.starts, bins, side="right") - 1


def draw_pairs(pairs: Pairs, population: Population, most: int, seed: int) -> list[np.ndarray]:
    """Return for each stratum the places of at most ``most`` drawn pairs, in their random order.

    A larger ``most`` only adds pairs at the end.
    """
    asked = np.flatnonzero(~pairs.differ)
    stratum = stratum_of(population, pairs.similarity[asked])
    cell = third_of(population.height, pairs.height[asked]) * THIRDS
    cell = (cell + third_of(population.sharp, pairs.sharp[asked])) * len(KITS) + pairs.kit[asked]
    rng = np.random.default_rng(seed)
    drawn = []
    for number in range(len(population.starts)):
        own = np.flatnonzero(stratum == number)
        drawn.append(asked[own[_balanced(cell[own], rng)[:most]]])
    return drawn


def _balanced(cell: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a random order (k,) of which every beginning has its share of each cell.

    The members stand side by side by cell, and are taken in steps of the golden section round from
    a random one, the sequence whose beginnings spread most evenly (Weyl, 1916). Each is as likely
    as any other to be among the first so many.
    """
    shuffled = rng.permutation(len(cell))
    order = shuffled[np.argsort(cell[shuffled], kind="stable")]
    steps = (rng.random() + GOLDEN * np.arange(len(cell))) % 1
    places = (steps * len(cell)).astype(np.int64)
    _, first = np.unique(places, return_index=True)
    met = places[np.sort(first)]
    rest = np.setdiff1d(np.arange(len(cell)), met)
    return order[np.concatenate([met, rng.permutation(rest)])]


def _thirds(values: np.ndarray) -> np.ndarray:
    return np.quantile(values, [1 / 3, 2 / 3])


def _starts(counted: np.ndarray) -> np.ndarray:
    """Return the first bins of the strata, from the least alike pairs up."""
    total = int(counted.sum())
    above = np.cumsum(counted[::-1])[::-1]
    starts = [0]
    for share in LESS ** np.arange(1, FINEST):
        first = int(np.argmin(np.abs(above - share * total)))
        if above[first] >= SMALLEST and above[starts[-1]] - above[first] >= SMALLEST:
            starts.append(first)
    return np.array(starts, np.int64)
