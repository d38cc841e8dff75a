"""What each place adds to a similarity: its share of a sum, not an estimate.

Between the last grid of a convolutional network and its feature there is often nothing but sums and
weights: pooling, linear layers, a PReLU. The feature is then a sum over the places of the grid, and
so is its cosine with another feature. ``person`` and ``small`` end so, and a colour histogram is a
sum over pixels anyway. For other networks the sum is that of the first derivatives.

What a place holds whatever the picture shows is no reason for a match: networks keep such values in
corners, where the padding of their convolutions lets them know the place. So each place counts with
what it adds beyond the same picture strongly blurred; the remainder is ``rest``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.networks.registry import ColourNetwork
from sameplayer.errors import SettingError
from sameplayer.maps.layers import choose, layer_name, layers_of, on_grid, watched
from sameplayer.maps.method import USUAL, ImageMap, MapSettings, blurred

SOFT = 1 / 64  # standard deviation of the smoothing of a drawn colour part, of the input's height


@dataclass(frozen=True, eq=False)
class Parts:
    """What the places of one picture add to its similarity with another; all of it is the cosine.

    network    (rows, columns) of the network's last grid, signed
    colours    (h, w) of the network's input, none below 0; None without colours in the similarity
    rest       what no place adds: biases, and what the blurred picture has as well
    """

    network: np.ndarray
    colours: np.ndarray | None
    rest: float

    @property
    def similarity(self) -> float:
        """The sum of all parts."""
        colours = 0.0 if self.colours is None else float(self.colours.sum())
        return float(self.network.sum()) + colours + self.rest


def contributions(
    encoder: Encoder, image: Tensor, target: Tensor, settings: MapSettings = USUAL
) -> ImageMap:
    """Return the map of one normalised image (3, h, w): what each place adds to the similarity.

    target    (d,) unit row of the network for the other picture; where the encoder joins the
              feature of the mirrored picture, of both

    Of the settings ``block`` counts; None: the last layer whose output lies on a grid. Raises
    ConfigError where none does, SettingError for a block that the feature does not rest on.
    """
    if isinstance(encoder.model, ColourNetwork):
        found, facts = colour_parts(encoder, image, target), {"layer": "pixels", "passes": 0}
    else:
        found, facts = _network_parts(encoder, image, target, settings)
    return ImageMap(drawn(Parts(found, None, 0), image), facts, found)


def _network_parts(
    encoder: Encoder, image: Tensor, target: Tensor, settings: MapSettings
) -> tuple[np.ndarray, dict[str, Any]]:
    """Return (rows, columns) of one picture, and facts."""
    layers = layers_of(encoder)
    blank_of = blurred(image)
    views = [(image, blank_of), (image.flip(2), blank_of.flip(2))][: 1 + encoder.spec.mirror]
    rows, grids, total = [], [], torch.zeros_like(target)
    place = -1
    for shown, _ in views:
        with torch.enable_grad(), watched(layers) as seen:
            row = encoder.features(shown[None].clone().requires_grad_())[0]
        place = choose(encoder, seen, image, settings.block, least=1)
        rows.append(row)
        grids.append(seen[place])
        total = total + functional.normalize(row.detach().float(), dim=0)
    parts = np.zeros((1, 1))
    for (_, blank), row, grid in zip(views, rows, grids, strict=True):
        similarity = (row.float() @ target) / (row.detach().norm() * total.norm())
        slope = torch.autograd.grad(similarity, grid, allow_unused=True)[0]
        if slope is None:
            raise SettingError("block", place, "a block that the feature rests on")
        with torch.no_grad(), watched(layers) as seen:
            encoder.features(blank[None])
        more = (grid.detach() - seen[place]).float() * slope.float()
        added = on_grid(encoder, more, image)[0].sum(dim=0).double().cpu().numpy()
        parts = parts + (added[:, ::-1] if len(views) > 1 and row is rows[1] else added)
    return parts, {"layer": layer_name(encoder, layers[place]), "passes": 2 * len(views)}


def colour_parts(encoder: Encoder, image: Tensor, target: Tensor) -> np.ndarray:
    """Return (h, w): what each pixel of a normalised image adds to the cosine of two histograms.

    target    (864,) the other picture's roots of shares, as ``ColourNetwork`` gives them

    A pixel adds the root of how much more, or less, of its colour the other picture has in this
    stripe. Pixels outside the encoder's region add 0.
    """
    network = ColourNetwork(encoder.spec.colour_region)
    mean, std = (image.new_tensor(of).view(3, 1, 1) for of in (encoder.spec.mean, encoder.spec.std))
    pixels = (image * std + mean)[None]
    bins, first = network.bins(pixels)
    own = network(pixels)[0].double()
    added = (target.double()[bins[0]] / own[bins[0]]) / bins[0].numel()
    parts = np.zeros(image.shape[1:])
    parts[:, first : first + bins.shape[2]] = added.cpu().numpy()
    return parts


def drawn(parts: Parts, image: Tensor) -> np.ndarray:
    """Return parts as a map over the image, (h, w) float32 in [0, 1]: what adds most is 1.

    Places that take away are 0, as are those that add nothing.
    """
    high, wide = image.shape[1:]
    by_area = (parts.network * parts.network.size).astype(np.float32)
    if parts.network.shape == (high, wide):
        by_area = _soft(by_area)
    values = cv2.resize(by_area, (wide, high))
    if parts.colours is not None:
        values = values + _soft((parts.colours * parts.colours.size).astype(np.float32))
    positive = np.clip(values, 0, None)
    most = float(positive.max())
    return positive / most if most > 1e-7 else np.zeros_like(positive)


def _soft(values: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), max(values.shape[0] * SOFT, 0.5)))
