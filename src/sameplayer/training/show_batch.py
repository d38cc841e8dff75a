"""A picture of one training batch as the network sees it: anchors above their positives."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from sameplayer.data.augment import erase
from sameplayer.data.batches import draw_batches
from sameplayer.data.crops import Crops
from sameplayer.data.loading import PairLoader
from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import DataError
from sameplayer.files import whole_file
from sameplayer.training.config import TrainConfig

ROW = 16


def show_batch(crops: Crops, encoder: Encoder, config: TrainConfig, out: str | Path) -> int:
    """Write the first batch of a run with these settings as a PNG; return how many pairs it holds.

    Pictures are augmented, normalised and erased as in training, then turned back into colours.
    """
    config = config.resolved()
    training = crops.select("train")
    persons, scopes = training.persons(), training.scopes()
    found = len(np.unique(persons[persons >= 0]))
    pairs = min(config.pairs or 2, max(found, 2))
    rng = np.random.default_rng((config.seed, 0))
    plan = draw_batches(persons, scopes, pairs, rng)[:1]
    loader = PairLoader(training, encoder.prepare, config.augment or "none", config.cache_gb)
    try:
        batch = next(loader.batches(plan, config.seed, 0))
    finally:
        loader.close()
    images = erase(encoder.normalise(batch.pictures), config.augment or "none", batch.generators)
    mean = torch.tensor(encoder.spec.mean).view(3, 1, 1)
    std = torch.tensor(encoder.spec.std).view(3, 1, 1)
    pixels = ((images * std + mean) * 255).clamp(0, 255).round().byte().permute(0, 2, 3, 1).numpy()
    columns = [np.concatenate(both) for both in zip(*np.split(pixels, 2), strict=True)]
    blank = np.zeros_like(columns[0])
    columns += [blank] * (-len(columns) % min(ROW, len(columns)))
    width = min(ROW, len(columns))
    lines = [np.concatenate(columns[i : i + width], axis=1) for i in range(0, len(columns), width)]
    good, content = cv2.imencode(".png", np.ascontiguousarray(np.concatenate(lines)[:, :, ::-1]))
    if not good:
        raise DataError(f"{out}: the picture cannot be encoded.")
    with whole_file(out) as partial:
        partial.write_bytes(content.tobytes())
    return len(plan[0])
