"""Blocks of rows, the tasks that make a file of each, and the manifest of their folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sameplayer.errors import DataError, SettingError
from sameplayer.scale.storage.store import Store

MANIFEST = "manifest.json"


def block_edges(rows: int, blocks: int | None, grain: int, usual: int) -> tuple[int, ...]:
    """Return the first row of each block, and the number of rows at the end.

    blocks    how many; None: blocks of ``usual`` rows
    grain     blocks begin at multiples of it, so that no result depends on their number; a table
              with few rows has fewer blocks

    Raises SettingError for fewer than one block.
    """
    if blocks is None:
        blocks = -(-rows // usual)
    if blocks < 1:
        raise SettingError("blocks", blocks, "1 or more")
    grains = -(-rows // grain)
    firsts = sorted({grain * (number * grains // blocks) for number in range(blocks)})
    return (*firsts, rows)


def keep_manifest(store: Store, kind: str, facts: Mapping[str, Any]) -> None:
    """Write the manifest of a folder, or compare it with the one that is there.

    Raises DataError where the folder holds results of another kind, data, encoder or settings.
    """
    wanted = json.loads(json.dumps({"kind": kind, **facts}))
    found = read_manifest(store)
    if found is None:
        store.write_text(MANIFEST, json.dumps(wanted, indent=2) + "\n")
        return
    for name in {**wanted, **found}:
        if found.get(name) != wanted.get(name):
            raise DataError(
                f"{store.address}: holds a run with {name} {_short(found.get(name))}; expected "
                f"{_short(wanted.get(name))}. Choose another folder, or remove this one."
            )


def read_manifest(store: Store) -> dict[str, Any] | None:
    """Return the manifest of a folder, or None. Raises DataError where it is damaged."""
    text = store.read_text(MANIFEST)
    if text is None:
        return None
    try:
        found = json.loads(text)
        if not isinstance(found["kind"], str):
            raise TypeError("its kind is not text")
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{store.place(MANIFEST)}: damaged ({type(error).__name__}: {error}). Remove the "
            "folder and run again."
        ) from error
    return dict(found)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


@dataclass(frozen=True)
class Task:
    """One file to be made.

    stage        name of the step
    key          numbers of its blocks
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
    """What a runner needs of a job, which is pickled to other processes and machines."""

    @property
    def store(self) -> Store:
        """The folder of the results."""

    def begin(self) -> None:
        """Write the manifest and table; DataError where the folder is of another run."""

    def stages(self) -> Sequence[Sequence[Task]]:
        """Return the tasks of each stage; a stage reads what the stages before it made."""

    def open(self) -> Callable[[Task], None]:
        """Load what tasks need, once per worker; return the function that makes a file."""
