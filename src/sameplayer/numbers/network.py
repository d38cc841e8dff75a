"""The network of the shirt-number reader: one pass looks everywhere in a player's crop.

A crop is laid on a canvas of HIGH x WIDE pixels. For every cell of eight pixels the network says
how likely a number is centred there, and its two digits; the answer of the picture sums the cells.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import timm
import torch
from torch import nn
from torch.nn import functional

from sameplayer.data.images import Picture

HIGH, WIDE, CELL = 160, 112, 8
PAD = (127, 127, 127)
TRUNK = "tf_efficientnet_lite0"
STAGES = 5  # of the trunk's seven: up to a stride of 16
TENS, UNITS = 11, 10  # tens: none, 0 to 9
LEGS = 0.28  # share of a standing player's crop, at its foot, that is not looked at


class ShirtNetwork(nn.Module):
    """EfficientNet-Lite0 up to a stride of 16, and a head at a stride of 8.

    In: (n, 3, HIGH, WIDE) RGB, 0 to 255. Out: (n, 1 + TENS + UNITS, HIGH / 8, WIDE / 8): the logit
    of a number's centre, and those of its digits.
    """

    def __init__(self, wide: int = 96) -> None:
        super().__init__()
        trunk = timm.create_model(TRUNK, pretrained=False)
        self.stem = nn.Sequential(trunk.conv_stem, trunk.bn1)
        self.stages = nn.ModuleList(trunk.blocks[:STAGES])
        self.fine = _mixed(24 * 4, wide, 1)
        self.middle = _mixed(40, wide, 1)
        self.coarse = _mixed(112, wide, 1)
        self.head = nn.Sequential(nn.ReLU(), _mixed(wide, wide, 3), nn.ReLU(),
                                  _mixed(wide, wide, 3), nn.ReLU())  # fmt: skip
        self.answer = nn.Conv2d(wide, 1 + TENS + UNITS, 1)
        nn.init.zeros_(self.answer.weight)
        nn.init.zeros_(self.answer.bias)
        with torch.no_grad():
            self.answer.bias[0] = -math.log(HIGH * WIDE / CELL**2)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        x = self.stem((pictures - 127.0) / 128.0)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        coarse = functional.interpolate(self.coarse(maps[4]), scale_factor=2.0)
        fine = self.fine(functional.pixel_unshuffle(maps[1], 2))
        answer: torch.Tensor = self.answer(self.head(fine + self.middle(maps[2]) + coarse))
        return answer


def _mixed(inside: int, outside: int, size: int) -> nn.Sequential:
    layer = nn.Conv2d(inside, outside, size, padding=size // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outside))


def log_shares(maps: torch.Tensor) -> torch.Tensor:
    """Return log-probabilities (n, 102) of NUMBERS and "none visible" from what the network gives.

    The cells and "none" (logit 0) share the probability; each cell shares its part among numbers.
    A zero before another digit counts as that digit.
    """
    cells = maps.flatten(2)
    place = functional.pad(cells[:, 0], (0, 1)).log_softmax(dim=1)
    tens = cells[:, 1 : 1 + TENS].log_softmax(dim=1)
    units = cells[:, 1 + TENS :].log_softmax(dim=1)
    joint = place[:, None, None, :-1] + tens[:, :, None] + units[:, None]
    pairs = joint.logsumexp(dim=3)  # (n, tens, units)
    single = torch.logaddexp(pairs[:, 0], pairs[:, 1])
    zero = pairs[:, 0, :1]
    double = pairs[:, 1, :1]
    rest = pairs[:, 2:].flatten(1)
    return torch.cat([zero, single[:, 1:], rest, double, place[:, -1:]], dim=1)


def fit(high: float, wide: float) -> tuple[float, float, float, float, float]:
    """Return scale, left, top, height and width of a crop of a size on the canvas.

    Of a standing player's crop, taller than wide, the legs are left out.
    """
    tall = min(max((high / wide - 1) / 0.8, 0.0), 1.0)
    kept = high * (1 - LEGS * tall)
    scale = min(HIGH / kept, WIDE / wide)
    return scale, (WIDE - wide * scale) / 2, (HIGH - kept * scale) / 2, kept * scale, wide * scale


def lay(picture: Picture) -> np.ndarray:
    """Return a crop, uint8 RGB (h, w, 3) of any size, on the canvas (HIGH, WIDE, 3)."""
    high, wide = picture.shape[:2]
    scale, left, top, tall, across = fit(high, wide)
    x0, y0 = round(left), round(top)
    size = (max(round(across), 1), max(round(tall), 1))
    kept = picture[: max(round(tall / scale), 1)]
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    out = np.empty((HIGH, WIDE, 3), np.uint8)
    out[:] = PAD
    small = cv2.resize(np.ascontiguousarray(kept), size, interpolation=way)
    part = out[y0 : y0 + size[1], x0 : x0 + size[0]]
    part[:] = small[: part.shape[0], : part.shape[1]]
    return out


def as_input(pictures: Sequence[Picture]) -> torch.Tensor:
    """Return crops as the network's input (n, 3, HIGH, WIDE)."""
    stack = np.stack([lay(one) for one in pictures])
    return torch.from_numpy(stack).permute(0, 3, 1, 2).float()
