"""How faithful a map is: what hiding its places, or showing them alone, does to the similarity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch.nn import functional

from sameplayer.data.images import Picture
from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import ConfigError, SettingError


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """Curves of the similarity over the share of places from 0 to 1, and the areas below them.

    deletion     (s + 1,) places hidden, those of the map's largest values first: low is faithful
    insertion    (s + 1,) places shown on the hidden picture, largest first: high is faithful
    """

    deletion: np.ndarray
    insertion: np.ndarray

    @property
    def deletion_area(self) -> float:
        return float(np.trapezoid(self.deletion, dx=1 / (len(self.deletion) - 1)))

    @property
    def insertion_area(self) -> float:
        return float(np.trapezoid(self.insertion, dx=1 / (len(self.insertion) - 1)))


def faithfulness(
    encoder: Encoder, picture: Picture, other: Picture, values: np.ndarray, *, steps: int = 20
) -> Faithfulness:
    """Score a map (h, w) of ``picture`` by hiding and showing its places (Petsiuk et al., 2018).

    Hidden places are a strong blur of the picture. Compare with the areas of a random map: that of
    any map alone says little. Raises ConfigError when map and picture differ in size.
    """
    if values.shape != picture.shape[:2]:
        raise ConfigError(
            f"A map of {values.shape} for a picture of {picture.shape[:2]}; expected the same size."
        )
    if steps < 1:
        raise SettingError("steps", steps, "1 or more")
    order = np.argsort(-values, axis=None, kind="stable")
    rank = np.empty(values.size)
    rank[order] = np.arange(values.size)
    share = rank.reshape(values.shape) / values.size
    blurred = cv2.GaussianBlur(picture, (0, 0), max(picture.shape[:2]) / 10)
    cuts = np.linspace(0, 1, steps + 1)
    shown = [np.where((share < cut)[:, :, None], picture, blurred) for cut in cuts]
    hidden = [np.where((share < cut)[:, :, None], blurred, picture) for cut in cuts]
    rows = torch.from_numpy(encoder.embed([other, *hidden, *shown]))
    similar = functional.cosine_similarity(rows[1:], rows[:1]).numpy()
    return Faithfulness(similar[: steps + 1], similar[steps + 1 :])


def shares(values: np.ndarray, parts: Mapping[str, np.ndarray]) -> dict[str, tuple[float, float]]:
    """Return for each part (h, w) bool: the share of the map's sum on it, and of the area.

    The share of the area is what a map that knows nothing gives. A map of zeros gives NaN.
    """
    total = float(values.sum())
    return {
        name: (float(values[part].sum()) / total if total else float("nan"), float(part.mean()))
        for name, part in parts.items()
    }
