"""READERS: what reads shirt numbers, by name: the package's own network, text recognition, CLIP.

A reader gives each picture a probability for every candidate number and for "no number visible".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.special import log_softmax

from sameplayer.common.hashing import part_fingerprint
from sameplayer.data.images.picture import Picture
from sameplayer.errors import (
    ConfigError,
    MissingExtra,
    SettingError,
    WeightsError,
    did_you_mean,
    import_extra,
)
from sameplayer.numbers.clip import CLIP_MODEL, ClipReader
from sameplayer.numbers.joined import JoinedReader
from sameplayer.numbers.network.onnx_reader import OnnxReader
from sameplayer.numbers.network.shirt_reader import ShirtReader
from sameplayer.numbers.reader import NUMBERS, NumberReader, check_views, view


class OcrReader:
    """Text recognition (RapidOCR, whose package holds its models), digits only.

    certainty    probability that a text read with score 1 is the number: readers of partly hidden
                 shirts are too sure
    views        parts of the picture that are read, names of VIEWS: several scales; the texts of
                 all count, so that a number found twice is surer
    width        pixels that each is enlarged to. The detector sees it at this size, not at the 736
                 pixels of RapidOCR's own setting, at which fewer numbers are found

    The rest is shared by the numbers that hold the text (a hidden digit: 7 may be 78) and by all.
    """

    def __init__(
        self,
        candidates: Sequence[str] = NUMBERS,
        *,
        certainty: float = 0.8,
        views: Sequence[str] = ("torso", "chest"),
        width: int = 256,
    ) -> None:
        if not 0 < certainty < 1:
            raise SettingError("certainty", certainty, "more than 0, less than 1")
        check_views(views)
        rapidocr = import_extra("rapidocr", "numbers", "Reading numbers by text recognition")
        logging.getLogger("RapidOCR").setLevel(logging.ERROR)
        self.candidates, self.name = tuple(candidates), "RapidOCR"
        self._certainty, self._views, self._width = certainty, tuple(views), width
        self.fingerprint = f"RapidOCR {_release('rapidocr')} {certainty} {self._views} {width}"
        self._engine = rapidocr.RapidOCR(
            params={"Global.log_level": "error", "Det.limit_side_len": width}
        )

    def read(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Return log-probabilities (n, candidates + 1)."""
        rows = [
            self._shares([text for name in self._views for text in self._texts(view(one, name))])
            for one in pictures
        ]
        return np.log(rows) if rows else np.zeros((0, len(self.candidates) + 1))

    def _texts(self, part: Picture) -> list[tuple[str, float]]:
        scale = self._width / part.shape[1]
        size = (self._width, max(round(part.shape[0] * scale), 16))
        large = cv2.resize(part, size, interpolation=cv2.INTER_CUBIC)
        bgr = np.ascontiguousarray(large[:, :, ::-1])
        found: Any = self._engine(bgr, use_cls=False, text_score=0.3, box_thresh=0.3)
        texts = zip(found.txts or (), found.scores or (), strict=True)
        return [(text, float(score)) for text, score in texts if text.isdigit() and len(text) < 3]

    def _shares(self, texts: list[tuple[str, float]]) -> np.ndarray:
        numbers = len(self.candidates)
        shares = np.full(numbers + 1, 0.02 / numbers)
        left = 0.98
        texts = [(text, score) for text, score in texts if text in self.candidates]
        for text, score in sorted(texts, key=lambda item: -item[1]):
            sure = left * score
            holding = [place for place, one in enumerate(self.candidates) if text in one]
            shares[self.candidates.index(text)] += self._certainty * sure
            shares[holding] += (1 - self._certainty) * sure / len(holding)
            left -= sure
        shares[-1] += left
        return shares / shares.sum()


