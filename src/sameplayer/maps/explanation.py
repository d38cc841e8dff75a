"""Why two crops are alike: a heat map over each, and whether hiding what it marks matters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sameplayer.data.images.picture import FITS, Picture
from sameplayer.data.reading import PictureLike, as_picture
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.light_encoder import torch_form
from sameplayer.encoder.load import as_encoder
from sameplayer.encoder.networks.colour import COLOURS
from sameplayer.encoder.networks.registry import ColourNetwork
from sameplayer.encoder.runtime.inference import own_layers
from sameplayer.errors import ConfigError, SettingError, did_you_mean, refuse_other_types
from sameplayer.maps.contributions import Parts, colour_parts, contributions, drawn
from sameplayer.maps.deletion import MapCheck, check_map, random_map
from sameplayer.maps.gradients import grad_cam, legrad
from sameplayer.maps.layers import FINE, grid_shape, layers_of, watched
from sameplayer.maps.method import CLUSTERS, ImageMap, MapMethod, MapSettings
from sameplayer.maps.occlusion import occlusion
from sameplayer.maps.score_cam import score_cam


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why two pictures score as they do.

    map_a, map_b        (h, w) float32 in [0, 1], as large as the pictures: how much each place of
                        one adds to its similarity with the other; all 0 where nothing does
    similarity          cosine similarity of the two pictures' rows, as ``Encoder.embed`` gives them
    facts               method and block asked for; what the method says of map_a, such as layer and
                        passes. Where colours are joined, "network_similarity" and
                        "colour_similarity" are the cosines of the two parts
    parts_a, parts_b    from "contributions": the numbers behind the map, which add up to the
                        similarity; None from other methods, whose maps explain the network's part
    check_a, check_b    whether the map passed its test, see ``check_map``; None where not asked for
    """

    map_a: np.ndarray
    map_b: np.ndarray
    similarity: float
    facts: dict[str, Any]
    parts_a: Parts | None = None
    parts_b: Parts | None = None
    check_a: MapCheck | None = None
    check_b: MapCheck | None = None

    def __repr__(self) -> str:
        return f"Explanation(similarity {self.similarity:.3f})"

    @property
    def refusals(self) -> tuple[str | None, str | None]:
        """Why the map of A, and that of B, is not to be shown; None for one that may be."""
        a, b = (
            check.words if check is not None and not check.holds else None
            for check in (self.check_a, self.check_b)
        )
        return a, b


def explain(
    encoder: Encoder | str | Path,
    a: PictureLike,
    b: PictureLike,
    *,
    method: str | MapMethod | None = None,
    block: int | None = None,
    channels: int | None = None,
    clusters: int | None = CLUSTERS,
    coarse: int | None = None,
    batch_size: int = 64,
    half: bool = False,
    check: bool = True,
    order: str = "rgb",
) -> Explanation:
    """Show what in each of two crops matches the other: pictures, each as ``as_picture`` takes it.

    encoder       Encoder, or what ``load_encoder`` takes
    method        a name in ``MAPS``: "contributions"; "occlusion", two passes for each window;
                  "score-cam", one for each group of channels; "grad-cam" or, for ViTs, "legrad":
                  gradients, two passes; "random", a control. Or a MapMethod of your own. None:
                  ``usual_method``; Score-CAM for its settings where that would be occlusion
    block         which transformer block or stage, from the front or, negative, from the end; None:
                  for contributions the last one; else the last with at least 7 places along its
                  shorter side; LeGrad takes all blocks from this one on, None: all
    channels      Score-CAM: only this many channels, those with the largest activations, as in
                  gScoreCAM; None: all
    clusters      Score-CAM: group the channels into this many clusters of like maps and score one
                  mean map for each; None: every channel for itself
    coarse        Score-CAM: score masked pictures at a size divided by this and without their
                  padding, see docs/explain.md for what it costs; 1: at full size, as published;
                  None: 2, but 1 for a ViT of few patches. A network that takes one size only is
                  scored at that
    half          Score-CAM, occlusion: bfloat16, for a GPU
    check         test each map, which embeds seven changed pictures for it
    order         of the channels of arrays and tensors: "rgb"; "bgr", as OpenCV reads

    A black crop gives a map like any other, or zeros. The method gets the encoder's weights in
    layers of their own, so other threads may use the encoder meanwhile. Raises ConfigError for an
    unknown method, a setting out of range, a block that is not there, an encoder in training mode,
    and one without a grid of features.

    >>> from sameplayer.synthetic import draw_crop
    >>> explain("colour", draw_crop(7, 0).picture, draw_crop(7, 1).picture).map_a.shape
    (209, 99)
    """
    refuse_other_types("explain", encoder=(encoder, (Encoder, str, Path)))
    encoder = torch_form(as_encoder(encoder))
    own = Encoder(own_layers(encoder.model), encoder.spec, encoder.log_scale.item())
    name = usual_method(own) if method is None else method
    if method is None and name == "occlusion" and {block, channels, coarse} != {None}:
        name = "score-cam"  # which these are settings of
    settings = MapSettings(block, channels, clusters, coarse, batch_size, half)
    pictures = [as_picture(a, order), as_picture(b, order)]
    why, rows = _explained(own, pictures, name, settings)
    return _checked(encoder, pictures, rows, why) if check else why


