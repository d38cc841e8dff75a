"""What a camera and a file do to a drawn scene: light, blur, few pixels, noise, compression."""

from __future__ import annotations

import cv2
import numpy as np

from sameplayer.numbers.network.crop_canvas import HIGH, WIDE


def photograph(
    rng: np.random.Generator, scene: np.ndarray, high: float
) -> tuple[np.ndarray, float]:
    """Return the photograph (HIGH, WIDE, 3) uint8, and whether a number is clear in it: 0, 0.4, 1.

    scene    (twice HIGH, twice WIDE, 3) float32
    high     the number's height in the photograph, pixels; 0: none
    """
    pixels = float(np.exp(rng.uniform(np.log(0.36), np.log(1.6))))  # of the crop, to one of ours
    size = (max(int(WIDE * min(pixels, 2)), 8), max(int(HIGH * min(pixels, 2)), 8))
    small = cv2.resize(scene, size, interpolation=cv2.INTER_AREA)
    small = _light(rng, small)
    blur = abs(rng.normal(0, 0.7)) * pixels**0.5 if rng.random() < 0.5 else 0.0
    if rng.random() < 0.04:
        blur *= 4
    if blur > 0.2:
        small = cv2.GaussianBlur(small, (0, 0), blur)
    moved = rng.uniform(1, 7) * pixels if rng.random() < 0.25 else 0.0
    if moved > 1.5:
        small = cv2.filter2D(small, -1, _streak(moved, rng.uniform(0, np.pi)))
    if rng.random() < 0.25:
        soft = cv2.GaussianBlur(small, (0, 0), rng.uniform(0.8, 2))
        small = small + rng.uniform(0.3, 1.5) * (small - soft)
    if rng.random() < 0.5:
        grain = rng.standard_normal(small.shape, np.float32)
        if rng.random() < 0.5:
            grain = cv2.GaussianBlur(grain, (0, 0), 0.8) * 1.6
        small = small + rng.uniform(0, 9) * grain
    small = np.clip(small, 0, 255).astype(np.uint8)
    if rng.random() < 0.75:
        quality = int(rng.uniform(25, 95))
        code = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        small = cv2.imdecode(code, cv2.IMREAD_COLOR)
    way = cv2.INTER_AREA if pixels > 1 else (cv2.INTER_CUBIC, cv2.INTER_LINEAR)[rng.integers(2)]
    picture = cv2.resize(small, (WIDE, HIGH), interpolation=way)
    return picture, _clear(high * pixels, blur, moved)


def _clear(high: float, blur: float, moved: float) -> float:
    if high <= 0:
        return 0.0
    smear = (blur**2 + (moved / 3.5) ** 2 + 0.45**2) ** 0.5 / high
    if high < 5.5 or smear > 0.2:
        return 0.0
    return 0.4 if high < 8 or smear > 0.125 else 1.0


def _streak(length: float, angle: float) -> np.ndarray:
    size = int(length) | 1
    kernel = np.zeros((size, size), np.float32)
    middle = size // 2
    step = np.array([np.cos(angle), np.sin(angle)]) * middle
    cv2.line(
        kernel,
        tuple(int(one) for one in np.round(middle - step)),
        tuple(int(one) for one in np.round(middle + step)),
        1.0,
        1,
    )
    return kernel / kernel.sum()


def _light(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Shift brightness, contrast, colours; sometimes swap channels, or leave grey."""
    out = picture
    if rng.random() < 0.3:
        out = out[:, :, rng.permutation(3)]
    if rng.random() < 0.07:
        out = np.repeat(out.mean(axis=2, keepdims=True), 3, axis=2)
    gain = rng.normal(1, 0.07, 3) * rng.uniform(0.65, 1.25)
    middle = rng.uniform(80, 150)
    out = (out - middle) * rng.uniform(0.65, 1.25) + middle
    out = out * gain.astype(np.float32)
    if rng.random() < 0.3:
        ramp = np.linspace(rng.uniform(0.7, 1.1), rng.uniform(0.8, 1.2), out.shape[0])
        out = out * ramp[:, None, None].astype(np.float32)
    return np.ascontiguousarray(out, dtype=np.float32)
