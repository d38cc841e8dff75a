"""Running a network without training it: evaluation mode, number format, and all as before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from sameplayer.errors import SettingError

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
