"""How a crop is laid on the canvas, and a number cut out of it."""

from __future__ import annotations

import numpy as np
import pytest

from sameplayer.numbers.network.crop_canvas import (
    CUT,
    HIGH,
    PAD,
    ROOM,
    WIDE,
    cut,
    cut_matrix,
    fit,
    lay,
)


def test_of_a_standing_player_the_legs_are_left_out_and_of_a_torso_nothing() -> None:
    assert fit(250, 100)[3] == pytest.approx(HIGH)
    assert fit(250, 100)[0] == pytest.approx(HIGH / 180)
    scale, left, top, high, wide = fit(90, 100)
    assert (scale, left, wide) == (WIDE / 100, pytest.approx(0, abs=1e-9), pytest.approx(WIDE))
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


def test_a_number_stands_in_the_middle_of_what_is_cut_out_at_an_even_height() -> None:
    canvas = np.zeros((HIGH, WIDE, 3), np.uint8)
    canvas[70:90, 40:52] = 255  # 20 high, 12 wide
    part = cut(canvas, cut_matrix(np.array([46, 80, 12, 20.0])))
    assert part.shape == (*CUT, 3)
    rows, columns = (np.flatnonzero(part[:, :, 0].max(axis=side) > 127) for side in (1, 0))
    assert rows.mean() == pytest.approx((CUT[0] - 1) / 2, abs=1)
    assert columns.mean() == pytest.approx((CUT[1] - 1) / 2, abs=1)
    assert len(rows) == pytest.approx(CUT[0] / ROOM, abs=2)
    assert len(columns) == pytest.approx(CUT[0] / ROOM * 12 / 20, abs=2)
    more = cut(canvas, cut_matrix(np.array([46, 80, 12, 20.0]), zoom=2.0))
    assert (more[:, :, 0] > 127).sum() == pytest.approx((part[:, :, 0] > 127).sum() / 4, rel=0.15)
    moved = cut(canvas, cut_matrix(np.array([46, 80, 12, 20.0]), shift=(0.2, 0.0)))
    assert np.flatnonzero(moved[:, :, 0].max(axis=0) > 127).mean() == pytest.approx(
        columns.mean() - 0.2 * CUT[0], abs=1
    )


def test_turning_and_stretching_keep_the_middle() -> None:
    matrix = cut_matrix(np.array([30, 60, 14, 20.0]), turn=0.3, stretch=0.2, zoom=1.3)
    np.testing.assert_allclose(matrix @ [30, 60, 1], [CUT[1] / 2, CUT[0] / 2], atol=1e-4)
    wide, plain = (
        np.linalg.norm(one[0, :2])
        for one in (matrix, cut_matrix(np.array([30, 60, 14, 20.0]), zoom=1.3))
    )
    assert plain / wide == pytest.approx(np.exp(0.2), rel=1e-4)
