"""Maps from gradients of the similarity, in one or two passes: Grad-CAM and LeGrad."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import ConfigError
from sameplayer.maps.layers import chosen, finished, layers_of, on_grid, watched


def grad_cam(
    encoder: Encoder, image: Tensor, target: Tensor, block: int | None = None
) -> np.ndarray:
    """Return the map (h, w) whose channels weigh their mean gradient of the similarity.

    Selvaraju et al., 2017.
    """
    with torch.enable_grad(), watched(layers_of(encoder)) as seen:
        row = encoder.features(image[None].clone().requires_grad_())
        made = chosen(encoder, seen, block)
        gradient = torch.autograd.grad(_similarity(row, target), made)[0]
    grid, slope = (on_grid(encoder, one)[0].float() for one in (made.detach(), gradient))
    return finished((slope.mean(dim=(1, 2), keepdim=True) * grid).sum(dim=0), image)


def legrad(encoder: Encoder, image: Tensor, target: Tensor, block: int | None = None) -> np.ndarray:
    """Return the map (h, w) of a ViT: how much attention to each patch would raise the similarity.

    LeGrad (Bousselham et al., 2024). Each block's tokens go through the final norm and head as if
    they were the last; the gradient of that similarity by the block's own attention, what is
    negative cut off, is averaged over heads and asking tokens; the map is the mean over blocks.

    block    from this one on; None: all

    Raises ConfigError for a network without such attention.
    """
    model: Any = encoder.model
    blocks = list(getattr(model, "blocks", ()))
    attentions: list[Any] = [getattr(one, "attn", None) for one in blocks]
    if not blocks or not all(hasattr(one, "attn_drop") for one in attentions):
        raise ConfigError(
            f"LeGrad needs a ViT with attention; {encoder.spec.architecture} has none that can be "
            "looked at. Expected score-cam or grad-cam for it."
        )
    fused = [one.fused_attn for one in attentions]
    try:
        for one in attentions:
            one.fused_attn = False
        with (
            torch.enable_grad(),
            watched([one.attn_drop for one in attentions]) as weights,
            watched(blocks) as tokens,
        ):
            encoder.features(image[None].clone().requires_grad_())
            pairs = list(zip(weights, tokens, strict=True))
            chosen(encoder, weights, block)  # refuses a block that does not exist
            relevance = []
            for attention, made in pairs[slice(block, None)]:
                similarity = _similarity(model.forward_head(model.norm(made)), target)
                slope = torch.autograd.grad(similarity, attention, retain_graph=True)[0]
                relevance.append(slope.float().clamp_min(0).mean(dim=(1, 2)))
    finally:
        for one, value in zip(attentions, fused, strict=True):
            one.fused_attn = value
    mean = torch.stack(relevance).mean(dim=0)
    return finished(on_grid(encoder, mean[:, :, None])[0, 0], image)


def _similarity(row: Tensor, target: Tensor) -> Tensor:
    return functional.normalize(row, dim=1)[0] @ target
