"""Crops to unit rows, and to shirt numbers, block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sameplayer._version import __version__
from sameplayer.common.cache import file_version
from sameplayer.data.columns import BOX
from sameplayer.data.crops import Crops
from sameplayer.data.video.frames import frame_name
from sameplayer.errors import DataError
from sameplayer.scale.blocks import Task, block_edges, keep_manifest, part_name
from sameplayer.scale.config import EmbedConfig, Run, Shards
from sameplayer.scale.jobs import StageProgress, run_job
from sameplayer.scale.rows import EMBEDDINGS, ROWS, USUAL_ROWS, Rows, read_table, write_table
from sameplayer.scale.storage.store import Store
from sameplayer.scale.storage.tables import digest_of_words

if TYPE_CHECKING:
    from sameplayer.numbers.readers import ReaderSettings

NUMBERS = "numbers"
NUMBER_BATCH = 64  # pictures; blocks begin at its multiples


@dataclass(frozen=True)
class CropsJob:
    """One stage over a crop table, one task per block; the table is written beside the results.

    edges    the first row of each block, and the number of rows at the end
    facts    content of the manifest: a folder with another one is refused
    """

    store: Store
    edges: tuple[int, ...]
    facts: dict[str, Any]
    crops: Crops | None

    def begin(self) -> None:
        keep_manifest(self.store, self._kind, {**self.facts, "edges": self.edges})
        if self.crops is not None:
            write_table(self.store, self.crops)

    def stages(self) -> Sequence[Sequence[Task]]:
        settings = [f"{name} {value}" for name, value in self.facts.items()]
        blocks = range(len(self.edges) - 1)
        return [
            [
                Task(self._stage, (b,), (), (*settings, pictures_digest(self.part(b))))
                for b in blocks
            ]
        ]

    def part(self, number: int) -> Crops:
        """Return the crops of a block."""
        if self.crops is not None:
            return self.crops.where(np.arange(self.edges[number], self.edges[number + 1]))
        return read_table(self.store, self.edges[number], self.edges[number + 1])

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave the table behind: workers read their blocks of it."""
        return type(self), tuple({**vars(self), "crops": None}.values())

    _kind = _stage = ""


@dataclass(frozen=True)
class EmbedJob(CropsJob):
    """Embed a crop table with an encoder."""

    encoder: str
    config: EmbedConfig

    _kind, _stage = EMBEDDINGS, ROWS

    def open(self) -> Callable[[Task], None]:
        from sameplayer.encoder.embed import embed
        from sameplayer.encoder.load import load_encoder

        encoder = load_encoder(self.encoder, device=self.config.device, engine=self.config.engine)
        if encoder.fingerprint() != self.facts["encoder"]:
            raise DataError(
                f"{self.encoder}: this worker has encoder {encoder.fingerprint()}; expected "
                f"{self.facts['encoder']}. Bring the same weights to every machine."
            )
        config = self.config

        def work(task: Task) -> None:
            part = self.part(*task.key)
            found = embed(encoder, part, batch_size=config.batch_size, precision=config.precision)
            self.store.write_part(task.name, {"vector": found.vectors}, task.made_from)

        return work


def embed_blocks(
    encoder: str | Path,
    crops: Crops,
    out: str | Path,
    config: EmbedConfig = EmbedConfig(),
    *,
    blocks: int | None = None,
    run: Run = Run(),
    shards: Shards = Shards(),
    progress: StageProgress | None = None,
) -> Rows | None:
    """Embed a crop table into a folder of blocks; finished blocks are not computed again.

    encoder    a name or path as ``load_encoder`` takes it, which every worker can load
    crops      the table; workers read its pictures by their paths
    out        folder or fsspec address
    blocks     how many; None: of 4,096 crops each. Any number gives the same bytes
    run        how the work is run; shards: which part of it is done here
    progress   called with (stage, blocks done, all blocks)

    ``rows/`` then holds one Parquet file per block, with the column ``vector``, and
    ``crops.parquet`` the table. A picture that changed (by time and size) is embedded again with
    its block.
    Returns the rows, or None where other shards still work on theirs.

    Raises DataError for pictures that cannot be read and for a folder of another run, WeightsError
    where a worker has no weights, SettingError for a setting out of range.
    """
    from sameplayer.encoder.load import load_encoder
    from sameplayer.encoder.runtime.engines import check_batch_size

    check_batch_size(config.batch_size)
    opened = load_encoder(encoder, device=config.device, engine=config.engine)
    fingerprint, computed = opened.fingerprint(), opened.computed_in(config.precision)
    settings = {"precision": computed, "engine": opened.engine, "batch_size": config.batch_size}
    edges = _edges(crops, blocks, config.batch_size)
    facts = {"encoder": fingerprint, "rows": len(crops), **settings}
    job = EmbedJob(Store(out), edges, facts, crops, str(encoder), config)
    return Rows.of(job.store) if run_job(job, run, shards, progress) else None


