"""Neighbour lists by torch, on a GPU; of equal distances any may come first at a list's end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from sameplayer.encoder.runtime.device import pick_device
from sameplayer.ranking.neighbours.lists import Neighbours


def device_filler(found: Neighbours, device: str) -> Callable[[int, int], None]:
    """Return a function that fills the rows from the first number up to the second."""
    m, lists, own = len(found.direct), found.all, found.own
    place = pick_device(device)
    rows, lengths = (torch.from_numpy(part).to(place) for part in (lists.rows, lists.lengths))

    def fill(start: int, stop: int) -> None:
        block = torch.addmm(lengths[None, :], rows[start:stop], rows.T, alpha=-2)
        block = (block + lengths[start:stop, None]).clamp_(min=0)
        top = block.amax(dim=1)
        if found.power == 2:
            block = block**2
            top = block.amax(dim=1).clamp_(min=1e-12)
        if found.divide:
            block /= top[:, None]
        values, nearest = _smallest(block, lists.lists.shape[1])
        lists.values[start:stop], lists.lists[start:stop] = values, nearest
        lists.farthest[start:stop] = top.cpu().numpy()
        if own.shape[1] and stop > m:
            first = max(start, m)
            part = block[first - start :, m:]
            own[first - m : stop - m] = _smallest(part, own.shape[1])[1]
        if start < m:
            found.direct[start:stop] = block[: m - start, m:].cpu().numpy()

    return fill


def _smallest(block: torch.Tensor, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return values and columns (b, count) of the smallest, of equal ones the lower column."""
    smallest, numbers = torch.topk(block, count, dim=1, largest=False, sorted=True)
    values, columns = smallest.cpu().numpy(), numbers.cpu().numpy()
    order = np.lexsort((columns, values), axis=1)
    return np.take_along_axis(values, order, 1), np.take_along_axis(columns, order, 1)
