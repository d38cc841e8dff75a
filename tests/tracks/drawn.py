"""Drawn videos and boxes for the tests of tracks."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from sameplayer.tracks.boxes import Boxes

WIDE, HIGH, RATE = 192, 108, 10


def write_frames(path: Path, pictures: Iterable[np.ndarray], rate: int = RATE) -> Path:
    """Write uint8 RGB pictures of one even size as a video."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = None
        for number, picture in enumerate(pictures):
            if stream is None:
                stream = container.add_stream("libx264", rate=rate, options={"g": "10", "crf": "8"})
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.time_base = Fraction(1, rate)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        if stream is not None:
            container.mux(stream.encode())
    return path


def ground(seed: int, wide: int = WIDE, high: int = HIGH) -> np.ndarray:
    """A view: large patches of colours of its own, without people."""
    rng = np.random.default_rng(seed)
    patches = rng.integers(40, 220, (6, 10, 3), dtype=np.uint8)
    rows = np.linspace(0, 5.99, high).astype(int)
    columns = np.linspace(0, 9.99, wide).astype(int)
    return patches[rows][:, columns]


def with_people(view: np.ndarray, lefts: Iterable[float], top: int = 40) -> np.ndarray:
    """The view with bright people, 12 x 36 pixels, at these places."""
    picture = view.copy()
    for left in lefts:
        picture[top : top + 36, max(0, int(left)) : int(left) + 12] = (250, 250, 250)
    return picture


def bright_people(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A detector of those people."""
    bright = (picture.min(axis=2) > 235).sum(axis=0) > 20
    edges = np.flatnonzero(np.diff(np.r_[False, bright, False].astype(int))).reshape(-1, 2)
    rows = [(low, 40, high - low, 36) for low, high in edges]
    return np.array(rows, float).reshape(-1, 4), np.full(len(rows), 0.9)


def boxes_at(places: dict[int, list[tuple[float, float]]], track: int = -1) -> Boxes:
    """Boxes 20 x 50 around middles (x, y), by frame."""
    rows = [(frame, x - 10, y - 25, 20, 50) for frame in sorted(places) for x, y in places[frame]]
    table = np.array(rows, float).reshape(-1, 5)
    count = len(table)
    return Boxes(
        table[:, 0].astype(np.int64),
        table[:, 1:],
        np.full(count, 0.9),
        np.full(count, track, np.int64),
    )
