"""What a re-ranking over blocks costs: operations, memory, traffic, files, time and money.

Each stage is a ``Stage``: formulas of the ``Size`` of the work and of ``Rates`` that were measured
on one core. ``describe`` in ``cost_table`` prints them for a ``Fleet``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sameplayer.errors import SettingError
from sameplayer.ranking.blocks import TILE
from sameplayer.ranking.config import TopConfig
from sameplayer.scale.rates import Rates
from sameplayer.scale.reranking import MOST_BLOCKS, USUAL_ROWS

ON_DISK = 1.02  # bytes of a file a byte of arrays: what Parquet says of lists; measured
ENCODERS = {"person": "person", "vit-b16": "vit_b16", "vit-l14": "vit_l14"}


@dataclass(frozen=True)
class Fleet:
    """The machines, which are alike, and what an hour costs."""

    machines: int = 16
    """How many."""
    cores: int = 16
    """Cores a machine; each is a worker of one thread, as far as the memory goes."""
    gigabits: float = 10.0
    """Gigabits a second of each machine's link."""
    storage: float = 100.0
    """Gigabits a second that the shared storage gives to all machines together."""
    memory: float = 64.0
    """GB of memory a machine."""
    price: float = 0.05
    """Price of a core for an hour, in whatever currency."""

    def __post_init__(self) -> None:
        """Raise SettingError for a value out of range."""
        for name in ("machines", "cores"):
            if getattr(self, name) < 1:
                raise SettingError(name, getattr(self, name), "1 or more")
        for name in ("gigabits", "storage", "memory"):
            if not 0 < getattr(self, name) < float("inf"):
                raise SettingError(name, getattr(self, name), "a number above 0")
        if not 0 <= self.price < float("inf"):
            raise SettingError("price", self.price, "0 or more")

    @property
    def bytes_a_second(self) -> float:
        """What all machines together can read from the storage, or write to it, a second."""
        return min(self.machines * self.gigabits, self.storage) * 1e9 / 8


