"""How fast one core does each step of scale: the rates of docs/scale-cost.md.

python benchmarks/scale/rates.py [--rows 32768] [--columns 256 512] [--rounds 5] [--json FILE]

The real functions on drawn rows (persons of 20 pictures), one thread. The processor's time counts,
not the wall's, so that other work on the machine matters less. Steps come in turns, round by round;
a rate is the median of the rounds, and the spread is printed beside it. The first round, which
loads compiled code, does not count. Embedding reads drawn crops from JPEG files; the vision
transformers have random weights, which are as fast as any.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sameplayer.data.crops import Crops
from sameplayer.data.layouts.sources import read_source
from sameplayer.encoder.embed import embed
from sameplayer.encoder.load import create_encoder, load_encoder
from sameplayer.ranking.distance import unit_rows
from sameplayer.ranking.kernels import Sparse
from sameplayer.ranking.kernels.neighbours import start_threads
from sameplayer.ranking.kernels.sets import reciprocal
from sameplayer.ranking.kernels.sparse import transpose
from sameplayer.ranking.kernels.top import measure_missing, take_rows
from sameplayer.ranking.rerank.blocks import (
    TILE,
    Block,
    Nearest,
    TopConfig,
    block_answers,
    block_means,
    block_weights,
    merge_top_k,
    pair_neighbours,
)
from sameplayer.scale.results import nearest_columns
from sameplayer.scale.runners.worker import limited_threads
from sameplayer.scale.storage.store import Store
from sameplayer.scale.storage.tables import digest_of
from sameplayer.synthetic.league import draw_league

CONFIG = TopConfig()
PARTS = 4
STEPS = dict[str, Callable[[], Any]]


def drawn(rows: int, columns: int) -> Block:
    """Return unit rows of persons with 20 pictures each, all of them queries and answers."""
    rng = np.random.default_rng(0)
    found = np.repeat(rng.normal(size=(-(-rows // 20), columns)), 20, axis=0)[:rows]
    found = rng.permutation(found + 1.3 * rng.normal(size=found.shape))
    every = np.ones(rows, bool)
    return Block(0, unit_rows(found, "drawn"), every, every)


def list_steps(rows: float, length: int) -> float:
    """Return the steps of one row in a list of some length, while so many rows come in a row.

    A tile with a row that is near enough is gone through again; a row that comes in moves half of
    the list. That the c-th of rows in random order belongs to the nearest L has the probability
    L / c.
    """
    tiles = np.arange(1, -(-rows // TILE) + 1)
    gone_through = TILE * float((1 - np.exp(-length / tiles)).sum())
    return gone_through + length * length / 2 * (1 + np.log(max(rows / length, 1.0)))


def cut(block: Block, parts: int) -> list[Block]:
    size = len(block) // parts
    return [
        Block(at, block.rows[at : at + size], block.asked[:size], block.offered[:size])
        for at in range(0, size * parts, size)
    ]


def timed(steps: STEPS, rounds: int) -> dict[str, list[float]]:
    """Return the processor's seconds of each step in each round but the first."""
    spent: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds + 1):
        for name, step in steps.items():
            began = time.process_time()
            step()
            spent[name].append(time.process_time() - began)
    return {name: times[1:] for name, times in spent.items()}


def tiles(block: Block, other: Block, take: Callable[[np.ndarray, int, int], None]) -> None:
    for s in range(0, len(block), TILE):
        for t in range(0, len(other), TILE):
            take(block.rows[s : s + TILE] @ other.rows[t : t + TILE].T, s, t)


def scan(block: Block, other: Block, similar: np.ndarray) -> None:
    """Take all tiles both ways into lists that are full of nearer rows."""
    size = (len(block), CONFIG.count), (len(block), CONFIG.top)
    full = Nearest(
        np.zeros(size[0], np.int32),
        np.zeros(size[0], np.float32),
        np.zeros(size[1], np.int32),
        np.zeros(size[1], np.float32),
        np.zeros(len(block), np.float32),
    )
    lengths = np.ones(TILE, np.float32)
    for s in range(0, len(block), TILE):
        rows = slice(s, s + TILE)
        kept = Nearest(
            full.near[rows],
            full.near_values[rows],
            full.direct,
            full.direct_values,
            full.farthest[rows],
        )
        for t in range(0, len(other), TILE):
            for one in (similar, np.ascontiguousarray(similar.T)):
                take_rows(
                    one,
                    lengths,
                    lengths,
                    s,
                    other.first + t,
                    kept,
                    block.slots[rows],
                    other.offered[:TILE],
                )


