"""Ranked: the first M answers of every query, as ``rerank_blocks`` leaves them in one file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sameplayer.errors import MissingFile
from sameplayer.scale.jobs import part_name
from sameplayer.scale.store import Store

RANKED = "ranked"
GROUP = 65536  # queries that are written at a time, however the rows were cut into blocks


@dataclass(frozen=True, eq=False)
class Ranked:
    """The answers of q queries, nearest first.

    row           (q,) int64 row number of each query in the crop table
    neighbours    (q, M) int32 row numbers of its answers; -1 where there are fewer
    distances     (q, M) float32 re-ranked distances; infinity where there are fewer
    """

    row: np.ndarray
    neighbours: np.ndarray
    distances: np.ndarray

    def __len__(self) -> int:
        return len(self.row)


def read_ranked(folder: str | Path | Store) -> Ranked:
    """Read the result of a finished run.

    Raises MissingFile where there is none, DataError for a damaged one.
    """
    store = folder if isinstance(folder, Store) else Store(folder)
    name = part_name(RANKED)
    try:
        part = store.read_part(name)
        return Ranked(part["row"], part["neighbours"], part["distances"])
    except MissingFile:
        raise MissingFile(
            f"{store.place(name)}: no such file; make it with: sameplayer scale rerank EMBEDDINGS "
            "--out FOLDER"
        ) from None


def write_ranked(store: Store, parts: Iterable[dict[str, Any]], made_from: str) -> None:
    """Write the answers of all blocks, in groups that do not depend on the blocks."""
    store.write_result(part_name(RANKED), _groups(parts), made_from)


def _groups(parts: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    held: dict[str, Any] | None = None
    for part in parts:
        held = part if held is None else {n: np.concatenate([held[n], part[n]]) for n in part}
        while len(held["row"]) > GROUP:
            yield {name: array[:GROUP] for name, array in held.items()}
            held = {name: array[GROUP:] for name, array in held.items()}
    if held is not None:
        yield held
