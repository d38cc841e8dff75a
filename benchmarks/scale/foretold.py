"""What ``scale/cost.py`` foretells beside what ``rerank_blocks`` really takes, stage by stage.

python benchmarks/scale/foretold.py RATES.json [--rows 20480 40960] [--columns 256] [--blocks N ...]

One worker of one thread in a process of its own. Seconds are the processor's; bytes are those of
the files; memory is the most that the process held in a stage (Linux alone tells). Each size runs
with each number of blocks. Embeddings and ranking are cut alike, as long as blocks are of whole
tiles of 512 rows: a part that lies across an edge is read for both sides.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from rates import drawn

from sameplayer.data.crops import Crops
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.ranking.config import TopConfig
from sameplayer.scale.blocks import write_blocks
from sameplayer.scale.config import Run
from sameplayer.scale.rates import read_rates
from sameplayer.scale.reranking import rerank_blocks
from sameplayer.scale.stage_cost import STAGES, Stage
from sameplayer.scale.workload import Size


class Watch:
    """Seconds and the most memory of each stage, told as the job goes on."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.memory: dict[str, float] = {}
        self._at = time.process_time()

    def tell(self, stage: str, done: int, total: int) -> None:
        now = time.process_time()
        if done:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._at
            self.memory[stage] = max(self.memory.get(stage, 0.0), most_memory())
        else:
            Path("/proc/self/clear_refs").write_text("5")  # begins the largest anew
        self._at = now


def most_memory() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def rerank(rows: int, columns: int, blocks: int) -> None:
    """Re-rank drawn rows, and print what each stage took as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        for name, count in (("small", 1024), ("real", rows)):
            table = pd.DataFrame({"image": [f"{row}.png" for row in range(count)], "person": "1"})
            given = Embeddings(drawn(count, columns).rows, Crops(table, Path()), "0" * 16)
            held = write_blocks(given, Path(folder) / f"{name}-rows", min(blocks, count // 512))
            del given
            watch, out = Watch(), Path(folder) / name
            rerank_blocks(
                held,
                out,
                TopConfig(),
                blocks=min(blocks, count // 512),
                run=Run(workers=1),
                tell=watch.tell,
            )
        kept = {stage: bytes_of(out, stage) for stage in watch.seconds}
        found = {stage: entries(out, stage, rows) for stage in ("weights", "means")}
    print(json.dumps([watch.seconds, kept, watch.memory, found]))


def bytes_of(out: Path, stage: str) -> int:
    files = (out / stage).iterdir() if (out / stage).is_dir() else [out / f"{stage}.parquet"]
    return sum(file.stat().st_size for file in files)


def entries(out: Path, stage: str, rows: int) -> float:
    from sameplayer.scale.parts import sparse_of
    from sameplayer.scale.store import Store

    names = (f"{stage}/{file.name}" for file in (out / stage).iterdir())
    return float(sum(sparse_of(Store(out).read_part(name)).starts[-1] for name in names)) / rows


def line(stage: Stage, seconds: float, kept: float, memory: float) -> str:
    told = (stage.computed, stage.written / 1e6, stage.memory / 1e6)
    pairs = zip(told, (seconds, kept / 1e6, memory / 1e6), strict=True)
    return f"{stage.name:<9}" + "".join(
        f"{one:>10.1f}{other:>10.1f}{one / other:>7.2f}" for one, other in pairs
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rates", type=Path)
    parser.add_argument("--rows", type=int, nargs="+", default=[20480, 40960])
    parser.add_argument("--columns", type=int, default=256)
    parser.add_argument("--blocks", type=int, nargs="+", default=[2, 4])
    options = parser.parse_args()
    rates = read_rates(options.rates)[options.columns]
    for rows in options.rows:
        for blocks in options.blocks:
            words = [sys.executable, __file__, "one", str(rows), str(options.columns), str(blocks)]
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            seconds, kept, memory, found = json.loads(done.stdout)
            size = Size(
                rows, options.columns, blocks, nonzeros=found["weights"], averaged=found["means"]
            )
            print(
                f"{rows} x {options.columns}, {blocks} blocks, load {os.getloadavg()[0]:.1f}; "
                "foretold, real, ratio of: seconds, MB of files, MB of memory"
            )
            for name in seconds:
                stage = STAGES[name](size, rates)
                print(line(stage, seconds[name], kept[name], memory[name]), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        rerank(*map(int, sys.argv[2:]))
    else:
        main()
