"""What every method of a map takes and gives. ``MAPS`` in explanation.py lists the methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import SettingError

CLUSTERS = 32  # groups of channels that Score-CAM scores, unless another number is asked for
BLUR = 1 / 10  # standard deviation that leaves nothing to recognise, of a picture's longer side


@dataclass(frozen=True)
class MapSettings:
    """How a map is made; a method looks at what concerns it. SettingError for a bad value.

    The fields are those of ``explain``.
    """

    block: int | None = None
    channels: int | None = None
    clusters: int | None = None
    coarse: int | None = None
    batch_size: int = 64
    half: bool = False

    def __post_init__(self) -> None:
        for name in ("channels", "clusters", "coarse", "batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingError(name, value, "1 or more")


USUAL = MapSettings()


@dataclass(frozen=True, eq=False)
class ImageMap:
    """A map over the network's input.

    values    (h, w) float32 in [0, 1], as large as the network's input
    facts     what decided it, such as the layer
    parts     (rows, columns) float64, signed: what each place adds to the cosine of the network's
              rows, from a method that knows; the colours of an encoder that joins some are then
              added to the map. None: the map is of the network alone, and has no unit
    """

    values: np.ndarray
    facts: dict[str, Any] = field(default_factory=dict)
    parts: np.ndarray | None = None


MapMethod = Callable[[Encoder, Tensor, Tensor, MapSettings], ImageMap]
"""From an encoder in evaluation mode, one normalised image (3, h, w), the unit feature (d,) of the
other picture and the settings to the map of the image. The feature is the network's, without
colours; where the encoder joins the feature of the mirrored picture, it is of both."""


def blurred(image: Tensor) -> Tensor:
    """Return a normalised image (3, h, w) without anything to recognise."""
    plain = np.ascontiguousarray(image.detach().float().permute(1, 2, 0).cpu().numpy())
    soft = cv2.GaussianBlur(plain, (0, 0), max(plain.shape[:2]) * BLUR)
    return torch.from_numpy(soft).permute(2, 0, 1).to(image)
