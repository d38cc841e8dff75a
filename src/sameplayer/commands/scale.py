"""Verbs of scale: the same work in blocks, on many cores or machines, going on where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sameplayer.commands.numbers import ReaderChoice, ReaderThenData
from sameplayer.commands.shared import EVERY_ROW, ReadingSplit, RunThenData, console
from sameplayer.errors import SettingError
from sameplayer.ranking.config import TopConfig
from sameplayer.scale.config import EmbedConfig, Run, Shards

if TYPE_CHECKING:
    from sameplayer.scale.jobs import StageProgress

Embeddings = tyro.conf.Positional[
    Annotated[
        str,
        tyro.conf.arg(
            metavar="EMB",
            help='Folder or address that "scale embed" filled, or a file of "sameplayer embed".',
        ),
    ]
]
OTHERS = "this part is done; other parts are still to come"


@contextmanager
def stages() -> Iterator[StageProgress]:
    """Show a bar a stage on standard error; yield the function that takes each task's end."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as shown:
        bars: dict[str, object] = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in bars:
                bars[stage] = shown.add_task(stage, total=total)
            shown.update(bars[stage], completed=done)  # type: ignore[arg-type]

        yield progress


def embed(
    inputs: RunThenData,
    out: str,
    blocks: int | None = None,
    compute: EmbedConfig = EmbedConfig(),
    run: Run = Run(),
    shards: Shards = Shards(),
    reading: ReadingSplit = EVERY_ROW,
) -> None:
    """Embed crops block by block.

    Args:
        out: Folder, or address such as s3://bucket/folder.
        blocks: How many blocks; None: of 4,096 crops each.
    """
    from sameplayer.scale.embedding import embed_blocks

    encoder, data = inputs
    crops = reading.read(data)
    with stages() as progress:
        rows = embed_blocks(
            encoder, crops, out, compute, blocks=blocks, run=run, shards=shards, progress=progress
        )
    if rows is None:
        print(f"{out}: {OTHERS}")
        return
    print(f"{out}: {len(rows)} rows in {len(rows.digests)} blocks, encoder {rows.encoder}")


def numbers(
    inputs: ReaderThenData,
    out: str,
    blocks: int | None = None,
    table: Path | None = None,
    choice: ReaderChoice = ReaderChoice(),
    run: Run = Run(),
    shards: Shards = Shards(),
    reading: ReadingSplit = EVERY_ROW,
) -> None:
    """Read the shirt number of each picture, block by block.

    Args:
        out: Folder, or address such as s3://bucket/folder.
        blocks: How many blocks; None: of 4,096 crops each.
        table: Write the crop table with the readings here (.csv or .parquet).
    """
    from sameplayer.data.crops import write_crops
    from sameplayer.scale.embedding import number_blocks

    if choice.by:
        raise SettingError("by", " ".join(choice.by), "none: blocks read each picture alone")
    reader, data = inputs
    crops = reading.read(data)
    with stages() as progress:
        read = number_blocks(
            reader,
            crops,
            out,
            choice.settings(reader),
            threshold=choice.threshold,
            temperature=choice.temperature,
            blocks=blocks,
            run=run,
            shards=shards,
            progress=progress,
        )
    if read is None:
        print(f"{out}: {OTHERS}")
        return
    if table is not None:
        write_crops(read, table)
    found = int(read.table["read_number"].notna().sum())
    print(f"{out}: {len(read)} pictures, a number read in {found} of them")


def rerank(
    embeddings: Embeddings,
    out: str,
    config: TopConfig = TopConfig(),
    every_row: bool = False,
    blocks: int | None = None,
    run: Run = Run(),
    shards: Shards = Shards(),
) -> None:
    """Re-rank by k-reciprocal neighbours, exactly, and keep the first answers of each query.

    Args:
        out: Folder, or address such as s3://bucket/folder; the result is ranked.parquet in it.
        every_row: Ask with every row for all others; otherwise rows with the role query ask for
            gallery rows, where the table has queries.
        blocks: How many blocks; None: of 16,384 rows, but 16 at most. The result is the same.
    """
    from sameplayer.scale.reranking import masks_of, rerank_blocks
    from sameplayer.scale.rows import rows_of

    rows = rows_of(embeddings, out)
    asked, offered = masks_of(rows, every_row)
    with stages() as progress:
        ranked = rerank_blocks(
            rows,
            out,
            config,
            asked=asked,
            offered=offered,
            blocks=blocks,
            run=run,
            shards=shards,
            progress=progress,
        )
    top = ranked.neighbours.shape[1]
    print(f"{out}: the first {top} of {int(offered.sum())} rows for {len(ranked)} queries")


def join(embeddings: Embeddings, out: Path) -> None:
    """Write the rows of all blocks as one file, as "sameplayer embed" writes it.

    Args:
        out: File to write (.safetensors).
    """
    from sameplayer.scale.rows import read_embeddings

    rows = read_embeddings(embeddings)
    rows.save(out)
    print(f"{out}: {len(rows)} rows, encoder {rows.fingerprint}")


VERBS: dict[str, Callable[..., None]] = {
    "embed": embed,
    "numbers": numbers,
    "rerank": rerank,
    "join": join,
}