def _explained(
    encoder: Encoder, pictures: list[Picture], name: str | MapMethod, settings: MapSettings
) -> tuple[Explanation, np.ndarray]:
    """Return the explanation of two pictures, not checked, and their rows (2, row_width)."""
    make = _find_method(name)
    prepared = torch.from_numpy(np.stack([encoder.prepare(picture) for picture in pictures]))
    images = encoder.normalise(prepared)
    with torch.no_grad():
        rows = encoder.rows(images)
    width = rows.shape[1] - (COLOURS if encoder.spec.colour else 0)
    network, colours = functional.normalize(rows[:, :width], dim=1), rows[:, width:]
    found = [make(encoder, images[at], network[1 - at], settings) for at in (0, 1)]
    cosine = float(network[0] @ network[1])
    sides = [
        _side(encoder, image, one, cosine, other)
        for image, one, other in zip(images, found, colours.flip(0), strict=True)
    ]
    map_a, map_b = (
        on_picture(values, picture, encoder.spec.fit)
        for (values, _), picture in zip(sides, pictures, strict=True)
    )
    called = name if isinstance(name, str) else getattr(name, "__name__", "own")
    facts = {"method": called, "block": settings.block, **found[0].facts}
    if encoder.spec.colour:
        facts["network_similarity"] = cosine
        facts["colour_similarity"] = float(colours[0] @ colours[1]) / encoder.spec.colour
    why = Explanation(
        map_a, map_b, float(rows[0] @ rows[1]), facts, parts_a=sides[0][1], parts_b=sides[1][1]
    )
    return why, rows.cpu().numpy()


def usual_method(encoder: Encoder) -> str:
    """Return the method for an encoder: "contributions", or "occlusion" where that shows little.

    The last attention of a transformer mixes its places, so that none has a share of its own; and a
    last grid of fewer than ``FINE`` places along a side is too coarse.
    """
    if isinstance(encoder.model, ColourNetwork):
        return "contributions"
    blocks = getattr(encoder.model, "blocks", ())
    if len(blocks) and all(hasattr(block, "norm1") for block in blocks):
        return "occlusion"
    blank = np.zeros((1, encoder.spec.height, encoder.spec.width, 3), np.uint8)
    image = encoder.normalise(torch.from_numpy(blank))[0]
    with torch.no_grad(), watched(layers_of(encoder)) as seen:
        encoder.features(image[None])
    grid = grid_shape(encoder, seen[-1], image)
    return "contributions" if grid is not None and min(grid) >= FINE else "occlusion"


def on_picture(values: np.ndarray, picture: Picture, fit: str = "letterbox") -> np.ndarray:
    """Return a map over the network's input (h, w) as one over the picture that was fitted."""
    (high, wide), (tall, broad) = values.shape, picture.shape[:2]
    top, left, new_high, new_wide = FITS[fit].place(tall, broad, high, wide)
    part = values[top : top + new_high, left : left + new_wide]
    return np.clip(cv2.resize(np.ascontiguousarray(part), (broad, tall)), 0, 1)


def _side(
    encoder: Encoder, image: Tensor, found: ImageMap, cosine: float, other: Tensor
) -> tuple[np.ndarray, Parts | None]:
    """Return the map over one image and its parts, the colours joined by their share.

    other    the other picture's columns of colour, as they are in its row
    """
    if found.parts is None:
        return found.values, None
    share = encoder.spec.colour
    network, rest = found.parts * (1 - share), (cosine - float(found.parts.sum())) * (1 - share)
    if not share:
        return found.values, Parts(network, None, rest)
    colours = colour_parts(encoder, image, other / share**0.5) * share
    parts = Parts(network, colours, rest)
    return drawn(parts, image), parts


def _checked(
    encoder: Encoder, pictures: list[Picture], rows: np.ndarray, why: Explanation
) -> Explanation:
    a, b = pictures
    return replace(
        why,
        check_a=check_map(encoder, a, rows[0], rows[1], why.map_a),
        check_b=check_map(encoder, b, rows[1], rows[0], why.map_b),
    )


def _random(encoder: Encoder, image: Tensor, target: Tensor, settings: MapSettings) -> ImageMap:
    return ImageMap(random_map((image.shape[1], image.shape[2]), seed=1))


MAPS: dict[str, MapMethod] = {
    "contributions": contributions,
    "occlusion": occlusion,
    "score-cam": score_cam,
    "grad-cam": grad_cam,
    "legrad": legrad,
    "random": _random,
}


def _find_method(method: str | MapMethod) -> MapMethod:
    if not isinstance(method, str):
        if not callable(method):
            expected = f"a function, or one of {', '.join(MAPS)}"
            raise SettingError("method", f"of type {type(method).__name__}", expected)
        return method
    if method not in MAPS:
        hint = did_you_mean(method, MAPS)
        raise ConfigError(f"Map {method!r} is unknown; expected {', '.join(MAPS)}.{hint}")
    return MAPS[method]
