"""Ray: a job's workers are actors, on this machine or on all machines of a cluster.

An actor opens the job once, takes one task at a time, and writes the file itself: nothing but
"done" or an error comes back. One CPU of the cluster stays free: with all of them reserved, Ray
waits for ever without a word (https://github.com/ray-project/ray/issues/44687).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sameplayer._version import __version__
from sameplayer.errors import ConfigError, DataError, SameplayerError, SettingError, import_extra
from sameplayer.scale.config import Run
from sameplayer.scale.crew import Bench, Crew, LostError, Worker
from sameplayer.scale.runners import Make, keep_to
from sameplayer.scale.storage import PARTIAL
from sameplayer.scale.store import Store

if TYPE_CHECKING:
    from sameplayer.scale.jobs import Job, Task

START_S = 300.0
"""Seconds within which the first worker must start: others may hold the cluster's CPUs."""


@contextmanager
def actors(job: Job, run: Run) -> Iterator[Make]:
    """Give a function that makes files in actors of a Ray cluster; they stay for all stages.

    Raises MissingExtra without Ray; ConfigError where no cluster answers, where it is too small
    for the workers, and where a node does not see the folder or has another version; the errors of
    the tasks; DataError where workers are lost again and again. What was started here is ended.
    """
    with _connected(run.ray_address) as ray, _token(job.store) as token:
        crew = _Actors(ray, job, run, token)
        try:
            yield crew.make
        finally:
            crew.end()


@contextmanager
def _connected(address: str | None) -> Iterator[Any]:
    """Give the module of Ray, connected: as it is, or to a cluster, or to one started here."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray tells nobody that it is used
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # actors see the GPUs
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


@contextmanager
def _token(store: Store) -> Iterator[str]:
    """Write a file that every node must see; where the run is killed, the next one removes it."""
    name = f"running/{secrets.token_hex(8)}{PARTIAL}"
    store.write_text(name, name)
    try:
        yield name
    finally:
        store.remove(name)


class _Actors(Crew):
    """Workers that are actors of a cluster."""

    def __init__(self, ray: Any, job: Job, run: Run, token: str) -> None:
        super().__init__(run.retries)
        self._ray, self._run = ray, run
        self._most = most_workers(_cpus(ray), run.workers, run.threads)
        self._shared = ray.put((job, token))  # once for all actors of a node
        self._actor = ray.remote(_Actor)
        self._started = False

    def hire(self, wanted: int) -> list[Worker]:
        room = _room(_cpus(self._ray), self._run.threads)  # less where a node was lost
        room = min(wanted, min(self._most, room) - self.size)
        if wanted and room < 1 and not self.size:
            raise DataError("ray: no machine of the cluster is left. Run the same command again.")
        return [_ActorWorker(self._ray, self._new()) for _ in range(room)]

    def _new(self) -> Any:
        options = {"num_cpus": self._run.threads, "scheduling_strategy": "SPREAD"}
        return self._actor.options(max_restarts=0, **options).remote(
            self._shared, self._run.threads
        )

    def wait(self, busy: Sequence[Worker]) -> list[Worker]:
        answers = {worker.answer: worker for worker in busy}  # type: ignore[attr-defined]
        seconds = None if self._started else START_S
        ready, _ = self._ray.wait(list(answers), num_returns=1, timeout=seconds)
        if not ready:
            raise DataError(
                f"ray: no worker could start within {START_S:g} s; expected {self._run.threads} "
                f"free CPUs of {sum(_cpus(self._ray)):g}. Others hold them: wait for their end, or "
                "stop them."
            )
        self._started = True
        return [answers[answer] for answer in ready]


class _ActorWorker(Worker):
    """An actor, as its crew sees it."""

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray, self._actor = ray, actor
        self.answer: Any = None

    def open(self) -> None:
        self.answer = self._actor.do.remote(None)

    def give(self, task: Task) -> None:
        self.answer = self._actor.do.remote(task)

    def result(self) -> Exception | None:
        known = self._ray.exceptions
        try:
            answer: Exception | None = self._ray.get(self.answer)
        except known.RayTaskError as error:  # not of the task, whose errors come as answers
            raise ConfigError(
                f"ray: a worker cannot start ({_last_line(error)}). Every machine of the cluster "
                f"needs sameplayer {__version__} and the same Python."
            ) from error
        except (known.ActorUnschedulableError, known.RuntimeEnvSetupError) as error:
            raise ConfigError(f"ray: a worker cannot start ({_last_line(error)}).") from error
        except known.RayError as error:
            raise LostError from error
        return answer

    def end(self) -> None:
        self._ray.kill(self._actor)


class _Actor:
    """What runs in a process of the cluster."""

    def __init__(self, shared: tuple[Job, str], threads: int) -> None:
        keep_to(threads)
        self._job, self._token = shared
        self._bench = Bench(self._job)

    def do(self, task: Task | None) -> Exception | None:
        error = (self._unlike() if task is None else None) or self._bench.do(task)
        return _with_node(error) if isinstance(error, SameplayerError) else error

    def _unlike(self) -> SameplayerError | None:
        """Return an error where this machine does not see the folder of the results."""
        store = self._job.store
        try:
            seen = store.local is None or store.read_text(self._token) == self._token
        except SameplayerError as error:
            return error
        if seen:
            return None
        return ConfigError(
            f"{store.address}: a machine of the cluster does not see this folder; expected one "
            "that all machines share, such as a network drive or s3://bucket/folder."
        )


def _with_node(error: SameplayerError) -> SameplayerError:
    """Return an error that says on which machine it happened."""
    if isinstance(error, SettingError):
        return error
    where = import_extra("ray", "ray", "An actor").util.get_node_ip_address()
    return type(error)(f"{error} (On the Ray node {where}.)")


def most_workers(cpus: Sequence[float], workers: int | None, threads: int) -> int:
    """Return how many workers a cluster takes.

    cpus    of each of its machines

    Raises SettingError where ``workers`` do not fit, or not a single one, with one CPU left free.
    """
    room = _room(cpus, threads)
    if room < max(workers or 1, 1):
        raise SettingError(
            "workers",
            f"{workers or 1} of {threads} threads on a Ray cluster with CPUs {_list(cpus)}",
            f"{room} or fewer, as one CPU must stay free"
            if room
            else "2 CPUs or more, as one must stay free, and as many on one machine as a worker "
            "has threads. Use the local runner",
        )
    return workers or room


def _room(cpus: Sequence[float], threads: int) -> int:
    fit = sum(int(count // threads) for count in cpus)
    return max(min(fit, int((sum(cpus) - 1) // threads)), 0)


def _cpus(ray: Any) -> list[float]:
    return [node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]]


def _list(cpus: Sequence[float]) -> str:
    return " + ".join(f"{count:g}" for count in cpus)


def _last_line(error: Exception) -> str:
    return str(error).strip().rpartition("\n")[2]
