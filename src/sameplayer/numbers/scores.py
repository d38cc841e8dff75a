"""Scores of shirt-number readings against the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sameplayer.common.statistics import expected_calibration_error
from sameplayer.errors import RankingError
from sameplayer.numbers.reading import NumberReading


@dataclass(frozen=True)
class NumberScores:
    """How readings compare with the truth.

    readings, numbered     all, and those where a number is truly to be read
    coverage               share of readings that named a number
    precision              share of those that are right
    accuracy               share of all readings that are right, none where none is included
    coverage_at_90         largest share that may be named, the surest first, at 90 % precision
    confidence             mean probability of the numbers named; calibrated, it is the precision
    calibration_error      mean gap between probability and share right, in ten steps of the
                           probability, over the readings that saw a number (ECE)
    confusions             (true digit, read digit) -> how often, among numbers of equal length
    curve                  (coverage, precision) after each reading, the surest first
    """

    readings: int
    numbered: int
    coverage: float
    precision: float
    accuracy: float
    coverage_at_90: float
    confidence: float
    calibration_error: float
    confusions: dict[tuple[str, str], int]
    curve: np.ndarray

    def table(self) -> str:
        """Return the figures as lines."""
        lines = [
            f"readings {self.readings}, of which with a number {self.numbered}",
            f"coverage {self.coverage:.1%}   precision {self.precision:.1%}   "
            f"accuracy {self.accuracy:.1%}   coverage at 90 % precision {self.coverage_at_90:.1%}",
        ]
        lines.append(
            f"named with a probability of {self.confidence:.1%} on average; calibration error "
            f"{self.calibration_error:.1%}"
        )
        for share in (0.25, 0.5, 0.75, 1.0):
            place = round(share * len(self.curve)) - 1
            if place >= 0:
                covered, right = self.curve[place]
                lines.append(f"  the surest {covered:.0%}: {right:.0%} right")
        worst = sorted(self.confusions.items(), key=lambda item: -item[1])[:8]
        text = ", ".join(f"{a} as {b} x {count}" for (a, b), count in worst)
        lines.append(f"digits confused: {text or 'none'}")
        return "\n".join(lines)


def score_numbers(readings: Sequence[NumberReading], truth: Sequence[str]) -> NumberScores:
    """Score readings against the true numbers, "" where none is to be seen.

    Raises RankingError when there are not as many of both, or none.
    """
    if len(readings) != len(truth) or not readings:
        raise RankingError(f"{len(readings)} readings, {len(truth)} labels; expected as many.")
    named = np.array([one.number is not None for one in readings])
    right = np.array([one.number == known for one, known in zip(readings, truth, strict=True)])
    none = np.array([known == "" for known in truth])
    likely = np.array([one.probability for one in readings])
    order = np.argsort(-likely, kind="stable")
    guesses = [one.top(1)[0][0] for one in readings]
    hits = np.array([guess == known for guess, known in zip(guesses, truth, strict=True)])
    saw = np.array([one.frames > 0 for one in readings])
    gap = expected_calibration_error(likely[saw], hits[saw])
    hits = hits[order]
    running = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    good = np.flatnonzero(running >= 0.9)
    digits: Counter[tuple[str, str]] = Counter()
    for one, known in zip(readings, truth, strict=True):
        if one.number is not None and len(one.number) == len(known):
            digits.update((a, b) for a, b in zip(known, one.number, strict=True) if a != b)
    return NumberScores(
        len(readings),
        int((~none).sum()),
        float(named.mean()),
        float(right[named].mean()) if named.any() else float("nan"),
        float((right | (none & ~named)).mean()),
        float((good[-1] + 1) / len(hits)) if len(good) else 0.0,
        float(likely[named].mean()) if named.any() else float("nan"),
        gap,
        dict(digits),
        np.column_stack([np.arange(1, len(hits) + 1) / len(hits), running]),
    )
