"""Curves and sample pairs for TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sameplayer.data.images.picture import Picture
from sameplayer.errors import import_extra
from sameplayer.training.losses.info_nce import Outcome


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
