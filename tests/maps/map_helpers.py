"""What the tests of maps share."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import create_encoder
from sameplayer.synthetic.league import draw_crop

A, B = draw_crop(3, 0, 1), draw_crop(3, 4, 1)


def images_and_target(encoder: Encoder) -> tuple[torch.Tensor, torch.Tensor]:
    """The normalised image of A and the unit feature of B."""
    pictures = np.stack([encoder.prepare(crop.picture) for crop in (A, B)])
    images = encoder.normalise(torch.from_numpy(pictures))
    with torch.no_grad():
        return images[0], functional.normalize(encoder.features(images), dim=1)[1]


def alike(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


class Reddest(torch.nn.Module):
    """Features that rest on one place: the red of the upper left quarter."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 4, 4, bias=False))
        with torch.no_grad():
            self.stages[0].weight.zero_()
            for channel in range(8):
                self.stages[0].weight[channel, 0, channel % 4] = 1 + channel / 8

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.stages(images).relu()
        high, wide = maps.shape[2] // 2, maps.shape[3] // 2
        return maps[:, :, :high, :wide].mean(dim=(2, 3)) + 0.3 * (-1) ** torch.arange(8)


def reddest() -> Encoder:
    return Encoder(
        Reddest(), create_encoder("small", pretrained=False, seed=1, height=64, width=64).spec
    )
