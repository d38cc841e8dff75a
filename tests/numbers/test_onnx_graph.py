"""The reader's graph, before it is exported, finds and reads what the reader does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sameplayer.numbers.network.onnx_export import TOLERANCE, checked_pictures
from sameplayer.numbers.network.onnx_graph import ReaderGraph, graph_places
from sameplayer.numbers.network.shirt_reader import Place, places_of
from tests.numbers.onnx_files import shirt_reader


def maps_of(*numbers: tuple[int, int, float]) -> np.ndarray:
    """Maps of a finder that is sure of numbers at (row, column) as far as the logit says."""
    maps = np.random.default_rng(3).normal(0, 0.3, (5, 20, 14))
    maps[0] = -20
    for row, column, logit in numbers:
        maps[0, row, column] = logit
    return maps


@pytest.mark.parametrize(
    ("maps", "count"),
    [
        (maps_of((6, 5, 3.0), (6, 6, 3.0), (15, 3, 2.0)), 2),
        (maps_of((6, 5, 3.0), (15, 3, -3.0)), 1),
        (maps_of((6, 5, 1.0), (15, 3, 0.9), (2, 11, 0.8)), 2),
        (maps_of(), 0),
        (maps_of((6, 5, -9.0)), 0),
    ],
    ids=["two", "one likely", "a third is left out", "none", "one too unlikely"],
)
def test_the_places_are_those_of_the_reader(maps: np.ndarray, count: int) -> None:
    shares, boxes = graph_places(torch.from_numpy(maps)[None])
    expected: list[Place] = places_of(maps)
    assert len(expected) == count == int((shares > 0).sum())
    for number, place in enumerate(expected):
        assert shares[0, number] == pytest.approx(place.share, abs=1e-9)
        np.testing.assert_allclose(boxes[0, number], place.box, atol=1e-6)


def test_the_graph_gives_the_readers_probabilities() -> None:
    reader = shirt_reader()
    graph = ReaderGraph(reader.network, reader.calibration, reader.candidates)
    for picture in checked_pictures():
        with torch.inference_mode():
            found = graph(torch.from_numpy(picture.copy())[None]).numpy()
        np.testing.assert_allclose(found, reader.read([picture]), atol=TOLERANCE)
