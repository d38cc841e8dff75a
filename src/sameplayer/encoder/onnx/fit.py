"""Fitting a picture into a network's input as part of an ONNX graph: OpenCV's bits, torch's steps.

``INTER_LINEAR_EXACT`` works in whole numbers: each pixel is mixed of four, whose shares are 256ths
across times 256ths down, and rounded half up. All of that is exact in float32, so the graph gives
the very pixels of ``data/images/picture.py``. A picture that already has the input's size stays as
it is.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sameplayer.errors import SettingError

SHARES = 256
# (high, wide, height, width), float64 -> (top, left, height, width) of the picture in the input
Placement = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor, Tensor]]


def letterbox(
    high: Tensor, wide: Tensor, height: Tensor, width: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """As ``letterbox_place``."""
    scale = torch.minimum(height / high, width / wide)
    new_high = torch.minimum((high * scale).floor().clamp(min=1), height)
    new_wide = torch.minimum((wide * scale).floor().clamp(min=1), width)
    top, left = ((height - new_high) / 2).floor(), ((width - new_wide) / 2).floor()
    return top, left, new_high, new_wide


def stretch(
    high: Tensor, wide: Tensor, height: Tensor, width: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the window of the whole input."""
    return torch.zeros_like(height), torch.zeros_like(width), height, width


GRAPH_FITS: dict[str, Placement] = {"letterbox": letterbox, "stretch": stretch}


class GraphFit(nn.Module):
    """Pictures uint8 (n, h, w, 3) of one size to float whole numbers (n, height, width, 3).

    fit              how, a name of ``GRAPH_FITS``
    height, width    the network's input

    Raises SettingError for another fit.
    """

    def __init__(self, fit: str, height: int, width: int) -> None:
        super().__init__()
        if fit not in GRAPH_FITS:
            raise SettingError("fit", repr(fit), f"one of {', '.join(GRAPH_FITS)} in an ONNX file")
        self.place, self.height, self.width = GRAPH_FITS[fit], height, width

    def forward(self, pictures: Tensor) -> Tensor:
        high, wide, height, width = (
            torch.scalar_tensor(size, dtype=torch.float64)
            for size in (pictures.shape[1], pictures.shape[2], self.height, self.width)
        )
        top, left, new_high, new_wide = self.place(high, wide, height, width)
        upper, lower, down, seen_rows = mixing(high, new_high, top, self.height)
        first, second, across, seen_columns = mixing(wide, new_wide, left, self.width)
        mixed = [
            _between(rows.index_select(2, first), rows.index_select(2, second), across[:, None])
            for rows in (pictures.index_select(1, upper), pictures.index_select(1, lower))
        ]
        total = mixed[0] * (SHARES - down[:, None, None]) + mixed[1] * down[:, None, None]
        whole = ((total + SHARES**2 // 2) / SHARES**2).floor()
        return whole * (seen_rows[:, None, None] * seen_columns[:, None])


def mixing(
    source: Tensor, placed: Tensor, offset: Tensor, length: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return what each of ``length`` places along one side is mixed of.

    source    pixels along this side of the picture
    placed    pixels that they are scaled to
    offset    where these begin

    Of each place: the index of the first and of the second pixel, the second's share in 256ths,
    and 1.0 where the picture lies, 0.0 beside it.
    """
    index = torch.arange(length, dtype=torch.float64) - offset
    at = (1 / (placed / source)) * (index + 0.5) - 0.5
    low = at.floor()
    share = ((at - low) * SHARES).round()
    share = torch.where((low >= 0) & (low < source - 1), share, torch.zeros_like(share))
    first = torch.minimum(low.clamp(min=0), source - 1)
    second = torch.minimum(first + 1, source - 1)
    seen = (index >= 0) & (index < placed)
    return first.long(), second.long(), share.float(), seen.float()


def _between(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    return first.float() * (SHARES - share) + second.float() * share
