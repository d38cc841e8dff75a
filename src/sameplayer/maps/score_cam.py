"""Score-CAM: a heat map of a similarity from the scores of masked pictures.

Score-CAM (Wang et al., 2020) on a similarity: every channel of a late layer, as a map over the
picture, masks it; the channel weighs what the masked picture scores against the other picture; the
map is the weighted sum of the channels, negative places cut off. Conventions follow
pytorch-grad-cam, the common implementation: channels are scaled to [0, 1], the *normalised* image
is masked (so that hidden places take the mean colour), weights are a softmax over the scores.

The scoring pass is made cheap by smaller masked pictures, without their padding: a score only
decides how much one of hundreds of channels weighs. It is the same to about a hundredth when the
picture is half as large; and the padding of a letterboxed player, half of a ViT's patches, says
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.cluster.vq import kmeans2
from timm.layers.pos_embed import resample_abs_pos_embed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor
from torch.nn import functional

from sameplayer.encoder.encoder import Encoder
from sameplayer.maps.layers import choose, finished, layer_name, layers_of, on_grid, watched
from sameplayer.maps.method import USUAL, ImageMap, MapSettings


def score_cam(
    encoder: Encoder, image: Tensor, target: Tensor, settings: MapSettings = USUAL
) -> ImageMap:
    """Return the map of one normalised image (3, h, w).

    target    (d,) unit feature of the other picture
    """
    layers = layers_of(encoder)
    with torch.no_grad(), watched(layers) as seen:
        encoder.features(image[None])
    place = choose(encoder, seen, image, settings.block)
    grid = on_grid(encoder, seen[place], image)[0].float()
    if settings.channels is not None and settings.channels < len(grid):
        strongest = torch.topk(grid.abs().amax(dim=(1, 2)), settings.channels).indices
        grid = grid[strongest]
    masks, groups = _masks(grid, image, settings.clusters)
    divisor = settings.coarse or usual_divisor(encoder)
    features, used = coarse_features(encoder, image, divisor)
    scores = _scores(features, image, target, masks, settings)
    weights = torch.softmax(scores[groups], dim=0)
    facts = {"layer": layer_name(encoder, layers[place]), "channels": len(grid)}
    facts |= {"passes": len(masks), "coarse": used}
    return ImageMap(finished((weights[:, None, None] * grid).sum(dim=0), image), facts)


def _masks(grid: Tensor, image: Tensor, clusters: int | None) -> tuple[Tensor, Tensor]:
    """Return masks (m, h, w) in [0, 1], and for each channel (c,) which of them is its own."""
    masks = _scaled(
        functional.interpolate(grid[None], image.shape[1:], mode="bilinear", align_corners=True)[0]
    )
    groups = torch.arange(len(grid), device=grid.device)
    if clusters is None or clusters >= len(grid):
        return masks, groups
    small = _scaled(grid).flatten(1).cpu().numpy()
    labels = kmeans2(small, clusters, minit="++", rng=1)[1]
    groups = torch.from_numpy(np.unique(labels, return_inverse=True)[1]).to(grid.device)
    sums = masks.new_zeros(int(groups.max()) + 1, *masks.shape[1:])
    return _scaled(sums.index_add_(0, groups, masks)), groups


def _scores(
    features: Callable[[Tensor], Tensor],
    image: Tensor,
    target: Tensor,
    masks: Tensor,
    settings: MapSettings,
) -> Tensor:
    """Return (m,) cosine similarities of the masked image to the target."""
    scores = []
    kind = image.device.type
    with torch.no_grad(), torch.autocast(kind, torch.bfloat16, enabled=settings.half):
        for part in torch.split(masks, settings.batch_size):
            rows = features(image[None] * part[:, None]).float()
            scores.append(functional.normalize(rows, dim=1) @ target)
    return torch.cat(scores)


def _scaled(maps: Tensor) -> Tensor:
    """Return maps (c, h, w) each from 0 to 1."""
    low, high = (end(maps, dim=(1, 2), keepdim=True) for end in (torch.amin, torch.amax))
    return (maps - low) / (high - low + 1e-8)


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
