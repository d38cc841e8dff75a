"""RUNNERS: who makes the files of a job: processes on this machine, or Ray's actors on many."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from multiprocessing import connection
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits

from sameplayer.errors import SettingError
from sameplayer.scale.config import Run
from sameplayer.scale.crew import Bench, Crew, Done, LostError, Worker

if TYPE_CHECKING:
    from sameplayer.scale.jobs import Job, Task

START = "spawn"  # how processes start: a fork of a process with threads may hang


Make = Callable[[Sequence["Task"], Done], None]
Runner = Callable[["Job", Run], AbstractContextManager[Make]]


@contextmanager
def run_local(job: Job, run: Run) -> Iterator[Make]:
    """Give a function that makes files in processes on this machine, which stay for all stages.

    With one worker, and for a stage of one task, the work is done in this process.
    """
    most = run.workers or os.cpu_count() or 1
    crew = _Processes(job, run, most)
    here = Bench(job)

    def make(tasks: Sequence[Task], done: Done) -> None:
        if min(most, len(tasks)) > 1:
            crew.make(tasks, done)
            return
        with limited_threads(run.threads):
            for task in tasks:
                here.work(task)
                done()

    try:
        yield make
    finally:
        crew.end()


class _Processes(Crew):
    """Workers that are processes on this machine."""

    def __init__(self, job: Job, run: Run, most: int) -> None:
        super().__init__(run.retries)
        self._job, self._threads, self._most = job, run.threads, most

    def hire(self, wanted: int) -> list[Worker]:
        room = self._most - self.size
        return [_Process(self._job, self._threads) for _ in range(min(wanted, room))]

    def wait(self, busy: Sequence[Worker]) -> list[Worker]:
        signs = {sign: worker for worker in busy for sign in worker.signs}  # type: ignore[attr-defined]
        return list({signs[sign]: None for sign in connection.wait(list(signs))})


class _Process(Worker):
    """A process that gets tasks and tells errors through a pipe."""

    def __init__(self, job: Job, threads: int) -> None:
        start: Any = multiprocessing.get_context(START)
        self._pipe, theirs = start.Pipe()
        self._process = start.Process(target=_serve, args=(theirs, threads, os.getpid()))
        self._job = job
        self._process.start()
        theirs.close()
        self.signs = self._pipe, self._process.sentinel

    def open(self) -> None:
        self._send(self._job)

    def give(self, task: Task) -> None:
        self._send(task)

    def _send(self, what: Job | Task) -> None:
        try:
            self._pipe.send(what)
        except OSError as error:
            raise LostError from error

    def result(self) -> Exception | None:
        try:
            if self._pipe.poll():
                answer: Exception | None = self._pipe.recv()
                return answer
        except (EOFError, OSError) as error:
            raise LostError from error
        raise LostError

    def end(self) -> None:
        self._pipe.close()
        self._process.kill()
        self._process.join()


def _serve(pipe: connection.Connection, threads: int, parent: int) -> None:
    """Work in a process of its own until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends its workers
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    keep_to(threads)  # before the job comes, which may load libraries that read it once
    try:
        bench = Bench(pipe.recv())
        pipe.send(bench.do(None))
        while True:
            pipe.send(bench.do(pipe.recv()))
    except (EOFError, OSError):  # the parent is gone
        return


def _end_with(parent: int) -> None:
    """End this process when its parent was killed, which would leave it waiting for ever."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def keep_to(threads: int) -> None:
    """Keep this process to so many threads, in libraries loaded now or later."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
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


@contextmanager
def run_ray(job: Job, run: Run) -> Iterator[Make]:
    """Give a function that makes files in actors of a Ray cluster, see ``ray_runner``."""
    from sameplayer.scale.ray_runner import actors

    with actors(job, run) as make:
        yield make


RUNNERS: dict[str, Runner] = {"local": run_local, "ray": run_ray}
"""Name -> context of a function f(tasks of one stage, done), which is called for each stage.

Put an own one in. ``done()`` is called for each finished task. A worker calls ``job.open()`` once,
and what that returns once a task; the task is finished when the call returns. Two workers may do
the same task: the files are equal.
"""


def runner_of(run: Run) -> Runner:
    """Return the function of this name; SettingError for an unknown one."""
    if run.runner not in RUNNERS:
        raise SettingError("runner", repr(run.runner), f"one of {', '.join(RUNNERS)}")
    return RUNNERS[run.runner]
