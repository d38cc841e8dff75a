"""Crops to unit rows, and to shirt numbers, block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sameplayer.data.crops import Crops
from sameplayer.data.latest import file_version
from sameplayer.data.video import frame_name
from sameplayer.errors import DataError
from sameplayer.scale.blocks import (
    EMBEDDINGS,
    USUAL_ROWS,
    Rows,
    cut,
    keep_manifest,
    write_table,
)
from sameplayer.scale.jobs import Shards, Task, Tell, run_job
from sameplayer.scale.runners import Run
from sameplayer.scale.store import Store
from sameplayer.scale.tables import digest_of_words


@dataclass(frozen=True)
class EmbedConfig:
    """How crops are embedded."""

    blocks: int | None = None
    """How many blocks; None: 4,096 crops each."""
    device: str = "auto"
    """auto: the GPU where there is one; cpu, cuda, cuda:N or mps."""
    batch_size: int = 64
    """Pictures in one pass of the network."""
    precision: str = "fp32"
    """Number format of the pass."""


@dataclass(frozen=True)
class EmbedJob:
    """Embed a crop table with an encoder; one stage, a task a block."""

    store: Store
    crops: Crops
    encoder: str
    fingerprint: str
    edges: tuple[int, ...]
    config: EmbedConfig

    def stages(self) -> Sequence[Sequence[Task]]:
        settings = self.fingerprint, self.config.precision, str(self.config.batch_size)
        return [
            [
                Task("rows", (number,), (), (*settings, pictures_digest(self._part(number))))
                for number in range(len(self.edges) - 1)
            ]
        ]

    def _part(self, number: int) -> Crops:
        return self.crops.where(np.arange(self.edges[number], self.edges[number + 1]))

    def open(self) -> Callable[[Task], None]:
        from sameplayer.encoder.embed import embed
        from sameplayer.encoder.encoder import load_encoder

        encoder = load_encoder(self.encoder, device=self.config.device)
        if encoder.fingerprint() != self.fingerprint:
            raise DataError(
                f"{self.encoder}: this worker has encoder {encoder.fingerprint()}; expected "
                f"{self.fingerprint}. Bring the same weights to every machine."
            )

        def work(task: Task) -> None:
            part = self._part(task.key[0])
            settings: dict[str, Any] = {"batch_size": self.config.batch_size}
            rows = embed(encoder, part, precision=self.config.precision, **settings).vectors
            self.store.write_part(task.name, {"vector": rows}, task.made_from)

        return work


def embed_blocks(
    encoder: str | Path,
    crops: Crops,
    out: str | Path,
    config: EmbedConfig = EmbedConfig(),
    *,
    run: Run = Run(),
    shards: Shards = Shards(),
    tell: Tell | None = None,
) -> Rows:
    """Embed a crop table into a folder of blocks; what is there already is not made again.

    encoder    a name or path as ``load_encoder`` takes it, which every worker can load
    crops      the table; workers read its pictures by their paths
    out        folder or fsspec address
    run        who does the work; shards: which part of it is done here
    tell       called with (stage, blocks done, all blocks)

    ``rows/`` then holds a Parquet file a block with the column ``vector``, and ``crops.parquet``
    the table. The bytes do not depend on the number of blocks or workers.

    Raises DataError for pictures that cannot be read and for a folder of another run, WeightsError
    where a worker has no weights, SettingError for a setting out of range.
    """
    from sameplayer.encoder.encoder import load_encoder
    from sameplayer.encoder.inference import check_batch_size

    check_batch_size(config.batch_size)
    if len(crops) == 0:
        raise DataError(f"{crops.root}: no crops to embed; expected at least one row.")
    fingerprint = load_encoder(encoder).fingerprint()
    edges = cut(len(crops), config.blocks, config.batch_size, USUAL_ROWS)
    store = Store(out)
    facts = {"encoder": fingerprint, "precision": config.precision, "rows": len(crops)}
    facts |= {"batch_size": config.batch_size, "edges": edges}
    keep_manifest(store, EMBEDDINGS, facts)
    write_table(store, crops)
    crops = replace(crops, root=crops.root.resolve())
    job = EmbedJob(store, crops, str(encoder), fingerprint, edges, config)
    run_job(job, run, shards, tell)
    return Rows.of(store)


def pictures_digest(crops: Crops) -> str:
    """Return a digest of which pictures and boxes these are, and of which version each file is."""
    versions: dict[Path, tuple[str, int, int]] = {}
    words = []
    for row in range(len(crops)):
        path = crops.path(row)
        frame = frame_name(path)
        file = path if frame is None else frame[0]
        if file not in versions:
            versions[file] = file_version(file)
        words.append(f"{crops.table['image'].iat[row]} {crops.box(row)} {versions[file][1:]}")
    return digest_of_words(*words)
