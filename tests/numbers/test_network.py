"""The number reader's network: how cells become an answer, how a crop is laid on its canvas."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sameplayer.numbers.network import (
    CELL,
    HIGH,
    PAD,
    TENS,
    UNITS,
    WIDE,
    ShirtNetwork,
    as_input,
    fit,
    lay,
    log_shares,
)
from sameplayer.numbers.reader import NUMBERS

PLACES = (HIGH // CELL, WIDE // CELL)


def maps_of(*cells: tuple[int, float, int, int]) -> torch.Tensor:
    """Maps that say nothing but in cells (place, logit, tens, units), whose digits are sure."""
    maps = torch.zeros(1, 1 + TENS + UNITS, PLACES[0] * PLACES[1])
    maps[:, 0] = -30
    for place, logit, tens, units in cells:
        maps[0, 0, place] = logit
        maps[0, 1 + tens, place] = maps[0, 1 + TENS + units, place] = 40
    return maps.view(1, -1, *PLACES)


@pytest.mark.parametrize(
    ("tens", "units", "number"),
    [(0, 7, "7"), (0, 0, "0"), (2, 2, "12"), (10, 9, "99"), (1, 0, "00"), (1, 7, "7")],
)
def test_a_sure_cell_is_the_answer(tens: int, units: int, number: str) -> None:
    shares = log_shares(maps_of((37, 6.0, tens, units))).exp()[0]
    assert shares.shape == (len(NUMBERS) + 1,)
    assert shares.sum() == pytest.approx(1, abs=1e-5)
    assert shares[NUMBERS.index(number)] == pytest.approx(1 / (1 + np.exp(-6)), abs=1e-4)
    assert shares[-1] == pytest.approx(1 / (1 + np.exp(6)), abs=1e-4)


def test_cells_share_the_answer_with_none_by_their_logits() -> None:
    shares = log_shares(maps_of((5, 1.0, 0, 4), (200, 2.0, 2, 4), (7, 1.0, 0, 4))).exp()[0]
    whole = 1 + 2 * np.e + np.exp(2)
    assert shares[NUMBERS.index("4")] == pytest.approx(2 * np.e / whole, abs=1e-4)
    assert shares[NUMBERS.index("14")] == pytest.approx(np.exp(2) / whole, abs=1e-4)
    assert shares[-1] == pytest.approx(1 / whole, abs=1e-4)


def test_an_untrained_network_answers_for_any_batch() -> None:
    network = ShirtNetwork().eval()
    pictures = [np.full((200, 90, 3), 90, np.uint8), np.full((50, 60, 3), 200, np.uint8)]
    with torch.inference_mode():
        maps = network(as_input(pictures))
    assert maps.shape == (2, 1 + TENS + UNITS, *PLACES)
    np.testing.assert_allclose(log_shares(maps)[:, -1].exp(), 0.5, atol=0.01)


def test_of_a_standing_player_the_legs_are_left_out_and_of_a_torso_nothing() -> None:
    assert fit(250, 100)[3] == pytest.approx(HIGH)
    assert fit(250, 100)[0] == pytest.approx(HIGH / 180)
    scale, left, top, high, wide = fit(90, 100)
    assert (scale, left, wide) == (WIDE / 100, 0, WIDE)
    assert (high, top) == (pytest.approx(100.8), pytest.approx((HIGH - 100.8) / 2))


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (160, 60), (3000, 20), (31, 500)])
def test_every_shape_is_laid_on_the_canvas_with_even_borders(shape: tuple[int, int]) -> None:
    canvas = lay(np.full((*shape, 3), 7, np.uint8))
    assert canvas.shape == (HIGH, WIDE, 3)
    inside = (canvas == 7).all(axis=2)
    assert inside.any()
    assert (canvas[~inside] == PAD).all()
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    assert abs(rows[0] - (HIGH - 1 - rows[-1])) <= 1
    assert abs(columns[0] - (WIDE - 1 - columns[-1])) <= 1
