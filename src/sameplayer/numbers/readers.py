"""READERS: what reads shirt numbers from pictures, by name: text recognition, CLIP, or both.

A reader gives each picture a probability for every candidate number and for "no number visible".
CLIP reads by comparing the picture with sentences, as the 2022 paper did on about a hundred
pictures; its sentences are not published, so these are our own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from scipy.special import log_softmax

from sameplayer.data.images import Picture
from sameplayer.errors import (
    ConfigError,
    MissingFile,
    SettingError,
    WeightsError,
    did_you_mean,
    import_extra,
)

CLIP_MODEL = "ViT-B-32-quickgelu"
NUMBERS = (*(str(number) for number in range(100)), "00")
TEMPLATES = (
    "a photo of a player with the number {} on the shirt",
    "a sports jersey with the number {}",
    "a basketball player wearing number {}",
    "the number {} on the back of a player",
)
NOTHING = (
    "a photo of a player without a visible number",
    "a player seen from the side",
    "a plain sports shirt without a number",
)
VIEWS = {  # shares of a standing player's crop: top, bottom, left, right
    "whole": (0.0, 1.0, 0.0, 1.0),
    "torso": (0.12, 0.6, 0.0, 1.0),
    "chest": (0.16, 0.46, 0.15, 0.85),
}


class NumberReader(Protocol):
    """What reads numbers: CLIP, text recognition, both, or one's own."""

    candidates: tuple[str, ...]
    name: str

    def read(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Return log-probabilities (n, candidates + 1); the last column: no number visible."""
        ...


class ClipReader:
    """CLIP's two towers, unchanged: the picture against one sentence for each number.

    model         OpenCLIP architecture
    weights       OpenCLIP tag (fetched into its cache), or a file; None: random, for tests
    candidates    numbers that may be read
    templates     sentences with {} for the number; their vectors are averaged
    views         parts of the picture that are compared, names of VIEWS; scores are averaged

    Raises WeightsError where weights cannot be had, or where the model has no text tower.
    """

    def __init__(
        self,
        model: str = CLIP_MODEL,
        weights: str | None = "openai",
        candidates: Sequence[str] = NUMBERS,
        *,
        templates: Sequence[str] = TEMPLATES,
        nothing: Sequence[str] = NOTHING,
        views: Sequence[str] = ("whole", "torso"),
        device: str = "cpu",
    ) -> None:
        _check_views(views)
        if not all("{}" in template for template in templates):
            raise ConfigError("Every template needs {} where the number goes.")
        self.candidates, self.name = tuple(candidates), f"CLIP {model}"
        self._views, self._device = tuple(views), device
        self._model, self._prepare, tokenise = _open_clip(model, weights, device)
        sentences = [[one.format(number) for one in templates] for number in self.candidates]
        self._text = self._encode([*sentences, list(nothing)], tokenise)

    def read(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Return log-probabilities (n, candidates + 1)."""
        import torch
        from PIL import Image
        from torch.nn import functional

        scale = self._model.logit_scale.exp()
        rows = []
        with torch.inference_mode():
            for picture in pictures:
                seen = [self._prepare(Image.fromarray(view(picture, name))) for name in self._views]
                images = functional.normalize(
                    self._model.encode_image(torch.stack(seen).to(self._device)).float(), dim=1
                )
                logits = (scale * images @ self._text.T).mean(dim=0)
                rows.append(torch.log_softmax(logits, dim=0).cpu().numpy())
        return np.stack(rows) if rows else np.zeros((0, len(self.candidates) + 1))

    def _encode(self, sentences: list[list[str]], tokenise: Any) -> Any:
        """Return (candidates + 1, d) unit text vectors, each the mean over its sentences."""
        import torch
        from torch.nn import functional

        means = []
        with torch.inference_mode():
            for group in sentences:
                tokens = tokenise(group).to(self._device)
                vectors = functional.normalize(self._model.encode_text(tokens).float(), dim=1)
                means.append(vectors.mean(dim=0))
        return functional.normalize(torch.stack(means), dim=1)


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
        _check_views(views)
        rapidocr = import_extra("rapidocr", "numbers", "Reading numbers by text recognition")
        logging.getLogger("RapidOCR").setLevel(logging.ERROR)
        self.candidates, self.name = tuple(candidates), "RapidOCR"
        self._certainty, self._views, self._width = certainty, tuple(views), width
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

    def read(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Return log-probabilities (n, candidates + 1)."""
        rows = np.stack([reader.read(pictures) for reader in self._readers])
        shares = (self._weights / self._weights.sum())[:, None, None]
        joint: np.ndarray = log_softmax((shares * rows).sum(axis=0), axis=1)
        return joint


def _check_views(views: Sequence[str]) -> None:
    if not views or not set(views) <= set(VIEWS):
        raise SettingError("views", list(views), f"one or more of {', '.join(VIEWS)}")


def view(picture: Picture, name: str) -> Picture:
    """Return the part of a standing player's crop that a name of VIEWS stands for."""
    high, wide = picture.shape[:2]
    top, bottom, left, right = VIEWS[name]
    rows, columns = (
        slice(round(low * size), max(round(end * size), round(low * size) + 1))
        for low, end, size in ((top, bottom, high), (left, right, wide))
    )
    return picture[rows, columns]


def _open_clip(model: str, weights: str | None, device: str) -> tuple[Any, Any, Any]:
    open_clip = import_extra("open_clip", "numbers", "Reading numbers with CLIP")
    if Path(model).suffix == ".json":
        model = _add_configuration(open_clip, Path(model))
    if model not in open_clip.list_models():
        raise WeightsError(
            f"OpenCLIP has no model {model!r} with a text tower."
            f"{did_you_mean(model, open_clip.list_models())} Name one of "
            "open_clip.list_models(), or a configuration (.json); an image encoder alone cannot "
            "read numbers."
        )
    try:
        network, _, prepare = open_clip.create_model_and_transforms(
            model, pretrained=weights, device=device, weights_only=True
        )
    except Exception as error:
        raise WeightsError(
            f"The weights {weights!r} of {model} could not be had ({type(error).__name__}). "
            "Without a network, name a file, or read with ocr."
        ) from error
    return network.eval(), prepare, open_clip.get_tokenizer(model)


def _add_configuration(open_clip: Any, path: Path) -> str:
    if not path.is_file():
        raise MissingFile(f"{path}: no such configuration of an OpenCLIP model.")
    open_clip.add_model_config(path)
    if path.stem not in open_clip.list_models():
        raise WeightsError(
            f"{path}: not an OpenCLIP configuration; expected a JSON object with embed_dim, "
            "vision_cfg and text_cfg."
        )
    return path.stem


@dataclass(frozen=True)
class ReaderSettings:
    """What the reader of a name is made with; each reader takes what it knows.

    model         OpenCLIP architecture, or its configuration (.json), for CLIP
    weights       OpenCLIP tag or file of weights, for CLIP
    candidates    numbers that may be read
    device        where a network runs, a name of torch's
    """

    model: str = CLIP_MODEL
    weights: str | None = "openai"
    candidates: tuple[str, ...] = NUMBERS
    device: str = "cpu"


def _clip_reader(settings: ReaderSettings) -> NumberReader:
    return ClipReader(settings.model, settings.weights, settings.candidates, device=settings.device)


READERS: dict[str, Callable[[ReaderSettings], NumberReader]] = {
    "ocr": lambda settings: OcrReader(settings.candidates),
    "clip": _clip_reader,
}


def make_reader(name: str = "ocr", settings: ReaderSettings | None = None) -> NumberReader:
    """Return the reader of this name, several joined by a plus: their log-probabilities averaged.

    name    of READERS; raises ConfigError for another, MissingExtra where a package is missing
    """
    parts = name.split("+")
    unknown = [part for part in parts if part not in READERS]
    if unknown:
        raise ConfigError(
            f"Reader {unknown[0]!r} is unknown.{did_you_mean(unknown[0], READERS)} Readers: "
            f"{', '.join(READERS)}, or several joined by a plus."
        )
    readers = [READERS[part](settings or ReaderSettings()) for part in parts]
    return readers[0] if len(readers) == 1 else BothReaders(readers)
