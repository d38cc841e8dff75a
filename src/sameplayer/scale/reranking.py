"""The k-reciprocal re-ranking of any number of rows, as files over row blocks.

    lists       the neighbours of a block among another block's rows, both ways
    near        the neighbours of a block among all rows, merged
    weights     its expanded reciprocal neighbours
    means       those, averaged over each row's first k2 neighbours
    answers     the first M of its queries
    ranked      one file of all answers, equal to the byte for any number of blocks

A worker holds two blocks, and of all rows the lists of k1 + 1 numbers and the sparse weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np

from sameplayer.errors import RankingError
from sameplayer.ranking.config import TILE, TopConfig
from sameplayer.ranking.distance import one_thread_a_product, unit_rows
from sameplayer.ranking.kernels import Sparse
from sameplayer.ranking.rerank.blocks import (
    Block,
    Nearest,
    block_answers,
    block_means,
    block_weights,
    joined,
    merge_top_k,
    pair_neighbours,
)
from sameplayer.ranking.rerank.top import checked_mask
from sameplayer.scale.blocks import Task, block_edges, keep_manifest, part_name
from sameplayer.scale.config import MOST_BLOCKS, RANK_ROWS, Run, Shards
from sameplayer.scale.jobs import StageProgress, run_job
from sameplayer.scale.results import (
    RANKED,
    Ranked,
    nearest_columns,
    nearest_of,
    read_ranked,
    sparse_columns,
    sparse_of,
    stacked,
    write_ranked,
)
from sameplayer.scale.rows import Rows, read_table
from sameplayer.scale.storage.store import Store
from sameplayer.scale.storage.tables import digest_of


@dataclass(frozen=True)
class RerankJob:
    """Re-rank the rows of a folder of embeddings.

    asked, offered    (N,) bool: which rows are queries, and which may be answers
    edges             where blocks begin, and the number of rows at the end
    """

    store: Store
    rows: Rows
    asked: np.ndarray = field(repr=False)
    offered: np.ndarray = field(repr=False)
    edges: tuple[int, ...]
    config: TopConfig

    def begin(self) -> None:
        facts = {"encoder": self.rows.encoder, "rows": len(self.rows), "edges": self.edges}
        keep_manifest(self.store, "ranking", facts | asdict(self.config))

    def stages(self) -> Sequence[Sequence[Task]]:
        blocks = range(len(self.edges) - 1)
        outside = [(str(self.config), str(len(self.rows)), *self._content(b)) for b in blocks]
        all_rows = tuple(digest for content in outside for digest in content[2:])
        all_near, all_weights, all_means = (
            tuple(part_name(stage, b) for b in blocks) for stage in ("near", "weights", "means")
        )
        averaged = self.config.k2 > 1
        stages = [
            [
                Task("lists", pair, (), outside[pair[0]] + outside[pair[1]])
                for pair in combinations_with_replacement(blocks, 2)
            ],
            [
                Task("near", (b,), tuple(part_name("lists", *sorted((b, c))) for c in blocks))
                for b in blocks
            ],
            [Task("weights", (b,), all_near, (str(b), *all_rows)) for b in blocks],
            [Task("means", (b,), (all_near[b], *all_weights)) for b in blocks] if averaged else [],
            [
                Task(
                    "answers",
                    (b,),
                    (all_near[b], *(all_means if averaged else all_weights)),
                    (str(b), *all_rows),
                )
                for b in blocks
            ],
            [Task(RANKED, (), tuple(part_name("answers", b) for b in blocks))],
        ]
        return [tasks for tasks in stages if tasks]

    def _content(self, number: int) -> tuple[str, ...]:
        """Return digests of what a block holds."""
        rows = slice(self.edges[number], self.edges[number + 1])
        parts = self.rows.parts(rows.start, rows.stop)
        masks = digest_of({"asked": self.asked[rows], "offered": self.offered[rows]})
        return (f"{rows.start}-{rows.stop}", masks, *(self.rows.digests[part] for part in parts))

    def open(self) -> Callable[[Task], None]:
        from sameplayer.ranking.kernels.neighbours import start_threads

        start_threads()

        def work(task: Task) -> None:
            with one_thread_a_product():
                STEPS[task.stage](self, task)

        return work

    def block(self, number: int) -> Block:
        """Return a block with its rows."""
        first, stop = self.edges[number], self.edges[number + 1]
        rows = unit_rows(self.rows.read(first, stop), "embedded")
        return Block(first, rows, self.asked[first:stop], self.offered[first:stop])

    def blocks(self) -> Iterator[Block]:
        """Yield all blocks, one at a time."""
        return map(self.block, range(len(self.edges) - 1))

    def asked_of(self, number: int) -> np.ndarray:
        """Return (b,) bool: which rows of a block are queries."""
        return self.asked[self.edges[number] : self.edges[number + 1]]

    def near(self, number: int) -> Nearest:
        """Return the finished neighbours of a block."""
        return nearest_of(self.store.read_part(part_name("near", number)))

    def sparse(self, number: int, stage: str) -> Sparse:
        """Return the sparse rows of a block, as a stage left them."""
        return sparse_of(self.store.read_part(part_name(stage, number)))

    def every(self, stage: str, column: str) -> list[np.ndarray]:
        """Return a column of a stage's parts, block by block."""
        names = (part_name(stage, number) for number in range(len(self.edges) - 1))
        return [self.store.read_part(name, [column])[column] for name in names]


