"""Shirt numbers: read zero-shot with CLIP, or by text recognition; over a track; with abstention.

A reader gives each picture a probability for every candidate number and for "no number visible".
CLIP reads by comparing the picture with sentences, as the 2022 paper did on about a hundred
pictures; its sentences are not published, so these are our own. The numbers' probabilities of a
track's frames are multiplied (log-probabilities summed), so that many unsure frames make a sure
track, and frames that see no number say nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp

from sameplayer.data.images import Picture
from sameplayer.errors import ConfigError, DataError, WeightsError
from sameplayer.ranking.expansion import quality

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
TORSO = (0.12, 0.6)


class NumberReader(Protocol):
    """What reads numbers: CLIP, text recognition, both, or one's own."""

    candidates: tuple[str, ...]
    name: str

    def read(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Return log-probabilities (n, candidates + 1); the last column: no number visible."""
        ...


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
    pictures: Sequence[Picture], reader: NumberReader | None = None, *, threshold: float = 0.5
) -> list[NumberReading]:
    """Read the number in each picture, uint8 RGB (h, w, 3); below the threshold none is named.

    reader    None: CLIP ViT-B/32 with OpenAI's weights
    """
    reader = reader or ClipReader()
    return [reading(row, reader.candidates, threshold) for row in reader.read(pictures)]


def read_track_number(
    pictures: Sequence[Picture],
    reader: NumberReader | None = None,
    *,
    threshold: float = 0.5,
    temperature: float = 1.0,
) -> NumberReading:
    """Read the number of one person from several pictures, see ``combine``."""
    reader = reader or ClipReader()
    rows = reader.read(pictures)
    combined = combine(rows, clearness(pictures), temperature)
    return reading(combined, reader.candidates, threshold, frames=int(_seen(rows).sum()))


def combine(rows: np.ndarray, weights: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Return the log-probabilities (c + 1,) of a track from those of its frames (n, c + 1).

    weights        (n,) over 0, such as ``clearness``; their mean counts as one frame
    temperature    over 1: less sure, since frames of a track err together

    Where no frame sees a number, the track's is the mean of its frames.
    """
    seen = _seen(rows)
    if not seen.any():
        mean: np.ndarray = logsumexp(rows, axis=0) - np.log(len(rows))
        return mean
    shares = weights[seen] / weights.mean()
    within = log_softmax(rows[seen, :-1], axis=1)
    numbers = log_softmax((shares[:, None] * within).sum(axis=0) / temperature)
    hidden = logsumexp(rows[seen, -1] - np.log(seen.sum()))
    visible = np.log1p(-min(np.exp(hidden), 1 - 1e-6))
    return np.append(numbers + visible, hidden)


def clearness(pictures: Sequence[Picture]) -> np.ndarray:
    """Return (n,) weights over 0: size times sharpness of each picture's torso."""
    return np.array([quality(torso(picture)) for picture in pictures])


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


def torso(picture: Picture) -> Picture:
    """Return the rows of a standing player's crop in which a number may be."""
    top, bottom = (round(share * picture.shape[0]) for share in TORSO)
    return picture[top : max(bottom, top + 1)]


def check_roster(numbers: Sequence[str]) -> tuple[str, ...]:
    """Return the numbers of a roster, each once; DataError names the row that is none."""
    for row, number in enumerate(numbers):
        if str(number).strip() not in NUMBERS:
            raise DataError(
                f"Roster, row {row}: {number!r} is no shirt number; expected 0 to 99, or 00."
            )
    kept = tuple(dict.fromkeys(str(number).strip() for number in numbers))
    if not kept:
        raise DataError("The roster is empty; expected at least one number.")
    return kept


def read_roster(path: Path) -> tuple[str, ...]:
    """Read the column ``number`` of a table (csv), or the lines of a text file."""
    try:
        if path.suffix == ".csv":
            return check_roster(pd.read_csv(path, dtype=str)["number"].fillna("").tolist())
        return check_roster([line for line in path.read_text().splitlines() if line.strip()])
    except KeyError:
        raise DataError(f"{path}: no column 'number'.") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a roster ({error}).") from error


class ClipReader:
    """CLIP's two towers, unchanged: the picture against one sentence for each number.

    model         OpenCLIP architecture
    weights       OpenCLIP tag (fetched into its cache), or a file; None: random, for tests
    candidates    numbers that may be read
    templates     sentences with {} for the number; their vectors are averaged
    whole, part   compare the whole picture, its torso, or both (averaged)

    Raises WeightsError where weights cannot be had, or where the model has no text tower.
    """

    def __init__(
        self,
        model: str = "ViT-B-32-quickgelu",
        weights: str | None = "openai",
        candidates: Sequence[str] = NUMBERS,
        *,
        templates: Sequence[str] = TEMPLATES,
        nothing: Sequence[str] = NOTHING,
        whole: bool = True,
        part: bool = True,
        device: str = "cpu",
    ) -> None:
        if not (whole or part):
            raise ConfigError("Nothing to read: expected the whole picture, its torso, or both.")
        if not all("{}" in template for template in templates):
            raise ConfigError("Every template needs {} where the number goes.")
        self.candidates, self.name = tuple(candidates), f"CLIP {model}"
        self._whole, self._part, self._device = whole, part, device
        self._model, self._prepare, tokenise = _open_clip(model, weights, device)
        sentences = [[one.format(number) for one in templates] for number in self.candidates]
        self._text = self._encode([*sentences, list(nothing)], tokenise)

    def read(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Return log-probabilities (n, candidates + 1)."""
        import torch
        from PIL import Image
        from torch.nn import functional

        views: list[Callable[[Picture], Picture]] = [lambda picture: picture] * self._whole
        views += [torso] * self._part
        scale = self._model.logit_scale.exp()
        rows = []
        with torch.inference_mode():
            for picture in pictures:
                seen = [self._prepare(Image.fromarray(view(picture))) for view in views]
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
    """Text recognition (RapidOCR, whose package holds its models) on the torso, digits only.

    certainty    probability that a text read with score 1 is the number: readers of partly hidden
                 shirts are too sure. A fitted value is in docs/numbers.md

    The rest is shared by the numbers that hold the text (a hidden digit: 7 may be 78) and by all.
    """

    def __init__(
        self, candidates: Sequence[str] = NUMBERS, *, certainty: float = 0.8, width: int = 256
    ) -> None:
        try:
            from rapidocr import RapidOCR
        except ImportError as error:
            raise ConfigError(
                "Reading numbers needs rapidocr: pip install 'sameplayer[numbers]'."
            ) from error
        if not 0 < certainty < 1:
            raise ConfigError(f"certainty is {certainty}; expected more than 0, less than 1.")
        logging.getLogger("RapidOCR").setLevel(logging.ERROR)
        self.candidates, self.name = tuple(candidates), "RapidOCR"
        self._certainty, self._width = certainty, width
        self._engine = RapidOCR(params={"Global.log_level": "error"})

    def read(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Return log-probabilities (n, candidates + 1)."""
        rows = [self._shares(self._texts(picture)) for picture in pictures]
        return np.log(rows) if rows else np.zeros((0, len(self.candidates) + 1))

    def _texts(self, picture: Picture) -> list[tuple[str, float]]:
        part = torso(picture)
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


def fit_temperature(rows: np.ndarray, truth: Sequence[str], candidates: Sequence[str]) -> float:
    """Return the temperature that makes probabilities (n, c + 1) of labelled readings honest.

    Divide log-probabilities by it and normalise. Found by least negative log-likelihood of the
    true numbers, "" meaning none visible (Guo et al., 2017).
    """
    places = np.array([*candidates, ""])
    known = np.array([int(np.flatnonzero(places == one)[0]) for one in truth])

    def cost(log_temperature: float) -> float:
        scaled = log_softmax(rows / np.exp(log_temperature), axis=1)
        return float(-scaled[np.arange(len(known)), known].mean())

    return float(np.exp(minimize_scalar(cost, bounds=(-2.3, 3), method="bounded").x))


def contradiction(query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Return (m, n): P(both show different numbers) - P(both show the same), from -1 to 1.

    query, gallery    probabilities (m, c + 1) and (n, c + 1), the last column "none visible"

    Add a multiple of it to a distance: it is 0 where either shows none.
    """
    same = query[:, :-1] @ gallery[:, :-1].T
    both = (1 - query[:, -1:]) @ (1 - gallery[:, -1:]).T
    difference: np.ndarray = both - 2 * same
    return difference


def table_probabilities(table: pd.DataFrame) -> np.ndarray:
    """Return probabilities (n, c + 1) over NUMBERS from what ``sameplayer jersey`` wrote.

    What is not on the read number lies on "none visible", so that an unsure reading says little.
    """
    names = ("read_number", "read_number_probability")
    if not set(names) <= set(table.columns):
        raise DataError(
            "No column read_number; read numbers first: sameplayer jersey ocr DATA --out TABLE."
        )
    shares = np.zeros((len(table), len(NUMBERS) + 1))
    shares[:, -1] = 1
    places = {number: place for place, number in enumerate(NUMBERS)}
    for row, (number, likely) in enumerate(zip(*(table[name] for name in names), strict=True)):
        if not pd.isna(number) and str(number) in places:
            shares[row, [places[str(number)], -1]] = float(likely), 1 - float(likely)
    return shares


def _seen(rows: np.ndarray) -> np.ndarray:
    seen: np.ndarray = rows[:, -1] < np.log(0.5)
    return seen


def _open_clip(model: str, weights: str | None, device: str) -> tuple[Any, Any, Any]:
    try:
        import open_clip
    except ImportError as error:
        raise ConfigError(
            "Reading numbers with CLIP needs open_clip: pip install 'sameplayer[numbers]'."
        ) from error
    if Path(model).suffix == ".json":
        open_clip.add_model_config(model)
        model = Path(model).stem
    if model not in open_clip.list_models():
        raise WeightsError(
            f"OpenCLIP has no model {model!r} with a text tower; see open_clip.list_models(). An "
            "image encoder alone cannot read numbers."
        )
    try:
        found, _, prepare = open_clip.create_model_and_transforms(
            model, pretrained=weights, device=device, weights_only=True
        )
    except Exception as error:
        raise WeightsError(
            f"The weights {weights!r} of {model} could not be had ({type(error).__name__}). "
            "Without a network, name a file, or read with --reader ocr."
        ) from error
    return found.eval(), prepare, open_clip.get_tokenizer(model)
