"""Where an encoder's maps come from: the layers that may be looked at, their outputs as a grid.

The layer of a ViT is ``blocks[-1].norm1``: the patch tokens that leave the last block but one. The
last attention moves what they hold into the class token, from which the feature is made, so after
it the patches are no longer what the similarity rests on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import ConfigError


@contextmanager
def watched(layers: Sequence[nn.Module]) -> Iterator[list[Tensor]]:
    """Collect what each of the layers puts out during one pass."""
    seen: list[Tensor] = []
    hooks = [
        layer.register_forward_hook(lambda layer, given, made: seen.append(made))
        for layer in layers
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def layers_of(encoder: Encoder) -> list[nn.Module]:
    """Return the first norm of each transformer block, or the stages of a convolutional network."""
    model: Any = encoder.model
    if hasattr(model, "blocks") and all(hasattr(block, "norm1") for block in model.blocks):
        return [block.norm1 for block in model.blocks]
    if isinstance(getattr(model, "stages", None), nn.Sequential):
        return list(model.stages)
    named = dict(model.named_modules())
    infos = getattr(model, "feature_info", None) or []
    found = [named[info["module"]] for info in infos if info.get("module") in named]
    if not found:
        raise ConfigError(
            f"{encoder.spec.architecture} has neither transformer blocks nor stages whose features "
            "lie on a grid; explain needs one of them."
        )
    return found


def chosen(encoder: Encoder, seen: list[Tensor], block: int | None) -> Tensor:
    """Return the output of the named block, or of the one to look at where none was named."""
    if block is None:
        fine = [made for made in seen if made.ndim == 4 and min(made.shape[2:]) >= 7]
        return seen[-1] if seen[-1].ndim == 3 else (fine or seen)[-1 if fine else 0]
    if not -len(seen) <= block < len(seen):
        raise ConfigError(
            f"Block {block} does not exist: {encoder.spec.architecture} has {len(seen)}, 0 to "
            f"{len(seen) - 1}, or -1 for the last."
        )
    return seen[block]


def on_grid(encoder: Encoder, made: Tensor) -> Tensor:
    """Return a layer's output as (b, channels, rows, columns): tokens without the first few."""
    if made.ndim == 4:
        return made
    model: Any = encoder.model
    rows, columns = (int(size) for size in model.patch_embed.grid_size)
    patches = made[:, getattr(model, "num_prefix_tokens", 0) :]
    if encoder.spec.drop_padding or patches.shape[1] != rows * columns:
        raise ConfigError(
            f"{encoder.spec.architecture}: {patches.shape[1]} tokens are no grid of {rows} x "
            f"{columns}; explain an encoder that keeps all patches."
        )
    return patches.transpose(1, 2).reshape(len(made), -1, rows, columns)


def finished(weighted: Tensor, image: Tensor) -> np.ndarray:
    """Cut off what is negative in (rows, columns), scale to [0, 1], enlarge to the image."""
    positive = torch.clamp_min(weighted, 0).cpu().numpy()
    positive = (positive - positive.min()) / (1e-7 + positive.max() - positive.min())
    size = (image.shape[2], image.shape[1])
    return np.clip(cv2.resize(positive.astype(np.float32), size), 0, 1)
