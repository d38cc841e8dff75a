"""Rows in blocks: where they are cut, and what a folder of blocks says of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sameplayer.data.crops import Crops
from sameplayer.errors import DataError, MissingFile, SettingError
from sameplayer.scale.jobs import part_name
from sameplayer.scale.store import Store
from sameplayer.scale.tables import digest_of

if TYPE_CHECKING:
    from sameplayer.encoder.embeddings import Embeddings

MANIFEST, EMBEDDINGS = "manifest.json", "embeddings"
USUAL_ROWS = 4096  # crops a block: a minute or so of work on one core, which a killed run loses


def cut(rows: int, blocks: int | None, grain: int, usual: int) -> tuple[int, ...]:
    """Return where blocks begin, and the number of rows at the end.

    blocks    how many; None: as many as it takes for ``usual`` rows a block
    grain     blocks begin at multiples of it, so that no result depends on how many there are;
              where there are too few rows, there are fewer blocks

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
    """Write what a folder holds, or compare it with what it held before.

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
    """Return what a folder says of itself; None where it says nothing. DataError if damaged."""
    text = store.read_text(MANIFEST)
    if text is None:
        return None
    try:
        found = json.loads(text)
        if not isinstance(found["kind"], str):
            raise TypeError("its kind is no text")
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
class Rows:
    """Unit rows that lie in the parts of a folder.

    edges      where its blocks begin, and the number of rows at the end
    digests    of the content of each
    encoder    fingerprint of the encoder that made them
    """

    store: Store
    edges: tuple[int, ...]
    digests: tuple[str, ...]
    encoder: str

    @classmethod
    def of(cls, store: Store) -> Rows:
        """Open the rows of a finished run of ``embed_blocks``.

        Raises MissingFile where there is none, DataError where blocks are missing.
        """
        found = read_manifest(store)
        if found is None:
            raise MissingFile(
                f"{store.address}: no folder of embeddings; make one with: sameplayer scale embed "
                "RUN DATA --out FOLDER"
            )
        if found["kind"] != EMBEDDINGS:
            raise DataError(f"{store.address}: holds {found['kind']}; expected embeddings.")
        edges = tuple(int(edge) for edge in found["edges"])
        digests = []
        for number in range(len(edges) - 1):
            facts = store.facts(part_name("rows", number))
            if facts is None or facts.rows != edges[number + 1] - edges[number]:
                raise DataError(
                    f"{store.place(part_name('rows', number))}: missing, cut short or of another "
                    "size. Run the same command of scale embed again: only this block is made anew."
                )
            digests.append(facts.digest)
        return cls(store, edges, tuple(digests), str(found["encoder"]))

    def __len__(self) -> int:
        return self.edges[-1]

    def parts(self, first: int, stop: int) -> Sequence[int]:
        """Return the numbers of the parts that hold some of these rows."""
        edges = self.edges
        return [n for n in range(len(edges) - 1) if edges[n] < stop and edges[n + 1] > first]

    def read(self, first: int, stop: int) -> np.ndarray:
        """Return the rows first...stop, (b, d) float32."""
        read = []
        for number in self.parts(first, stop):
            rows = self.store.read_part(part_name("rows", number))["vector"]
            begin = self.edges[number]
            read.append(rows[max(first - begin, 0) : stop - begin])
        return read[0] if len(read) == 1 else np.concatenate(read)


def write_blocks(embeddings: Embeddings, out: str | Path, blocks: int | None = None) -> Rows:
    """Write embeddings that are at hand as a folder of blocks, for ``rerank_blocks``.

    blocks    how many; None: of 4,096 rows each

    Raises DataError for a folder of another run.
    """
    store, edges = Store(out), cut(len(embeddings), blocks, 1, USUAL_ROWS)
    facts = {"encoder": embeddings.fingerprint, "rows": len(embeddings), "edges": edges}
    keep_manifest(store, EMBEDDINGS, facts)
    write_table(store, embeddings.crops)
    for number in range(len(edges) - 1):
        part = {"vector": embeddings.vectors[edges[number] : edges[number + 1]]}
        store.write_part(part_name("rows", number), part, digest_of(part))
    return Rows.of(store)


def write_table(store: Store, crops: Crops) -> None:
    """Write the crop table beside the blocks, with root and scope."""
    with store.whole("crops.parquet") as path:
        crops.table.to_parquet(path, index=False)
    facts = {"scope": crops.scope, "root": str(crops.root.resolve())}
    store.write_text("crops.json", json.dumps(facts, indent=2) + "\n")


def read_table(store: Store) -> Crops:
    """Read the crop table that lies beside the blocks."""
    with store.at_hand("crops.parquet") as path:
        table = pd.read_parquet(path)
    facts = json.loads(store.read_text("crops.json") or "{}")
    return Crops(table, Path(facts["root"]), facts["scope"])
