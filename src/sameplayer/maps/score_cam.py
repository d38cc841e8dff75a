"""Heat maps of the similarity between two crops: Score-CAM, and gradients for speed.

Score-CAM (Wang et al., 2020) on a similarity: every channel of a late layer, as a map over the
picture, masks it; the channel weighs what the masked picture scores against the other picture; the
map is the weighted sum of the channels, negative places cut off. Conventions follow
pytorch-grad-cam, the common implementation: channels are scaled to [0, 1], the *normalised* image
is masked (so that hidden places take the mean colour), weights are a softmax over the scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from scipy.cluster.vq import kmeans2
from torch import Tensor
from torch.nn import functional

from sameplayer.data.images import Picture
from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import ConfigError
from sameplayer.maps.coarse import coarse_features, usual_divisor
from sameplayer.maps.gradients import grad_cam, legrad
from sameplayer.maps.layers import chosen, finished, layers_of, on_grid, watched

METHODS = ("score-cam", "grad-cam", "legrad", "random")


@dataclass(frozen=True)
class Explanation:
    """Why two pictures score as they do.

    map_a, map_b    (h, w) float32 in [0, 1], as large as the pictures: how much each place of one
                    adds to its similarity with the other; all 0 where nothing does
    similarity      cosine similarity of the two features
    facts           method, layer, channels and passes
    """

    map_a: np.ndarray
    map_b: np.ndarray
    similarity: float
    facts: dict[str, Any]


def explain(
    encoder: Encoder,
    a: Picture,
    b: Picture,
    *,
    method: str = "score-cam",
    block: int | None = None,
    channels: int | None = None,
    clusters: int | None = None,
    coarse: int | None = None,
    batch_size: int = 64,
    half: bool = False,
) -> Explanation:
    """Show what in each of two crops (h, w, 3) uint8 RGB matches the other.

    method        "score-cam"; "grad-cam" or, for ViTs, "legrad": gradients, two passes instead of
                  hundreds; "random", a control
    block         which transformer block or stage, from the front or, negative, from the end; None:
                  the last block, or the last stage with at least 7 places along its shorter side;
                  LeGrad takes all blocks from this one on, None: all
    channels      only this many channels, those with the largest activations (gScoreCAM's idea);
                  None: all
    clusters      group the channels into this many clusters of like maps and score one mean map for
                  each; None: every channel for itself
    coarse        score masked pictures at a size divided by this and without their padding, see
                  docs/explain.md for what it costs; 1: at full size, as published; None: 2, but 1
                  for a ViT of few patches
    half          bfloat16, for a GPU

    A black crop gives a map like any other, or zeros. Raises ConfigError for an unknown method, a
    block that is not there, and an encoder without a grid of features.
    """
    if method not in METHODS:
        raise ConfigError(f"Map {method!r} is unknown; expected {', '.join(METHODS)}.")
    for name, value in (("channels", channels), ("clusters", clusters), ("coarse", coarse)):
        if value is not None and value < 1:
            raise ConfigError(f"{name} is {value}; expected 1 or more.")
    coarse = coarse or usual_divisor(encoder)
    encoder.model.eval()
    prepared = torch.from_numpy(np.stack([encoder.prepare(a), encoder.prepare(b)]))
    images = encoder.normalise(prepared)
    with torch.no_grad():
        features = functional.normalize(encoder.features(images).float(), dim=1)
    maps, facts = [], {"method": method, "block": block}
    for picture, image, target in zip((a, b), images, features.flip(0), strict=True):
        if method == "score-cam":
            found, passes = score_cam(
                encoder,
                image,
                target,
                block=block,
                channels=channels,
                clusters=clusters,
                coarse=coarse,
                batch_size=batch_size,
                half=half,
            )
            facts |= {"passes": passes, "coarse": coarse}
        elif method == "grad-cam":
            found = grad_cam(encoder, image, target, block)
        elif method == "legrad":
            found = legrad(encoder, image, target, block)
        else:
            found = random_map((images.shape[2], images.shape[3]), seed=1)
        maps.append(on_picture(found, picture))
    return Explanation(maps[0], maps[1], float(features[0] @ features[1]), facts)


def score_cam(
    encoder: Encoder,
    image: Tensor,
    target: Tensor,
    *,
    block: int | None = None,
    channels: int | None = None,
    clusters: int | None = None,
    coarse: int = 1,
    batch_size: int = 64,
    half: bool = False,
) -> tuple[np.ndarray, int]:
    """Return the map (h, w) of one normalised image (3, h, w), and the number of masked passes.

    target    (d,) unit feature of the other picture
    """
    with torch.no_grad(), watched(layers_of(encoder)) as seen:
        encoder.features(image[None])
    grid = on_grid(encoder, chosen(encoder, seen, block))[0].float()
    if channels is not None and channels < len(grid):
        strongest = torch.topk(grid.abs().amax(dim=(1, 2)), channels).indices
        grid = grid[strongest]
    masks = _scaled(functional.interpolate(grid[None], image.shape[1:], mode="bilinear",
                                           align_corners=True)[0])  # fmt: skip
    groups = torch.arange(len(grid), device=grid.device)
    if clusters is not None and clusters < len(grid):
        small = _scaled(grid).flatten(1).cpu().numpy()
        found = kmeans2(small, clusters, minit="++", rng=1)[1]
        groups = torch.from_numpy(np.unique(found, return_inverse=True)[1]).to(grid.device)
        sums = masks.new_zeros(int(groups.max()) + 1, *masks.shape[1:])
        masks = _scaled(sums.index_add_(0, groups, masks))
    features = coarse_features(encoder, image, coarse)
    scores = []
    with torch.inference_mode(), torch.autocast(image.device.type, torch.bfloat16, enabled=half):
        for part in torch.split(masks, batch_size):
            rows = features(image[None] * part[:, None]).float()
            scores.append(functional.normalize(rows, dim=1) @ target)
    weights = torch.softmax(torch.cat(scores)[groups], dim=0)
    return finished((weights[:, None, None] * grid).sum(dim=0), image), len(masks)


def random_map(shape: tuple[int, int], seed: int, cells: int = 7) -> np.ndarray:
    """Return a smooth random map (h, w) in [0, 1]: the control for every other one."""
    coarse = np.random.default_rng(seed).random((cells, cells), np.float32)
    return np.clip(cv2.resize(coarse, (int(shape[1]), int(shape[0]))), 0, 1)


def on_picture(found: np.ndarray, picture: Picture) -> np.ndarray:
    """Return a map over the network's input (h, w) as one over the picture that was letterboxed."""
    (high, wide), (tall, broad) = found.shape, picture.shape[:2]
    scale = min(high / tall, wide / broad)
    new_high, new_wide = min(high, max(1, int(tall * scale))), min(wide, max(1, int(broad * scale)))
    top, left = (high - new_high) // 2, (wide - new_wide) // 2
    part = found[top : top + new_high, left : left + new_wide]
    return np.clip(cv2.resize(np.ascontiguousarray(part), (broad, tall)), 0, 1)


def _scaled(maps: Tensor) -> Tensor:
    """Return maps (c, h, w) each from 0 to 1."""
    low, high = (end(maps, dim=(1, 2), keepdim=True) for end in (torch.amin, torch.amax))
    return (maps - low) / (high - low + 1e-8)