def _lists(job: RerankJob, task: Task) -> None:
    first, second = task.key
    block = job.block(first)
    other = block if second == first else job.block(second)
    found = pair_neighbours(block, other, job.config)
    masks = block.asked, other.asked
    parts = [nearest_columns(one, mask) for one, mask in zip(found, masks, strict=False)]
    job.store.write_part(task.name, stacked(parts), task.made_from)


def _near(job: RerankJob, task: Task) -> None:
    (number,) = task.key
    first, stop = job.edges[number], job.edges[number + 1]

    def parts() -> Iterator[Nearest]:
        for other in range(len(job.edges) - 1):
            low, high = sorted((number, other))
            part = job.store.read_part(part_name("lists", low, high))
            begin = 0 if number == low else job.edges[low + 1] - job.edges[low]
            yield nearest_of(part, slice(begin, begin + stop - first))

    found = merge_top_k(job.asked_of(number), parts(), len(job.rows))
    columns = nearest_columns(found, job.asked_of(number))
    job.store.write_part(task.name, columns, task.made_from)


def _weights(job: RerankJob, task: Task) -> None:
    (number,) = task.key
    lists = np.concatenate(job.every("near", "near"))
    own = job.block(number), job.near(number)
    sparse = block_weights(*own, lists, job.blocks(), job.config)
    job.store.write_part(task.name, sparse_columns(sparse), task.made_from)


def _means(job: RerankJob, task: Task) -> None:
    (number,) = task.key
    blocks = range(len(job.edges) - 1)
    weights = joined([job.sparse(other, "weights") for other in blocks])
    sparse = block_means(job.near(number).near, weights, job.config)
    job.store.write_part(task.name, sparse_columns(sparse), task.made_from)


def _answers(job: RerankJob, task: Task) -> None:
    (number,) = task.key
    stage = "means" if job.config.k2 > 1 else "weights"
    block, own = job.block(number), job.sparse(number, stage)
    others = ((job.block(b), job.sparse(b, stage)) for b in range(len(job.edges) - 1))
    found = block_answers(block, job.near(number), own, others, len(job.rows), job.config)
    queries = block.first + np.flatnonzero(block.asked)
    columns = {"row": queries, "neighbours": found.ids, "distances": found.distances}
    job.store.write_part(task.name, columns, task.made_from)


def _ranked(job: RerankJob, task: Task) -> None:
    parts = (job.store.read_part(part_name("answers", b)) for b in range(len(job.edges) - 1))
    write_ranked(job.store, parts, task.made_from)


STEPS: dict[str, Callable[[RerankJob, Task], None]] = {
    "lists": _lists,
    "near": _near,
    "weights": _weights,
    "means": _means,
    "answers": _answers,
    RANKED: _ranked,
}


def rerank_blocks(
    embeddings: str | Path | Rows,
    out: str | Path,
    config: TopConfig = TopConfig(),
    *,
    asked: np.ndarray | None = None,
    offered: np.ndarray | None = None,
    blocks: int | None = None,
    run: Run = Run(),
    shards: Shards = Shards(),
    progress: StageProgress | None = None,
) -> Ranked:
    """Re-rank rows that lie in a folder of blocks, and keep the first M answers of each query.

    embeddings    folder or address that ``embed_blocks`` or ``write_blocks`` filled
    out           folder or address of the result; what is there already is not made again
    asked         (N,) bool: which rows are queries; None: all
    offered       (N,) bool: which may be answers; None: all. No row is an answer to itself
    blocks        how many; None: of 16,384 rows, but 16 at most. The result is equal to the byte

    The result is that of ``k_reciprocal_top``. ``out`` then holds ``ranked.parquet`` with the
    columns of ``Ranked``, and the files of each stage.

    Raises MissingFile and DataError for a folder without whole embeddings, DataError for a folder
    of another run, RankingError for masks of another length, SettingError for settings out of
    range.
    """
    rows = embeddings if isinstance(embeddings, Rows) else Rows.of(Store(embeddings))
    asked = checked_mask(asked, len(rows), "asked")
    offered = checked_mask(offered, len(rows), "offered")
    usual = max(RANK_ROWS, -(-len(rows) // MOST_BLOCKS))
    edges = block_edges(len(rows), blocks, TILE, usual)
    store = Store(out)
    run_job(RerankJob(store, rows, asked, offered, edges, config), run, shards, progress)
    return read_ranked(store)


def masks_of(rows: Rows, every_row: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return (N,) bool each: which rows are queries, and which may be answers.

    Where the crop table has queries, they ask for its gallery rows; otherwise, and with
    ``every_row``, every row asks for all others. Raises RankingError where rows are neither query
    nor gallery: they would be neighbours of the others and change the result.
    """
    role = read_table(rows.store).table["role"]
    asked = (role == "query").fillna(False).to_numpy(bool)
    offered = role.isin(("gallery", "distractor")).to_numpy(bool)
    if every_row or not asked.any():
        return np.ones(len(rows), bool), np.ones(len(rows), bool)
    other = np.flatnonzero(~(asked | offered))
    if len(other) or not offered.any():
        raise RankingError(
            f"{rows.store.address}: {len(other)} rows are neither query nor gallery, and "
            f"{offered.sum()} are gallery; expected one or the other, and some of each. Embed one "
            "split, or ask with every row."
        )
    return asked, offered
