"""What shirt numbers add to a likelihood ratio of appearance."""

from __future__ import annotations

import numpy as np

from sameplayer.errors import RankingError

WEIGHT = 0.5  # readings of one track err together, so they count for half of what they say
SLIP = 0.02  # share of readings that are of somebody else's number, however sure


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
