"""A job that costs nothing, with workers that fail in the ways that workers do."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

from sameplayer.errors import SettingError, WeightsError
from sameplayer.scale import Run
from sameplayer.scale.blocks import Task, part_name
from sameplayer.scale.jobs import run_job
from sameplayer.scale.storage.store import Store


@dataclass(frozen=True)
class Toy:
    """A file a number, and one with their sum; ``seen`` keeps a file for what happened."""

    store: Store
    numbers: int
    seen: Path
    fault: str = ""

    def begin(self) -> None:
        """Nothing stands beside the results."""

    def stages(self) -> Sequence[Sequence[Task]]:
        parts = [Task("part", (n,), (), (str(n),)) for n in range(self.numbers)]
        sums = [Task("sum", (n,), tuple(task.name for task in parts)) for n in range(2)]
        return [parts, sums]

    def open(self) -> Callable[[Task], None]:
        self.note("opened", os.getpid())
        if self.fault == "no weights":
            raise WeightsError("weights.pth: no such file")
        if self.fault == "setting":
            raise SettingError("device", "cuda", "one that is there")
        return self.work

    def note(self, what: str, number: int) -> bool:
        """Say that something happened; return whether it had not happened before."""
        self.seen.mkdir(exist_ok=True, parents=True)
        try:
            (self.seen / f"{what} {number}").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def noted(self, what: str) -> list[int]:
        return [int(path.name.rpartition(" ")[2]) for path in self.seen.glob(f"{what} *")]

    def work(self, task: Task) -> None:
        dies = self.fault == "dies once" and task.key == (2,) and self.note("died", 2)
        if dies or (self.fault == "always dies" and task.key == (2,)):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "slow":
            self.note("began", os.getpid())
            time.sleep(60)
        if self.fault == "half a second":
            self.note("began", os.getpid())
            time.sleep(0.5)
        threads = max((pool["num_threads"] for pool in threadpool_info()), default=0)
        if task.stage == "part":
            numbers = np.full(3, task.key[0])
        else:
            parts = (part_name("part", n) for n in range(self.numbers))
            numbers = sum(self.store.read_part(name)["number"] for name in parts)
        self.note("threads", threads)
        self.store.write_part(task.name, {"number": numbers}, task.made_from)


if __name__ == "__main__":  # folder for results, folder for what happened
    run_job(Toy(Store(sys.argv[1]), 3, Path(sys.argv[2]), "slow"), Run(workers=2))
