"""RUNNERS: who makes the files of a job: processes on this machine, or Ray's actors on many."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from sameplayer.errors import DataError, SettingError

if TYPE_CHECKING:
    from sameplayer.scale.jobs import Job, Task


@dataclass(frozen=True)
class Run:
    """Who does the work."""

    runner: str = "local"
    """local: processes on this machine; ray: actors, on all machines of a Ray cluster."""
    workers: int | None = None
    """How many work beside each other; None: one a core (with Ray: all cores but one)."""
    threads: int = 1
    """Threads of each worker. Results are equal to the byte for equal threads."""
    retries: int = 3
    """How often a task is given out again when its worker dies."""
    ray_address: str | None = None
    """Address of a Ray cluster; None: the one that runs here, or else one is started."""

    def __post_init__(self) -> None:
        """Raise SettingError for a value out of range."""
        for name, least in (("workers", 1), ("threads", 1), ("retries", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise SettingError(name, value, f"{least} or more")


Runner = Callable[["Job", Sequence["Task"], Run, Callable[[], None]], None]


def run_local(job: Job, tasks: Sequence[Task], run: Run, done: Callable[[], None]) -> None:
    """Run the tasks of a stage in processes on this machine, or in this one for one worker."""
    workers = min(run.workers or os.cpu_count() or 1, len(tasks))
    if workers == 1:
        with limited_threads(run.threads):
            work = job.open()
            for task in tasks:
                work(task)
                done()
        return
    attempts = dict.fromkeys(tasks, 0)
    while attempts:
        lost = _run_in_pool(job, list(attempts), workers, run.threads, attempts.pop, done)
        for task in lost & set(attempts):
            attempts[task] += 1
            if attempts[task] > run.retries:
                raise died(task, attempts[task])


def died(task: Task, times: int) -> DataError:
    """Return the error for a task whose workers died."""
    return DataError(
        f"{task.name}: its worker died {times} times. It may have run out of memory: use fewer "
        "workers or smaller blocks. What is finished is kept; run the same command again."
    )


def _run_in_pool(
    job: Job,
    tasks: Sequence[Task],
    workers: int,
    threads: int,
    finished: Callable[[Task], object],
    done: Callable[[], None],
) -> set[Task]:
    """Run tasks until all are finished or a worker dies; return those that were then lost."""
    spawn = multiprocessing.get_context("spawn")
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, spawn, _open, (job, threads, os.getpid()))
    try:
        waiting: dict[Future[None], Task] = {pool.submit(_work, task): task for task in tasks}
        while waiting:
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                try:
                    future.result()
                except BrokenProcessPool:
                    return set(waiting.values())
                task = waiting.pop(future)
                finished(task)
                done()
        return set()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()


_WORK: Callable[[Task], None]


def _open(job: Job, threads: int, parent: int) -> None:
    """Start a worker: load once what its tasks need."""
    global _WORK
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends its workers
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _keep_to(threads)
    _WORK = job.open()


def _work(task: Task) -> None:
    _WORK(task)


def _end_with(parent: int) -> None:
    """End this process when its parent was killed, which would leave it waiting for ever."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _keep_to(threads: int) -> None:
    """Keep this process to so many threads, in libraries loaded now or later."""
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    threadpool_limits(threads)


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Keep this process to so many threads, and give it back as many as before."""
    import torch
    from numba import config, get_num_threads, set_num_threads

    before = torch.get_num_threads(), get_num_threads()
    with threadpool_limits(threads):
        torch.set_num_threads(threads)
        set_num_threads(min(threads, config.NUMBA_NUM_THREADS))
        try:
            yield
        finally:
            torch.set_num_threads(before[0])
            set_num_threads(before[1])


def run_ray(job: Job, tasks: Sequence[Task], run: Run, done: Callable[[], None]) -> None:
    """Run the tasks of a stage in actors of a Ray cluster, see ``ray_runner``."""
    from sameplayer.scale.ray_runner import run_actors

    run_actors(job, tasks, run, done)


RUNNERS: dict[str, Runner] = {"local": run_local, "ray": run_ray}
"""Name -> f(job, tasks of one stage, run, done), where done() is called for each finished task.

Put an own one in. It calls ``job.open()`` once a worker, and what that returns once a task; the
task is finished when the call returns. It may call twice for one task: the files are equal.
"""


def runner_of(run: Run) -> Runner:
    """Return the function of this name; SettingError for an unknown one."""
    if run.runner not in RUNNERS:
        raise SettingError("runner", repr(run.runner), f"one of {', '.join(RUNNERS)}")
    return RUNNERS[run.runner]
