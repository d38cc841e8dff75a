"""The network of the number reader: a finder that looks everywhere, and a reader of what it found.

Everything from a canvas to probabilities is torch's, so an ONNX file of it reads as it does. The
finder is EfficientNet-Lite0 (Tan and Le, "EfficientNet", ICML 2019; the Lite variant) up to a
stride of 16, with a head of one cell for 8 x 8 pixels. The reader is a small residual network.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from sameplayer.numbers.network.crop_canvas import BROAD, CELL, CUT, HIGH, ROOM, UNIT, WIDE
from sameplayer.numbers.reader import NUMBERS, SURE, Calibration

TRUNK = "tf_efficientnet_lite0"
STAGES = 5  # of the trunk's seven
WIDTH = 96
TENS, UNITS = 11, 10  # tens: none, 0 to 9
MOST = 2  # places that are read in a crop
LITTLE = 0.03  # a further place with a smaller share of the finder's belief is not read
LEAST_SHARE = 0.002  # nor the first one with a smaller share: then no number is visible
ZOOMS = (0.88, 1.0, 1.14)  # how much is cut out about a number; what is read is averaged


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
    """Canvases (n, 3, HIGH, WIDE), RGB, 0 to 255, to log-probabilities (n, 102), float64.

    The finder looks for likely places, which are cut out and read. The columns are NUMBERS, and
    last that none is visible. Canvases and result are on the CPU, wherever the network is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.finder, self.reader = Finder(), DigitReader()

    def forward(self, canvases: Tensor) -> Tensor:
        maps = self.finder(canvases.to(self.finder.answer.weight.device))
        shares, boxes = likely_places(maps.cpu().double())
        read = self._read_likely(canvases, shares.flatten(), boxes.flatten(0, 1))
        seen = read.reshape(-1, MOST, len(NUMBERS)).sum(dim=1)
        unseen = (1 - seen.sum(dim=1, keepdim=True)).clamp(min=0.0)
        return (torch.cat([seen, unseen], dim=1) + 1e-9).log()

    def _read_likely(self, canvases: Tensor, shares: Tensor, boxes: Tensor) -> Tensor:
        """Return the probabilities (places, 101) of what was read at every place.

        Only likely places are cut out and read, and the first, as a network must be given some.
        """
        wanted = torch.cat([torch.ones_like(shares[:1], dtype=torch.bool), shares[1:] != 0])
        places = wanted.nonzero()[:, 0]
        torch._check(places.shape[0] >= 1)
        cuts = cut_out(canvases[places.div(MOST, rounding_mode="floor")], boxes[places])
        logits = self.reader(cuts.flatten(0, 1).to(self.reader.out.weight.device)).cpu()
        numbers = number_shares(logits).reshape(-1, len(ZOOMS), len(NUMBERS)).mean(dim=1)
        shown = logits[:, 0].reshape(-1, len(ZOOMS)).mean(dim=1).sigmoid().double()
        found = (shares[places] * shown)[:, None] * numbers.softmax(dim=1).double()
        blank = torch.zeros_like(shares)[:, None].expand(-1, len(NUMBERS))
        return blank.index_copy(0, places, found)


def network_of(weights: Mapping[str, np.ndarray]) -> ShirtNetwork:
    """Return the network with these weights, for reading; RuntimeError where they do not fit."""
    network = ShirtNetwork()
    network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return network.eval().to(memory_format=torch.channels_last)


def likely_places(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Return the likeliest places in the finder's maps (n, 5, rows, columns): shares and boxes.

    The shares (n, MOST) are of the finder's belief, 0 for a place that is too unlikely; the boxes
    (n, MOST, 4) are centre x, centre y, width and height on the canvas. Cells that agree on a
    number's centre make one place: their shares are summed, their boxes averaged.
    """
    nowhere = torch.zeros_like(maps[:, 0, :1, 0])
    left = torch.cat([maps[:, 0].flatten(1), nowhere], dim=1).softmax(dim=1)[:, :-1]
    boxes = _boxes(maps)
    kept, middles = torch.ones_like(left[:, :1], dtype=torch.bool), []
    shares: list[Tensor] = []
    for _ in range(MOST):
        best = boxes.gather(2, left.argmax(dim=1)[:, None, None].expand(-1, 4, 1))
        reach = (best[:, 2:] / 2).clamp(min=float(CELL))
        near = ((boxes[:, :2] - best[:, :2]).abs() < reach).all(dim=1)
        weights = torch.where(near, left, 0.0)
        share = weights.sum(dim=1, keepdim=True)
        middles.append((boxes * weights[:, None]).sum(dim=2) / share.clamp(min=1e-12))
        kept = kept & ~(share < (LITTLE if shares else LEAST_SHARE))
        shares.append(torch.where(kept, share, 0.0))
        left = left - weights
    return torch.cat(shares, dim=1), torch.stack(middles, dim=1)


def _boxes(maps: Tensor) -> Tensor:
    """Return every cell's box (n, 4, cells) from maps (n, 5, rows, columns)."""
    rows = torch.arange(maps.shape[2], dtype=maps.dtype)[:, None]
    columns = torch.arange(maps.shape[3], dtype=maps.dtype)
    x, y = (columns + 0.5 + maps[:, 1]) * CELL, (rows + 0.5 + maps[:, 2]) * CELL
    sizes = UNIT * maps[:, 3:].clamp(-2.0, 3.0).exp()
    return torch.cat([torch.stack([x, y], dim=1), sizes], dim=1).flatten(2)


def cut_out(canvases: Tensor, boxes: Tensor, zooms: tuple[float, ...] = ZOOMS) -> Tensor:
    """Return what ``crop_canvas.cut`` gives about each box, (k, zooms, 3, 48, 56), 0 to 255.

    canvases    (k, 3, HIGH, WIDE), one for each box
    boxes       (k, 4) centre x, centre y, width, height
    """
    x, y, wide, high = boxes.unbind(dim=1)
    sides = ROOM * torch.maximum(high, BROAD * wide)[:, None]
    sides = (sides * torch.tensor(zooms, dtype=boxes.dtype))[:, :, None] / CUT[0]
    down, across = (
        (centre[:, None, None] + (torch.arange(places) - places / 2) * sides) * 2 / (length - 1) - 1
        for centre, places, length in ((y, CUT[0], HIGH), (x, CUT[1], WIDE))
    )
    points = torch.stack(
        [
            across[:, :, None].expand(-1, -1, CUT[0], -1),
            down[:, :, :, None].expand(-1, -1, -1, CUT[1]),
        ],
        dim=4,
    )
    cuts = functional.grid_sample(
        canvases, points.flatten(1, 2).float(), padding_mode="border", align_corners=True
    )
    return cuts.reshape(len(cuts), 3, len(zooms), *CUT).transpose(1, 2).round()


def calibrated(rows: Tensor, calibration: Calibration, columns: Tensor) -> Tensor:
    """Return honest log-probabilities (n, k) of these columns of the network's (n, 102).

    columns    (k,) which answers may be given: the others' probability is shared by what is left
    """
    doubts = torch.zeros_like(rows[:1])
    doubts[:, -1] = calibration.doubt
    shares = ((rows + doubts) / calibration.temperature).softmax(dim=1).index_select(1, columns)
    shares = shares / shares.sum(dim=1, keepdim=True)
    return (SURE * shares + (1 - SURE) / shares.shape[1]).log()


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
