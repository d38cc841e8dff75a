"""The scoring pass of Score-CAM made cheap: smaller masked pictures, without their padding.

A score only decides how much one of hundreds of channels weighs. It is the same to about a
hundredth when the picture is half as large; and the padding of a letterboxed player, half of a
ViT's patches, says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from timm.layers.pos_embed import resample_abs_pos_embed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor
from torch.nn import functional

from sameplayer.encoder.encoder import Encoder


def usual_divisor(encoder: Encoder) -> int:
    """Return 2, or 1 for a ViT that half the size would leave fewer than 7 patches along a side."""
    grid = getattr(getattr(encoder.model, "patch_embed", None), "grid_size", None)
    return 1 if grid is not None and min(grid) < 14 else 2


def coarse_features(
    encoder: Encoder, image: Tensor, coarse: int
) -> tuple[Callable[[Tensor], Tensor], int]:
    """Return the function from masked images (b, 3, h, w) to features (b, d), and its divisor.

    image    (3, h, w), the unmasked one: its padding is what the function leaves out
    coarse   divides the size; 1: the encoder's own pass. Networks with blocks other than a plain
             ViT with learnt positions, and those that take no other size, take their own pass: the
             divisor returned is 1
    """
    model: Any = encoder.model
    if isinstance(model, VisionTransformer) and model.pos_embed is not None:
        if coarse > 1 or encoder.spec.drop_padding:
            return _patch_features(encoder, image, coarse), coarse
    elif coarse > 1 and not hasattr(model, "blocks"):
        high, wide = max(image.shape[1] // coarse, 1), max(image.shape[2] // coarse, 1)

        def smaller(masked: Tensor) -> Tensor:
            return encoder.features(_smaller(masked, high, wide))

        if _runs(smaller, image):
            return smaller, coarse
    return encoder.features, 1


def _runs(function: Callable[[Tensor], Tensor], image: Tensor) -> bool:
    """Tell whether a network takes images of another size: only trying says so."""
    try:
        with torch.no_grad():
            function(image[None])
    except Exception:  # a network says in its own way that it takes one size only
        return False
    return True


def _patch_features(encoder: Encoder, image: Tensor, coarse: int) -> Callable[[Tensor], Tensor]:
    """Return the pass of a plain ViT over those patches alone that show a part of the picture."""
    model: Any = encoder.model
    tall, broad = model.patch_embed.patch_size
    rows = max(image.shape[1] // coarse // tall, 1)
    columns = max(image.shape[2] // coarse // broad, 1)
    kept = _patches_with_picture(encoder, image, rows, columns)
    prefix = 0 if model.no_embed_class else model.num_prefix_tokens
    positions = resample_abs_pos_embed(
        model.pos_embed, [rows, columns], list(model.patch_embed.grid_size), prefix
    )
    first = [p for p in (model.cls_token, model.reg_token) if p is not None]

    def features(masked: Tensor) -> Tensor:
        small = _smaller(masked, rows * tall, columns * broad)
        patches = model.patch_embed.proj(small).flatten(2).transpose(1, 2)
        patches = model.patch_embed.norm(patches)
        head = [token.expand(len(patches), -1, -1) for token in first]
        if model.no_embed_class:
            tokens = torch.cat([*head, (patches + positions)[:, kept]], dim=1)
        else:
            tokens = torch.cat([*head, patches], dim=1) + positions
            own = torch.arange(prefix, device=kept.device)
            tokens = tokens[:, torch.cat([own, kept + prefix])]
        tokens = model.norm(model.blocks(model.norm_pre(tokens)))
        pooled: Tensor = model.forward_head(tokens)
        return pooled

    return features


def _smaller(masked: Tensor, high: int, wide: int) -> Tensor:
    return functional.interpolate(masked, (high, wide), mode="area")


def _patches_with_picture(encoder: Encoder, image: Tensor, rows: int, columns: int) -> Tensor:
    """Return the numbers of the patches, row by row, that hold more than padding.

    Those that touch one count as well, but not where the encoder itself leaves padding out.
    """
    shown = (image != encoder.padding.view(3, 1, 1)).any(dim=0).float()
    cells = functional.adaptive_max_pool2d(shown[None], (rows, columns))
    if not encoder.spec.drop_padding:
        cells = functional.max_pool2d(cells, 3, 1, 1)
        if not cells.any():
            cells = torch.ones_like(cells)
    return cells.flatten().nonzero()[:, 0]
