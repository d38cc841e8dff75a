"""Prepared pictures for training: decoded once, kept within a bound, augmented ahead of need."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sameplayer.data.augment import augment_pair
from sameplayer.data.crops import Crops
from sameplayer.data.images import Picture


@dataclass(frozen=True)
class PairBatch:
    """Pictures of b pairs: all anchors, then all positives.

    pictures      (2b, h, w, 3) uint8
    generators    one a pair, for what is drawn later (erasing)
    """

    pictures: Tensor
    generators: list[np.random.Generator]


class PairLoader:
    """Batches of picture pairs; the next one is made while the network works on the last.

    What is drawn for a pair depends on seed, step and place in the batch alone: not on threads, on
    the process that draws it, or on where a run was resumed.
    """

    def __init__(
        self, crops: Crops, prepare: Callable[[Picture], Picture], augment: str, cache_gb: float
    ) -> None:
        self._crops, self._prepare, self._augment = crops, prepare, augment
        self._left = cache_gb * 1e9
        self._kept: dict[int, Picture] = {}
        self._readers = ThreadPoolExecutor(os.cpu_count())
        self._ahead = ThreadPoolExecutor(1)
        self.waited_s = 0.0

    def batches(
        self, plan: Sequence[np.ndarray], seed: int, first_step: int, place: int = 0
    ) -> Iterator[PairBatch]:
        """Yield a batch for each (b, 2) of row numbers in ``plan``.

        first_step    number of the first batch in the run
        place         number of its first pair in the batch of all processes
        """
        upcoming: list[Future[PairBatch]] = []
        for number in range(len(plan) + 1):
            if number < len(plan):
                step = first_step + number
                upcoming.append(self._ahead.submit(self._make, plan[number], seed, step, place))
            if number:
                began = time.monotonic()
                made = upcoming.pop(0).result()
                self.waited_s += time.monotonic() - began
                yield made

    def close(self) -> None:
        self._ahead.shutdown(cancel_futures=True)
        self._readers.shutdown()

    def _make(self, rows: np.ndarray, seed: int, step: int, place: int) -> PairBatch:
        generators = [np.random.default_rng((seed, 1, step, place + i)) for i in range(len(rows))]
        pictures = list(self._readers.map(self._get, rows.T.ravel()))
        anchors, positives = pictures[: len(rows)], pictures[len(rows) :]
        made = [
            augment_pair(anchor, positive, self._augment, generator)
            for anchor, positive, generator in zip(anchors, positives, generators, strict=True)
        ]
        stacked = np.stack([a for a, _ in made] + [p for _, p in made])
        return PairBatch(torch.from_numpy(stacked), generators)

    def _get(self, row: int) -> Picture:
        picture = self._kept.get(row)
        if picture is None:
            picture = self._prepare(self._crops.read(int(row)))
            if self._left >= picture.nbytes:
                self._left -= picture.nbytes
                self._kept[row] = picture
        return picture