@dataclass(frozen=True)
class Size:
    """The work: a data set against itself, every row a query and an answer."""

    rows: int
    """Crops."""
    columns: int = 512
    """Numbers of a feature."""
    blocks: int | None = None
    """Blocks of rows; None: as many as ``rerank_blocks`` takes."""
    k1: int = TopConfig.k1
    """As in ``TopConfig``, with k2 and top."""
    k2: int = TopConfig.k2
    """Rows that are averaged."""
    top: int = TopConfig.top
    """Answers kept for each query."""
    nonzeros: float = 50.0
    """Mean non-zeros of a row's weights: 20 for clear persons of 20 pictures."""
    averaged: float = 50.0
    """Mean non-zeros of a row after the mean over k2 rows."""
    missing: float = 0.3
    """Share of a row's expanded neighbours that its own list does not hold."""
    encoder: str = "person"
    """What embeds the crops, one of ENCODERS."""
    picture: float = 8000.0
    """Bytes of a crop's picture file."""

    def __post_init__(self) -> None:
        """Raise SettingError for a value out of range."""
        TopConfig(self.k1, self.k2, TopConfig.lambda_, self.top)
        for name in ("rows", "columns"):
            if getattr(self, name) < 1:
                raise SettingError(name, getattr(self, name), "1 or more")
        if self.blocks is not None and not 1 <= self.blocks <= -(-self.rows // TILE):
            raise SettingError("blocks", self.blocks, f"1 to {-(-self.rows // TILE)}")
        if self.encoder not in ENCODERS:
            raise SettingError("encoder", repr(self.encoder), f"one of {', '.join(ENCODERS)}")

    @property
    def count(self) -> int:
        """Blocks."""
        usual = max(USUAL_ROWS, -(-self.rows // MOST_BLOCKS))
        return self.blocks or -(-self.rows // usual)

    @property
    def block(self) -> float:
        """Rows a block."""
        return self.rows / self.count

    @property
    def listed(self) -> int:
        """Neighbours kept of a row."""
        return max(self.k1 + 1, self.k2)


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
        """Return the time: Graham's bound for tasks in any order, and the traffic.

        Infinite where no worker fits a machine.
        """
        workers = self.workers(fleet) * fleet.machines
        if workers == 0:
            return float("inf")
        busy = min(workers, self.tasks)
        return (
            self.computed / busy
            + self.longest * (1 - 1 / busy)
            + max(self.read, self.written) / fleet.bytes_a_second
        )


def rows_bytes(size: Size, rows: float) -> float:
    """Return the bytes of so many rows of features."""
    return 4.0 * rows * size.columns


def nearest_bytes(size: Size, rows: float) -> float:
    """Return the bytes of so many rows' lists: k1 + 1 and M neighbours, and the farthest."""
    return rows * (8.0 * (size.listed + size.top) + 4)


def sparse_bytes(rows: float, nonzeros: float) -> float:
    """Return the bytes of so many sparse rows: a column and a weight a non-zero."""
    return 8.0 * rows * nonzeros


def answers_bytes(size: Size, rows: float) -> float:
    """Return the bytes of so many rows' answers: a number and a distance each."""
    return rows * (8.0 * size.top + 8)


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
    return Stage("embed", tasks, 0.0, size.rows / rate, min(size.rows, 4096) / rate,
                 size.picture * size.rows, rows_bytes(size, size.rows) * ON_DISK,
                 rates.process + 2e9, (field,))  # fmt: skip


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
    return Stage("lists", tasks, list_operations(size), compute + files,
                 (compute + files) * (2 / count**2 if count > 1 else 1), read,
                 written * ON_DISK, rates.process + memory,
                 ("product", "scanned", "moved", "read", "written"))  # fmt: skip


def near_stage(size: Size, rates: Rates) -> Stage:
    """Return the cost of merging lists: each file of two blocks is read for both of them."""
    count = size.count
    read = (2 * count - 1) * nearest_bytes(size, size.rows)
    written = nearest_bytes(size, size.rows)
    seconds = size.rows * count / rates.merged + read / rates.read + written / rates.written
    sides = 4 if count > 1 else 2
    memory = (sides + 2) * nearest_bytes(size, size.block)
    return _even(size, rates, "near", 0.0, seconds, read, written, memory,
                 ("merged", "read", "written"))  # fmt: skip


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
    return _even(size, rates, "weights", operations, seconds, read, written,
                 memory + nearest_bytes(size, size.block),
                 ("halves", "weights", "looked", "read", "written"))  # fmt: skip


def means_stage(size: Size, rates: Rates) -> Stage:
    """Return the cost of the means: each task holds all weights, twice while joined."""
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
    return _even(size, rates, "means", 0.0, seconds, read, written, memory,
                 ("means", "read", "written"))  # fmt: skip


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
    return _even(size, rates, "answers", operations, seconds, read, written,
                 memory + answers_bytes(size, block),
                 ("answers", "turned", "read", "written"))  # fmt: skip


def ranked_stage(size: Size, rates: Rates) -> Stage:
    """Return the cost of the one file of all answers, which one worker writes."""
    every = answers_bytes(size, size.rows)
    seconds = every / rates.read + every / rates.written
    memory = rates.process + 3 * answers_bytes(size, size.block)
    return Stage("ranked", 1, 0.0, seconds, seconds, every, every * ON_DISK, memory,
                 ("read", "written"))  # fmt: skip


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
    return Stage(name, size.count, operations, seconds, seconds / size.count, read,
                 written * ON_DISK, rates.process + memory, rests)  # fmt: skip


STAGES: dict[str, Callable[[Size, Rates], Stage]] = {
    "embed": embed_stage,
    "lists": lists_stage,
    "near": near_stage,
    "weights": weights_stage,
    "means": means_stage,
    "answers": answers_stage,
    "ranked": ranked_stage,
}
