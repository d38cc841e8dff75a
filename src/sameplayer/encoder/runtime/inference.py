"""Running a network without training it: evaluation mode, order of weights, number format."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from sameplayer.encoder.runtime.engines import BF16, FP32, TORCH, computed_in
from sameplayer.errors import ConfigError

DTYPES: dict[str, torch.dtype] = {FP32: torch.float32, BF16: torch.bfloat16}


def settle(model: nn.Module, device: torch.device) -> None:
    """Put a network into evaluation mode, its convolutions laid out as the device likes them.

    Once, when an encoder is made: nothing is switched while it is used, so threads may share it.
    Where all is so already nothing is touched. With weights in channels-last order on a CPU,
    ``person`` is 1.3 times as fast in fp32, 1.5 times in bf16.
    """
    if any(layer.training for layer in model.modules()):
        model.eval()
    order = torch.channels_last if device.type == "cpu" else torch.contiguous_format
    for layer in model.modules():
        if not isinstance(layer, nn.Conv2d) or is_lazy(layer.weight):
            continue
        if not layer.weight.is_contiguous(memory_format=order):
            layer.weight.data = layer.weight.data.to(memory_format=order)


def unsettle(model: nn.Module) -> None:
    """Make a network ready to learn: training mode, weights in their usual order."""
    model.to(memory_format=torch.contiguous_format)
    model.train()  # some layers drop here what they computed from their weights for evaluation


def refuse_training_mode(model: nn.Module) -> None:
    """Raise ConfigError where a layer is in training mode: rows would depend on their batch."""
    if any(layer.training for layer in model.modules()):
        raise ConfigError(
            "The encoder's network is in training mode, in which rows depend on their batch and "
            "change the network; expected evaluation mode. Call encoder.model.eval() first, and "
            "encoder.model.train() to go on training it."
        )


def own_layers(model: nn.Module) -> nn.Module:
    """Return a network of layers of its own over the same weights.

    It may be hooked and set otherwise while other threads run the first one. Raises ConfigError
    for a network that is in training mode or cannot be copied.
    """
    refuse_training_mode(model)
    shared = {id(value): value for value in (*model.parameters(), *model.buffers())}
    try:
        return copy.deepcopy(model, shared)
    except Exception as error:  # a user's module may hold anything
        raise ConfigError(
            f"{type(model).__name__} cannot be copied ({type(error).__name__}: {error}); expected "
            "a module that copy.deepcopy() takes."
        ) from error


@contextmanager
def inference(model: nn.Module, device: torch.device, precision: str = FP32) -> Iterator[None]:
    """Compute without gradients in a number format, with a network in evaluation mode.

    precision    "fp32"; "bf16": matrix products in bfloat16, faster on a GPU and on a CPU that can
                 multiply it, features differ by about a hundredth

    Raises SettingError for another precision, ConfigError for a network in training mode.
    """
    refuse_training_mode(model)
    dtype = DTYPES[computed_in(TORCH, precision)]
    lower = dtype is not torch.float32
    # no_grad and not inference_mode: what a layer caches here may be met again under gradients
    with torch.no_grad(), torch.autocast(device.type, dtype, enabled=lower):
        yield
