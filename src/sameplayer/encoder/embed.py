"""Crops to Embeddings: decoding in threads while the network works."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch.nn import functional

from sameplayer.data.crops import Crops
from sameplayer.data.images import Picture
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import DataError


def embed(
    encoder: Encoder,
    crops: Crops,
    *,
    batch_size: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> Embeddings:
    """Embed every row of a crop table.

    ``progress`` is called with (done, all). Raises DataError at the first picture that cannot be
    read; ``check_crops`` lists them all.
    """
    if len(crops) == 0:
        raise DataError(f"{crops.root}: no crops to embed; expected at least one row.")
    was_training = encoder.model.training
    encoder.model.eval()
    rows = np.zeros((len(crops), encoder.feature_width), np.float32)
    starts = range(0, len(crops), batch_size)
    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool, torch.inference_mode():
            waiting = _submit(pool, encoder, crops, 0, batch_size)
            for start in starts:
                batch = np.stack([job.result() for job in waiting])
                waiting = _submit(pool, encoder, crops, start + batch_size, batch_size)
                features = encoder.features(encoder.normalise(torch.from_numpy(batch)))
                unit = functional.normalize(features.float(), dim=1)
                rows[start : start + len(batch)] = unit.cpu().numpy()
                if progress is not None:
                    progress(min(start + batch_size, len(crops)), len(crops))
    finally:
        encoder.model.train(was_training)
    facts = {"architecture": encoder.spec.architecture, "weights": encoder.spec.weights}
    return Embeddings(rows, crops, encoder.fingerprint(), facts)


def _submit(
    pool: ThreadPoolExecutor, encoder: Encoder, crops: Crops, start: int, count: int
) -> list[Future[Picture]]:
    def prepare(row: int) -> Picture:
        return encoder.prepare(crops.read(row))

    return [pool.submit(prepare, row) for row in range(start, min(start + count, len(crops)))]