class Measured:
    """Everything that the steps need for one number of columns, and their rates."""

    def __init__(self, rows: int, columns: int) -> None:
        self.whole = drawn(rows, columns)
        self.blocks = cut(self.whole, PARTS)
        self.pair = self.blocks[0], self.blocks[1]
        found = pair_neighbours(self.whole, self.whole, CONFIG)[0]
        self.parts = [pair_neighbours(self.blocks[0], other, CONFIG)[0] for other in self.blocks]
        self.near = merge_top_k(self.whole.asked, [found], rows)
        self.weights = self._weights()
        self.means = block_means(self.near.near, self.weights, CONFIG)
        self.folder = tempfile.TemporaryDirectory()
        self.columns = nearest_columns(found, self.whole.asked)
        self.digest = digest_of(self.columns)

    def _weights(self) -> Sparse:
        return block_weights(self.whole, self.near, self.near.near, [self.whole], CONFIG)

    def _missing(self) -> None:
        sparse, rows, ones = self.weights, self.whole.rows, np.ones(len(self.whole), np.float32)
        measure_missing(
            sparse.weights, sparse.starts, sparse.columns, ones, rows, ones, rows, ones, 0
        )

    def _answers(self) -> None:
        mine = (self.whole, self.near, self.means, [(self.whole, self.means)])
        block_answers(*mine, len(self.whole), CONFIG)

    def steps(self) -> STEPS:
        first, second = self.pair
        store, total = Store(self.folder.name), len(self.whole)
        similar = first.rows[:TILE] @ second.rows[:TILE].T
        out = np.zeros((len(first), len(second)), np.float32)
        nothing = Sparse(np.zeros(2, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))
        return {
            "large": lambda: np.matmul(first.rows, second.rows.T, out=out),
            "product": partial(tiles, first, second, lambda *_: None),
            "pair": lambda: pair_neighbours(first, second, CONFIG),
            "scanned": partial(scan, first, second, similar),
            "merged": lambda: merge_top_k(first.asked, self.parts, total),
            "halves": lambda: reciprocal(self.near.near, round(CONFIG.k1 / 2) + 1),
            "weights": self._weights,
            "looked": self._missing,
            "means": lambda: block_means(self.near.near, self.weights, CONFIG),
            "answers": self._answers,
            "turned": lambda: transpose(nothing, 0, 32 * total),
            "written": lambda: store.write_part("part.parquet", self.columns, self.digest),
            "read": lambda: store.read_part("part.parquet"),
        }

    def work(self) -> dict[str, float]:
        """Return how much of its unit each step does."""
        size, total = len(self.blocks[0]), float(len(self.whole))
        flops = 2.0 * size * size * self.whole.rows.shape[1]
        taken = sum(np.asarray(getattr(one, "values", one)).nbytes for one in self.columns.values())
        return {
            "large": flops,
            "product": flops,
            "pair": flops,
            "scanned": 2.0 * size * size,
            "merged": float(PARTS * size),
            "halves": total,
            "weights": total,
            "looked": float(len(self.weights.columns)),
            "means": total,
            "answers": total,
            "turned": 32 * total,
            "written": taken,
            "read": taken,
        }

    def rates(self, rounds: int) -> dict[str, float]:
        """Measure, print, and return the rates but those of embedding."""
        spent, work = timed(self.steps(), rounds), self.work()
        seconds = {name: statistics.median(times) for name, times in spent.items()}
        for name, times in spent.items():
            low, high = min(times), max(times)
            print(
                f"{name:<10}{work[name] / seconds[name]:>11.3g} a second "
                f"({work[name] / high:.3g}-{work[name] / low:.3g})",
                flush=True,
            )
        found = {name: work[name] / seconds[name] for name in seconds}
        del found["large"], found["pair"]
        selected = seconds["pair"] - seconds["product"] - seconds["scanned"]
        size = len(self.blocks[0])
        steps = sum(list_steps(size, length) for length in (CONFIG.count, CONFIG.top))
        found["moved"] = 2 * size * steps / selected
        own = seconds["weights"] - seconds["halves"] - seconds["looked"]
        found["weights"] = len(self.whole) / own
        found["answers"] = len(self.whole) / (seconds["answers"] - seconds["turned"] / 32)
        print(f"{'moved':<10}{found['moved']:>11.3g} a second, from pair less product and scanned")
        print(
            f"non-zeros a row: weights {len(self.weights.columns) / len(self.whole):.1f}, "
            f"means {len(self.means.columns) / len(self.whole):.1f}"
        )
        return found | {"nonzeros": len(self.means.columns) / len(self.whole)}


def embedding(rounds: int) -> dict[str, float]:
    """Measure, print, and return crops a second of three encoders on one core."""
    with tempfile.TemporaryDirectory() as folder:
        league = draw_league(Path(folder) / "drawn", 24, 1, test_persons=0, challenge_persons=0)
        crops = read_source(league)
        ours = {"person": 128, "vit_b16": 8, "vit_l14": 2}
        named = {"person": load_encoder("person", device="cpu")}
        for field, preset in (("vit_b16", "vit-b16-openai"), ("vit_l14", "vit-l14-openai")):
            named[field] = create_encoder(preset, pretrained=False)
        chosen = {name: part(crops, count) for name, count in ours.items()}
        steps: STEPS = {name: partial(embed, named[name], chosen[name]) for name in named}
        spent = timed(steps, rounds)
    for name, times in spent.items():
        print(
            f"{name:<10}{ours[name] / statistics.median(times):>11.3g} crops a second "
            f"({ours[name] / max(times):.3g}-{ours[name] / min(times):.3g})"
        )
    return {name: ours[name] / statistics.median(times) for name, times in spent.items()}


def part(crops: Crops, count: int) -> Crops:
    return crops.where(np.arange(len(crops))[:count])


def process_bytes() -> float:
    """Return the memory of a process that re-ranked a few rows: its libraries, compiled code."""
    words = [sys.executable, str(Path(__file__).with_name("foretold.py")), "one", "512", "8", "1"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return float(max(json.loads(done.stdout)[2].values()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=32768)
    parser.add_argument("--columns", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    start_threads()
    found = {}
    with limited_threads(1):
        load = os.getloadavg()[0]
        print(f"{os.cpu_count()} cores, load {load:.1f}, one thread, processor time")
        common = embedding(options.rounds) | {"process": process_bytes()}
        for columns in options.columns:
            print(f"{options.rows} rows x {columns}")
            measured = Measured(options.rows, columns).rates(options.rounds)
            found[columns] = {"columns": columns, **common, **measured}
        print(f"load {os.getloadavg()[0]:.1f}")
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
