"""All pairs of a pilot's footage: their strata, and a random draw from each.

The similarity of every pair is known, only its label is not. Strata are bands of similarity, each
with seven tenths of the pairs above the one before, so they are narrow where matches and errors
are. Within a stratum pairs are in a random order whose every prefix is balanced by height,
sharpness and kit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sameplayer.errors import DataError
from sameplayer.pilot.estimate import Strata

STEP = 0.0025  # similarity: the width of a bin
LESS = 0.7  # of the pairs above a stratum are above the next
FINEST = 22  # maximum number of strata
SMALLEST = 10  # number of pairs in a stratum
STRATUM_SHARE = 0.35  # maximum share of the questions from one stratum
THIRDS = 3
GOLDEN = (5**0.5 - 1) / 2
KITS = ("different kits", "same kit", "kits unknown")


@dataclass(frozen=True, eq=False)
class Pairs:
    """k pairs of pictures.

    first, second    (k,) int indices of the two pictures
    similarity       (k,) float
    differ           (k,) bool: known to be different persons
    height, sharp    (k,) the smaller value of the two pictures
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
    """Counts of all pairs by what is known without an answer.

    edges            (B + 1,) similarities, see ``Strata``
    starts           (H,) first bin of each stratum
    height, sharp    (2,) the bounds between the thirds
    counts           (2, 3, 3, 3, B) int64: open or known to differ, height third, sharpness third,
                     kit, bin
    """

    edges: np.ndarray
    starts: np.ndarray
    height: np.ndarray
    sharp: np.ndarray
    counts: np.ndarray

    def strata(self, answers: np.ndarray, **only: int) -> Strata:
        """Return the pairs of a group with the answers to some of them.

        answers    (H, 3, 3, 3, 2) counts: stratum, height third, sharpness third, kit, same or
                   different
        only       height, sharp, kit: the group; none: all pairs
        """
        chosen = tuple(
            slice(None) if only.get(name) is None else slice(only[name], only[name] + 1)
            for name in ("height", "sharp", "kit")
        )
        counts = self.counts[(slice(None), *chosen)].sum(axis=(1, 2, 3))
        answered = answers[(slice(None), *chosen)].sum(axis=(1, 2, 3))
        return Strata(
            self.edges, self.starts, counts[0], counts[1], answered.sum(axis=1), answered[:, 0]
        )


def count_pairs(pairs: Pairs) -> Population:
    """Return the counts of all pairs. Raises DataError where there is none to ask about."""
    asked = ~pairs.differ
    if not asked.any():
        raise DataError(
            "There is no pair to ask about; expected pictures of at least two tracks that are not "
            "in the same frame."
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
    """Return (k,) the third of each value: 0, 1 or 2."""
    return np.searchsorted(ends, values, side="left")


def stratum_of(population: Population, similarity: np.ndarray) -> np.ndarray:
    """Return (k,) the stratum of each similarity."""
    bins = bin_of(population.edges, similarity)
    return np.searchsorted(population.starts, bins, side="right") - 1


def draw_pairs(pairs: Pairs, population: Population, most: int, seed: int) -> list[np.ndarray]:
    """Return the indices of at most ``most`` drawn pairs per stratum, in random order.

    A larger ``most`` only appends pairs.
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
    """Return a random order (k,) whose every prefix has its share of each cell.

    Members are sorted by cell and taken in steps of the golden ratio from a random start, the
    sequence whose prefixes spread most evenly (Weyl, 1916). Each is equally likely in any prefix.
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
    """Return the first bin of each stratum, from the least similar pairs up."""
    total = int(counted.sum())
    above = np.cumsum(counted[::-1])[::-1]
    starts = [0]
    for share in LESS ** np.arange(1, FINEST):
        first = int(np.argmin(np.abs(above - share * total)))
        if above[first] >= SMALLEST and above[starts[-1]] - above[first] >= SMALLEST:
            starts.append(first)
    return np.array(starts, np.int64)
