"""Batches of drawn pictures: whole canvases for the finder, cut-out numbers for the reader."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from sameplayer.numbers.network.crop_canvas import CELL, CUT, HIGH, PAD, ROOM, WIDE, cut, cut_matrix

FEWER = 0.45  # of the pictures without a number, this share is cut from


@dataclass(frozen=True)
class Batch:
    """pictures (n, 3, h, w) float; labels (n,), -1: none; boxes (n, 4): x0, y0, x1, y1."""

    pictures: Tensor
    labels: Tensor
    boxes: Tensor


class Pool:
    """The drawn pictures of a folder, and a draw of its own."""

    def __init__(self, folder: Path, seed: int) -> None:
        files = [np.load(path) for path in sorted(folder.glob("[0-9]*[0-9].npz"))]
        self.pictures, self.labels, self.boxes = (
            [file[name] for file in files] for name in ("pictures", "labels", "boxes")
        )
        self.rng = np.random.default_rng(seed)

    def draw(self) -> tuple[np.ndarray, int, np.ndarray]:
        """Return a picture, its label and its number's box."""
        shard = self.rng.integers(len(self.labels))
        row = self.rng.integers(len(self.labels[shard]))
        return self.pictures[shard][row], int(self.labels[shard][row]), self.boxes[shard][row]


def canvases(pool: Pool, size: int) -> Batch:
    """Return whole canvases, turned, shifted and zoomed a little where the number stays inside."""
    rows = [_moved(pool) for _ in range(size)]
    return _stack(rows)


def _moved(pool: Pool) -> tuple[np.ndarray, int, np.ndarray]:
    rng, (picture, label, box) = pool.rng, pool.draw()
    if rng.random() < 0.8:
        zoom, turn = np.exp(rng.normal(0, 0.13)), rng.normal(0, 0.05)
        c, s = zoom * np.cos(turn), zoom * np.sin(turn)
        matrix = np.array([[c, -s, 0], [s, c, 0]])
        middle = np.array([WIDE / 2, HIGH / 2])
        matrix[:, 2] = middle + rng.normal(0, 5, 2) - matrix[:, :2] @ middle
        centre = matrix @ np.array([*(box[:2] + box[2:]) / 2, 1])
        half = zoom * (box[2:] - box[:2]) / 2
        moved = np.concatenate([centre - half, centre + half])
        if label < 0 or ((moved > 1) & (moved < np.array([WIDE, HIGH] * 2) - 1)).all():
            box = moved
            picture = cv2.warpAffine(picture, matrix, (WIDE, HIGH), borderValue=PAD)
    if rng.random() < 0.2:
        picture = picture[:, :, rng.permutation(3)]
    return picture, label, box


def cuts(pool: Pool, size: int) -> Batch:
    """Return cut-out numbers and, without a number, places on shirts and beside numbers."""
    rows = []
    while len(rows) < size:
        picture, label, box = pool.draw()
        if label >= 0 or pool.rng.random() < FEWER:
            rows.append(_cut_out(pool.rng, picture, label, box))
    return _stack(rows)


def _cut_out(
    rng: np.random.Generator, picture: np.ndarray, label: int, box: np.ndarray
) -> tuple[np.ndarray, int, np.ndarray]:
    x, y = (box[:2] + box[2:]) / 2
    wide, high = box[2:] - box[:2]
    if label < 0:
        x, y = WIDE / 2 + rng.normal(0, 16), 75 + rng.normal(0, 24)
        high = np.exp(rng.uniform(np.log(10), np.log(50)))
        wide = high * rng.uniform(0.5, 1.3)
    elif rng.random() < 0.12:
        angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(1.2, 2) * ROOM * max(high, 0.75 * wide)
        x, y, label = x + far * np.cos(angle), y + far * np.sin(angle), -1
    place = np.array([x, y, max(wide, 4), max(high, 8)])
    matrix = cut_matrix(
        place,
        zoom=np.exp(rng.normal(0.02, 0.16)),
        shift=tuple(rng.normal(0, 0.05, 2)),
        turn=rng.normal(0, 0.08),
        stretch=rng.normal(0, 0.13),
    )
    part = cut(picture, matrix)
    if rng.random() < 0.35:
        part = part[:, :, rng.permutation(3)]
    if rng.random() < 0.25:
        part = 255 - part
    if rng.random() < 0.3:
        light = (part - 128.0) * rng.uniform(0.6, 1.3) + 128 + rng.normal(0, 20)
        part = np.clip(light, 0, 255)
    return part.astype(np.float32), label, np.array([0, 0, CUT[1], CUT[0]], float)


def _stack(rows: list[tuple[np.ndarray, int, np.ndarray]]) -> Batch:
    pictures, labels, boxes = zip(*rows, strict=True)
    images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float()
    return Batch(
        images.contiguous(memory_format=torch.channels_last),
        torch.tensor(labels),
        torch.from_numpy(np.stack(boxes)).float(),
    )


def cell_centres() -> tuple[Tensor, Tensor]:
    """Return x and y (cells,) of the finder's cells on the canvas."""
    rows, columns = np.mgrid[: HIGH // CELL, : WIDE // CELL] * CELL + CELL / 2
    x, y = (torch.from_numpy(one.ravel()).float() for one in (columns, rows))
    return x, y
