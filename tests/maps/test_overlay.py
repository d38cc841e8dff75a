"""Maps drawn over pictures."""

from __future__ import annotations

import numpy as np

from sameplayer.maps.overlay import overlay


def test_overlay_is_grey_where_nothing_is_and_yellow_where_most_is() -> None:
    picture = np.full((2, 2, 3), 128, np.uint8)
    drawn = overlay(picture, np.array([[0.0, 1.0], [0.0, 1.0]], np.float32))
    assert drawn[0, 1, 0] > drawn[0, 1, 2] + 80
    assert abs(int(drawn[0, 0, 0]) - int(drawn[0, 0, 1])) < 40
