"""Scores of detectors and trackers, whatever their scale."""

from __future__ import annotations

import numpy as np

PERCENT = 10.0  # over which the largest score shows percent, up to 100


def as_shares(score: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return (n,) scores from 0 to 1, in the order that they had, and what to say of them.

    score    (n,) as a file has them; nan and, where nothing else is below 0, -1: none, which is 1
    """
    known = np.isfinite(score)
    if (score[known & (score < 0)] == -1).all():
        known &= score >= 0
    values = score[known]
    shares, notes = np.ones(len(score)), []
    if len(values) and (values.min() < 0 or values.max() > 1):
        span = f"Scores from {values.min():g} to {values.max():g}"
        if values.min() >= 0 and PERCENT < values.max() <= 100:
            values = values / 100
            notes.append(f"{span} are read as percent.")
        else:
            values = (1 + values / (1 + np.abs(values))) / 2
            notes.append(f"{span} are brought to 0 to 1 in their order.")
    shares[known] = values
    return shares, notes
