"""How sure it is that a tracklet is under the right identity.

A tracklet's margin is what it has for its own identity over the best other one, or over being
somebody new, in log-odds (``fit.support``). Evidence errs together in ways that nobody has
modelled, so the margin is no probability yet: a curve fitted to labelled matches makes it one
(Platt, 1999). At one margin, a tracklet among many is right more often than one of two, so the
curve also knows how many the identity has.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
from scipy.special import expit

from sameplayer.common.files import write_text
from sameplayer.common.statistics import fit_logistic, platt_targets
from sameplayer.encoder.calibration import is_number
from sameplayer.errors import DataError, SettingError
from sameplayer.identity.evidence.evidence import Evidence
from sameplayer.identity.linking.cluster_fit import support

WIDEST = 12.0
LARGEST = 20
FEWEST = 10


@dataclass(frozen=True)
class Confidence:
    """p = 1 / (1 + exp(-(slope * margin + company * log(size) + offset))), and its origin.

    Margins are cut to WIDEST both ways; size is the number of tracklets of the identity, 20 at
    most. ``fitted_on`` says on how many tracklets of what.
    """

    slope: float
    company: float
    offset: float
    fitted_on: str

    def __post_init__(self) -> None:
        for name in ("slope", "company", "offset"):
            value = getattr(self, name)
            if not is_number(value) or (name == "slope" and value <= 0):
                raise SettingError(name, value, "a finite number, the slope over 0")

    def probability(self, margin: np.ndarray, size: np.ndarray) -> np.ndarray:
        """Return (n,) probabilities of margins (n,) and sizes (n,)."""
        score = _features(margin, size) @ [self.slope, self.company, self.offset]
        return np.asarray(expit(score))

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
    slope=0.441,
    company=1.296,
    offset=-1.009,
    fitted_on="14,400 drawn tracklets of 32 matches (benchmarks/match/linking.py --fit)",
)


@dataclass(frozen=True, eq=False)
class Sureness:
    """How sure the identity of each of n tracklets is.

    probability           (n,) that it is right
    second                (n,) int64: the next likeliest identity; -1: somebody new
    second_probability    (n,) of that
    margin                (n,) log-odds before the curve: what ``fit_confidence`` takes
    size                  (n,) int64: how many tracklets the identity has
    """

    probability: np.ndarray
    second: np.ndarray
    second_probability: np.ndarray
    margin: np.ndarray
    size: np.ndarray


def confidence(
    evidence: Evidence,
    labels: np.ndarray,
    *,
    curve: Confidence = DEFAULT,
    blocked: np.ndarray | None = None,
    called: np.ndarray | None = None,
) -> Sureness:
    """Return how sure the identity of each tracklet is.

    labels     (n,) from 0, as ``link`` gives
    blocked    (m, 2) pairs that are surely two persons, as ``link`` had them
    called     (k,) int64: identities of equal numbers are pieces of one player, and what speaks for
               one of them is no doubt about the others; None: each is somebody else

    ``probability + second_probability`` is 1 at most.
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
    probability = curve.probability(margin, size[labels])
    finite = np.isfinite(best)
    shares = np.exp(others - np.where(finite, best, 0.0)[:, None])
    shares *= ((1 - probability) / np.maximum(shares.sum(axis=1), 1))[:, None]
    if called is not None:
        pieces = np.append(called, -1) == called[labels][:, None]
        probability = probability + (shares * pieces).sum(axis=1)
        shares[pieces] = 0
        second = shares.argmax(axis=1)
    follow = np.where(finite, shares[rows, second], 0.0)
    second = np.where((follow > 0) & (second < odds.shape[1]), second, -1)
    return Sureness(probability, second, follow, margin, size[labels])


def believed(sure: Sureness, groups: np.ndarray, said: np.ndarray) -> Sureness:
    """Return how sure each identity is once corrections are believed.

    groups    (n,) int64: tracklets of equal numbers were said to be one person, so each is as sure
              as the surest of them
    said      (n,) bool: tracklets whose identity was said: they are certain
    """
    best = np.zeros(len(groups))
    np.maximum.at(best, groups, sure.probability)
    probability = np.where(said, 1.0, best[groups])
    follow = np.minimum(sure.second_probability, 1 - probability)
    return replace(sure, probability=probability, second_probability=follow)


def fit_confidence(
    margin: np.ndarray, size: np.ndarray, right: np.ndarray, fitted_on: str
) -> Confidence:
    """Fit the curve to labelled tracklets: margins (n,), sizes (n,), and whether each was right.

    Least log loss with targets smoothed as Platt does, and a pull on the slopes that counts as one
    tracklet. Raises DataError where fewer than ten are right or wrong, or the margin says nothing.
    """
    right = np.asarray(right, bool)
    hits, misses = int(right.sum()), int((~right).sum())
    if min(hits, misses) < FEWEST:
        raise DataError(
            f"{hits} identities are right and {misses} wrong; expected {FEWEST} or more of each. "
            "Fit on more tracklets, or on harder footage."
        )
    inputs = _features(margin, size)
    fitted = fit_logistic(inputs, platt_targets(right), penalty=np.array([1.0, 1.0, 0.0]))
    slope, company, offset = map(float, fitted)
    if slope <= 0:
        raise DataError(
            "Right tracklets have no higher margin than wrong ones; expected evidence that tells "
            "these persons apart."
        )
    return Confidence(slope, company, offset, fitted_on)


def _features(margin: np.ndarray, size: np.ndarray) -> np.ndarray:
    cut = np.clip(np.asarray(margin, float), -WIDEST, WIDEST)
    return np.stack([cut, np.log(np.clip(size, 1, LARGEST)), np.ones(len(cut))], axis=1)
