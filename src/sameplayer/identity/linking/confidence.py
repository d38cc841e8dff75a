"""The probability that a tracklet has the right identity.

A tracklet's margin is the log-odds of its own identity over the best alternative, or over being
somebody new (``ClusterFit.support``). Errors of the evidence are correlated, so the margin is not
calibrated: a curve fitted to labelled matches maps it to a probability (Platt, 1999). At the same
margin a tracklet of a large identity is right more often, so the curve also takes its size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from sameplayer.common.statistics import fit_logistic, platt_targets
from sameplayer.encoder.calibration import is_number
from sameplayer.errors import DataError, SettingError
from sameplayer.identity.evidence.evidence import Evidence
from sameplayer.identity.linking.cluster_fit import ClusterFit

WIDEST = 12.0
LARGEST = 20
FEWEST = 10


@dataclass(frozen=True)
class ConfidenceModel:
    """p = 1 / (1 + exp(-(slope * margin + size_slope * log(size) + offset))), and its origin.

    Margins are cut to WIDEST both ways; size is the number of tracklets of the identity, 20 at
    most. ``fitted_on`` says on how many tracklets of what.
    """

    slope: float
    size_slope: float
    offset: float
    fitted_on: str

    def __post_init__(self) -> None:
        for name in ("slope", "size_slope", "offset"):
            value = getattr(self, name)
            if not is_number(value) or (name == "slope" and value <= 0):
                raise SettingError(name, value, "a finite number, the slope over 0")

    def probability(self, margin: np.ndarray, size: np.ndarray) -> np.ndarray:
        """Return (n,) probabilities of margins (n,) and sizes (n,)."""
        score = _features(margin, size) @ [self.slope, self.size_slope, self.offset]
        return np.asarray(expit(score))


DEFAULT = ConfidenceModel(
    slope=0.441,
    size_slope=1.296,
    offset=-1.009,
    fitted_on="14,400 drawn tracklets of 32 matches (benchmarks/match/linking.py --fit)",
)


@dataclass(frozen=True, eq=False)
class IdentityConfidence:
    """Confidence in the identity of each of n tracklets.

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


def identity_confidence(
    evidence: Evidence,
    labels: np.ndarray,
    *,
    curve: ConfidenceModel = DEFAULT,
    cannot_link: np.ndarray | None = None,
    name_codes: np.ndarray | None = None,
) -> IdentityConfidence:
    """Return the confidence in the identity of each tracklet.

    labels         (n,) from 0, as ``link`` gives
    cannot_link    (m, 2) pairs of different persons, as given to ``link``
    name_codes     (k,) int64: identities of equal codes are pieces of one player, so evidence for
                   one is no doubt about the others; None: all are different players

    ``probability + second_probability`` is 1 at most.
    """
    odds = ClusterFit(evidence, labels, cannot_link).support().astype(np.float64)
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
    if name_codes is not None:
        pieces = np.append(name_codes, -1) == name_codes[labels][:, None]
        probability = probability + (shares * pieces).sum(axis=1)
        shares[pieces] = 0
        second = shares.argmax(axis=1)
    follow = np.where(finite, shares[rows, second], 0.0)
    second = np.where((follow > 0) & (second < odds.shape[1]), second, -1)
    return IdentityConfidence(probability, second, follow, margin, size[labels])


def with_corrections(
    sure: IdentityConfidence, groups: np.ndarray, confirmed: np.ndarray
) -> IdentityConfidence:
    """Return the confidence once corrections are applied.

    groups       (n,) int64: tracklets of equal numbers were corrected to be one person, so each
                 gets the highest probability of them
    confirmed    (n,) bool: tracklets whose identity a correction gives: they are certain
    """
    best = np.zeros(len(groups))
    np.maximum.at(best, groups, sure.probability)
    probability = np.where(confirmed, 1.0, best[groups])
    follow = np.minimum(sure.second_probability, 1 - probability)
    return replace(sure, probability=probability, second_probability=follow)


def fit_confidence(
    margin: np.ndarray, size: np.ndarray, right: np.ndarray, fitted_on: str
) -> ConfidenceModel:
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
    slope, size_slope, offset = map(float, fitted)
    if slope <= 0:
        raise DataError(
            "Right tracklets have no higher margin than wrong ones; expected evidence that tells "
            "these persons apart."
        )
    return ConfidenceModel(slope, size_slope, offset, fitted_on)


def _features(margin: np.ndarray, size: np.ndarray) -> np.ndarray:
    cut = np.clip(np.asarray(margin, float), -WIDEST, WIDEST)
    return np.stack([cut, np.log(np.clip(size, 1, LARGEST)), np.ones(len(cut))], axis=1)
