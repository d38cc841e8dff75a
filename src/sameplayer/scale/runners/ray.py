"""Ray: the files of a job are made by Ray's own tasks, which Ray schedules and retries.

A process of the cluster keeps the job open from one task to the next. The task writes the file
itself: nothing but None or an error comes back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sameplayer._version import __version__
from sameplayer.errors import ConfigError, DataError, SameplayerError, SettingError, import_extra
from sameplayer.scale.config import Run
from sameplayer.scale.runners.worker import limit_process, portable, worker_lost
from sameplayer.scale.storage.store import partial_name

if TYPE_CHECKING:
    from sameplayer.scale.blocks import Job, Task

START_S = 300.0
"""Seconds within which the first task must end or run: others may hold the cluster's CPUs."""

_opened: dict[str, Any] = {}
"""In a process of the cluster: the job's reference and the function that makes its files."""


@contextmanager
def run_ray(job: Job, run: Run) -> Iterator[Callable[[Sequence[Task], Callable[[], None]], None]]:
    """Yield a function that makes files in tasks of a Ray cluster, which Ray schedules and retries.

    Raises MissingExtra without Ray; ConfigError where no cluster answers, and where a node does not
    see the folder or has another version; SettingError where the cluster is too small for the
    workers; the errors of the tasks; DataError where workers are lost more than ``retries`` times.
    """
    with _connected(run.ray_address) as ray:
        token = partial_name("ray")
        job.store.write_text(token, token)  # every node must see it
        most = most_workers(_cpus(ray), run.workers, run.threads)
        shared = [ray.put((job, token))]  # in a list, or Ray would open it before threads are set
        remote = ray.remote(_ray_task).options(
            num_cpus=run.threads, max_retries=run.retries, scheduling_strategy="SPREAD"
        )

        def make(tasks: Sequence[Task], done: Callable[[], None]) -> None:
            waiting, running, started = list(reversed(tasks)), dict[Any, Any](), False
            while waiting or running:
                while waiting and len(running) < most:
                    task = waiting.pop()
                    running[remote.remote(shared, task, run.threads)] = task
                ready, _ = ray.wait(list(running), timeout=None if started else START_S)
                if not ready and not ray.available_resources().get("CPU", 0) < run.threads:
                    continue  # it runs, and takes long
                if not ready:
                    raise DataError(
                        f"ray: no task ended within {START_S:g} s, and the CPUs of the cluster are "
                        f"in use; expected {run.threads} free of {sum(_cpus(ray)):g}. Wait for the "
                        "end of what else runs there, or stop it."
                    )
                started = True
                for answer in ready:
                    _check_ray(ray, answer, running.pop(answer), run.retries)
                    done()

        try:
            yield make
        finally:
            job.store.remove(token)


def _check_ray(ray: Any, answer: Any, task: Task, retries: int) -> None:
    known = ray.exceptions
    try:
        error = ray.get(answer)
    except (known.WorkerCrashedError, known.NodeDiedError, known.OutOfMemoryError):
        raise worker_lost(task.name, retries + 1) from None
    except known.RayError as failed:  # not of the task, whose errors come as answers
        last = str(failed).strip().rpartition("\n")[2]
        raise ConfigError(
            f"ray: a worker cannot start ({last}). Every machine of the cluster needs sameplayer "
            f"{__version__} and the same Python."
        ) from failed
    if error is not None:
        raise error


def _ray_task(shared: list[Any], task: Task, threads: int) -> Exception | None:
    """Make a file in a process of the cluster, which keeps the job open for the next one."""
    ray = import_extra("ray", "ray", "A Ray task")
    try:
        if _opened.get("ref") != shared[0]:
            limit_process(threads)
            job, token = ray.get(shared[0])
            _check_folder(job, token)
            _opened.update(work=job.open(), ref=shared[0])
        _opened["work"](task)
    except SettingError as error:
        return error
    except SameplayerError as error:
        return type(error)(f"{error} (On the Ray node {ray.util.get_node_ip_address()}.)")
    except Exception as error:
        return portable(error)
    return None


def _check_folder(job: Job, token: str) -> None:
    store = job.store
    if store.local is not None and store.read_text(token) != token:
        raise ConfigError(
            f"{store.address}: a machine of the cluster does not see this folder; expected one "
            "that all machines share, such as a network drive or s3://bucket/folder."
        )


@contextmanager
def _connected(address: str | None) -> Iterator[Any]:
    """Yield the module of Ray, connected: as it is, or to a cluster, or to one started here."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # tasks see the GPUs
    ray = import_extra("ray", "ray", "The runner of this name")
    if ray.is_initialized():
        yield ray
        return
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        ray.init(address or "auto", **quiet)
    except ConnectionError as error:
        if address is not None:
            raise ConfigError(
                f"ray_address: no Ray cluster answers at {address} ({error}). Start one, or "
                "give the address of one that runs."
            ) from error
        ray.init("local", include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)
    try:
        yield ray
    finally:
        ray.shutdown()


def most_workers(cpus: Sequence[float], workers: int | None, threads: int) -> int:
    """Return how many tasks a cluster runs at the same time.

    cpus    of each of its machines

    Raises SettingError where ``workers`` do not fit, or not a single one.
    """
    room = sum(int(count // threads) for count in cpus)
    if room < max(workers or 1, 1):
        counts = " + ".join(f"{count:g}" for count in cpus)
        expected = f"{room} or fewer" if room else "as many CPUs on one machine as threads"
        found = f"{workers or 1} of {threads} threads on a Ray cluster with CPUs {counts}"
        raise SettingError("workers", found, expected)
    return workers or room


def _cpus(ray: Any) -> list[float]:
    return [node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]]
