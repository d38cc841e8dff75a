"""Jobs: stages of tasks, each of which makes one whole file out of others.

A task is done when its file was made from the present content of its inputs, under the same
settings. So a killed run continues where it stopped, and where an input changes, only the files
that depend on it are made again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from sameplayer.errors import DataError, SameplayerError
from sameplayer.scale.blocks import Job, Task
from sameplayer.scale.config import Run, Shards
from sameplayer.scale.runners.local import Make, runner_of
from sameplayer.scale.storage.store import Store
from sameplayer.scale.storage.tables import digest_of_words

StageProgress = Callable[[str, int, int], None]  # called with (stage, tasks done, all its tasks)
POLL_S = 1.0


def run_job(
    job: Job, run: Run = Run(), shards: Shards = Shards(), progress: StageProgress | None = None
) -> bool:
    """Make the missing files of a job; return whether all of them exist now.

    A shard does not wait for the other shards in a job of one stage. Two runs of one job at the
    same time do no harm: both write the same whole files.

    Raises DataError where a part is damaged, and where the results of other shards do not come in
    time; SettingError for settings out of range.
    """
    job.begin()
    stages = job.stages()
    with _swept(job.store, stages), runner_of(run)(job, run) as make:
        others = _run_stages(job, stages, make, shards, progress)
    return all(is_done(job.store, task) for task in others)


def _run_stages(
    job: Job,
    stages: Sequence[Sequence[Task]],
    make: Make,
    shards: Shards,
    progress: StageProgress | None,
) -> set[Task]:
    """Make what is missing, stage by stage; return what others still make in the last one."""
    digests: dict[str, str] = {}
    others: set[Task] = set()
    part, parts = shards.part
    for tasks in stages:
        ready = [_ready(job.store, task, digests) for task in tasks]
        missing = {task for task in ready if not is_done(job.store, task)}
        own = [task for task in ready[part - 1 :: parts] if task in missing]
        count = _Count(progress, tasks[0].stage, len(tasks), len(tasks) - len(missing))
        if own:
            make(own, count.one_more)
        for task in own:  # do not trust the runner
            job.store.expect(task.name, task.made_from)
        others = missing.difference(own)
        if len(stages) > 1:
            _wait(job.store, others, shards.wait, count)
    return others


@contextmanager
def _swept(store: Store, stages: Sequence[Sequence[Task]]) -> Iterator[None]:
    """Remove partial files of killed runs, and after an error those of this run."""
    folders = sorted({tasks[0].name.rpartition("/")[0] or "." for tasks in stages} | {"."})
    for folder in folders:
        store.sweep(folder)
    try:
        yield
    except BaseException:
        with suppress(SameplayerError):
            for folder in folders:
                store.sweep(folder)
        raise


class _Count:
    """Counts the finished tasks of a stage, and reports the count."""

    def __init__(self, progress: StageProgress | None, stage: str, total: int, done: int) -> None:
        self._progress, self._stage, self._total, self._done = progress, stage, total, done - 1
        self.one_more()

    def one_more(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._stage, self._done, self._total)


def is_done(store: Store, task: Task) -> bool:
    """Tell whether a task's file is there, whole, and made from what its inputs hold now."""
    facts = store.facts(task.name)
    return facts is not None and facts.made_from == task.made_from


def _ready(store: Store, task: Task, digests: dict[str, str]) -> Task:
    """Return the task with the digest of its inputs."""
    for name in task.inputs:
        if name not in digests:
            digests[name] = store.expect(name).digest
    words = task.stage, str(task.key), *task.outside, *(digests[name] for name in task.inputs)
    return replace(task, made_from=digest_of_words(*words))


def _wait(store: Store, tasks: set[Task], seconds: float, count: _Count) -> None:
    """Wait for the files of other shards; DataError when they do not come in time."""
    until = time.monotonic() + seconds
    while tasks:
        for task in [task for task in tasks if is_done(store, task)]:
            tasks.remove(task)
            count.one_more()
        if tasks and time.monotonic() > until:
            names = sorted(task.name for task in tasks)
            raise DataError(
                f"{store.address}: {len(tasks)} parts of other shards did not come within "
                f"{seconds:g} s, such as {names[0]}. Start the missing shards, then run this one "
                "again: finished parts are kept."
            )
        if tasks:
            time.sleep(min(POLL_S, seconds))
