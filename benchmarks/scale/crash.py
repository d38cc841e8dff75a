"""Kill the workers of a re-ranking at random, and at times the whole run, until it is done.

    python -m benchmarks.scale.crash --kills 30 --seeds 3

Prints for each seed: kills, blocks that were begun again, seconds, and whether all files are equal
to the byte to those of a run that was left alone.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from tests.scale.conftest import clustered
from tests.scale.crashing import crash

from sameplayer.ranking.rerank.blocks import TopConfig
from sameplayer.scale import Run, rerank_blocks
from sameplayer.scale.rows import write_blocks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--start", choices=("spawn", "fork"), default="spawn")
    options = parser.parse_args()
    print("| seed | workers killed | runs killed | blocks | begun again | seconds | equal bytes |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        rows = write_blocks(clustered(3072), home / "rows", 3)
        rerank_blocks(rows, home / "whole", TopConfig(top=20), blocks=6, run=Run(workers=1))
        files = sorted((home / "whole").rglob("*.parquet"))
        for seed in range(options.seeds):
            out, begin = home / str(seed), time.perf_counter()
            killed = crash(home / "rows", out, options.kills, seed, options.start)
            equal = all(
                path.read_bytes() == (out / path.relative_to(home / "whole")).read_bytes()
                for path in files
            )
            again, seconds = len(killed.begun) - len(files), time.perf_counter() - begin
            print(
                f"| {seed} | {killed.workers} | {killed.runs} | {len(files)} | {again} | "
                f"{seconds:.0f} | {'yes' if equal else 'NO'} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
