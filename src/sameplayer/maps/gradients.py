"""Maps from gradients of the similarity, in one or two passes: Grad-CAM and LeGrad."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import ConfigError, SettingError
from sameplayer.maps.layers import choose, finished, layer_name, layers_of, on_grid, watched
from sameplayer.maps.method import USUAL, ImageMap, MapSettings


def grad_cam(
    encoder: Encoder, image: Tensor, target: Tensor, settings: MapSettings = USUAL
) -> ImageMap:
    """Return the map of one normalised image (3, h, w): channels by mean gradient (Grad-CAM).

    Selvaraju et al., 2017. ``target`` is the unit feature (d,) of the other picture; of the
    settings ``block`` counts.
    """
    layers = layers_of(encoder)
    with torch.enable_grad(), watched(layers) as seen:
        row = encoder.features(image[None].clone().requires_grad_())
        place = choose(encoder, seen, image, settings.block)
        gradient = torch.autograd.grad(_similarity(row, target), seen[place], allow_unused=True)[0]
    if gradient is None:
        raise SettingError("block", place, "a block that the feature rests on")
    grid = on_grid(encoder, seen[place].detach(), image)[0].float()
    slope = on_grid(encoder, gradient, image)[0].float()
    weighted = (slope.mean(dim=(1, 2), keepdim=True) * grid).sum(dim=0)
    facts = {"layer": layer_name(encoder, layers[place]), "passes": 1}
    return ImageMap(finished(weighted, image), facts)


def legrad(
    encoder: Encoder, image: Tensor, target: Tensor, settings: MapSettings = USUAL
) -> ImageMap:
    """Return the map of a ViT: how much attention to each patch would raise the similarity.

    LeGrad (Bousselham et al., 2024). Each block's tokens go through the final norm and head as if
    they were the last; the gradient of that similarity by the block's own attention, what is
    negative cut off, is averaged over heads and asking tokens; the map is the mean over blocks.

    Of the settings ``block`` counts: from this one on; None: all.

    Raises ConfigError for a network without such attention.
    """
    model: Any = encoder.model
    blocks = list(getattr(model, "blocks", ()))
    attentions: list[Any] = [getattr(block, "attn", None) for block in blocks]
    if not blocks or not all(hasattr(layer, "attn_drop") for layer in attentions):
        raise ConfigError(
            f"LeGrad needs a ViT with attention; {encoder.spec.architecture} has none that can be "
            "looked at. Expected score-cam or grad-cam for it."
        )
    with (
        torch.enable_grad(),
        _plain_attention(attentions),
        watched([layer.attn_drop for layer in attentions]) as weights,
        watched(blocks) as tokens,
    ):
        encoder.features(image[None].clone().requires_grad_())
        first = 0 if settings.block is None else choose(encoder, tokens, image, settings.block)
        relevance = []
        for attention, output in zip(weights[first:], tokens[first:], strict=True):
            similarity = _similarity(model.forward_head(model.norm(output)), target)
            slope = torch.autograd.grad(similarity, attention, retain_graph=True)[0]
            relevance.append(slope.float().clamp_min(0).mean(dim=(1, 2)))
    mean = torch.stack(relevance).mean(dim=0)
    facts = {"layer": f"blocks.{first} to blocks.{len(blocks) - 1}", "passes": 1}
    return ImageMap(finished(on_grid(encoder, mean[:, :, None], image)[0, 0], image), facts)


@contextmanager
def _plain_attention(attentions: list[Any]) -> Iterator[None]:
    """Let attention layers form their weights, which their fused form never does."""
    fused = [layer.fused_attn for layer in attentions]
    try:
        for layer in attentions:
            layer.fused_attn = False
        yield
    finally:
        for layer, value in zip(attentions, fused, strict=True):
            layer.fused_attn = value


def _similarity(row: Tensor, target: Tensor) -> Tensor:
    return functional.normalize(row, dim=1)[0] @ target
