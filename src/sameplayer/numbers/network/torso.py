"""Digits on windows of a torso, read by the text recogniser PP-OCRv6 of the package rapidocr.

Only its recogniser is used: its detector of text misses numbers on shirts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sameplayer.common.hashing import file_fingerprint
from sameplayer.data.images.picture import Picture
from sameplayer.encoder.runtime.onnx_session import threads
from sameplayer.errors import WeightsError, import_extra
from sameplayer.numbers.network.pose import TorsoFinder, open_network
from sameplayer.numbers.reader import NUMBERS

MODEL = "PP-OCRv6_rec_small.onnx"
HIGH, WIDE, SLIM = 48, 96, 16  # pixels of a window: its height, its most and least width
LOW = 14.0  # pixels: on a torso that is lower no digits can be read
WINDOWS = (  # top and bottom, from shoulder (0) to hip (1); added on each side, in widths
    (0.0, 0.75, 0.3),
    (0.1, 0.65, -0.1),
    (0.15, 0.95, -0.1),
    (0.0, 0.5, 0.15),
)
BATCH = 32  # windows in one pass


class TorsoReader:
    """Scores the numbers that text recognition reads on four windows of the torso.

    Raises MissingExtra without rapidocr or onnxruntime, WeightsError where rapidocr has no
    recogniser that it knows.
    """

    def __init__(self) -> None:
        rapidocr = import_extra("rapidocr", "numbers", "Reading numbers by text recognition")
        path = Path(rapidocr.__file__).parent / "models" / MODEL
        if not path.is_file():
            raise WeightsError(f"{path}: this release of rapidocr has no {MODEL}; install 3.10.")
        self._finder, self._session = TorsoFinder(), open_network(path, threads())
        self._columns = _digit_columns(self._session, path)
        self.fingerprint = (
            f"{self._finder.fingerprint} {path.stem} {file_fingerprint(path)} {WINDOWS} {LOW}"
        )

    def scores(self, pictures: list[Picture]) -> np.ndarray:
        """Return (n, NUMBERS) scores from 0 to 1: how surely the windows show a number.

        Each window adds the square of its least digit's probability, divided by their count.
        All are 0 where nobody is found in a crop, or a torso of less than ``LOW`` pixels.
        """
        found = np.zeros((len(pictures), len(NUMBERS)))
        waiting: list[tuple[int, Picture]] = []
        for row, picture in enumerate(pictures):
            waiting += ((row, one) for one in self._windows(picture))
            while len(waiting) >= BATCH:
                self._read(waiting[:BATCH], found)
                del waiting[:BATCH]
        self._read(waiting, found)
        return found

    def _windows(self, picture: Picture) -> Iterator[Picture]:
        torso = None if picture.shape[0] < LOW else self._finder.find(picture)
        if torso is not None and _height(torso) >= LOW:
            yield from (cut_window(picture, torso, *one) for one in WINDOWS)

    def _read(self, windows: list[tuple[int, Picture]], found: np.ndarray) -> None:
        """Add what a batch of windows shows to the rows of ``found`` that they are of."""
        if not windows:
            return
        batch = np.zeros((len(windows), 3, HIGH, WIDE), np.float32)
        for place, (_, window) in enumerate(windows):
            bgr = window[:, :, ::-1].transpose(2, 0, 1)
            batch[place, :, :, : window.shape[1]] = bgr / np.float32(127.5) - 1
        shares = self._session.run(None, {"x": batch})[0][:, :, self._columns]
        for (row, _), steps in zip(windows, shares, strict=True):
            text, least = decode_digits(steps)
            if text in NUMBERS:
                found[row, NUMBERS.index(text)] += least**2 / len(WINDOWS)


def cut_window(
    picture: Picture, torso: np.ndarray, top: float, bottom: float, more: float
) -> Picture:
    """Return a part of a torso, upright: uint8 RGB (48, 16 to 96, 3), cut in perspective.

    torso          corners (4, 2), as ``TorsoFinder`` returns
    top, bottom    of the part, from the shoulders (0) to the hips (1)
    more           added on each side, in widths of the torso
    """
    left, right, other, hip = torso
    wide = float(np.linalg.norm(right - left) + np.linalg.norm(other - hip)) / 2
    corners = []
    for share in (top, bottom):
        start, end = left + (hip - left) * share, right + (other - right) * share
        beside = (end - start) * more
        corners.append((start - beside, end + beside))
    across = HIGH * wide * (1 + 2 * more) / max(_height(torso) * (bottom - top), 1e-3)
    size = int(np.clip(round(across), SLIM, WIDE))
    source = np.array([*corners[0], *corners[1][::-1]], np.float32)
    target = np.array([[0, 0], [size, 0], [size, HIGH], [0, HIGH]], np.float32)
    part = cv2.warpPerspective(
        picture,
        cv2.getPerspectiveTransform(source, target),
        (size, HIGH),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return part.astype(np.uint8, copy=False)


def decode_digits(steps: np.ndarray) -> tuple[str, float]:
    """Return the digits of CTC's steps (n, 11), blank first, and the least digit's probability."""
    best, text, shares, last = steps.argmax(axis=1).tolist(), "", [], 0
    for step, one in enumerate(best):
        if one and one != last:
            text += str(one - 1)
            shares.append(float(steps[step, one]))
        elif one:
            shares[-1] = max(shares[-1], float(steps[step, one]))
        last = one
    return text, min(shares, default=0.0)


def _height(torso: np.ndarray) -> float:
    """Return the pixels between the middles of shoulders and hips."""
    return float(np.linalg.norm(torso[2] + torso[3] - torso[0] - torso[1])) / 2


def _digit_columns(session: Any, path: Path) -> list[int]:
    """Return the columns of the blank and the ten digits in what a recogniser gives."""
    known = session.get_modelmeta().custom_metadata_map.get("character", "").splitlines()
    if not {*"0123456789"} <= {*known}:
        raise WeightsError(f"{path}: its record names no digits; install rapidocr 3.10.")
    return [0, *(1 + known.index(digit) for digit in "0123456789")]
