"""Shirt numbers beside appearance: in a distance, and as a likelihood ratio."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sameplayer.errors import RankingError, SettingError
from sameplayer.numbers.tables import table_probabilities
from sameplayer.ranking.ranking import Ranking

WEIGHT = 0.5  # readings of one track err together, so they count for half of what they say
SLIP = 0.02  # share of readings that are of somebody else's number, however sure


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


def number_log_ratio(query: np.ndarray, person: np.ndarray, weight: float = WEIGHT) -> np.ndarray:
    """Return the natural log of the likelihood ratio of two readings, to add to ``log_ratio``.

    query, person    (..., c + 1) log-probabilities of c numbers and, last, of none visible, of a
                     track as ``numbers.reading.combine`` gives; broadcast to one shape
    weight           times the log ratio

    Readings of one person agree on the number; readings of two do as often as chance has it, each
    number being as likely. Where one side shows no number the ratio is 1. Returns (...,). Raises
    RankingError for rows that do not fit, or are no log-probabilities.
    """
    query, person = (np.asarray(part, np.float64) for part in (query, person))
    if query.shape[-1] != person.shape[-1] or query.shape[-1] < 2:
        raise RankingError(
            f"Readings of {query.shape[-1]} and {person.shape[-1]} columns; expected one a number, "
            "and a last one for none."
        )
    (seen, own), (held, other) = _split(query), _split(person)
    both = seen * held
    agree = (own * other).sum(axis=-1) * own.shape[-1]
    return np.asarray(weight * np.log(both * agree + 1 - both))


def _split(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability that a number is seen (...), and of each if so (..., c)."""
    shares = np.exp(rows)
    if not (np.isfinite(shares).all() and np.allclose(shares.sum(axis=-1), 1, atol=1e-3)):
        raise RankingError("Readings whose probabilities do not sum to 1; expected logs of those.")
    numbers = shares[..., :-1]
    total = np.maximum(numbers.sum(axis=-1, keepdims=True), 1e-12)
    even = SLIP / numbers.shape[-1]
    return 1 - shares[..., -1], (1 - SLIP) * numbers / total + even
