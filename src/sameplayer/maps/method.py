"""What every method of a map takes and gives. ``MAPS`` in score_cam.py lists the methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import SettingError


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


@dataclass(frozen=True, eq=False)
class ImageMap:
    """A map over the network's input.

    values    (h, w) float32 in [0, 1], as large as the network's input
    facts     what decided it, such as the layer
    """

    values: np.ndarray
    facts: dict[str, Any] = field(default_factory=dict)


MapMethod = Callable[[Encoder, Tensor, Tensor, MapSettings], ImageMap]
"""From an encoder in evaluation mode, one normalised image (3, h, w), the unit feature (d,) of the
other picture and the settings to the map of the image."""
