"""Laying crops on the canvas, and cutting numbers out of it, as part of an ONNX graph.

The same steps as ``canvas.py``, without a choice that a graph cannot make. OpenCV shrinks by means
of areas and enlarges by cubic curves; both, and its linear warping without a turn, are one matrix
for the rows and one for the columns. The pixels are OpenCV's, but for a few that rounding decides.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sameplayer.numbers.network.crop_canvas import BROAD, CUT, HIGH, LEGS, PAD, ROOM, WIDE

CUBIC = -0.75  # OpenCV's cubic curve
LEVELS = 255.0


class GraphLay(nn.Module):
    """Pictures uint8 (n, h, w, 3) of one size to canvases (n, 3, HIGH, WIDE), as ``lay``'s.

    The values are whole numbers from 0 to 255, float32.
    """

    def forward(self, pictures: Tensor) -> Tensor:
        high, wide = picture_size(pictures)
        tall = ((high / wide - 1) / 0.8).clamp(0.0, 1.0)
        kept = high * (1 - LEGS * tall)
        scale = torch.minimum(HIGH / kept, WIDE / wide)
        placed = [(side * scale).round().clamp(min=1.0) for side in (kept, wide)]
        seen = torch.minimum(((kept * scale) / scale).round().clamp(min=1.0), high)
        corner = [((HIGH - kept * scale) / 2).round(), ((WIDE - wide * scale) / 2).round()]
        rows = mixing(pictures.shape[1], seen, placed[0], corner[0], HIGH, scale >= 1)
        columns = mixing(pictures.shape[2], wide, placed[1], corner[1], WIDE, scale >= 1)
        mixed = rows @ pictures.permute(0, 3, 1, 2).float() @ columns.mT
        halved = (seen == 2 * placed[0]) & (wide == 2 * placed[1])
        whole = torch.where(halved, (mixed + 0.5).floor(), mixed.round()).clamp(0.0, LEVELS)
        covered = (rows.sum(dim=1) > 0.5)[:, None] & (columns.sum(dim=1) > 0.5)
        return torch.where(covered, whole, float(PAD[0]))


def picture_size(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Return height and width of pictures (n, h, w, 3), float64."""
    high, wide = (torch.scalar_tensor(size, dtype=torch.float64) for size in pictures.shape[1:3])
    return high, wide


def mixing(
    length: int, seen: Tensor, placed: Tensor, offset: Tensor, places: int, enlarged: Tensor
) -> Tensor:
    """Return shares (places, length) float32: what each place of one side is mixed of.

    length      pixels along this side of the picture
    seen        how many of them are looked at, from the first
    placed      places that these are scaled to
    offset      where these begin; other places are mixed of nothing
    enlarged    whether by cubic curves, not by means of areas
    """
    index = torch.arange(places, dtype=torch.float64)[:, None] - offset
    pixel = torch.arange(length, dtype=torch.float64)
    step = seen / placed
    shares = torch.where(enlarged, _cubic(index, pixel, seen, step), _area(index, pixel, step))
    inside = (index >= 0) & (index < placed) & (pixel < seen)
    return torch.where(inside, shares, 0.0).float()


def _area(index: Tensor, pixel: Tensor, step: Tensor) -> Tensor:
    """Return how much of each place's area lies in each pixel."""
    begin = index * step
    both = torch.minimum(begin + step, pixel + 1) - torch.maximum(begin, pixel)
    return both.clamp(min=0.0) / step


def _cubic(index: Tensor, pixel: Tensor, seen: Tensor, step: Tensor) -> Tensor:
    """Return the shares of the four nearest pixels; those beyond an edge count for the edge's."""
    at = (index + 0.5) * step - 0.5
    low = at.floor()
    part = at - low
    near = [((CUBIC + 2) * x - (CUBIC + 3)) * x * x + 1 for x in (part, 1 - part)]
    first = ((CUBIC * (part + 1) - 5 * CUBIC) * (part + 1) + 8 * CUBIC) * (part + 1) - 4 * CUBIC
    curve = (first, *near, 1 - first - near[0] - near[1])
    total = torch.zeros_like(at + pixel)
    for tap, share in enumerate(curve, -1):
        nearest = torch.minimum((low + tap).clamp(min=0.0), seen - 1)
        total = total + torch.where(nearest == pixel, share, 0.0)
    return total


class GraphCut(nn.Module):
    """Canvases (n, 3, HIGH, WIDE) and boxes (k, 4) on them to what ``cut`` gives of each.

    zooms    how much is cut out about a number

    With the boxes comes which canvas each is on, whole numbers (k,). They are float64: centre x,
    centre y, width, height. The cuts are (k, zooms, 3, 48, 56), whole numbers from 0 to 255.
    """

    def __init__(self, zooms: tuple[float, ...]) -> None:
        super().__init__()
        self.zooms = zooms

    def forward(self, canvases: Tensor, on: Tensor, boxes: Tensor) -> Tensor:
        x, y, wide, high = boxes.unbind(dim=-1)
        sides = (
            ROOM
            * torch.maximum(high, BROAD * wide)[..., None]
            * torch.tensor(self.zooms, dtype=torch.float64)
        )
        scales = (CUT[0] / sides).float().double()
        down = _linear(y[..., None], scales, CUT[0], HIGH)
        across = _linear(x[..., None], scales, CUT[1], WIDE)
        mixed = down[:, :, None] @ canvases[on][:, None] @ across[:, :, None].mT
        return mixed.round().clamp(0.0, LEVELS)


def _linear(centre: Tensor, scales: Tensor, places: int, length: int) -> Tensor:
    """Return shares (..., places, length) float32 of linear mixing about a centre."""
    moved = (places / 2 - scales * centre).float().double()[..., None]
    at = (torch.arange(places, dtype=torch.float64) - moved) / scales[..., None]
    far = at.clamp(0.0, length - 1.0)[..., None] - torch.arange(length, dtype=torch.float64)
    return (1 - far.abs()).clamp(min=0.0).float()