def _release(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # a copy that was not installed
        return "unknown"


class BothReaders:
    """Several readers as one: the mean of their log-probabilities, weighted.

    A reader that sees no number leaves the other's answer to stand among numbers.
    """

    def __init__(self, readers: Sequence[NumberReader], weights: Sequence[float] | None = None):
        if len({reader.candidates for reader in readers}) != 1:
            raise ConfigError("Readers with different candidates cannot be combined.")
        self.candidates = readers[0].candidates
        self.name = " + ".join(reader.name for reader in readers)
        self._readers = tuple(readers)
        self._weights = np.ones(len(readers)) if weights is None else np.asarray(weights, float)

    @property
    def fingerprint(self) -> str | None:
        """What the readings depend on; None where one of the readers has no fingerprint."""
        parts = [part_fingerprint(reader) for reader in self._readers]
        if None in parts:
            return None
        return f"{' + '.join(map(str, parts))} weighted {self._weights.tolist()}"

    def read(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Return log-probabilities (n, candidates + 1)."""
        rows = np.stack([reader.read(pictures) for reader in self._readers])
        shares = (self._weights / self._weights.sum())[:, None, None]
        joint: np.ndarray = log_softmax((shares * rows).sum(axis=0), axis=1)
        return joint


SHIRT, AUTO, ONNX = "shirt", "auto", ".onnx"


@dataclass(frozen=True)
class ReaderSettings:
    """What the reader of a name is made with; each reader takes what it knows.

    model         OpenCLIP architecture, or its configuration (.json), for CLIP
    weights       OpenCLIP tag or file of weights, for CLIP
    candidates    numbers that may be read
    device        where a network runs, a name of torch's
    engine        what runs the package's own: torch, onnxruntime; None: as ``ShirtReader``
    """

    model: str = CLIP_MODEL
    weights: str | None = "openai"
    candidates: tuple[str, ...] = NUMBERS
    device: str = "auto"
    engine: str | None = None


def _shirt_reader(settings: ReaderSettings) -> NumberReader:
    return ShirtReader(settings.candidates, device=settings.device, engine=settings.engine)


def _clip_reader(settings: ReaderSettings) -> NumberReader:
    return ClipReader(settings.model, settings.weights, settings.candidates, device=settings.device)


def _onnx_reader(path: str, settings: ReaderSettings) -> NumberReader:
    known = None if settings.candidates == NUMBERS else settings.candidates
    return OnnxReader(path, known, device=settings.device)


def _joined_reader(settings: ReaderSettings) -> NumberReader:
    return JoinedReader(settings.candidates, device=settings.device)


def _best_reader(settings: ReaderSettings) -> NumberReader:
    """Return the joined reader where the extra "numbers" has all it needs, else ``shirt``."""
    try:
        return _joined_reader(settings)
    except (MissingExtra, WeightsError):  # of another release, which has no such recogniser
        return _shirt_reader(settings)


READERS: dict[str, Callable[[ReaderSettings], NumberReader]] = {
    AUTO: _best_reader,
    SHIRT: _shirt_reader,
    "joined": _joined_reader,
    "ocr": lambda settings: OcrReader(settings.candidates),
    "clip": _clip_reader,
}


def make_reader(name: str = SHIRT, settings: ReaderSettings | None = None) -> NumberReader:
    """Return the reader of this name, several joined by a plus: their log-probabilities averaged.

    name    of READERS, or an ONNX file of a reader, whose name ends in .onnx

    Raises ConfigError for another name, MissingExtra where a package is missing, MissingFile and
    WeightsError for a file that is not there, damaged, or no reader's.
    """
    parts = [name] if Path(name).is_file() else name.split("+")
    unknown = [part for part in parts if part not in READERS and not part.endswith(ONNX)]
    if unknown:
        raise ConfigError(
            f"Reader {unknown[0]!r} is unknown.{did_you_mean(unknown[0], READERS)} Readers: "
            f"{', '.join(READERS)}, a file ({ONNX}), or several joined by a plus."
        )
    given = settings or ReaderSettings()
    readers = [READERS.get(part, partial(_onnx_reader, part))(given) for part in parts]
    return readers[0] if len(readers) == 1 else BothReaders(readers)
