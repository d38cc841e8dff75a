"""Pictures for the tests of the data stage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="session")
def picture() -> Callable[..., Path]:
    """Write a picture of noise, decided by its name; the folders above it are made."""

    def write(path: Path, high: int = 40, wide: int = 20) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(len(path.name))
        cv2.imwrite(str(path), rng.integers(0, 255, (high, wide, 3), dtype=np.uint8))
        return path

    return write
