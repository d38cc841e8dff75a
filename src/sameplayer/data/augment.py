"""Training transforms of the 2022 and 2023 recipes, and a stronger one for small encoders.

They work on prepared uint8 pictures (h, w, 3); erasing works on normalised images.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import v2

from sameplayer.data.images import Picture

AUGMENTS = ("none", "2022", "2023", "strong")


def augment_pair(
    anchor: Picture, positive: Picture, augment: str, rng: np.random.Generator
) -> tuple[Picture, Picture]:
    """Return both pictures transformed: the same flip (p 0.5) for both, the rest for each alone."""
    if augment == "none":
        return anchor, positive
    if rng.random() < 0.5:
        anchor, positive = anchor[:, ::-1], positive[:, ::-1]
    if augment == "2022":
        return np.ascontiguousarray(anchor), np.ascontiguousarray(positive)
    if augment == "strong":
        anchor, positive = _jitter(anchor, rng), _jitter(positive, rng)
    return sharpen(anchor, rng), sharpen(positive, rng)


def sharpen(picture: Picture, rng: np.random.Generator) -> Picture:
    """Sharpen with p 0.5: alpha 0.2 to 0.5, lightness 0.5 to 1.0 (albumentations' Sharpen)."""
    picture = np.ascontiguousarray(picture)
    if rng.random() >= 0.5:
        return picture
    alpha, lightness = rng.uniform(0.2, 0.5), rng.uniform(0.5, 1.0)
    kernel = np.full((3, 3), -alpha, np.float32)
    kernel[1, 1] = (1 - alpha) + alpha * (8 + lightness)
    return cv2.filter2D(picture, -1, kernel).astype(np.uint8)


def erase(images: Tensor, augment: str, generators: Sequence[np.random.Generator]) -> Tensor:
    """Random erasing of normalised images (2b, 3, h, w), each alone: 2023's settings.

    generators    b, one a pair; image i and image b + i draw from the same one, in this order
    """
    if augment not in ("2023", "strong"):
        return images
    eraser = v2.RandomErasing(p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0)
    erased = []
    with torch.random.fork_rng(devices=[]):
        for image, generator in zip(images, [*generators, *generators], strict=True):
            torch.manual_seed(int(generator.integers(2**62)))
            erased.append(eraser(image))
    return torch.stack(erased)


def _jitter(picture: Picture, rng: np.random.Generator) -> Picture:
    """Shift and scale by up to a tenth, change gain, contrast and white balance."""
    high, wide = picture.shape[:2]
    scale = rng.uniform(0.9, 1.15)
    shift = rng.uniform(-0.08, 0.08, 2) * (wide, high)
    middle = np.array([wide / 2, high / 2])
    matrix = np.column_stack([np.eye(2) * scale, middle - scale * middle + shift])
    moved = cv2.warpAffine(np.ascontiguousarray(picture), matrix, (wide, high))
    gain = rng.uniform(0.7, 1.3) * rng.uniform(0.9, 1.1, 3)
    return np.clip(moved * gain + rng.uniform(-20, 20), 0, 255).astype(np.uint8)
