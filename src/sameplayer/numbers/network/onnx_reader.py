"""A shirt-number reader that an ONNX file holds: it reads by onnxruntime, without torch's network.

Write such a file with ``export_reader``, or ``sameplayer export shirt --out FILE.onnx``.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sameplayer.data.images.picture import Picture
from sameplayer.encoder.calibration import is_number
from sameplayer.encoder.runtime.onnx_session import OnnxSession, onnx_device, read_content
from sameplayer.errors import SettingError, WeightsError
from sameplayer.numbers.reader import NUMBERS, SURE, Calibration, check_picture

KIND = "shirt"
CLOSE = 1e-3  # to 1: what a row's probabilities may sum up to


class OnnxReader:
    """What ``make_reader`` gives for a file that ``export_reader`` wrote.

    path          the file (.onnx)
    candidates    numbers that may be read, of those that the file reads; None: all of them
    device        where it runs, a name of torch's; "auto": CUDA where onnxruntime can use it
    batch         the most pictures in one pass; only pictures of one size share one

    It reads as the ``ShirtReader`` that was exported, whose calibration it has. Raises MissingFile,
    WeightsError for a file that is damaged or holds something else, MissingExtra without
    onnxruntime, SettingError for other candidates or a device that onnxruntime cannot use.
    """

    def __init__(
        self,
        path: str | Path,
        candidates: Sequence[str] | None = None,
        *,
        device: str = "auto",
        batch: int = 32,
    ) -> None:
        if batch < 1:
            raise SettingError("batch", batch, "1 or more")
        self.path, self._batch = Path(path), batch
        content = read_content(self.path)
        self.fingerprint = f"onnx {hashlib.sha256(content).hexdigest()[:16]}"
        self._session = OnnxSession(content, onnx_device(device), str(self.path), KIND)
        self._known, self.calibration = _facts(self.path, self._session.record)
        self.candidates = self._known if candidates is None else tuple(candidates)
        self.name = f"shirt ({self.path.name})"
        unknown = [one for one in self.candidates if one not in self._known]
        if unknown or not self.candidates:
            raise SettingError(
                "candidates",
                unknown or "empty",
                f"numbers that {self.path} reads: it was exported with {len(self._known)} of them",
            )
        columns = self._session.columns()
        if columns != [len(self._known) + 1]:
            raise WeightsError(
                f"{self.path}: gives rows of {columns} columns; its record says "
                f"{len(self._known)} candidates. Export it again."
            )

    def read(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Return log-probabilities (n, candidates + 1) of pictures uint8 RGB (h, w, 3).

        The last column: no number visible, as in every picture of a few pixels or of an extreme
        shape. Raises DataError for what is no picture, WeightsError where onnxruntime stops.
        """
        same: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
        for row, picture in enumerate(pictures):
            check_picture(picture, row)
            same[picture.shape].append(row)
        rows = np.zeros((len(pictures), len(self._known) + 1))
        for places in same.values():
            for first in range(0, len(places), self._batch):
                chosen = places[first : first + self._batch]
                rows[chosen] = self._pass(np.stack([pictures[row] for row in chosen]))
        return rows if self.candidates == self._known else self._narrowed(rows)

    def _pass(self, pictures: np.ndarray) -> np.ndarray:
        rows = self._session.run(pictures).astype(np.float64)
        if not np.all(np.abs(np.exp(rows).sum(axis=1) - 1) < CLOSE):
            raise WeightsError(f"{self.path}: gives no probabilities. Export it again.")
        return rows

    def _narrowed(self, rows: np.ndarray) -> np.ndarray:
        """Return what fewer candidates leave: what all share alike is taken off, then given."""
        columns = [*map(self._known.index, self.candidates), len(self._known)]
        shares = (np.exp(rows) - (1 - SURE) / rows.shape[1])[:, columns].clip(min=1e-12)
        shares /= shares.sum(axis=1, keepdims=True)
        narrowed: np.ndarray = np.log(SURE * shares + (1 - SURE) / shares.shape[1])
        return narrowed


def _facts(path: Path, record: dict[str, Any]) -> tuple[tuple[str, ...], Calibration]:
    """Return candidates and calibration; WeightsError for a record without them."""
    try:
        known, doubt, temperature = (record[key] for key in ("candidates", "doubt", "temperature"))
        if not (is_number(doubt) and is_number(temperature) and temperature > 0):
            raise ValueError("doubt and temperature are no numbers")
        if not isinstance(known, list) or not known or len(set(known)) != len(known):
            raise ValueError("candidates are no list of different numbers")
        if not set(known) <= set(NUMBERS):
            raise ValueError("candidates are not all numbers 0 to 99, or 00")
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path}: its record of the reader is damaged ({type(error).__name__}: {error}). "
            "Export it again."
        ) from error
    return tuple(known), Calibration(float(doubt), float(temperature))
