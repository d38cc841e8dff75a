"""RUNNERS: who makes the files of a job: processes on this machine, or tasks on a Ray cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from sameplayer.errors import SettingError
from sameplayer.scale.config import Run
from sameplayer.scale.runners.ray import run_ray
from sameplayer.scale.runners.worker import (
    end_with_parent,
    limit_process,
    limited_threads,
    portable,
    worker_lost,
)

if TYPE_CHECKING:
    from sameplayer.scale.blocks import Job, Task

START = "spawn"  # how processes start: a fork of a process with threads may hang
Done = Callable[[], None]
Make = Callable[[Sequence["Task"], Done], None]
Runner = Callable[["Job", Run], AbstractContextManager[Make]]


@contextmanager
def run_local(job: Job, run: Run) -> Iterator[Make]:
    """Yield a function that makes files in processes on this machine, which stay for all stages.

    With one worker, and for a stage of one task, the work is done in this process.
    """
    pool = _Pool(job, run)
    opened: list[Callable[[Task], None]] = []

    def make(tasks: Sequence[Task], done: Done) -> None:
        if min(pool.size, len(tasks)) > 1:
            pool.make(tasks, done)
            return
        with limited_threads(run.threads):
            opened.extend([job.open()] if not opened else [])
            for task in tasks:
                opened[0](task)
                done()

    try:
        yield make
    finally:
        pool.close()


class _Pool:
    """A process pool that is replaced when one of its processes is killed.

    The pool ends all its processes then. The tasks that were running are made again one by one, so
    that a task that kills its process is known; the others go on in parallel after that.
    """

    def __init__(self, job: Job, run: Run) -> None:
        self.size = run.workers or os.cpu_count() or 1
        self._job, self._run = job, run
        self._executor: ProcessPoolExecutor | None = None
        self._others: list[Any] = []

    def make(self, tasks: Sequence[Task], done: Done) -> None:
        """Make the files of all tasks, and call ``done`` for each.

        Raises the error of the first task that fails, DataError where a process is killed more
        than ``retries`` times at the same task.
        """
        waiting = list(reversed(tasks))
        suspects: list[Task] = []
        lost: Counter[str] = Counter()
        running: dict[Future[None], Task] = {}
        while waiting or suspects or running:
            most = 1 if suspects else self.size
            try:
                while (suspects or waiting) and len(running) < most:
                    task = (suspects or waiting)[-1]
                    running[self._pool().submit(_work, task)] = task
                    (suspects or waiting).pop()
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    future.result()
                    running.pop(future)
                    done()
            except BrokenProcessPool:
                self.close()
                for future in list(running):
                    if future.done() and future.exception() is None:
                        del running[future]
                        done()
                alone = len(running) == 1
                for task in running.values():
                    lost[task.name] += alone
                    if lost[task.name] > self._run.retries:
                        raise worker_lost(task.name, lost[task.name]) from None
                suspects.extend(running.values())
                running.clear()
                lost["starts"] += not suspects
                if lost["starts"] > self._run.retries:
                    raise worker_lost("workers", lost["starts"]) from None

    def _pool(self) -> ProcessPoolExecutor:
        if self._executor is None:
            self._others = multiprocessing.active_children()
            self._executor = ProcessPoolExecutor(
                self.size,
                multiprocessing.get_context(START),
                initializer=_start,
                initargs=(self._job, self._run.threads, os.getpid()),
            )
        return self._executor

    def close(self) -> None:
        """Kill all processes of the pool, whatever they do."""
        if self._executor is None:
            return
        self._executor.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            if process not in self._others:
                process.kill()
                process.join()
        self._executor = None


_opened: dict[str, Any] = {}
"""In a worker: its job, and once a task came the function that makes files."""


def _start(job: Job, threads: int, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends its workers
    end_with_parent(parent)
    limit_process(threads)
    _opened.update(job=job, work=None)


def _work(task: Task) -> None:
    try:
        _opened["work"] = _opened["work"] or _opened["job"].open()
        _opened["work"](task)
    except Exception as error:
        raise portable(error) from None


RUNNERS: dict[str, Runner] = {"local": run_local, "ray": run_ray}
"""Name -> context of a function f(tasks of one stage, done), which is called for each stage.

Register your own here. ``done()`` is called for each finished task. A worker calls ``job.open()``
once, and what it returns once per task; the task is finished when that call returns. Two workers
may do the same task: the files are equal.
"""


def runner_of(run: Run) -> Runner:
    """Return the function of this name; SettingError for an unknown one."""
    if run.runner not in RUNNERS:
        raise SettingError("runner", repr(run.runner), f"one of {', '.join(RUNNERS)}")
    return RUNNERS[run.runner]
