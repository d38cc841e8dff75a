"""The number reader's two networks: what they take and give, and how digits make numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sameplayer.numbers.network.crop_canvas import CELL, CUT, HIGH, WIDE
from sameplayer.numbers.network.model import TENS, UNITS, DigitReader, Finder, number_shares
from sameplayer.numbers.reader import NUMBERS


def test_an_untrained_finder_gives_a_cell_for_eight_pixels_and_is_in_doubt() -> None:
    with torch.inference_mode():
        maps = Finder().eval()(torch.rand(2, 3, HIGH, WIDE) * 255)
    assert maps.shape == (2, 5, HIGH // CELL, WIDE // CELL)
    assert maps[:, 0].exp().sum(dim=(1, 2)).tolist() == pytest.approx([1, 1], abs=1e-3)
    assert not maps[:, 1:].any()


def test_the_reader_takes_cuts_and_gives_a_number_and_two_digits() -> None:
    with torch.inference_mode():
        logits = DigitReader().eval()(torch.rand(3, 3, *CUT) * 255)
    assert logits.shape == (3, 1 + TENS + UNITS)


@pytest.mark.parametrize(
    ("tens", "units", "number"),
    [(0, 7, "7"), (0, 0, "0"), (2, 2, "12"), (10, 9, "99"), (1, 0, "00"), (1, 7, "7")],
)
def test_two_sure_digits_are_a_number(tens: int, units: int, number: str) -> None:
    logits = torch.zeros(1, 1 + TENS + UNITS)
    logits[0, 1 + tens] = logits[0, 1 + TENS + units] = 30
    shares = number_shares(logits).exp()[0]
    assert shares.shape == (len(NUMBERS),)
    assert shares[NUMBERS.index(number)] == pytest.approx(1, abs=1e-4)


def test_unsure_digits_share_what_there_is() -> None:
    logits = torch.full((1, 1 + TENS + UNITS), -30.0)
    logits[0, 1 + 2], logits[0, 1 + 5] = np.log(3), 0  # 1_ three times as likely as 4_
    logits[0, 1 + TENS + 6] = logits[0, 1 + TENS + 8] = 0
    shares = number_shares(logits).exp()[0]
    expected = {"16": 0.375, "18": 0.375, "46": 0.125, "48": 0.125}
    for number, share in expected.items():
        assert shares[NUMBERS.index(number)] == pytest.approx(share, abs=1e-4)
    assert shares.sum() == pytest.approx(1, abs=1e-4)
