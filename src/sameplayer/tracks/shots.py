"""Cuts: where a video goes over to another view, found in its frames or read from a file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from sameplayer.data.images import Picture
from sameplayer.errors import DataError, MissingFile

SIDE = 128  # pixels of the longer side at which a frame is looked at
PARTS = (2, 3)  # down and across: each has a histogram of its own
BINS = (12, 3, 4)  # hue, saturation, value
SIGNATURE = PARTS[0] * PARTS[1] * int(np.prod(BINS))
LEAST = 0.30  # distance (0 to 1) below which there is no cut
TIMES = 3.0  # a cut stands out so many times against the usual distance
FORGET = 0.9  # of the usual distance that stays, a frame


def signature(picture: Picture) -> np.ndarray:
    """Return (SIGNATURE,) float32: shares of colours in six parts of a frame, uint8 RGB (h, w, 3).

    Each part sums to 1. Counts go to neighbouring bins of value and hue in shares, so that a
    little more light changes little.
    """
    height, width = picture.shape[:2]
    scale = SIDE / max(height, width)
    size = max(PARTS[1], round(width * scale)), max(PARTS[0], round(height * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    hsv = cv2.cvtColor(small, cv2.COLOR_RGB2HSV)
    shares = []
    for band in np.array_split(hsv, PARTS[0], axis=0):
        for part in np.array_split(band, PARTS[1], axis=1):
            counts = cv2.calcHist(
                [np.ascontiguousarray(part)], [0, 1, 2], None, list(BINS), [0, 180, 0, 256, 0, 256]
            )
            shares.append(counts.ravel() / counts.sum())
    return np.concatenate(shares).astype(np.float32)


def distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return how far two signatures are apart, from 0 to 1."""
    return float(np.abs(first - second).sum() / (2 * PARTS[0] * PARTS[1]))


def find_cuts(signatures: np.ndarray) -> np.ndarray:
    """Return the places (from 1) of the signatures (n, SIGNATURE) with which a new shot begins."""
    cuts, usual = [], LEAST / TIMES
    for place in range(1, len(signatures)):
        step = distance(signatures[place - 1], signatures[place])
        if step > max(LEAST, TIMES * usual):
            cuts.append(place)
            usual = LEAST / TIMES
        else:
            usual = FORGET * usual + (1 - FORGET) * step
    return np.array(cuts, np.int64)


def shot_numbers(times: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Return (n,) int64: the shot of each time, from 0; a cut's time is the first of its shot."""
    return np.searchsorted(np.sort(cuts), np.asarray(times) + 1e-6, side="right")


def read_cuts(path: str | Path) -> np.ndarray:
    """Return the rising seconds at which new shots begin, one a line or the first cell of a CSV.

    Seconds count from the first frame of the video. A first line that is no number is a header.
    Raises MissingFile, DataError with the line that is not as expected.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise MissingFile(
            f"{path}: no such file; expected a second of a cut on each line."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error}).") from error
    cuts: list[float] = []
    for number, line in enumerate(lines, start=1):
        cell = line.replace(";", ",").split(",")[0].strip()
        if not cell:
            continue
        try:
            second = float(cell)
        except ValueError:
            if number == 1:
                continue
            second = float("nan")
        if not 0 <= second < 1e7:
            raise DataError(f"{path}, line {number}: {cell[:40]!r}; expected a time in seconds.")
        cuts.append(second)
    return np.unique(np.array(cuts, np.float64))
