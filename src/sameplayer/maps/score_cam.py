"""Score-CAM: a heat map of a similarity from the scores of masked pictures.

Score-CAM (Wang et al., 2020) on a similarity: every channel of a late layer, as a map over the
picture, masks it; the channel weighs what the masked picture scores against the other picture; the
map is the weighted sum of the channels, negative places cut off. Conventions follow
pytorch-grad-cam, the common implementation: channels are scaled to [0, 1], the *normalised* image
is masked (so that hidden places take the mean colour), weights are a softmax over the scores.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.cluster.vq import kmeans2
from torch import Tensor
from torch.nn import functional

from sameplayer.encoder.encoder import Encoder
from sameplayer.maps.coarse import coarse_features, usual_divisor
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
