"""A re-ranking in processes that notes each task it begins, and its killing at random moments.

The run is this file, started with: the folder of the rows, that of the results, how its processes
start, and the seconds that each task takes longer.
"""

from __future__ import annotations

import importlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PAUSE = 0.1


@dataclass(frozen=True)
class Killed:
    """What a run went through.

    begun     names of the tasks that were begun, as often as they were
    workers, runs    how many of them were killed
    """

    begun: list[str]
    workers: int
    runs: int


def crash(rows: Path, out: Path, kills: int, seed: int, start: str = "spawn") -> Killed:
    """Re-rank, killing a worker or at times the whole run at random moments, until it is done."""
    draw, workers, runs = random.Random(seed), 0, 0
    # the whole run dies at two of ten kills, which are drawn
    plan = draw.sample([True] * (kills // 5) + [False] * (kills - kills // 5), kills)
    log = out.with_name(f"{out.name}.log")
    log.touch()
    while True:
        command = [sys.executable, "-m", "tests.scale.crashing", rows, out, start]
        run = subprocess.Popen([*map(str, command)])
        while plan and _grows(log, run):
            time.sleep(draw.uniform(0, 3 * PAUSE))
            if not plan[-1]:
                alive = children(run.pid)
                if not alive or not _kill(draw.choice(alive)):
                    continue
                workers += 1
            elif run.poll() is None and _kill(run.pid):
                runs += 1
            if plan.pop():
                break
        if run.wait(300) == 0:
            return Killed(log.read_text().split(), workers, runs)
        if run.returncode != -signal.SIGKILL:
            raise AssertionError(f"the run ended with {run.returncode}")


def _grows(log: Path, run: subprocess.Popen[bytes]) -> bool:
    """Wait until another task begins; say whether one did before the run ended."""
    before = log.stat().st_size
    while log.stat().st_size == before:
        if run.poll() is not None:
            return False
        time.sleep(0.01)
    return True


def _kill(process: int) -> bool:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def children(process: int) -> list[int]:
    """Return the workers of a run: its children but for Python's tracker of resources."""
    try:
        found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        commands = {int(number): Path(f"/proc/{number}/cmdline").read_bytes() for number in found}
    except OSError:
        return []
    return [number for number, words in commands.items() if b"resource_tracker" not in words]


def main(rows: str, out: str, start: str) -> None:
    from sameplayer.ranking.rerank.blocks import TopConfig
    from sameplayer.scale import Run, rerank_blocks
    from sameplayer.scale.runners import local as runners

    runners.START = start
    if start == "fork":  # loaded once, before workers start
        for kernels in ("neighbours", "sets", "sparse", "top"):
            importlib.import_module(f"sameplayer.ranking.kernels.{kernels}")
    rerank_blocks(rows, out, TopConfig(top=20), blocks=6, run=Run(workers=2, retries=9))


def _slowly(log: Path) -> None:
    """Let each task note that it begins, and take a little longer: in each worker."""
    from sameplayer.scale import reranking
    from sameplayer.scale.blocks import Task

    def slow(step: Callable[..., None]) -> Callable[..., None]:
        def work(job: reranking.RerankJob, task: Task) -> None:
            with open(log, "a") as file:
                file.write(f"{task.name}\n")
            time.sleep(PAUSE)
            step(job, task)

        return work

    for name, step in reranking.STEPS.items():
        reranking.STEPS[name] = slow(step)


if __name__ in ("__main__", "__mp_main__"):
    _slowly(Path(f"{sys.argv[2]}.log"))
if __name__ == "__main__":
    main(*sys.argv[1:])
