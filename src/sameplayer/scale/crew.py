"""Crew: workers that take a task whenever they are idle; the task of a lost one goes to another."""

from __future__ import annotations

import pickle
import traceback
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sameplayer.errors import DataError

if TYPE_CHECKING:
    from sameplayer.scale.jobs import Job, Task

Done = Callable[[], None]


class LostError(Exception):
    """A worker ended without a word: it was killed, or its machine is gone."""


class Worker(ABC):
    """One process that makes files, here or on another machine."""

    @abstractmethod
    def open(self) -> None:
        """Begin to load what the tasks need; LostError where it is gone."""

    @abstractmethod
    def give(self, task: Task) -> None:
        """Begin a task; LostError where it is gone."""

    @abstractmethod
    def result(self) -> Exception | None:
        """Return the error of what ended, or None for success; LostError where it is gone."""

    @abstractmethod
    def end(self) -> None:
        """End the process, whatever it does."""


class Crew(ABC):
    """Workers that stay for all stages of a job.

    retries    how often a task is given out again when its worker is lost
    """

    def __init__(self, retries: int) -> None:
        self._retries = retries
        self._idle: list[Worker] = []
        self._busy: dict[Worker, Task | None] = {}  # None: it opens the job
        self._lost: Counter[Task | None] = Counter()

    @abstractmethod
    def hire(self, wanted: int) -> list[Worker]:
        """Start so many workers, or as many as there is room for."""

    @abstractmethod
    def wait(self, busy: Sequence[Worker]) -> list[Worker]:
        """Wait until one or more have something to say, and return those."""

    def make(self, tasks: Sequence[Task], done: Done) -> None:
        """Make the files of all tasks, and call ``done`` for each.

        Raises the error of the first task that fails, DataError where workers die again and again.
        """
        waiting = deque(tasks)
        while waiting or any(self._busy.values()):
            self._hire_for(waiting)
            while waiting and self._idle:
                self._give(self._idle.pop(), waiting)
            for worker in self.wait(list(self._busy)) if self._busy else []:
                self._hear(worker, waiting, done)

    def _hire_for(self, waiting: deque[Task]) -> None:
        opening = sum(task is None for task in self._busy.values())
        for worker in self.hire(max(len(waiting) - len(self._idle) - opening, 0)):
            self._busy[worker] = None
            try:
                worker.open()
            except LostError:
                self._forget(worker)

    def _give(self, worker: Worker, waiting: deque[Task]) -> None:
        try:
            worker.give(waiting[0])
        except LostError:  # it was lost while it was idle, and no task with it
            worker.end()
            return
        self._busy[worker] = waiting.popleft()

    def _hear(self, worker: Worker, waiting: deque[Task], done: Done) -> None:
        try:
            error = worker.result()
        except LostError:
            task = self._forget(worker)
            if task is not None:
                waiting.appendleft(task)
            return
        if error is not None:
            raise error
        task = self._busy.pop(worker)
        self._lost.pop(task, None)
        self._idle.append(worker)
        if task is not None:
            done()

    def _forget(self, worker: Worker) -> Task | None:
        """Count a lost worker; return the task that it had."""
        worker.end()
        task = self._busy.pop(worker)
        self._lost[task] += 1
        if self._lost[task] > self._retries:
            raise died(task, self._lost[task])
        return task

    @property
    def size(self) -> int:
        """How many workers there are."""
        return len(self._idle) + len(self._busy)

    def end(self) -> None:
        """End all workers."""
        for worker in (*self._idle, *self._busy):
            worker.end()
        self._idle.clear()
        self._busy.clear()


def died(task: Task | None, times: int) -> DataError:
    """Return the error for a task whose workers died, or for workers that died at their start."""
    if task is None:
        return DataError(
            f"workers: {times} died at their start. They may have run out of memory: use fewer. In "
            'a script, the call must stand under: if __name__ == "__main__":'
        )
    return DataError(
        f"{task.name}: its worker died {times} times. It may have run out of memory: use fewer "
        "workers or smaller blocks. What is finished is kept; run the same command again."
    )


class Bench:
    """What a worker holds: a job, opened once, and the function that makes its files."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._work: Callable[[Task], None] | None = None

    def work(self, task: Task | None) -> None:
        """Make a task's file, or for None open the job only."""
        if self._work is None:
            self._work = self._job.open()
        if task is not None:
            self._work(task)

    def do(self, task: Task | None) -> Exception | None:
        """Do the same for another process; return the error, if there is one."""
        try:
            self.work(task)
        except Exception as error:  # it goes to whoever gave the task
            return portable(error)
        return None


def portable(error: Exception) -> Exception:
    """Return an error that survives the way to another process, with where it came from."""
    error.add_note(f"In a worker:\n{''.join(traceback.format_exception(error))}")
    try:
        if type(pickle.loads(pickle.dumps(error))) is type(error):
            return error
    except Exception:  # it cannot be pickled, or not be made again
        pass
    return RuntimeError("".join(error.__notes__))
