"""Pictures for training: decoded once, cached within a bound, augmented ahead of the network."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sameplayer.data.batches.augment import Augment, PairTransform, find_augment
from sameplayer.data.crops import Crops
from sameplayer.data.images.picture import Picture
from sameplayer.data.video.frames import frame_name
from sameplayer.errors import TrainingError


@dataclass(frozen=True)
class PairBatch:
    """Pictures of b pairs: all anchors, then all positives.

    pictures      (2b, h, w, 3) uint8
    generators    one per pair, for what is drawn later (erasing)
    """

    pictures: Tensor
    generators: list[np.random.Generator]


class PairLoader:
    """Batches of picture pairs; the next one is made while the network works on the last.

    crops       the table
    prepare     picture -> the network's input (h, w, 3) uint8, such as ``Encoder.prepare``
    augment     one of AUGMENTS, or your own; it is called from one thread
    cache_gb    memory for prepared pictures

    What is drawn for a pair depends only on the seed, the step and its number in the batch: not on
    threads, processes, or where a run was resumed.
    """

    def __init__(
        self,
        crops: Crops,
        prepare: Callable[[Picture], Picture],
        augment: str | Augment | PairTransform,
        cache_gb: float,
    ) -> None:
        self._crops, self._prepare, self._augment = crops, prepare, find_augment(augment)
        self._left = cache_gb * 1e9
        self._kept: dict[int, Picture] = {}
        self._readers = ThreadPoolExecutor(os.cpu_count())
        self._ahead = ThreadPoolExecutor(1)
        self.waited_s = 0.0

    def keep_frames(self) -> None:
        """Read frames of videos in the table's order, while memory lasts.

        In the order of batches each would be decoded from the last key frame before it.
        """
        for row in range(len(self._crops)):
            if frame_name(self._crops.path(row)) is not None:
                picture = self._get(row)
                if row not in self._kept or self._left < picture.nbytes:
                    return

    def batches(
        self, plan: Sequence[np.ndarray], seed: int, first_step: int, first_pair: int = 0
    ) -> Iterator[PairBatch]:
        """Yield a batch for each (b, 2) of row numbers in ``plan``.

        first_step    number of the first batch in the run
        first_pair    number of the first pair in the batch of all processes

        Raises DataError where a picture cannot be read, TrainingError where a custom
        augmentation returns anything but two pictures of the input's shape.
        """
        upcoming: list[Future[PairBatch]] = []
        for number in range(len(plan) + 1):
            if number < len(plan):
                step = first_step + number
                upcoming.append(
                    self._ahead.submit(self._make, plan[number], seed, step, first_pair)
                )
            if number:
                began = time.monotonic()
                batch = upcoming.pop(0).result()
                self.waited_s += time.monotonic() - began
                yield batch

    def close(self) -> None:
        self._ahead.shutdown(cancel_futures=True)
        self._readers.shutdown()

    def _make(self, rows: np.ndarray, seed: int, step: int, first_pair: int) -> PairBatch:
        generators = [
            np.random.default_rng((seed, 1, step, first_pair + i)) for i in range(len(rows))
        ]
        pictures = list(self._readers.map(self._get, rows.T.ravel()))
        anchors, positives = pictures[: len(rows)], pictures[len(rows) :]
        pairs = [
            self._augmented(anchor, positive, generator)
            for anchor, positive, generator in zip(anchors, positives, generators, strict=True)
        ]
        stacked = np.stack([anchor for anchor, _ in pairs] + [positive for _, positive in pairs])
        return PairBatch(torch.from_numpy(stacked), generators)

    def _augmented(
        self, anchor: Picture, positive: Picture, rng: np.random.Generator
    ) -> tuple[Picture, Picture]:
        pair = self._augment.pair(anchor, positive, rng)
        expected = anchor.shape
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TrainingError("An augmentation must return (anchor, positive).")
        for picture in map(np.asarray, pair):
            if picture.shape != expected or picture.dtype != np.uint8:
                raise TrainingError(
                    f"An augmentation returned {picture.dtype} of shape {picture.shape}; expected "
                    f"two uint8 pictures of the input's shape {expected}."
                )
        return pair

    def _get(self, row: int) -> Picture:
        picture = self._kept.get(row)
        if picture is None:
            picture = self._prepare(self._crops.read(int(row)))
            if self._left >= picture.nbytes:
                self._left -= picture.nbytes
                self._kept[row] = picture
        return picture
