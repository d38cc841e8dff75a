"""AUGMENTS: training transforms of the 2022 and 2023 recipes, and a stronger one.

They work on prepared uint8 pictures (h, w, 3); erasing works on normalised images. Add your own as
``AUGMENTS["mine"] = function``, or pass it to ``train``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import lazy_loader

from sameplayer.errors import SettingError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from sameplayer.data.images.picture import Picture
else:
    np = lazy_loader.load("numpy")  # the command line reads the names of AUGMENTS at its start
from collections.abc import Iterator
from contextlib import contextmanager

PairTransform: TypeAlias = (
    "Callable[[Picture, Picture, np.random.Generator], tuple[Picture, Picture]]"
)
"""(anchor, positive, random generator) -> both pictures, uint8 RGB (h, w, 3), of equal shape."""


@dataclass(frozen=True)
class Augment:
    """How the pictures of a pair are changed before and after they are normalised.

    pair      of both pictures
    erases    whether each normalised image loses a rectangle with probability 0.5 (``erase``)
    """

    pair: PairTransform
    erases: bool = False


def keep_pair(
    anchor: Picture, positive: Picture, rng: np.random.Generator
) -> tuple[Picture, Picture]:
    """Return both unchanged."""
    return anchor, positive


def flip_pair(
    anchor: Picture, positive: Picture, rng: np.random.Generator
) -> tuple[Picture, Picture]:
    """Mirror both or neither (p 0.5): 2022's transform."""
    if rng.random() < 0.5:
        anchor, positive = anchor[:, ::-1], positive[:, ::-1]
    return np.ascontiguousarray(anchor), np.ascontiguousarray(positive)


def sharpen_pair(
    anchor: Picture, positive: Picture, rng: np.random.Generator
) -> tuple[Picture, Picture]:
    """Mirror both or neither, sharpen each alone: 2023's transform before normalising."""
    anchor, positive = flip_pair(anchor, positive, rng)
    return sharpen(anchor, rng), sharpen(positive, rng)


def strong_pair(
    anchor: Picture, positive: Picture, rng: np.random.Generator
) -> tuple[Picture, Picture]:
    """Mirror both or neither, move, light and sharpen each alone."""
    anchor, positive = flip_pair(anchor, positive, rng)
    anchor, positive = jitter(anchor, rng), jitter(positive, rng)
    return sharpen(anchor, rng), sharpen(positive, rng)


AUGMENTS: dict[str, Augment | PairTransform] = {
    "none": Augment(keep_pair),
    "2022": Augment(flip_pair),
    "2023": Augment(sharpen_pair, erases=True),
    "strong": Augment(strong_pair, erases=True),
}


def find_augment(choice: str | Augment | PairTransform) -> Augment:
    """Return the augmentation of a name, or the given one.

    Raises SettingError for an unknown name.
    """
    if isinstance(choice, str):
        if choice not in AUGMENTS:
            raise SettingError("augment", choice, f"one of {', '.join(AUGMENTS)}")
        choice = AUGMENTS[choice]
    return choice if isinstance(choice, Augment) else Augment(choice)


def sharpen(picture: Picture, rng: np.random.Generator) -> Picture:
    """Sharpen with p 0.5: alpha 0.2 to 0.5, lightness 0.5 to 1.0 (albumentations' Sharpen)."""
    import cv2

    picture = np.ascontiguousarray(picture)
    if rng.random() >= 0.5:
        return picture
    alpha, lightness = rng.uniform(0.2, 0.5), rng.uniform(0.5, 1.0)
    kernel = np.full((3, 3), -alpha, np.float32)
    kernel[1, 1] = (1 - alpha) + alpha * (8 + lightness)
    return cv2.filter2D(picture, -1, kernel).astype(np.uint8)


def jitter(picture: Picture, rng: np.random.Generator) -> Picture:
    """Shift and scale by up to a tenth, change gain, contrast and white balance."""
    import cv2

    high, wide = picture.shape[:2]
    scale = rng.uniform(0.9, 1.15)
    shift = rng.uniform(-0.08, 0.08, 2) * (wide, high)
    middle = np.array([wide / 2, high / 2])
    matrix = np.column_stack([np.eye(2) * scale, middle - scale * middle + shift])
    moved = cv2.warpAffine(np.ascontiguousarray(picture), matrix, (wide, high))
    gain = rng.uniform(0.7, 1.3) * rng.uniform(0.9, 1.1, 3)
    return np.clip(moved * gain + rng.uniform(-20, 20), 0, 255).astype(np.uint8)


def erase(images: Tensor, generators: Sequence[np.random.Generator]) -> Tensor:
    """Random erasing of normalised images (2b, 3, h, w), each alone: 2023's settings.

    generators    b, one a pair; image i and image b + i draw from the same one, in this order
    """
    import torch
    from torchvision.transforms import v2

    eraser = v2.RandomErasing(p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0)
    erased = []
    for image, generator in zip(images, [*generators, *generators], strict=True):
        with seeded(int(generator.integers(2**62))):
            erased.append(eraser(image))
    return torch.stack(erased)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch within the block; the CPU's random state is restored."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
