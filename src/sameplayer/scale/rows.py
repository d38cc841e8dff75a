"""Rows: embeddings that lie in the parts of a folder, with their crop table beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from sameplayer.data.crops import Crops
from sameplayer.encoder.embeddings import Embeddings, load_embeddings
from sameplayer.errors import DataError, MissingFile
from sameplayer.scale.blocks import block_edges, keep_manifest, part_name, read_manifest
from sameplayer.scale.storage.store import Store
from sameplayer.scale.storage.tables import digest_of

EMBEDDINGS, TABLE, ROWS = "embeddings", "crops", "rows"
USUAL_ROWS = 4096  # crops a block: a minute or so of work on one core, which a killed run loses


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
            facts = store.facts(part_name(ROWS, number))
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
            rows = self.store.read_part(part_name(ROWS, number))["vector"]
            begin = self.edges[number]
            read.append(rows[max(first - begin, 0) : stop - begin])
        return read[0] if len(read) == 1 else np.concatenate(read)


def write_blocks(embeddings: Embeddings, out: str | Path, blocks: int | None = None) -> Rows:
    """Write embeddings that are at hand as a folder of blocks, for ``rerank_blocks``.

    blocks    how many; None: of 4,096 rows each

    Raises DataError for a folder of another run.
    """
    store, edges = Store(out), block_edges(len(embeddings), blocks, 1, USUAL_ROWS)
    facts = {"encoder": embeddings.fingerprint, "rows": len(embeddings), "edges": edges}
    keep_manifest(store, EMBEDDINGS, facts)
    write_table(store, embeddings.crops)
    for number in range(len(edges) - 1):
        part = {"vector": embeddings.vectors[edges[number] : edges[number + 1]]}
        facts_there = store.facts(part_name(ROWS, number))
        if facts_there is None or facts_there.digest != digest_of(part):
            store.write_part(part_name(ROWS, number), part, digest_of(part))
    return Rows.of(store)


def rows_of(embeddings: str | Path, out: str) -> Rows:
    """Return the rows of a folder of blocks, or of a file, whose blocks then lie below ``out``.

    Raises MissingFile where there is neither, DataError for what is damaged.
    """
    if str(embeddings).endswith(".safetensors"):
        return write_blocks(load_embeddings(embeddings), f"{out}/{EMBEDDINGS}")
    return Rows.of(Store(embeddings))


def read_embeddings(folder: str | Path) -> Embeddings:
    """Read all blocks of a folder into memory, as ``embed`` gives them."""
    store = Store(folder)
    rows = Rows.of(store)
    return Embeddings(rows.read(0, len(rows)), read_table(store), rows.encoder)


def write_table(store: Store, crops: Crops) -> None:
    """Write the crop table beside the blocks, with root and scope."""
    with store.whole(f"{TABLE}.parquet") as path:
        crops.table.to_parquet(path, index=False, row_group_size=USUAL_ROWS)
    facts = {"scope": crops.scope, "root": str(crops.root.resolve())}
    store.write_text(f"{TABLE}.json", json.dumps(facts, indent=2) + "\n")


def read_table(store: Store, first: int = 0, stop: int | None = None) -> Crops:
    """Read the crop table that lies beside the blocks, or its rows first...stop.

    Raises MissingFile, or DataError for a damaged table.
    """
    try:
        with store.local_copy(f"{TABLE}.parquet") as path:
            table, first, stop = _groups_with(path, first, stop)
        facts = json.loads(store.read_text(f"{TABLE}.json") or "")
        rows = table.slice(first, stop - first).to_pandas()
        return Crops(rows, Path(facts["root"]), facts["scope"])
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{store.place(TABLE)}: the crop table beside the blocks is damaged ({error}). Run the "
            "same command again."
        ) from error


def _groups_with(path: Path, first: int, stop: int | None) -> tuple[pa.Table, int, int]:
    """Return the row groups that hold the rows first...stop, and where those are in them."""
    with parquet.ParquetFile(path) as file:
        sizes = [file.metadata.row_group(n).num_rows for n in range(file.metadata.num_row_groups)]
        ends = np.cumsum([0, *sizes])
        stop = int(ends[-1]) if stop is None else stop
        wanted = [n for n in range(len(sizes)) if ends[n] < stop and ends[n + 1] > first]
        table = file.read_row_groups(wanted)
    begin = int(ends[wanted[0]]) if wanted else 0
    return table, first - begin, stop - begin
