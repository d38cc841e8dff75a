"""STAGES: what each stage of a re-ranking over blocks takes, by formulas.

They rest on the ``Size`` of the work and on ``Rates`` that were measured on one core.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sameplayer.ranking.config import TILE
from sameplayer.scale.rates import Rates
from sameplayer.scale.workload import (
    ENCODERS,
    Fleet,
    Size,
    answers_bytes,
    nearest_bytes,
    rows_bytes,
    sparse_bytes,
)

ON_DISK = 1.02  # bytes of a file a byte of arrays: what Parquet says of lists; measured


@dataclass(frozen=True)
class Stage:
    """What one stage takes; bytes and seconds are those of all its tasks together.

    tasks         files to be made
    operations    floating-point operations of products and distances
    computed      seconds of one core
    longest       seconds of one core of the longest task
    read          bytes read from the storage
    written       bytes written to it, which stay
    memory        bytes of a worker
    rests         the rates behind ``computed``
    """

    name: str
    tasks: int
    operations: float
    computed: float
    longest: float
    read: float
    written: float
    memory: float
    rests: tuple[str, ...]

    def workers(self, fleet: Fleet) -> int:
        """Return how many work on one machine: a core each, as far as the memory goes."""
        return min(fleet.cores, int(fleet.memory * 1e9 // self.memory))

    def seconds(self, fleet: Fleet) -> float:
        """Return the time: that of the tasks in any order, and that of the traffic.

        Where tasks wait it is Graham's bound (1966), which no order of equal workers exceeds.
        Infinite where no worker fits a machine.
        """
        workers = self.workers(fleet) * fleet.machines
        if workers == 0:
            return float("inf")
        busy = self.longest
        if self.tasks > workers:
            busy = self.computed / workers + self.longest * (1 - 1 / workers)
        return busy + max(self.read, self.written) / fleet.bytes_a_second


def list_operations(size: Size) -> float:
    """Return the operations of all similarities: each pair of rows once, tiles of a block whole."""
    return float(size.columns) * size.rows * (size.rows + TILE)


def list_steps(rows: float, length: int) -> float:
    """Return the steps of one row in a list of some length, while so many rows come in a row.

    A tile with a row that is near enough is gone through again; a row that comes in moves half of
    the list. That the c-th of rows in random order belongs to the nearest L has the probability
    L / c.
    """
    tiles = np.arange(1, -(-rows // TILE) + 1)
    gone_through = TILE * float((1 - np.exp(-length / tiles)).sum())
    return gone_through + length * length / 2 * (1 + np.log(max(rows / length, 1.0)))


def embed_stage(size: Size, rates: Rates) -> Stage:
    """Return the cost of embedding: crops a second and core."""
    field = ENCODERS[size.encoder]
    rate = getattr(rates, field)
    tasks = -(-size.rows // 4096)
    return Stage(
        "embed",
        tasks,
        0.0,
        size.rows / rate,
        min(size.rows, 4096) / rate,
        size.picture * size.rows,
        rows_bytes(size, size.rows) * ON_DISK,
        rates.process + 2e9,
        (field,),
    )


def lists_stage(size: Size, rates: Rates) -> Stage:
    """Return the cost of the lists: N^2 d operations, and every block read once a block.

    A worker holds two blocks, and the lists of both twice while they are written.
    """
    count, block = size.count, size.block
    read, written = count * rows_bytes(size, size.rows), count * nearest_bytes(size, size.rows)
    steps = sum(list_steps(block, length) for length in (size.listed, size.top))
    compute = list_operations(size) / rates.product + size.rows * (
        (size.rows + TILE) / rates.scanned + count * steps / rates.moved
    )
    files = read / rates.read + written / rates.written
    tasks = count * (count + 1) // 2
    sides = 2 if count > 1 else 1
    memory = sides * (rows_bytes(size, block) + 2 * nearest_bytes(size, block))
    return Stage(
        "lists",
        tasks,
        list_operations(size),
        compute + files,
        (compute + files) * (2 / count**2 if count > 1 else 1),
        read,
        written * ON_DISK,
        rates.process + memory,
        ("product", "scanned", "moved", "read", "written"),
    )


def near_stage(size: Size, rates: Rates) -> Stage:
    """Return the cost of merging lists: each file of two blocks is read for both of them."""
    count = size.count
    read = (2 * count - 1) * nearest_bytes(size, size.rows)
    written = nearest_bytes(size, size.rows)
    seconds = size.rows * count / rates.merged + read / rates.read + written / rates.written
    sides = 4 if count > 1 else 2
    memory = (sides + 2) * nearest_bytes(size, size.block)
    return _even(
        size, rates, "near", 0.0, seconds, read, written, memory, ("merged", "read", "written")
    )


def weights_stage(size: Size, rates: Rates) -> Stage:
    """Return the cost of the weights: every task holds the lists of all rows, and reads all rows.

    Of all rows the lists of k1 + 1 are held, twice while they are joined, and the smaller sets.
    """
    count, rows = size.count, size.rows
    all_lists = 4.0 * rows * size.listed
    rows_read = rows_bytes(size, rows) * (count if size.missing > 0 else 0)
    read = rows_read + count * all_lists + rows_bytes(size, rows) + nearest_bytes(size, rows)
    written = sparse_bytes(rows, size.nonzeros)
    entries = rows * size.nonzeros
    seconds = (
        count * rows / rates.halves
        + rows / rates.weights * size.nonzeros / rates.nonzeros
        + count * entries / rates.looked
        + read / rates.read
        + written / rates.written
    )
    halves = 4.0 * rows * (round(size.k1 / 2) + 2)
    memory = max(2 * all_lists, all_lists + halves + 3 * rows_bytes(size, size.block))
    operations = 2.0 * entries * size.missing * size.columns
    return _even(
        size,
        rates,
        "weights",
        operations,
        seconds,
        read,
        written,
        memory + nearest_bytes(size, size.block),
        ("halves", "weights", "looked", "read", "written"),
    )


def means_stage(size: Size, rates: Rates) -> Stage:
    """Return the cost of the means.

    Every task holds the weights of all rows, twice while it joins them.
    """
    count, rows = size.count, size.rows
    all_weights = sparse_bytes(rows, size.nonzeros) + 8.0 * rows
    read = count * sparse_bytes(rows, size.nonzeros) + nearest_bytes(size, rows)
    written = sparse_bytes(rows, size.averaged)
    seconds = (
        rows / rates.means * size.nonzeros / rates.nonzeros
        + read / rates.read
        + written / rates.written
    )
    scratch = 16.0 * rows  # a line of sums, of numbers, and of rows seen
    memory = all_weights + max(all_weights, scratch + sparse_bytes(size.block, size.averaged))
    return _even(
        size, rates, "means", 0.0, seconds, read, written, memory, ("means", "read", "written")
    )


def answers_stage(size: Size, rates: Rates) -> Stage:
    """Return the cost of the answers: every task reads all rows and all means, block by block."""
    count, rows, block = size.count, size.rows, size.block
    own = rows_bytes(size, rows) + sparse_bytes(rows, size.averaged)
    read = (count + 1) * own + nearest_bytes(size, rows)
    written = answers_bytes(size, rows)
    shared = size.averaged**2
    seconds = (
        rows / rates.answers * max(shared / rates.nonzeros**2, 1.0)
        + count**2 * rows / rates.turned
        + read / rates.read
        + written / rates.written
    )
    turned = 16.0 * rows + sparse_bytes(block, size.averaged)
    sparse = 2 * (sparse_bytes(block, size.averaged) + 8 * block)
    memory = 3 * rows_bytes(size, block) + sparse + turned + nearest_bytes(size, block)
    operations = 2.0 * rows * (size.top + size.averaged) * size.columns + rows * shared
    return _even(
        size,
        rates,
        "answers",
        operations,
        seconds,
        read,
        written,
        memory + answers_bytes(size, block),
        ("answers", "turned", "read", "written"),
    )


def ranked_stage(size: Size, rates: Rates) -> Stage:
    """Return the cost of the one file of all answers, which one worker writes."""
    every = answers_bytes(size, size.rows)
    seconds = every / rates.read + every / rates.written
    memory = rates.process + 3 * answers_bytes(size, size.block)
    return Stage(
        "ranked", 1, 0.0, seconds, seconds, every, every * ON_DISK, memory, ("read", "written")
    )


def _even(
    size: Size,
    rates: Rates,
    name: str,
    operations: float,
    seconds: float,
    read: float,
    written: float,
    memory: float,
    rests: tuple[str, ...],
) -> Stage:
    """Return a stage of one task a block, all alike."""
    return Stage(
        name,
        size.count,
        operations,
        seconds,
        seconds / size.count,
        read,
        written * ON_DISK,
        rates.process + memory,
        rests,
    )


STAGES: dict[str, Callable[[Size, Rates], Stage]] = {
    "embed": embed_stage,
    "lists": lists_stage,
    "near": near_stage,
    "weights": weights_stage,
    "means": means_stage,
    "answers": answers_stage,
    "ranked": ranked_stage,
}
"""Name of a stage -> f(size, rates), its cost."""
