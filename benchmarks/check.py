"""How long checking takes: 10,000 drawn crops, every one decoded.

python benchmarks/check.py
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from sameplayer.data.check import check_crops
from sameplayer.data.layouts.sources import read_source
from sameplayer.synthetic.league import draw_league

FILES = 10_000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        drawn = draw_league(Path(folder) / "drawn", 24, 1, test_persons=0, challenge_persons=0)
        pictures = sorted((drawn / "reid_training").iterdir())
        target = Path(folder) / "many" / "reid_training"
        target.mkdir(parents=True)
        for number in range(FILES):
            name = f"{number // 20:04d}_{number // 20:04d}_{number % 20:02d}.jpeg"
            shutil.copy(pictures[number % len(pictures)], target / name)
        began = time.perf_counter()
        crops = read_source(target.parent)
        read = time.perf_counter()
        problems = check_crops(crops)
        print(f"{FILES} files: read {read - began:.1f} s, check {time.perf_counter() - read:.1f} s")
        print(f"{len(problems)} problems")


if __name__ == "__main__":
    main()
