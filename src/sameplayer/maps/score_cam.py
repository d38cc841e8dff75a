"""Heat maps of the similarity between two crops: Score-CAM, and gradients for speed.

Score-CAM (Wang et al., 2020) on a similarity: every channel of a late layer, as a map over the
picture, masks it; the channel weighs what the masked picture scores against the other picture; the
map is the weighted sum of the channels, negative places cut off. Conventions follow
pytorch-grad-cam, the common implementation: channels are scaled to [0, 1], the *normalised* image
is masked (so that hidden places take the mean colour), weights are a softmax over the scores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from scipy.cluster.vq import kmeans2
from torch import Tensor
from torch.nn import functional

from sameplayer.data.images import FITS, Picture
from sameplayer.data.shown import Shown, as_picture
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.given import as_encoder
from sameplayer.encoder.inference import own_layers
from sameplayer.errors import ConfigError, did_you_mean, refuse_other_types
from sameplayer.maps.coarse import coarse_features, usual_divisor
from sameplayer.maps.gradients import USUAL, grad_cam, legrad
from sameplayer.maps.layers import choose, finished, layer_name, layers_of, on_grid, watched
from sameplayer.maps.method import ImageMap, MapMethod, MapSettings


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why two pictures score as they do.

    map_a, map_b    (h, w) float32 in [0, 1], as large as the pictures: how much each place of one
                    adds to its similarity with the other; all 0 where nothing does
    similarity      cosine similarity of the two pictures' rows, as ``Encoder.embed`` gives them
    facts           method and block asked for; layer, and for Score-CAM channels, passes and the
                    divisor of the size ("coarse"), as they were for map_a. The maps explain the
                    network's part: where colours are joined, "network_similarity" is its cosine
    """

    map_a: np.ndarray
    map_b: np.ndarray
    similarity: float
    facts: dict[str, Any]


def explain(
    encoder: Encoder | str | Path,
    a: Shown,
    b: Shown,
    *,
    method: str | MapMethod = "score-cam",
    block: int | None = None,
    channels: int | None = None,
    clusters: int | None = None,
    coarse: int | None = None,
    batch_size: int = 64,
    half: bool = False,
    order: str = "rgb",
) -> Explanation:
    """Show what in each of two crops matches the other: pictures, each as ``as_picture`` takes it.

    encoder       Encoder, or what ``load_encoder`` takes
    method        a name in ``MAPS``: "score-cam"; "grad-cam" or, for ViTs, "legrad": gradients,
                  two passes instead of hundreds; "random", a control. Or a MapMethod of your own
    block         which transformer block or stage, from the front or, negative, from the end; None:
                  the last one with at least 7 places along its shorter side; LeGrad takes all
                  blocks from this one on, None: all
    channels      only this many channels, those with the largest activations (gScoreCAM's idea);
                  None: all
    clusters      group the channels into this many clusters of like maps and score one mean map for
                  each; None: every channel for itself
    coarse        score masked pictures at a size divided by this and without their padding, see
                  docs/explain.md for what it costs; 1: at full size, as published; None: 2, but 1
                  for a ViT of few patches. A network that takes one size only is scored at that
    half          bfloat16, for a GPU
    order         of the channels of arrays and tensors: "rgb"; "bgr", as OpenCV reads

    A black crop gives a map like any other, or zeros. The method gets the encoder's weights in
    layers of their own, so other threads may use the encoder meanwhile. Raises ConfigError for an
    unknown method, a setting out of range, a block that is not there, an encoder in training mode,
    and one without a grid of features.
    """
    refuse_other_types("explain", encoder=(encoder, (Encoder, str, Path)))
    make, encoder = _find_method(method), as_encoder(encoder)
    encoder = Encoder(own_layers(encoder.model), encoder.spec, encoder.log_scale.item())
    settings = MapSettings(block, channels, clusters, coarse, batch_size, half)
    pictures = [as_picture(a, order), as_picture(b, order)]
    prepared = torch.from_numpy(np.stack([encoder.prepare(picture) for picture in pictures]))
    images = encoder.normalise(prepared)
    with torch.no_grad():
        features = functional.normalize(encoder.features(images).float(), dim=1)
        rows = encoder.rows(images)
    maps = [
        make(encoder, image, target, settings)
        for image, target in zip(images, features.flip(0), strict=True)
    ]
    shown = [
        on_picture(found.values, picture, encoder.spec.fit)
        for found, picture in zip(maps, pictures, strict=True)
    ]
    name = method if isinstance(method, str) else getattr(method, "__name__", "own")
    facts = {"method": name, "block": block, **maps[0].facts}
    if encoder.spec.colour:
        facts["network_similarity"] = float(features[0] @ features[1])
    return Explanation(shown[0], shown[1], float(rows[0] @ rows[1]), facts)


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


def random_map(shape: tuple[int, int], seed: int, cells: int = 7) -> np.ndarray:
    """Return a smooth random map (h, w) in [0, 1]: the control for every other one."""
    coarse = np.random.default_rng(seed).random((cells, cells), np.float32)
    return np.clip(cv2.resize(coarse, (int(shape[1]), int(shape[0]))), 0, 1)


def on_picture(values: np.ndarray, picture: Picture, fit: str = "letterbox") -> np.ndarray:
    """Return a map over the network's input (h, w) as one over the picture that was fitted."""
    (high, wide), (tall, broad) = values.shape, picture.shape[:2]
    top, left, new_high, new_wide = FITS[fit].place(tall, broad, high, wide)
    part = values[top : top + new_high, left : left + new_wide]
    return np.clip(cv2.resize(np.ascontiguousarray(part), (broad, tall)), 0, 1)


def _random(encoder: Encoder, image: Tensor, target: Tensor, settings: MapSettings) -> ImageMap:
    return ImageMap(random_map((image.shape[1], image.shape[2]), seed=1))


MAPS: dict[str, MapMethod] = {
    "score-cam": score_cam,
    "grad-cam": grad_cam,
    "legrad": legrad,
    "random": _random,
}


def _find_method(method: str | MapMethod) -> MapMethod:
    if not isinstance(method, str):
        return method
    if method not in MAPS:
        hint = did_you_mean(method, MAPS)
        raise ConfigError(f"Map {method!r} is unknown; expected {', '.join(MAPS)}.{hint}")
    return MAPS[method]


def _masks(grid: Tensor, image: Tensor, clusters: int | None) -> tuple[Tensor, Tensor]:
    """Return masks (m, h, w) in [0, 1], and for each channel (c,) which of them is its own."""
    masks = _scaled(functional.interpolate(grid[None], image.shape[1:], mode="bilinear",
                                           align_corners=True)[0])  # fmt: skip
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
