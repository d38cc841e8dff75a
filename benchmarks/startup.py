"""How long the package takes to start: help, import, and a check of 100 crops.

Run: python benchmarks/startup.py
Each is the least of several runs in processes of their own, beside an empty Python.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from sameplayer.data.crops import write_crops
from sameplayer.data.layouts.sources import read_source
from sameplayer.synthetic.league import draw_league

RUNS = 7


def seconds(*arguments: str) -> float:
    """Return the least wall time of several runs of Python with these arguments."""
    least = float("inf")
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
        least = min(least, time.perf_counter() - began)
    return least


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        crops = read_source(draw_league(Path(folder) / "league", 12, 1))
        table = Path(folder) / "league" / "hundred.csv"
        write_crops(crops.where(np.arange(100)), table)
        cases = (
            ("python, nothing imported", 0.0, ("-c", "pass")),
            ("import sameplayer", 0.3, ("-c", "import sameplayer")),
            ("sameplayer --help", 0.5, ("-m", "sameplayer", "--help")),
            ("sameplayer check, 100 crops", 1.5, ("-m", "sameplayer", "check", str(table))),
        )
        print(f"{'':<30}{'seconds':>8}{'at most':>9}")
        for name, bound, arguments in cases:
            limit = f"{bound:>9.1f}" if bound else ""
            print(f"{name:<30}{seconds(*arguments):>8.2f}{limit}")


if __name__ == "__main__":
    main()
