"""The batches of a plan with their pictures, on the device of this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sameplayer.data.batches.augment import Augment
from sameplayer.data.batches.loading import PairBatch, PairLoader
from sameplayer.data.images.picture import Picture
from sameplayer.training.processes import Process
from sameplayer.training.sampling.plan import Plan


class Batch(NamedTuple):
    """A batch, as ``Feed`` yields it.

    pictures   those of this process's pairs
    persons    (p,) of the pairs of all processes
    differ     (p, p) which of them are known to be different persons; None: all
    """

    pictures: PairBatch
    persons: Tensor
    differ: Tensor | None = None


class Feed:
    """Batches of a plan, epoch by epoch; use it in a ``with``, since it decodes in threads."""

    def __init__(
        self, plan: Plan, prepare: Callable[[Picture], Picture], augment: Augment, process: Process
    ) -> None:
        self.plan, self.process = plan, process
        self.persons = torch.from_numpy(plan.learn.persons()).to(process.device)
        self._loader = PairLoader(plan.learn, prepare, augment, plan.config.cache_gb)
        self._loader.keep_frames()

    @property
    def waited_s(self) -> float:
        """Seconds for which the network waited for pictures."""
        return self._loader.waited_s

    def epoch(self, epoch: int, means: np.ndarray | None = None, first: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch, from its batch ``first`` on.

        means    (persons, d), see ``Plan.batches``
        """
        config, process = self.plan.config, self.process
        share = (config.pairs or 2) // process.world
        mine = slice(process.rank * share, (process.rank + 1) * share)
        rows = self.plan.batches(epoch, means)[first:]
        step = epoch * len(self.plan.first) + first
        batches = self._loader.batches(
            [pairs[mine] for pairs in rows], config.seed, step, mine.start
        )
        for batch, pairs in zip(batches, rows, strict=True):
            persons = self.persons[pairs[:, 0]]
            differ = self.plan.differ(persons.cpu().numpy())
            known = None if differ is None else torch.from_numpy(differ).to(process.device)
            yield Batch(batch, persons, known)

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *_: object) -> None:
        self._loader.close()
