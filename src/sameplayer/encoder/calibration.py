"""From a cosine similarity to a probability: a logistic curve fitted to labelled pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy.special import expit, logit

from sameplayer.common.statistics import fit_logistic, platt_targets
from sameplayer.errors import DataError, SettingError

FEWEST_PAIRS = 10


@dataclass(frozen=True)
class Calibration:
    """p = 1 / (1 + exp(-(slope * similarity + offset))), and what it was fitted to.

    slope, offset    of the curve; the slope is over 0
    prior            share of pairs of one person among the pairs that are asked about, for which p
                     holds; another share moves the offset, see ``probability``
    same, others     pairs of one person, and of two persons, that the curve was fitted to
    data             digest of the crop table they came from
    """

    slope: float
    offset: float
    prior: float
    same: int
    others: int
    data: str

    def __post_init__(self) -> None:
        check_prior(self.prior)
        for name in ("slope", "offset"):
            value = getattr(self, name)
            if not is_number(value) or (name == "slope" and value <= 0):
                raise SettingError(name, value, "a number, the slope over 0")
        for name, kind in (("same", int), ("others", int), ("data", str)):
            if not isinstance(getattr(self, name), kind):
                raise SettingError(name, getattr(self, name), f"of type {kind.__name__}")

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Calibration:
        return cls(**{item.name: record[item.name] for item in fields(cls)})

    def probability(self, similarity: float, prior: float | None = None) -> float:
        """Return the probability that two pictures of this similarity show one person.

        prior    share of such pairs among those that are asked about; None: that of the fit
        """
        shift = 0.0
        if prior is not None:
            check_prior(prior)
            shift = float(logit(prior) - logit(self.prior))
        return float(expit(self.slope * similarity + self.offset + shift))


def fit_calibration(
    similarities: np.ndarray, same: np.ndarray, prior: float = 0.5, data: str = ""
) -> Calibration:
    """Fit the curve to pairs (Platt, 1999): cosine similarities (n,) and whether each is a match.

    The pairs of one person together weigh ``prior``, the others 1 - prior, so p holds where that
    share of the pairs asked about are matches. Targets are smoothed as Platt does, so that pairs
    which a threshold separates wholly give a steep but finite curve.

    Raises DataError for too few pairs, and where matches are no more alike than others.
    """
    check_prior(prior)
    matches, others = int(same.sum()), int((~same).sum())
    if min(matches, others) < FEWEST_PAIRS:
        raise DataError(
            f"{matches} pairs of one person and {others} of two; expected {FEWEST_PAIRS} or more "
            "of each. Calibrate on more pictures of more persons."
        )
    inputs = np.stack([similarities.astype(np.float64), np.ones(len(same))], axis=1)
    weight = np.where(same, prior / matches, (1 - prior) / others) * len(same)
    slope, offset = map(float, fit_logistic(inputs, platt_targets(same), weight))
    if not slope > 0:
        raise DataError(
            "Pairs of one person are no more alike than pairs of two; expected an encoder that "
            "tells these persons apart. Train it first."
        )
    return Calibration(slope, offset, prior, matches, others, data)


def check_prior(prior: float) -> None:
    """Raise SettingError unless a prior lies between 0 and 1."""
    if not is_number(prior) or not 0 < prior < 1:
        raise SettingError("prior", prior, "a share over 0 and below 1")


def is_number(value: object) -> bool:
    """Tell whether a value is a finite number: an int or a float, no bool."""
    return isinstance(value, (int, float)) and type(value) is not bool and math.isfinite(value)
