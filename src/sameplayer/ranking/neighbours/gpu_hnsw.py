"""Ways to fill neighbour lists beside the exact one on the CPU: torch on a GPU, or faiss's HNSW.

On a GPU, of equal distances any may come first at a list's end. The graph index of HNSW is for
galleries past a million.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sameplayer.encoder.runtime.device import pick_device
from sameplayer.errors import import_extra
from sameplayer.ranking.neighbours.lists import Neighbours

if TYPE_CHECKING:
    import torch

SAMPLE = 2048  # rows among which the largest distance is looked for


def device_filler(found: Neighbours, device: str) -> Callable[[int, int], None]:
    """Return a function that fills the rows from the first number up to the second."""
    m, lists, own = len(found.direct), found.all, found.own
    import torch

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
    import torch

    smallest, numbers = torch.topk(block, count, dim=1, largest=False, sorted=True)
    values, columns = smallest.cpu().numpy(), numbers.cpu().numpy()
    order = np.lexsort((columns, values), axis=1)
    return np.take_along_axis(values, order, 1), np.take_along_axis(columns, order, 1)


def approximate_filler(found: Neighbours, effort: int) -> Callable[[int, int], None]:
    """Return a function that fills the rows from the first number up to the second.

    Raises MissingExtra without faiss.
    """
    m, lists, rows, gallery = len(found.direct), found.all, found.all.rows, found.own
    sample = np.random.default_rng(0).permutation(len(rows))[:SAMPLE]
    graph = _graph(rows, effort)
    own_graph = _graph(rows[m:], effort) if gallery.shape[1] else None

    def fill(start: int, stop: int) -> None:
        part = slice(start, stop)
        lists.lists[part] = _searched(graph, rows[part], lists.lists.shape[1], start)
        if own_graph is not None and stop > m:
            first = max(start, m)
            gallery[first - m : stop - m] = _searched(
                own_graph, rows[first:stop], gallery.shape[1], first - m
            )
        _measure(found, part, sample)
        if start < m:
            queries = slice(start, min(stop, m))
            direct = _distances(found, queries, slice(m, None))
            if found.divide:
                direct /= lists.farthest[queries, None]
            found.direct[queries] = direct

    return fill


def _measure(found: Neighbours, part: slice, sample: np.ndarray) -> None:
    """Write the distances of the listed neighbours, sorted, and the largest in the sample."""
    lists = found.all
    near = lists.rows[lists.lists[part]]
    value = np.einsum("nd,nkd->nk", lists.rows[part], near)
    value = lists.lengths[part, None] + lists.lengths[lists.lists[part]] - 2 * value
    value = _powered(np.maximum(value, 0), found.power)
    order = np.argsort(value, axis=1, kind="stable")
    lists.lists[part] = np.take_along_axis(lists.lists[part], order, axis=1)
    lists.values[part] = np.take_along_axis(value, order, axis=1)
    top = np.maximum(_distances(found, part, sample).max(axis=1), lists.values[part].max(axis=1))
    lists.farthest[part] = np.maximum(top, 1e-12)
    if found.divide:
        lists.values[part] /= lists.farthest[part, None]


def _graph(rows: np.ndarray, effort: int) -> Any:
    faiss = import_extra("faiss", "approximate", "Finding approximate neighbours")
    index = faiss.IndexHNSWFlat(rows.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = max(effort, 80)
    index.hnsw.efSearch = effort
    index.add(rows)
    return index


def _searched(graph: Any, rows: np.ndarray, count: int, first: int) -> np.ndarray:
    """Return (b, count) neighbours of rows that stand in the graph from ``first`` on."""
    listed: np.ndarray = graph.search(rows, count)[1]
    itself = np.arange(first, first + len(rows))
    missing = ~(listed == itself[:, None]).any(axis=1)
    listed[missing, -1] = itself[missing]
    # A search that gave up early repeats the row itself, which changes no set.
    return np.where(listed < 0, itself[:, None], listed)


def _distances(found: Neighbours, part: slice, others: np.ndarray | slice) -> np.ndarray:
    rows, lengths = found.all.rows, found.all.lengths
    value = lengths[part, None] + lengths[others] - 2 * (rows[part] @ rows[others].T)
    return _powered(np.maximum(value, 0), found.power)


def _powered(value: np.ndarray, power: int) -> np.ndarray:
    return value**2 if power == 2 else value
