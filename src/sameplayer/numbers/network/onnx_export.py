"""The shirt-number reader as one ONNX file: pictures in, log-probabilities out, checked.

The graph is the reader's own network, behind a canvas laid by tensors: OpenCV shrinks by means of
areas and enlarges by cubic curves, both of which are one matrix for the rows and one for the
columns. The pixels are OpenCV's, but for a few that rounding decides.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from sameplayer import data
from sameplayer.data.images.picture import Picture, decode
from sameplayer.encoder.onnx.export import (
    ExportedFile,
    check_name,
    drawn_pictures,
    graph_bytes,
    largest_difference,
    refuse_difference,
    write_graph,
)
from sameplayer.numbers.network.crop_canvas import HIGH, LEGS, PAD, WIDE
from sameplayer.numbers.network.model import ShirtNetwork, calibrated
from sameplayer.numbers.network.onnx_reader import KIND
from sameplayer.numbers.network.shirt_reader import LEAST, SLIMMEST, UNSEEN, ShirtReader
from sameplayer.numbers.reader import NUMBERS, Calibration
from sameplayer.synthetic.league import draw_crop

TOLERANCE = 0.05  # of a log-probability, so a twentieth of any probability
DRAWN = ((0, 1), (2, 0), (7, 0))  # persons of the drawn league and a frame that shows the number
REAL = Path(data.__file__).with_name("real")
CUBIC = -0.75  # OpenCV's cubic curve
LEVELS = 255.0


def export_reader(reader: ShirtReader, out: str | Path) -> ExportedFile:
    """Write a shirt-number reader as one ONNX file, which ``OnnxReader`` and onnxruntime read.

    Its input ``pictures`` is uint8 RGB (n, h, w, 3), 0 to 255: n crops of one size, whatever it is.
    Its output ``rows`` is float32 (n, candidates + 1): calibrated log-probabilities of
    ``reader.candidates``, in their order, and last that no number is visible, as
    ``ShirtReader.read``. Everything between is in the graph: laying the crop on the canvas, finding
    likely places, cutting them out, reading, calibrating.

    What it gives for drawn and real crops must lie within ``TOLERANCE`` of the reader's: a pixel
    of a crop that rounding decides otherwise moves a log-probability by a hundredth.

    Raises SettingError for a name that does not end in .onnx, MissingExtra without the extra
    ``onnx``, WeightsError for a graph that differs too much or cannot be written.
    """
    check_name(out)
    network = copy.deepcopy(reader.network).cpu()
    graph = ReaderGraph(network, reader.calibration, reader.candidates)
    record = {"kind": KIND, "candidates": list(reader.candidates), **asdict(reader.calibration)}
    example = torch.zeros((2, 31, 17, 3), dtype=torch.uint8)
    content = graph_bytes(graph, example, record, reader.name)
    pictures = checked_pictures()
    difference = largest_difference(content, KIND, pictures, lambda one: reader.read([one]))
    refuse_difference(reader.name, difference, TOLERANCE)
    write_graph(out, content)
    columns = len(reader.candidates) + 1
    return ExportedFile(Path(out), len(content), columns, len(pictures), difference)


def checked_pictures() -> list[Picture]:
    """Return what an export is compared on: noise of many shapes, drawn players, real players."""
    drawn = [draw_crop(person, frame).picture for person, frame in DRAWN]
    real = [decode(path) for path in sorted(REAL.glob("*.jpeg"))]
    return [*drawn_pictures(HIGH, WIDE), *drawn, *real]


class ReaderGraph(nn.Module):
    """Pictures uint8 RGB (n, h, w, 3) of one size to log-probabilities (n, candidates + 1).

    As ``ShirtReader.read``, float32; candidates are of NUMBERS.
    """

    def __init__(
        self, network: ShirtNetwork, calibration: Calibration, candidates: Sequence[str]
    ) -> None:
        super().__init__()
        self.network, self.calibration = network, calibration
        columns = [*(NUMBERS.index(one) for one in candidates), len(NUMBERS)]
        self.register_buffer("columns", torch.tensor(columns), persistent=False)
        none = torch.full((len(NUMBERS) + 1,), UNSEEN, dtype=torch.float64)
        none[-1] = 0
        self.register_buffer("none", none, persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        high, wide = _sides(pictures)
        least, most = torch.minimum(high, wide), torch.maximum(high, wide)
        may_show = (least >= LEAST) & (most <= SLIMMEST * least)
        rows = torch.where(may_show, self.network(lay_all(pictures)), self.get_buffer("none"))
        return calibrated(rows, self.calibration, self.get_buffer("columns")).float()


def lay_all(pictures: Tensor) -> Tensor:
    """Return canvases (n, 3, HIGH, WIDE), 0 to 255, of pictures uint8 (n, h, w, 3), as ``lay``."""
    high, wide = _sides(pictures)
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


def _sides(pictures: Tensor) -> tuple[Tensor, Tensor]:
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
