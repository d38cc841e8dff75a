"""Shirt numbers beside appearance in one distance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sameplayer.errors import SettingError
from sameplayer.numbers.tables import table_probabilities
from sameplayer.ranking.ranking import Ranking


def with_numbers(ranking: Ranking, weight: float) -> Ranking:
    """Return the ranking with ``weight`` times the numbers' contradiction added to its distance.

    The tables need the columns that ``sameplayer jersey`` writes. Where either picture shows no
    number nothing changes; equal numbers draw pictures nearer, different ones apart.

    Raises SettingError for a weight below 0, DataError for tables without read numbers.
    """
    if not 0 <= weight < np.inf:
        raise SettingError("number_weight", weight, "0 or more")
    shares = [table_probabilities(crops.table) for crops in (ranking.query, ranking.gallery)]
    added = weight * contradiction(*shares).astype(np.float32)
    facts = {**ranking.facts, "number weight": weight}
    return replace(ranking, distance=ranking.distance + added, facts=facts)


def contradiction(query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Return (m, n): P(both show different numbers) - P(both show the same), from -1 to 1.

    query, gallery    probabilities (m, c + 1) and (n, c + 1), the last column "none visible"

    Add a multiple of it to a distance: it is 0 where either shows none.
    """
    same = query[:, :-1] @ gallery[:, :-1].T
    both = (1 - query[:, -1:]) @ (1 - gallery[:, -1:]).T
    difference: np.ndarray = both - 2 * same
    return difference
