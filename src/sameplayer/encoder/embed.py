"""Crops to Embeddings: decoding in threads while the network works."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sameplayer.data.crops import Crops
from sameplayer.data.images.picture import Picture
from sameplayer.data.layouts.sources import as_crops
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import as_encoder
from sameplayer.encoder.runtime.engines import check_batch_size
from sameplayer.errors import DataError, refuse_other_types

AHEAD = 3  # batches that wait or are made while the network works on another


@dataclass(frozen=True)
class EmbedTime:
    """What embedding took.

    crops        how many
    seconds      from the first read to the last row
    waited_s     of these, those in which the network had no pictures to work on
    first_s      of these, those before the first batch, which nothing can hide
    """

    crops: int
    seconds: float
    waited_s: float
    first_s: float

    @property
    def waited(self) -> float:
        """Share of the time that went into waiting for pictures, from 0 to 1."""
        return self.waited_s / self.seconds

    def __str__(self) -> str:
        return (
            f"{self.crops} crops in {self.seconds:.1f} s, {self.crops / self.seconds:.1f} a "
            f"second; {100 * self.waited:.2f} % of the time waited for pictures"
        )


def embed(
    encoder: Encoder | str | Path,
    crops: Crops | str | Path,
    *,
    batch_size: int = 64,
    precision: str = "fp32",
    progress: Callable[[int, int], None] | None = None,
) -> Embeddings:
    """Embed every row of a crop table, on the encoder's device.

    encoder       Encoder, or what ``load_encoder`` takes
    crops         Crops, or what ``read_source`` takes
    batch_size    pictures a pass; three batches more are read and decoded ahead, fitted into the
                  network's input, which is all the memory that pictures take
    precision     "fp32"; "bf16": faster where the processor or GPU can multiply it, features
                  differ by about a hundredth
    progress      called with (done, all)

    Raises DataError at the first picture that cannot be read (``check_crops`` lists them all) and
    for a table without rows, SettingError for another precision or batch size.
    """
    return embed_timed(
        encoder, crops, batch_size=batch_size, precision=precision, progress=progress
    )[0]


def embed_timed(
    encoder: Encoder | str | Path,
    crops: Crops | str | Path,
    *,
    batch_size: int = 64,
    precision: str = "fp32",
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Embeddings, EmbedTime]:
    """Embed like ``embed``; return also how long it took and waited for pictures."""
    refuse_other_types(
        "embed", encoder=(encoder, (Encoder, str, Path)), crops=(crops, (Crops, str, Path))
    )
    check_batch_size(batch_size)
    encoder, crops = as_encoder(encoder), as_crops(crops)
    encoder.computed_in(precision)  # before anything is read
    if len(crops) == 0:
        raise DataError(f"{crops.root}: no crops to embed; expected at least one row.")

    def prepare(row: int) -> Picture:
        return encoder.prepare(crops.read(row))

    began = time.perf_counter()
    rows: list[np.ndarray] = []
    waits: list[float] = []
    for batch in batches_ahead(prepare, len(crops), batch_size, waits):
        rows.append(encoder.unit_rows(batch, precision))
        if progress is not None:
            progress(min(len(rows) * batch_size, len(crops)), len(crops))
    taken = EmbedTime(len(crops), time.perf_counter() - began, sum(waits), waits[0])
    facts = {"architecture": encoder.spec.architecture, "weights": encoder.spec.weights}
    facts |= {"precision": encoder.computed_in(precision), "engine": encoder.engine}
    return Embeddings(np.concatenate(rows), crops, encoder.fingerprint(), facts), taken


def batches_ahead(
    prepare: Callable[[int], Picture], count: int, batch_size: int, waits: list[float]
) -> Iterator[list[Picture]]:
    """Yield the pictures 0 to ``count`` - 1 in batches; at most ``AHEAD`` further ones are held.

    prepare    from a number to the picture that the network takes; called from many threads
    waits      gets the seconds that each batch was waited for

    Raises what ``prepare`` raises, at the first batch that it concerns.
    """
    window: deque[Future[Picture]] = deque()
    upcoming = iter(range(count))
    pool = ThreadPoolExecutor(os.cpu_count())

    def fill(size: int) -> None:
        while len(window) < size and (row := next(upcoming, None)) is not None:
            window.append(pool.submit(prepare, row))

    try:
        for start in range(0, count, batch_size):
            fill((AHEAD + 1) * batch_size)
            began = time.perf_counter()
            batch = [window.popleft().result() for _ in range(min(batch_size, count - start))]
            waits.append(time.perf_counter() - began)
            fill(AHEAD * batch_size)
            yield batch
    finally:
        pool.shutdown(cancel_futures=True)
