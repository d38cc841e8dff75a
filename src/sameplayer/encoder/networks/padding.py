"""A ViT that leaves out the patches in which a letterboxed picture has nothing but padding.

What is left out depends on the picture alone, so a feature does not depend on its batch. The kept
patches keep their positions; attention sees no padding, so features differ from those of the
padded picture, and an encoder is trained the way it is used.
"""

from __future__ import annotations

from typing import Any

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sameplayer.errors import SettingError


def refuse_other_towers(model: nn.Module, architecture: str) -> None:
    """Raise SettingError unless this is a timm ViT whose feature is its class token."""
    fits = isinstance(model, VisionTransformer) and model.global_pool == "token"
    if not fits or not isinstance(model.norm_pre, nn.Identity | nn.LayerNorm):
        raise SettingError(
            "drop_padding",
            True,
            f"False for {architecture}, which is not a ViT with a class token; use a tall input "
            "instead, such as a width of half the height",
        )


def patches_to_keep(model: Any, images: Tensor, padding: Tensor) -> Tensor:
    """Return (b, patches) bool, row by row: which patches hold more than padding of values (3,)."""
    blank = (images == padding.view(3, 1, 1)).all(dim=1)
    high, wide = model.patch_embed.patch_size
    rows, columns = model.patch_embed.grid_size
    blank = blank[:, : rows * high, : columns * wide]
    return ~blank.reshape(-1, rows, high, columns, wide).all(dim=4).all(dim=2).flatten(1)


def unpadded_features(model: Any, images: Tensor, padding: Tensor) -> Tensor:
    """Return raw features (b, d) of images (b, 3, h, w) whose padding has the values (3,).

    Every picture keeps its own patches; shorter rows are filled up and masked in attention.
    """
    # timm's own forward offers no place between positions and blocks, hence its private part
    tokens = model.norm_pre(model._pos_embed(model.patch_embed(images)))
    kept = patches_to_keep(model, images, padding)
    kept = torch.cat([kept.new_ones(len(kept), model.num_prefix_tokens), kept], dim=1)
    length = int(kept.sum(dim=1).max())
    first = torch.argsort(~kept, dim=1, stable=True)[:, :length]
    tokens = tokens.gather(1, first[:, :, None].expand(-1, -1, tokens.shape[2]))
    seen = kept.gather(1, first)
    mask = None if bool(seen.all()) else seen[:, None, None]
    for block in model.blocks:
        if model.grad_checkpointing and torch.is_grad_enabled():
            tokens = checkpoint(block, tokens, mask, use_reentrant=False)
        else:
            tokens = block(tokens, attn_mask=mask)
    features: Tensor = model.forward_head(model.norm(tokens))
    return features
