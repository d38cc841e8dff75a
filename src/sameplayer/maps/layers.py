"""Where an encoder's maps come from: the layers that may be looked at, their outputs as a grid.

The layer of a ViT is ``blocks[-1].norm1``: the patch tokens that leave the last block but one. The
last attention moves what they hold into the class token, from which the feature is made, so after
it the patches are no longer what the similarity rests on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.networks.padding import patches_to_keep
from sameplayer.errors import ConfigError, SettingError

FINE = 7  # places along a grid's shorter side from which a map shows parts of a player


@contextmanager
def watched(layers: Sequence[nn.Module]) -> Iterator[list[Any]]:
    """Collect what each of the layers puts out during one pass; None for one that does not run."""
    seen: list[Any] = [None] * len(layers)

    def keep(place: int) -> Callable[[nn.Module, Any, Any], None]:
        def hook(layer: nn.Module, given: Any, output: Any) -> None:
            seen[place] = output

        return hook

    hooks = [layer.register_forward_hook(keep(place)) for place, layer in enumerate(layers)]
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
            "lie on a grid; explain needs one of them: for a network of your own, an nn.Sequential "
            "named stages."
        )
    return found


def choose(
    encoder: Encoder, seen: Sequence[Any], image: Tensor, block: int | None, least: int = FINE
) -> int:
    """Return the place of the named block, or of the one to look at where none was named.

    That is the last with at least ``least`` places along its shorter side, or, where none has, the
    finest.
    """
    if block is not None:
        if not -len(seen) <= block < len(seen):
            raise SettingError(
                "block",
                block,
                f"0 to {len(seen) - 1} for {encoder.spec.architecture}, or -1 for the last",
            )
        return block % len(seen)
    grids = [grid_shape(encoder, output, image) for output in seen]
    usable = [place for place, grid in enumerate(grids) if grid is not None]
    if not usable:
        raise ConfigError(_no_grid(encoder, seen[-1], image))
    sides = {place: min(grid) for place in usable if (grid := grids[place]) is not None}
    fine = [place for place in usable if sides[place] >= least]
    return fine[-1] if fine else max(usable, key=lambda place: (sides[place], place))


def on_grid(encoder: Encoder, output: Any, image: Tensor) -> Tensor:
    """Return a layer's output for one image as (1, channels, rows, columns).

    Raises ConfigError for what does not lie on a grid over the image.
    """
    grid = grid_shape(encoder, output, image)
    if grid is None:
        raise ConfigError(_no_grid(encoder, output, image))
    if output.ndim == 4:
        return output.movedim(3, 1) if _channels_last(encoder, output, image) else output
    rows, columns = grid
    if encoder.spec.drop_padding:
        kept = patches_to_keep(encoder.model, image[None], encoder.padding)[0]
        patches = output.new_zeros(1, rows * columns, output.shape[2])
        patches[:, kept] = output[:, output.shape[1] - int(kept.sum()) :]
    else:
        patches = output[:, output.shape[1] - rows * columns :]
    return patches.transpose(1, 2).reshape(1, -1, rows, columns)


def grid_shape(encoder: Encoder, output: Any, image: Tensor) -> tuple[int, int] | None:
    """Return (rows, columns) of a layer's output over an image (3, h, w), or None if it has none.

    Four dimensions are channels first or last: the two that have the image's proportions are rows
    and columns. Three dimensions are tokens, patches row by row after the first few.
    """
    if not isinstance(output, Tensor) or hasattr(encoder.model, "reroll"):
        return None  # Hiera keeps its patches in another order than the picture's
    if output.ndim == 4:
        last = _channels_last(encoder, output, image)
        shape = output.shape[1:3] if last else output.shape[2:]
        return (shape[0], shape[1]) if _fits(shape, image) else None
    if output.ndim != 3:
        return None
    grids = _token_grids(encoder, image)
    if encoder.spec.drop_padding:
        return grids[0]
    prefix = getattr(encoder.model, "num_prefix_tokens", 0)
    for tokens in (output.shape[1] - prefix, output.shape[1]):
        for rows, columns in grids:
            if rows * columns == tokens:
                return rows, columns
    return None


def _token_grids(encoder: Encoder, image: Tensor) -> list[tuple[int, int]]:
    """Return the grids that a network's tokens may lie on, that of its patches first."""
    model: Any = encoder.model
    grid = getattr(getattr(model, "patch_embed", None), "grid_size", None)
    grids = [] if grid is None else [(int(grid[0]), int(grid[1]))]
    high, wide = image.shape[1:]
    for info in getattr(model, "feature_info", None) or []:
        step = info.get("reduction")
        if step:
            grids.append((math.ceil(high / step), math.ceil(wide / step)))
    return grids


def _channels_last(encoder: Encoder, output: Tensor, image: Tensor) -> bool:
    first, last = _fits(output.shape[2:], image), _fits(output.shape[1:3], image)
    if first and last:
        return getattr(encoder.model, "output_fmt", "NCHW") == "NHWC"
    return last


def _fits(shape: Sequence[int], image: Tensor) -> bool:
    """Tell whether a grid has the proportions of an image, up to a row or column of rounding."""
    rows, columns = shape
    step = max(image.shape[1] / rows, image.shape[2] / columns)
    return rows - image.shape[1] / step < 1.01 and columns - image.shape[2] / step < 1.01


def _no_grid(encoder: Encoder, output: Any, image: Tensor) -> str:
    shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
    return (
        f"{encoder.spec.architecture}: a layer gives {shape}, which is no grid over a picture of "
        f"{image.shape[1]} x {image.shape[2]} pixels; expected (1, channels, rows, columns), "
        "(1, rows, columns, channels) or (1, tokens, channels). Explain another encoder."
    )


def finished(weighted: Tensor, image: Tensor) -> np.ndarray:
    """Cut off what is negative in (rows, columns), scale to [0, 1], enlarge to the image."""
    positive = torch.clamp_min(weighted, 0).cpu().numpy()
    positive = (positive - positive.min()) / (1e-7 + positive.max() - positive.min())
    size = (image.shape[2], image.shape[1])
    return np.clip(cv2.resize(positive.astype(np.float32), size), 0, 1)


def layer_name(encoder: Encoder, layer: nn.Module) -> str:
    """Return the name of a layer within the encoder's network."""
    return next(name for name, held in encoder.model.named_modules() if held is layer)
