"""How sure it is that a tracklet is under the right identity.

A tracklet's margin is what it has for its own identity over the best other one, or over being
somebody new, in log-odds (``fit.support``). Evidence errs together in ways that nobody has
modelled, so the margin is no probability yet: a curve fitted to labelled matches makes it one
(Platt, 1999).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from sameplayer.encoder.calibration import fit_calibration, is_number
from sameplayer.errors import DataError, SettingError
from sameplayer.files import write_text
from sameplayer.identity.evidence import Evidence
from sameplayer.identity.fit import support

WIDEST = 12.0


@dataclass(frozen=True)
class Confidence:
    """p = 1 / (1 + exp(-(slope * margin + offset))), and what it was fitted on.

    Margins are cut to WIDEST both ways. ``fitted_on`` says on how many tracklets of what.
    """

    slope: float
    offset: float
    fitted_on: str

    def __post_init__(self) -> None:
        for name in ("slope", "offset"):
            value = getattr(self, name)
            if not is_number(value) or (name == "slope" and value <= 0):
                raise SettingError(name, value, "a finite number, the slope over 0")

    def probability(self, margin: np.ndarray) -> np.ndarray:
        """Return (n,) probabilities of margins (n,)."""
        score = self.slope * np.clip(margin, -WIDEST, WIDEST) + self.offset
        return np.asarray(0.5 * (1 + np.tanh(score / 2)))

    def save(self, path: str | Path) -> None:
        """Write it as JSON, whole or not at all."""
        write_text(path, json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def from_record(cls, record: object) -> Confidence:
        """Return what ``dataclasses.asdict`` gave; DataError for anything else."""
        names = {item.name for item in fields(cls)}
        if not isinstance(record, dict) or set(record) != names:
            raise DataError(f"No confidence curve: expected the keys {', '.join(sorted(names))}.")
        if not isinstance(record["fitted_on"], str):
            raise DataError("No confidence curve: fitted_on is no text.")
        return cls(**record)


DEFAULT = Confidence(
    slope=0.3,
    offset=1.5,
    fitted_on="drawn evidence",
)


@dataclass(frozen=True, eq=False)
class Sureness:
    """How sure the identity of each of n tracklets is.

    probability           (n,) that it is right
    second                (n,) int64: the next likeliest identity; -1: somebody new
    second_probability    (n,) of that
    margin                (n,) log-odds before the curve: what ``fit_confidence`` takes
    """

    probability: np.ndarray
    second: np.ndarray
    second_probability: np.ndarray
    margin: np.ndarray


def confidence(
    evidence: Evidence,
    labels: np.ndarray,
    *,
    curve: Confidence = DEFAULT,
    blocked: np.ndarray | None = None,
) -> Sureness:
    """Return how sure the identity of each tracklet is.

    labels     (n,) from 0, as ``link`` gives
    blocked    (m, 2) pairs that are surely two persons, as ``link`` had them
    """
    odds = support(evidence, labels, blocked).astype(np.float64)
    rows = np.arange(len(labels))
    own = np.where(np.isfinite(odds[rows, labels]), odds[rows, labels], -WIDEST)
    odds[rows, labels] = -np.inf
    size = np.bincount(labels, minlength=odds.shape[1])
    new = np.where(size[labels] > 1, 0.0, -np.inf)  # one who is alone is new already
    others = np.concatenate([odds, new[:, None]], axis=1)
    second, best = others.argmax(axis=1), others.max(axis=1)
    margin = np.clip(own - np.maximum(best, -WIDEST), -WIDEST, WIDEST)
    probability = curve.probability(margin)
    finite = np.isfinite(best)
    share = np.exp(others - np.where(finite, best, 0.0)[:, None]).sum(axis=1)
    follow = np.where(finite, (1 - probability) / np.maximum(share, 1), 0.0)
    second = np.where(finite & (second < odds.shape[1]), second, -1)
    return Sureness(probability, second, follow, margin)


def fit_confidence(margin: np.ndarray, right: np.ndarray, fitted_on: str) -> Confidence:
    """Fit the curve to labelled tracklets: margins (n,) and whether each identity was right.

    Raises DataError where fewer than ten are right or wrong, or the margin says nothing.
    """
    right = np.asarray(right, bool)
    found = fit_calibration(
        np.clip(margin, -WIDEST, WIDEST), right, prior=float(np.clip(right.mean(), 1e-3, 1 - 1e-3))
    )
    return Confidence(found.slope, found.offset, fitted_on)


def calibration_error(probability: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Return the expected calibration error over bins of equal width (Guo et al., 2017)."""
    place = np.minimum((probability * bins).astype(int), bins - 1)
    gap = np.bincount(place, probability - np.asarray(right, float), bins)
    return float(np.abs(gap).sum() / max(len(probability), 1))
