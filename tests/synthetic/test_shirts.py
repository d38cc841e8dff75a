"""Numbers on drawn shirts: what is asked for is what is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from sameplayer.errors import SettingError
from sameplayer.synthetic.shirts import ShirtView, draw_shirt, shirt_fonts


def ink(view: ShirtView, seed: int = 3) -> np.ndarray:
    """Return where the number is: a picture with it less one without."""
    pictures = [draw_shirt(number, view, seed).astype(int) for number in ("88", "")]
    return np.abs(pictures[0] - pictures[1]).sum(axis=2) > 150


def test_the_digits_have_the_height_that_was_asked_for_in_every_font() -> None:
    for font in shirt_fonts():
        rows = np.flatnonzero(ink(ShirtView(font, 60)).any(axis=1))
        assert abs(rows[-1] - rows[0] + 1 - 60) <= 4, font


@pytest.mark.parametrize("digits", [8, 24, 92])
def test_the_picture_gets_small_with_the_digits(digits: float) -> None:
    picture = draw_shirt("7", ShirtView(digits=digits))
    assert picture.dtype == np.uint8
    assert picture.shape[0] == pytest.approx(640 * digits / 92, abs=1)


def test_a_turned_number_is_narrower_and_a_leaning_one_slants() -> None:
    straight, turned, leaning = (
        np.argwhere(ink(view))
        for view in (
            ShirtView(digits=60),
            ShirtView(digits=60, turn=60),
            ShirtView(digits=60, lean=30),
        )
    )
    assert np.ptp(turned[:, 1]) < 0.65 * np.ptp(straight[:, 1])
    slant = abs(np.corrcoef(leaning.T)[0, 1])
    assert slant > abs(np.corrcoef(straight.T)[0, 1]) + 0.1


def test_seed_and_number_decide_the_picture() -> None:
    first, again, other = (draw_shirt("7", seed=seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert first.shape != other.shape or (first != other).any()


def test_fonts_differ_from_each_other_and_every_digit_has_ink() -> None:
    fonts = shirt_fonts()
    assert len(fonts) >= 8
    shapes = {name: font("0123456789") for name, font in fonts.items()}
    assert len({(one.shape, one.tobytes()) for one in shapes.values()}) == len(fonts)
    assert set(fonts) <= set(shirt_fonts(system=True))


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(SettingError, match="digits is 200; expected from 1 to 92"):
        ShirtView(digits=200)
    with pytest.raises(SettingError, match="turn is 90"):
        ShirtView(turn=90)
    with pytest.raises(SettingError, match=r"font is 'Comic'; expected one of .*DejaVu"):
        draw_shirt("7", ShirtView("Comic"))