@dataclass(frozen=True)
class NumbersJob(CropsJob):
    """Read the shirt numbers of a crop table, each picture alone."""

    reader: str
    settings: ReaderSettings
    threshold: float
    temperature: float

    _kind = _stage = NUMBERS

    def open(self) -> Callable[[Task], None]:
        from sameplayer.numbers.readers import make_reader
        from sameplayer.numbers.tables import READ, read_numbers

        reader = make_reader(self.reader, self.settings)

        def work(task: Task) -> None:
            readings, _ = read_numbers(
                self.part(*task.key), reader, threshold=self.threshold, temperature=self.temperature
            )
            columns = (
                np.array([one.number or "" for one in readings], "U8"),
                np.array([round(one.probability, 4) for one in readings]),
                np.array([one.frames for one in readings]),
            )
            self.store.write_part(task.name, dict(zip(READ, columns, strict=True)), task.made_from)

        return work


def number_blocks(
    reader: str,
    crops: Crops,
    out: str | Path,
    settings: ReaderSettings | None = None,
    *,
    threshold: float = 0.5,
    temperature: float = 1.0,
    blocks: int | None = None,
    run: Run = Run(),
    shards: Shards = Shards(),
    progress: StageProgress | None = None,
) -> Crops | None:
    """Read the shirt number of each picture into a folder of blocks; otherwise as ``embed_blocks``.

    reader, settings    as ``make_reader`` takes them
    threshold           least probability at which a number is read
    temperature         over 1: lower probabilities

    Returns the crops with the columns of ``sameplayer jersey``, or None where other shards still
    work on theirs.
    """
    from sameplayer.numbers.readers import ReaderSettings
    from sameplayer.numbers.tables import READ

    settings = settings or ReaderSettings()
    edges = _edges(crops, blocks, NUMBER_BATCH)
    file = file_version(Path(reader))[1:] if reader.endswith(".onnx") else ()
    facts = {"reader": reader, "file": file, "version": __version__, "threshold": threshold}
    facts |= {"temperature": temperature, "settings": str(asdict(settings)), "rows": len(crops)}
    job = NumbersJob(Store(out), edges, facts, crops, reader, settings, threshold, temperature)
    if not run_job(job, run, shards, progress):
        return None
    parts = [job.store.read_part(part_name(NUMBERS, b)) for b in range(len(edges) - 1)]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in READ}
    columns[READ[0]] = np.array([number or None for number in columns[READ[0]]], object)
    return replace(crops, table=crops.table.assign(**columns))


def _edges(crops: Crops, blocks: int | None, grain: int) -> tuple[int, ...]:
    if len(crops) == 0:
        raise DataError(f"{crops.root}: no crops in the table; expected at least one row.")
    return block_edges(len(crops), blocks, grain, USUAL_ROWS)


def pictures_digest(crops: Crops) -> str:
    """Return a fingerprint of the pictures, their boxes, and the version of each file.

    Raises MissingFile for a picture that is not there.
    """
    table = crops.table
    images, versions = table["image"].tolist(), {}
    for image in dict.fromkeys(images):
        frame = frame_name(crops.root / image)
        versions[image] = file_version(crops.root / image if frame is None else frame[0])[1:]
    boxes = table[list(BOX)].to_numpy(np.float64, na_value=np.nan)
    return digest_of_words("\n".join(images), str(list(versions.values())), boxes.tobytes().hex())
