"""Training batches as the network sees them, as a picture and, with curves, in TensorBoard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sameplayer.common.files import whole_file
from sameplayer.data.batches.augment import Augment, PairTransform, erase
from sameplayer.data.crops import Crops
from sameplayer.data.images.picture import Picture, encode_picture
from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import import_extra
from sameplayer.training.config import TrainConfig
from sameplayer.training.losses.info_nce import Outcome
from sameplayer.training.processes import Process
from sameplayer.training.run.init_encoder import OwnParts, first_encoder
from sameplayer.training.sampling.dataloader import Feed
from sameplayer.training.sampling.plan import make_plan

ROW = 16


def show_batch(
    crops: Crops,
    config: TrainConfig,
    out: str | Path,
    *,
    augment: PairTransform | Augment | None = None,
) -> int:
    """Write the first batch of a run with these settings as a PNG; return how many pairs it holds.

    Pictures are augmented, normalised and erased as in training, then turned back into colours.
    No person is held out for validation, and no weights are fetched.

    augment    an own augmentation, as ``train`` takes it
    """
    own = OwnParts(augment=augment)
    asked = replace(own.recorded(config), validate="none", pretrained=True)
    start = own.start(asked)
    plan = make_plan(crops, asked, None if start is None else start.spec)
    encoder = first_encoder(replace(plan.config, pretrained=False), start)
    chosen = own.chosen_augment(plan.config)
    with Feed(plan, encoder.prepare, chosen, Process(encoder.device)) as feed:
        batch, persons, _ = next(feed.epoch(0))
    images = encoder.normalise(batch.pictures)
    if chosen.erases:
        images = erase(images, batch.generators)
    with whole_file(out) as partial:
        partial.write_bytes(encode_picture(draw_pairs(encoder, images)))
    return len(persons)


def draw_pairs(encoder: Encoder, images: Tensor) -> Picture:
    """Return normalised images (2b, 3, h, w), anchors then positives, as one picture of pairs."""
    mean = torch.tensor(encoder.spec.mean).view(3, 1, 1)
    std = torch.tensor(encoder.spec.std).view(3, 1, 1)
    colours = (images.cpu() * std + mean) * 255
    pixels = colours.clamp(0, 255).round().byte().permute(0, 2, 3, 1).numpy()
    columns = [np.concatenate(both) for both in zip(*np.split(pixels, 2), strict=True)]
    width = min(ROW, len(columns))
    columns += [np.zeros_like(columns[0])] * (-len(columns) % width)
    lines = [np.concatenate(columns[i : i + width], axis=1) for i in range(0, len(columns), width)]
    return np.concatenate(lines)


class Board:
    """Writes a run's curves into its folder tensorboard/; view: tensorboard --logdir RUN.

    Raises MissingExtra where TensorBoard is not installed.
    """

    def __init__(self, run: Path) -> None:
        import_extra("tensorboard", "tensorboard", "tensorboard")
        from torch.utils.tensorboard import SummaryWriter

        self._folder, self._make = str(run / "tensorboard"), SummaryWriter
        self._writer: Any = None

    def add(self, step: int, outcome: Outcome, lr: float, scale: float) -> None:
        """Add one step: loss, similarities, rate and the factor on the similarities."""
        writer = self._open()
        similar = {"pairs": outcome.positive, "others": outcome.negative}
        writer.add_scalar("loss", outcome.loss, step)
        writer.add_scalars("similarity", similar, step)
        writer.add_scalar("rate", lr, step)
        writer.add_scalar("scale", scale, step)

    def show(self, step: int, picture: Picture) -> None:
        """Add a picture of the pairs (h, w, 3)."""
        self._open().add_image("pairs", picture, step, dataformats="HWC")

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _open(self) -> Any:
        if self._writer is None:  # only once the folder is known to be this run's
            self._writer = self._make(self._folder)
        return self._writer
