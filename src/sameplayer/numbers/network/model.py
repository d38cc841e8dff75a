"""The network of the number reader: a finder that looks everywhere, and a reader of what it found.

The finder is EfficientNet-Lite0 (Tan and Le, "EfficientNet", ICML 2019; the Lite variant) up to a
stride of 16, with a head of one cell for 8 x 8 pixels. The reader is a small residual network.
"""

from __future__ import annotations

import math
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from sameplayer.numbers.network.crop_canvas import CELL, CUT, HIGH, WIDE

TRUNK = "tf_efficientnet_lite0"
STAGES = 5  # of the trunk's seven
WIDTH = 96
TENS, UNITS = 11, 10  # tens: none, 0 to 9


class Finder(nn.Module):
    """Canvases (n, 3, HIGH, WIDE), RGB, 0 to 255, to maps (n, 5, HIGH / 8, WIDE / 8).

    For each cell: the logit of a number's centre there, against 0 for "nowhere"; how far its centre
    is from the cell's, x and y, in cells; the logarithms of its width and height by UNIT.
    """

    def __init__(self) -> None:
        super().__init__()
        trunk: Any = timm.create_model(TRUNK, pretrained=False)
        self.stem = nn.Sequential(trunk.conv_stem, trunk.bn1)
        self.stages = nn.ModuleList(trunk.blocks[:STAGES])
        self.fine = _mixed(24 * 4, WIDTH, 1)
        self.middle = _mixed(40, WIDTH, 1)
        self.coarse = _mixed(112, WIDTH, 1)
        self.head = nn.Sequential(
            nn.ReLU(), _mixed(WIDTH, WIDTH, 3), nn.ReLU(), _mixed(WIDTH, WIDTH, 3), nn.ReLU()
        )
        self.answer = nn.Conv2d(WIDTH, 5, 1)
        bias = torch.zeros(5)
        bias[0] = -math.log(HIGH * WIDE / CELL**2)
        self.answer.bias = nn.Parameter(bias)
        nn.init.zeros_(self.answer.weight)

    def forward(self, canvases: Tensor) -> Tensor:
        x = self.stem((canvases - 127.0) / 128.0)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        coarse = functional.interpolate(self.coarse(maps[4]), scale_factor=2.0)
        fine = self.fine(functional.pixel_unshuffle(maps[1], 2))
        answer: Tensor = self.answer(self.head(fine + self.middle(maps[2]) + coarse))
        return answer


class DigitReader(nn.Module):
    """Cut-out numbers (n, 3, 48, 56), RGB, 0 to 255, to logits (n, 1 + TENS + UNITS).

    The first is that of a number being there; the others those of its tens and its units.
    """

    def __init__(self, widths: tuple[int, int, int, int] = (20, 40, 72, 128)) -> None:
        super().__init__()
        a, b, c, d = widths
        self.body = nn.Sequential(
            _step(3, a, 1),
            _step(a, b, 2),
            _step(b, b, 1),
            _step(b, c, 2),
            Residual(c),
            _step(c, d, 2),
            Residual(d),
        )
        self.mix = nn.Linear(d * (CUT[0] // 16) * (CUT[1] // 8), 192)
        self.norm = nn.BatchNorm1d(192)
        self.out = nn.Linear(192, 1 + TENS + UNITS)

    def forward(self, cuts: Tensor) -> Tensor:
        x = functional.max_pool2d(self.body((cuts - 127.0) / 64.0), (2, 1)).flatten(1)
        x = functional.relu(self.norm(self.mix(x)))
        answer: Tensor = self.out(functional.dropout(x, 0.2, self.training))
        return answer


class Residual(nn.Module):
    """Two 3 x 3 convolutions, added to what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = (_mixed(channels, channels, 3) for _ in range(2))

    def forward(self, maps: Tensor) -> Tensor:
        return functional.relu(maps + self.second(functional.relu(self.first(maps))))


class ShirtNetwork(nn.Module):
    """The finder and the reader, as they are saved together."""

    def __init__(self) -> None:
        super().__init__()
        self.finder, self.reader = Finder(), DigitReader()


def number_shares(logits: Tensor) -> Tensor:
    """Return log-probabilities (n, 101) of NUMBERS from the reader's logits of tens and units.

    A zero before another digit counts as that digit.
    """
    tens = logits[:, 1 : 1 + TENS].log_softmax(dim=1)
    units = logits[:, 1 + TENS :].log_softmax(dim=1)
    pairs = tens[:, :, None] + units[:, None]
    single = torch.logaddexp(pairs[:, 0], pairs[:, 1])
    return torch.cat(
        [pairs[:, 0, :1], single[:, 1:], pairs[:, 2:].flatten(1), pairs[:, 1, :1]], dim=1
    )


def _mixed(inside: int, outside: int, size: int) -> nn.Sequential:
    layer = nn.Conv2d(inside, outside, size, padding=size // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outside))


def _step(inside: int, outside: int, stride: int) -> nn.Sequential:
    layer = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outside), nn.ReLU())
