"""The shirt-number reader as one ONNX file: pictures in, log-probabilities out, checked."""

from __future__ import annotations

import copy
from dataclasses import asdict
from pathlib import Path

import torch

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
from sameplayer.numbers.network.crop_canvas import HIGH, WIDE
from sameplayer.numbers.network.onnx_graph import ReaderGraph
from sameplayer.numbers.network.onnx_reader import KIND
from sameplayer.numbers.network.shirt_reader import ShirtReader
from sameplayer.synthetic.league import draw_crop

TOLERANCE = 0.05  # of a log-probability, so a twentieth of any probability
DRAWN = ((0, 1), (2, 0), (7, 0))  # persons of the drawn league and a frame that shows the number
REAL = Path(data.__file__).with_name("real")


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
