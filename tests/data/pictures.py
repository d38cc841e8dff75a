"""Pictures of noise."""

from __future__ import annotations

import numpy as np

from sameplayer.data.images.picture import Picture


def noise(high: int, wide: int, seed: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (high, wide, 3), dtype=np.uint8)
