"""One machine's end: queries against a million rows, exactly, by blocks of rows.

python benchmarks/scale/million.py OUT [--rows 1000000] [--columns 256] [--queries 2000]
                                  [--blocks 8] [--workers 2]

Draws persons of 20 rows, the queries among them, writes the rows to OUT, re-ranks them by
``rerank_blocks`` and prints processor time, the floor, their ratio, and the largest memory of all
processes together. The floor is 2 N^2 d operations at the rate of a large matrix product on one
thread, measured before and after. Started again, it goes on where it was stopped: the processor
time of all starts is added up in OUT/spent.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from sameplayer.data.crops import Crops
from sameplayer.ranking.config import TopConfig
from sameplayer.ranking.distance import one_thread_a_product
from sameplayer.scale import Run, rerank_blocks
from sameplayer.scale.blocks import block_edges, keep_manifest, part_name
from sameplayer.scale.rows import EMBEDDINGS, ROWS, Rows, write_table
from sameplayer.scale.storage.store import Store
from sameplayer.scale.storage.tables import digest_of

PERSON, PART = 20, 50_000  # rows a person, and rows a file: whole persons


def drawn(first: int, count: int, columns: int) -> np.ndarray:
    """Return unit rows first..., the same whichever file they are in."""
    rng = np.random.default_rng((1, first))
    rows = np.repeat(rng.normal(size=(count // PERSON, columns)).astype(np.float32), PERSON, axis=0)
    rows += 1.3 * rng.normal(size=rows.shape).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def write_rows(folder: Path, rows: int, columns: int) -> Rows:
    """Write the rows as a folder of blocks, unless they are there."""
    store, edges = Store(folder), block_edges(rows, None, PART, PART)
    keep_manifest(store, EMBEDDINGS, {"encoder": "drawn", "rows": rows, "edges": edges})
    if store.read_text("crops.json") is None:
        names = [f"{number}.png" for number in range(rows)]
        for number, (first, stop) in enumerate(pairwise(edges)):
            part = {"vector": drawn(first, stop - first, columns)}
            store.write_part(part_name(ROWS, number), part, digest_of(part))
        write_table(store, Crops(pd.DataFrame({"image": names}), folder))
    return Rows.of(store)


def product_rate(columns: int) -> float:
    """Return operations a second of one thread in a large matrix product."""
    side = 4096
    rows = drawn(0, side - side % PERSON, columns)
    with one_thread_a_product():
        times = []
        for _ in range(5):
            began = time.thread_time()
            rows @ rows[: len(rows) // 2].T
            times.append(time.thread_time() - began)
    return len(rows) ** 2 * columns / float(np.median(times))


def memory_of_all() -> int:
    """Return the kilobytes that this process and its children hold now."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
            if str(os.getpid()) in (lines["Pid"].strip(), lines["PPid"].strip()):
                total += int(lines.get("VmRSS", "0 kB").split()[0])
        except (OSError, KeyError, ValueError):  # it has ended meanwhile
            continue
    return total


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    for name, usual in (
        ("rows", 1_000_000),
        ("columns", 256),
        ("queries", 2000),
        ("blocks", 8),
        ("workers", 2),
    ):
        parser.add_argument(f"--{name}", type=int, default=usual)
    given = parser.parse_args()
    rows = write_rows(given.out / "rows", given.rows, given.columns)
    asked = np.zeros(len(rows), bool)
    asked[np.linspace(0, len(rows) - 1, given.queries).astype(int)] = True
    rates, peak, stop = [product_rate(given.columns)], [0], threading.Event()

    def watch() -> None:
        while not stop.wait(1):
            peak[0] = max(peak[0], memory_of_all())

    stages: dict[str, float] = {}

    def progress(stage: str, done: int, total: int) -> None:
        stages[stage] = time.monotonic() - began
        print(f"{stages[stage]:8.0f} s {stage} {done}/{total}", flush=True)

    threading.Thread(target=watch, daemon=True).start()
    began = time.monotonic()
    try:
        ranked = rerank_blocks(
            rows,
            given.out / "ranked",
            TopConfig(),
            asked=asked,
            offered=~asked,
            blocks=given.blocks,
            run=Run(workers=given.workers),
            progress=progress,
        )
    finally:
        stop.set()
        spent = add_spent(given.out / "spent.json", time.monotonic() - began, peak[0])
    rates.append(product_rate(given.columns))
    rate = float(np.mean(rates))
    floor = 2 * given.rows**2 * given.columns / rate
    same = ranked.neighbours[:, : PERSON - 1] // PERSON == ranked.row[:, None] // PERSON
    print(
        f"{given.queries} x {given.rows} x {given.columns}, {given.workers} workers: "
        f"{spent['processor_s']:.0f} s of processors, {spent['wall_s']:.0f} s of wall in "
        f"{spent['starts']} starts; floor {floor:.0f} s ({rates[0] / 1e9:.0f} to "
        f"{rates[1] / 1e9:.0f} GFLOP/s a thread), ratio {spent['processor_s'] / floor:.2f}; "
        f"{spent['peak_gb']:.1f} GB at most; of the first {PERSON - 1} answers "
        f"{same.mean():.1%} show the person asked for"
    )


def add_spent(path: Path, wall: float, peak_kb: int) -> dict[str, float]:
    """Add this start's time to that of earlier ones."""
    before = json.loads(path.read_text()) if path.exists() else {}
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    spent = {
        "processor_s": before.get("processor_s", 0.0) + sum(u.ru_utime + u.ru_stime for u in used),
        "wall_s": before.get("wall_s", 0.0) + wall,
        "starts": before.get("starts", 0) + 1,
        "peak_gb": max(before.get("peak_gb", 0.0), peak_kb / 1e6),
    }
    path.write_text(json.dumps(spent))
    return spent


if __name__ == "__main__":
    main()
