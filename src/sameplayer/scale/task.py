"""Task: one file to be made; Job: stages of tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sameplayer.scale.storage.store import Store


@dataclass(frozen=True)
class Task:
    """One file to be made.

    stage        what is done
    key          of which blocks
    inputs       names of the parts that it reads, in the folder of the results
    outside      what else decides the result: settings, digests of parts of other folders
    made_from    digest of all that; empty until the inputs are there
    """

    stage: str
    key: tuple[int, ...]
    inputs: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    made_from: str = ""

    @property
    def name(self) -> str:
        """The name of its file."""
        return part_name(self.stage, *self.key)


def part_name(stage: str, *key: int) -> str:
    """Return the name of the part that a stage makes of these blocks, or of all."""
    return (
        f"{stage}/{'-'.join(f'{number:05}' for number in key)}.parquet"
        if key
        else f"{stage}.parquet"
    )


class Job(Protocol):
    """What a runner needs to know of a job; it travels to other processes and machines."""

    @property
    def store(self) -> Store:
        """The folder of the results."""

    def begin(self) -> None:
        """Write what stands beside the results; DataError where the folder is another run's."""

    def stages(self) -> Sequence[Sequence[Task]]:
        """Return the tasks of each stage; a stage reads what the stages before it made."""

    def open(self) -> Callable[[Task], None]:
        """Load what the tasks need, once a worker; return the function that makes a file."""
