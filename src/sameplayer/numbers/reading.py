"""Shirt numbers: of one picture, over a track, with abstention, calibrated, beside appearance.

The probabilities that a reader (``readers.py``) gives a track's frames are multiplied
(log-probabilities summed), so that many unsure frames make a sure track, and frames that see no
number say nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp

from sameplayer.data.images.picture import Picture, quality
from sameplayer.data.reading import PictureLike, as_pictures
from sameplayer.errors import DataError, SettingError
from sameplayer.numbers.reader import NumberReader, view
from sameplayer.numbers.readers import make_reader


@dataclass(frozen=True)
class NumberReading:
    """What was read, for one picture or one track.

    number           the number, or None: none visible, or too unsure
    probability      of the likeliest number, also where it was not sure enough
    visible          probability that a number can be seen at all
    probabilities    of every candidate; with 1 - visible they sum to 1
    frames           how many pictures saw a number
    """

    number: str | None
    probability: float
    visible: float
    probabilities: dict[str, float] = field(repr=False)
    frames: int

    def top(self, k: int = 5) -> list[tuple[str, float]]:
        """Return the k likeliest numbers with their probabilities."""
        return sorted(self.probabilities.items(), key=lambda item: -item[1])[:k]


def read_jersey_number(
    pictures: Sequence[PictureLike],
    reader: NumberReader | None = None,
    *,
    threshold: float = 0.5,
    temperature: float = 1.0,
    order: str = "rgb",
) -> list[NumberReading]:
    """Read the number in each of a list of pictures; below the threshold none is named.

    pictures       each as ``as_picture`` takes it: path, uint8 (h, w, 3), PIL picture or tensor
    reader         None: the package's own, ``ShirtReader``
    temperature    over 1: less sure, see ``fit_temperature``
    order          of the channels of arrays and tensors: "rgb"; "bgr", as OpenCV reads

    >>> from sameplayer.synthetic import draw_crop
    >>> read_jersey_number([draw_crop(7, 0).picture])[0].number
    '19'
    """
    shown = as_pictures(pictures, order)
    reader = reader or make_reader()
    rows = tempered(reader.read(shown), temperature)
    return [reading(row, reader.candidates, threshold) for row in rows]


def read_track_number(
    pictures: Sequence[PictureLike],
    reader: NumberReader | None = None,
    *,
    threshold: float = 0.5,
    temperature: float = 1.0,
    order: str = "rgb",
) -> NumberReading:
    """Read the number of one person from several pictures, see ``combine``.

    reader         None: the package's own, ``ShirtReader``
    temperature    over 1: less sure, since frames of a track err together
    order          of the channels of arrays and tensors: "rgb"; "bgr", as OpenCV reads

    >>> from sameplayer.synthetic import draw_crop
    >>> read_track_number([draw_crop(7, frame).picture for frame in range(2)]).number
    '19'
    """
    shown = as_pictures(pictures, order)
    reader = reader or make_reader()
    rows = reader.read(shown)
    combined = tempered(combine(rows, clearness(shown)), temperature)
    return reading(combined, reader.candidates, threshold, frames=int(_seen(rows).sum()))


def combine(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the log-probabilities (c + 1,) of a track from those of its frames (n, c + 1).

    weights    (n,) over 0, such as ``clearness``; their mean counts as one frame

    Where no frame sees a number, the track's is the mean of its frames.
    """
    seen = _seen(rows)
    if not seen.any():
        mean: np.ndarray = logsumexp(rows, axis=0) - np.log(len(rows))
        return mean
    shares = weights[seen] / weights.mean()
    within = log_softmax(rows[seen, :-1], axis=1)
    hidden = logsumexp(rows[seen, -1] - np.log(seen.sum()))
    numbers = log_softmax((shares[:, None] * within).sum(axis=0))
    return np.append(numbers + _complement(hidden), hidden)


def tempered(rows: np.ndarray, temperature: float) -> np.ndarray:
    """Return log-probabilities (..., c + 1) whose numbers are less sure with a temperature over 1.

    The odds between two numbers are raised to the power of 1 / temperature; the probability that
    none is visible stays. Raises ConfigError for a temperature that is not over 0.
    """
    if temperature <= 0:
        raise SettingError("temperature", temperature, "more than 0")
    numbers = log_softmax(rows[..., :-1] / temperature, axis=-1)
    hidden = rows[..., -1:]
    return np.concatenate([numbers + _complement(hidden), hidden], axis=-1)


def clearness(pictures: Sequence[Picture]) -> np.ndarray:
    """Return (n,) weights over 0: size times sharpness of each picture's torso."""
    return np.array([quality(view(picture, "torso")) for picture in pictures])


def reading(
    row: np.ndarray, candidates: Sequence[str], threshold: float, frames: int | None = None
) -> NumberReading:
    """Turn log-probabilities (c + 1,) into an answer."""
    shares = np.exp(row)
    best = int(shares[:-1].argmax())
    likely = float(shares[best])
    named = candidates[best] if likely >= threshold and likely > shares[-1] else None
    known = dict(zip(candidates, shares[:-1].tolist(), strict=True))
    spoke = int(shares[-1] < 0.5) if frames is None else frames
    return NumberReading(named, likely, float(1 - shares[-1]), known, spoke)


def fit_temperature(readings: Sequence[NumberReading], truth: Sequence[str]) -> float:
    """Return the temperature that makes labelled readings as sure as they are right.

    Found by least negative log-likelihood of the true numbers (Guo et al., 2017) over the readings
    that see a number where there is one ("" in the truth: none). Of readings that were tempered
    already it is the further one: the product of both fits. Raises DataError where no such reading
    is left, or a number is no candidate.
    """
    pairs = [
        (one, known) for one, known in zip(readings, truth, strict=True) if one.frames and known
    ]
    if not pairs:
        raise DataError("A temperature needs readings that see a number whose truth is known.")
    candidates = list(pairs[0][0].probabilities)
    strange = [known for _, known in pairs if known not in candidates]
    if strange:
        raise DataError(f"The true number {strange[0]!r} is none of the reader's candidates.")
    rows = np.log([list(one.probabilities.values()) for one, _ in pairs])
    places = [candidates.index(known) for _, known in pairs]

    def cost(log_temperature: float) -> float:
        scaled = log_softmax(rows / np.exp(log_temperature), axis=1)
        return float(-scaled[np.arange(len(pairs)), places].mean())

    return float(np.exp(minimize_scalar(cost, bounds=(-2.3, 3), method="bounded").x))


def _complement(hidden: np.ndarray) -> np.ndarray:
    """Return log(1 - exp(hidden)), finite where nothing is visible."""
    visible: np.ndarray = np.log1p(-np.minimum(np.exp(hidden), 1 - 1e-6))
    return visible


def _seen(rows: np.ndarray) -> np.ndarray:
    seen: np.ndarray = rows[:, -1] < np.log(0.5)
    return seen
