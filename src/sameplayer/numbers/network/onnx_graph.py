"""The shirt-number reader as one graph: pictures of any size in, log-probabilities out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sameplayer.numbers.network.crop_canvas import CELL, UNIT
from sameplayer.numbers.network.model import ShirtNetwork, number_shares
from sameplayer.numbers.network.onnx_canvas import GraphCut, GraphLay, picture_size
from sameplayer.numbers.network.shirt_reader import (
    LEAST,
    LEAST_SHARE,
    LITTLE,
    MOST,
    SLIMMEST,
    SURE,
    UNSEEN,
    ZOOMS,
    Calibration,
)
from sameplayer.numbers.reader import NUMBERS


class ReaderGraph(nn.Module):
    """Pictures uint8 RGB (n, h, w, 3) of one size to log-probabilities (n, candidates + 1).

    network        finder and reader
    calibration    as the weights file has it
    candidates     numbers that may be read, of NUMBERS

    As ``ShirtReader.read``, float32.
    """

    def __init__(
        self, network: ShirtNetwork, calibration: Calibration, candidates: Sequence[str]
    ) -> None:
        super().__init__()
        self.lay, self.network, self.cut = GraphLay(), network, GraphCut(ZOOMS)
        self.doubt, self.temperature = calibration.doubt, calibration.temperature
        columns = [*(NUMBERS.index(one) for one in candidates), len(NUMBERS)]
        self.register_buffer("columns", torch.tensor(columns), persistent=False)
        none = torch.full((len(NUMBERS) + 1,), UNSEEN, dtype=torch.float64)
        none[-1] = 0
        self.register_buffer("none", none, persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        high, wide = picture_size(pictures)
        least, most = torch.minimum(high, wide), torch.maximum(high, wide)
        may_show = (least >= LEAST) & (most <= SLIMMEST * least)
        rows = torch.where(may_show, self._look(self.lay(pictures)), self.get_buffer("none"))
        return self._calibrated(rows).float()

    def _look(self, canvases: Tensor) -> Tensor:
        """Return the network's log-probabilities (n, 102)."""
        shares, boxes = graph_places(self.network.finder(canvases))
        read = self._read_likely(canvases, shares.flatten(), boxes.flatten(0, 1))
        seen = read.reshape(-1, MOST, len(NUMBERS)).sum(dim=1)
        unseen = (1 - seen.sum(dim=1, keepdim=True)).clamp(min=0.0)
        return (torch.cat([seen, unseen], dim=1) + 1e-9).log()

    def _read_likely(self, canvases: Tensor, shares: Tensor, boxes: Tensor) -> Tensor:
        """Return the probabilities (places, numbers) of what was read at every place.

        Only likely places are cut out and read, and the first, as a network must be given some.
        """
        wanted = torch.cat([torch.ones_like(shares[:1], dtype=torch.bool), shares[1:] > 0])
        places = wanted.nonzero()[:, 0]
        torch._check(places.shape[0] >= 1)
        cuts = self.cut(canvases, places.div(MOST, rounding_mode="floor"), boxes[places])
        logits = self.network.reader(cuts.flatten(0, 1))
        numbers = number_shares(logits).reshape(-1, len(ZOOMS), len(NUMBERS)).mean(dim=1)
        shown = logits[:, 0].reshape(-1, len(ZOOMS)).mean(dim=1).sigmoid().double()
        found = (shares[places] * shown)[:, None] * numbers.softmax(dim=1).double()
        blank = torch.zeros_like(shares)[:, None].expand(-1, len(NUMBERS))
        return blank.index_copy(0, places, found)

    def _calibrated(self, rows: Tensor) -> Tensor:
        doubts = torch.zeros_like(rows[:1])
        doubts[:, -1] = self.doubt
        shares = ((rows + doubts) / self.temperature).softmax(dim=1)
        shares = shares.index_select(1, self.get_buffer("columns"))
        shares = shares / shares.sum(dim=1, keepdim=True)
        return (SURE * shares + (1 - SURE) / shares.shape[1]).log()


def graph_places(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Return what ``places_of`` gives for maps (n, 5, rows, columns): shares (n, MOST), boxes.

    The boxes are (n, MOST, 4); both are float64. A place that is too unlikely has the share 0.
    """
    maps = maps.double()
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
        kept = kept & (share >= (LITTLE if shares else LEAST_SHARE))
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
