"""The processes of a run: who this one is, its device, and what they tell each other.

torchrun starts them; without it there is one. Every process takes its share of each batch on a
device of its own, and the negatives are those of all.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as distributed
from torch import Tensor, nn

from sameplayer.encoder.runtime.device import pick_device
from sameplayer.errors import SettingError

PATIENCE = timedelta(hours=6)  # the others wait while the first one scores an epoch
BUCKET = 2**25  # numbers sent at once: 128 MB of fp32
MOST_AXES = 8


@dataclass(frozen=True)
class Process:
    """This process: its device, its number from 0, and how many there are."""

    device: torch.device
    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that scores and writes."""
        return self.rank == 0

    def share(self, values: np.ndarray | None) -> np.ndarray:
        """Return the first process's array, of at most 8 axes and float32, in every process.

        values    of the first process; the others' are not looked at
        """
        if self.world == 1 and values is not None:
            return values
        shape = torch.zeros(MOST_AXES + 1, dtype=torch.int64)
        if self.first and values is not None:
            shape[: values.ndim + 1] = torch.tensor([values.ndim, *values.shape])
        shape = self._broadcast(shape)
        size = shape[1 : 1 + int(shape[0])].tolist()
        sent = torch.zeros(size, dtype=torch.float32)
        if self.first and values is not None:
            sent = torch.from_numpy(np.ascontiguousarray(values, np.float32))
        return self._broadcast(sent).numpy()

    def _broadcast(self, values: Tensor) -> Tensor:
        sent = values.to(self.device)
        distributed.broadcast(sent, 0)
        return sent.cpu()


@contextmanager
def join_processes(device: str = "auto") -> Iterator[Process]:
    """Join the processes that torchrun started, if it did, each on a device of its own.

    device    as ``pick_device`` has it; several processes take "auto", "cpu" or "cuda", since one
              GPU by number would be shared by all. Raises SettingError.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1 and device.startswith("cuda:"):
        expected = f"auto, cpu or cuda: each of {world} processes takes its own GPU"
        raise SettingError("device", device, expected)
    chosen = pick_device(device)
    if world == 1:
        yield Process(chosen)
        return
    backend = "nccl" if chosen.type == "cuda" else "gloo"
    distributed.init_process_group(backend, timeout=PATIENCE)
    try:
        yield Process(chosen, distributed.get_rank(), world)
    finally:
        distributed.destroy_process_group()


def gathered(rows: Tensor) -> Tensor:
    """Return the rows of all processes, in order; gradients flow into this one's own."""
    if not distributed.is_initialized():
        return rows
    parts = [torch.empty_like(rows) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, rows.detach().contiguous())
    parts[distributed.get_rank()] = rows
    return torch.cat(parts)


def sum_gradients(model: nn.Module, loss: nn.Module, bucket: int = BUCKET) -> None:
    """Add up the gradients of all processes: the network's are those of the own pictures.

    Every process has the whole gradient of the loss's own weights, so theirs are averaged.

    bucket    numbers sent at once, at least one weight's
    """
    if not distributed.is_initialized():
        return
    for weight in loss.parameters():
        if weight.grad is not None:
            weight.grad /= distributed.get_world_size()
    gradients = [
        weight.grad
        for weight in (*model.parameters(), *loss.parameters())
        if weight.grad is not None
    ]
    for part in _buckets(gradients, bucket):
        flat = torch.cat([gradient.reshape(-1) for gradient in part])
        distributed.all_reduce(flat)
        summed = torch.split(flat, [gradient.numel() for gradient in part])
        for gradient, values in zip(part, summed, strict=True):
            gradient.copy_(values.view_as(gradient))


def _buckets(gradients: Iterable[Tensor], most: int) -> Iterator[list[Tensor]]:
    """Yield runs of gradients of one type that hold up to ``most`` numbers, or one gradient."""
    part: list[Tensor] = []
    for gradient in gradients:
        size = sum(other.numel() for other in part) + gradient.numel()
        if part and (size > most or part[0].dtype != gradient.dtype):
            yield part
            part = []
        part.append(gradient)
    if part:
        yield part
