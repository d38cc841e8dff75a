"""OWN: the networks that this package builds itself, by the name of their architecture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sameplayer.encoder.networks import osnet, person
from sameplayer.encoder.networks.colour import COLOURS, HEIGHT, WIDTH, bins_of, columns_of, offsets
from sameplayer.encoder.networks.presets import COLOUR, OSNETS, PERSON, PERSON_LARGE, SMALL
from sameplayer.encoder.networks.small_cnn import SmallEncoder

if TYPE_CHECKING:
    from sameplayer.encoder.networks.spec import EncoderSpec

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALVES = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
PLAIN = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


class ColourNetwork(nn.Module):
    """Images (b, 3, h, w) of values in [0, 1] to unit rows (b, 864), as ``colour_features``."""

    def __init__(self, region: str = "box") -> None:
        super().__init__()
        self.region = region

    def bins(self, images: Tensor) -> tuple[Tensor, int]:
        """Return the bin of each pixel of the region (b, h, w'), and the region's first column."""
        high, wide = images.shape[2:]
        first, end = columns_of(self.region, wide)
        # what was scaled and shifted for a network is no whole 255th any more: round it back
        red, green, blue = ((images[:, :, :, first:end] * 255).round() / 255).unbind(1)
        places = bins_of(red, green, blue, torch)
        return (places + torch.from_numpy(offsets(high)).to(images.device)).long(), first

    def forward(self, images: Tensor) -> Tensor:
        counts = images.new_zeros(images.shape[0], COLOURS)
        flat = self.bins(images)[0].flatten(1)
        counts = counts.scatter_add(1, flat, torch.ones_like(flat, dtype=counts.dtype))
        return (counts / flat.shape[1]).sqrt()


@dataclass(frozen=True)
class OwnNetwork:
    """How a network of ours is built, and what it takes.

    make             builds it from its spec, with random weights
    height, width    input in pixels
    normal           mean and standard deviation, for values in [0, 1], RGB
    fit              how a picture is fitted, a name of ``FITS``
    """

    make: Callable[[EncoderSpec], nn.Module]
    height: int
    width: int
    normal: tuple[tuple[float, float, float], tuple[float, float, float]]
    fit: str


def _person(name: str) -> OwnNetwork:
    def make(spec: EncoderSpec) -> nn.Module:
        return person.PersonNetwork(person.WIDTHS[name])

    return OwnNetwork(make, person.HEIGHT, person.WIDTH, IMAGENET, "stretch")


def _osnet(name: str) -> OwnNetwork:
    return OwnNetwork(
        lambda spec: osnet.OsNet(name), osnet.HEIGHT, osnet.WIDTH, IMAGENET, "stretch"
    )


OWN: dict[str, OwnNetwork] = {
    SMALL: OwnNetwork(lambda spec: SmallEncoder(), 128, 64, HALVES, "letterbox"),
    PERSON: _person(PERSON),
    PERSON_LARGE: _person(PERSON_LARGE),
    COLOUR: OwnNetwork(
        lambda spec: ColourNetwork(spec.colour_region), HEIGHT, WIDTH, PLAIN, "stretch"
    ),
    **{name: _osnet(name) for name in OSNETS},
}
