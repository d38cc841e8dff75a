"""Running a network without training it: evaluation mode, number format, and all as before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from sameplayer.data.images import Picture
from sameplayer.data.reading import read_crop
from sameplayer.encoder.engines import BF16, FP32, TORCH, computed_in
from sameplayer.errors import ConfigError, SettingError

DTYPES: dict[str, torch.dtype] = {FP32: torch.float32, BF16: torch.bfloat16}
CPU_PASS = 16  # pictures a pass on a CPU, where more take four times as long each


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
def channels_last(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Lay out the weights of convolutions as a CPU likes them; the same weights again at the end.

    ``person`` is 1.3 times as fast by it in fp32, 1.5 times in bf16. The weights themselves are put
    back, since a training goes on with their layout.
    """
    kept: list[tuple[Tensor, Tensor]] = []
    if device.type == "cpu":
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d):
                kept.append((layer.weight, layer.weight.data))
    try:
        for weight, plain in kept:
            weight.data = plain.to(memory_format=torch.channels_last)
        yield
    finally:
        for weight, plain in kept:
            weight.data = plain


@contextmanager
def inference(model: nn.Module, device: torch.device, precision: str = FP32) -> Iterator[None]:
    """Evaluation mode without gradients.

    precision    "fp32"; "bf16": matrix products in bfloat16, faster on a GPU and on a CPU that can
                 multiply it, features differ by about a hundredth

    Raises SettingError for another precision.
    """
    dtype = DTYPES[computed_in(TORCH, precision)]
    lower = dtype is not torch.float32
    # no_grad and not inference_mode: what a layer caches here may be met again under gradients
    with evaluating(model), torch.no_grad(), channels_last(model, device):
        with torch.autocast(device.type, dtype, enabled=lower):
            yield


def passes(prepared: Sequence[Picture], device: torch.device) -> Iterator[np.ndarray]:
    """Yield prepared pictures as arrays (n, h, w, 3): on a CPU at most ``CPU_PASS`` at once."""
    at_once = CPU_PASS if device.type == "cpu" else max(len(prepared), 1)
    for start in range(0, len(prepared), at_once):
        yield np.stack(prepared[start : start + at_once])


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
