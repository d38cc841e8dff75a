"""Fitting inside a graph gives OpenCV's pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sameplayer.data.images.picture import FITS
from sameplayer.encoder.onnx.fit import GRAPH_FITS, GraphFit
from sameplayer.errors import SettingError

EXTREME = [(1, 1), (1, 2), (2, 1), (1, 700), (700, 1), (3, 3), (256, 128), (128, 64), (511, 257)]


@pytest.mark.parametrize("fit", FITS)
def test_every_pixel_is_that_of_the_tool(fit: str) -> None:
    rng = np.random.default_rng(5)
    drawn = [tuple(map(int, np.exp(rng.uniform(0, 6.3, 2)))) for _ in range(60)]
    for number, (high, wide) in enumerate([*EXTREME, *drawn]):
        height, width = [(256, 128), (128, 64), (71, 93)][number % 3]
        picture = rng.integers(0, 256, (high, wide, 3)).astype(np.uint8)
        expected = FITS[fit].apply(picture, height, width)
        (found,) = GraphFit(fit, height, width)(torch.from_numpy(picture)[None]).numpy()
        np.testing.assert_array_equal(found, expected, f"{high} x {wide} to {height} x {width}")


@pytest.mark.parametrize("fit", FITS)
def test_a_fitted_batch_stays_as_it_is(fit: str) -> None:
    rng = np.random.default_rng(6)
    batch = rng.integers(0, 256, (3, 48, 20, 3)).astype(np.uint8)
    np.testing.assert_array_equal(GraphFit(fit, 48, 20)(torch.from_numpy(batch)).numpy(), batch)


def test_every_fit_of_pictures_is_a_fit_of_graphs_and_another_is_refused() -> None:
    assert list(GRAPH_FITS) == list(FITS)
    with pytest.raises(SettingError, match="fit is 'crop'; expected one of letterbox, stretch"):
        GraphFit("crop", 4, 4)
