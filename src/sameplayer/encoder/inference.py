"""Running a network without training it: evaluation mode, number format, and all as before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import nn

from sameplayer.data.images import Picture
from sameplayer.data.reading import read_crop
from sameplayer.errors import ConfigError, SettingError

PRECISIONS: dict[str, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16}


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put every layer into evaluation mode, and back into its own mode at the end."""
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    try:
        yield
    finally:
        model.train(modes[0][1])  # the call, since some layers drop what they cached for evaluation
        for layer, mode in modes:
            layer.training = mode


@contextmanager
def inference(model: nn.Module, device: torch.device, precision: str = "fp32") -> Iterator[None]:
    """Evaluation mode without gradients.

    precision    "fp32"; "bf16": matrix products in bfloat16, faster on a GPU, features differ by
                 about a hundredth

    Raises SettingError for another precision.
    """
    if precision not in PRECISIONS:
        raise SettingError("precision", repr(precision), f"one of {', '.join(PRECISIONS)}")
    dtype, lower = PRECISIONS[precision], precision != "fp32"
    # no_grad and not inference_mode: what a layer caches here may be met again under gradients
    with evaluating(model), torch.no_grad(), torch.autocast(device.type, dtype, enabled=lower):
        yield


def check_batch_size(batch_size: int) -> None:
    """Raise SettingError unless a batch holds one picture or more."""
    if batch_size < 1:
        raise SettingError("batch_size", batch_size, "1 or more")


def read_picture(picture: str | Path | Picture) -> Picture:
    """Return a picture that is given as a path or as uint8 RGB (h, w, 3) as the latter.

    Raises DataError for a file that cannot be read, ConfigError for an array of another kind.
    """
    if isinstance(picture, (str, Path)):
        return read_crop(Path(picture))
    if not isinstance(picture, np.ndarray):
        raise ConfigError(f"A picture must be a path or an array; found {type(picture).__name__}.")
    if picture.ndim != 3 or picture.shape[2] != 3 or not picture.size or picture.dtype != np.uint8:
        raise ConfigError(
            f"A picture must be uint8 RGB of shape (h, w, 3); found {picture.dtype} "
            f"of shape {picture.shape}."
        )
    return picture
