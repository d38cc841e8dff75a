"""The graph's canvas and cuts are OpenCV's, so it gives the reader's probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sameplayer.numbers.network.crop_canvas import cut, cut_matrix, lay
from sameplayer.numbers.network.model import cut_out
from sameplayer.numbers.network.onnx_export import TOLERANCE, ReaderGraph, checked_pictures, lay_all
from sameplayer.synthetic.league import draw_crop
from tests.numbers.onnx_files import shirt_reader

MANY = 1e-3  # share of the values that rounding may decide otherwise, by one


def differences(found: torch.Tensor, expected: np.ndarray) -> np.ndarray:
    return np.abs(found.movedim(-3, -1).numpy() - expected)


def assert_same_pixels(found: torch.Tensor, expected: np.ndarray) -> None:
    off = differences(found, expected)
    assert off.max() <= 1
    assert (off > 0).mean() < MANY


@pytest.mark.parametrize(
    "size",
    [(320, 224), (320, 112), (240, 200), (50, 30), (80, 56), (160, 112), (99, 8), (8, 64)],
    ids=["half", "half as high", "smaller", "larger", "twice", "as large", "thin", "flat"],
)
def test_a_crop_is_laid_as_opencv_lays_it(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (*size, 3)).astype(np.uint8)
    assert_same_pixels(lay_all(torch.from_numpy(picture)[None])[0], lay(picture))


def test_so_are_real_and_drawn_players() -> None:
    for picture in checked_pictures()[9:]:
        laid = lay_all(torch.from_numpy(picture.copy())[None])[0]
        assert_same_pixels(laid, lay(picture))


def test_pictures_of_a_pixel_and_lines_are_laid_without_failing() -> None:
    for size in ((1, 1), (1, 300), (300, 1)):
        picture = np.full((*size, 3), 90, np.uint8)
        laid = lay_all(torch.from_numpy(picture)[None])[0]
        assert differences(laid, lay(picture)).max() <= 1


def test_numbers_are_cut_out_as_opencv_cuts_them() -> None:
    zooms = (0.88, 1.14)
    canvases = np.stack([lay(draw_crop(person, 0, 1).picture) for person in (2, 7)])
    boxes = np.random.default_rng(2).uniform((-5, -5, 3, 3), (118, 165, 70, 90), (5, 4))
    rows = np.array([0, 1, 1, 0, 1])
    given = torch.from_numpy(canvases).permute(0, 3, 1, 2).float()
    found = cut_out(given[rows], torch.from_numpy(boxes), zooms)
    expected = [
        [cut(canvases[row], cut_matrix(box, zoom=zoom)) for zoom in zooms]
        for row, box in zip(rows, boxes, strict=True)
    ]
    assert_same_pixels(found, np.array(expected))


def test_the_graph_gives_the_readers_probabilities() -> None:
    reader = shirt_reader()
    graph = ReaderGraph(reader.network, reader.calibration, reader.candidates)
    for picture in checked_pictures():
        with torch.inference_mode():
            found = graph(torch.from_numpy(picture.copy())[None]).numpy()
        np.testing.assert_allclose(found, reader.read([picture]), atol=TOLERANCE)
