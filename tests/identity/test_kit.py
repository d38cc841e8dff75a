"""Kits: two that most people wear are found, and whoever wears neither is told so."""

from __future__ import annotations

import numpy as np
import pytest

from sameplayer.data.crops import read_crops
from sameplayer.errors import DataError
from sameplayer.identity.evidence.kit import colour_word, find_kits, shirt_rows


def _shirts(rgb: tuple[int, int, int], count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Drawn crops: grass with a shirt of one colour in the middle, light changing."""
    crops = []
    for _ in range(count):
        crop = np.full((90, 40, 3), (60, 120, 50), float)
        crop[10:55, 8:32] = rgb
        crop *= rng.uniform(0.85, 1.1)
        crops.append(np.clip(crop + rng.normal(0, 8, crop.shape), 0, 255).astype(np.uint8))
    return crops


def test_two_kits_are_told_apart_and_a_referee_wears_neither() -> None:
    rng = np.random.default_rng(0)
    crops = [
        *_shirts((235, 235, 235), 12, rng),
        *_shirts((30, 60, 190), 11, rng),
        *_shirts((20, 20, 20), 3, rng),
    ]
    rows, colours = shirt_rows(crops)
    kits = find_kits(rows, np.ones(len(rows)), colours)
    assert kits.words == ("white", "blue")
    shares = kits.probabilities(rows)
    assert np.allclose(shares.sum(axis=1), 1)
    assert (shares[:12, 0] > 0.7).all()
    assert (shares[12:23, 1] > 0.7).all()
    assert (shares[23:, :2] < 0.5).all()


def test_kits_of_real_players_are_white_and_blue() -> None:
    """The package's twelve soccer crops: nine players of two kits."""
    from sameplayer.commands.demo import REAL

    crops = read_crops(REAL / "crops.csv")
    rows, colours = shirt_rows([crops.read(row) for row in range(len(crops))])
    kits = find_kits(rows, np.ones(len(rows)), colours)
    assert kits.words == ("white", "blue")
    best = kits.probabilities(rows).argmax(axis=1)
    team = crops.table["person"].str.split("-").str[0].to_numpy()
    assert (best[team == "white"] == 0).all()
    assert (best[team == "blue"] == 1).all()


def test_one_kit_alone_is_an_error() -> None:
    rows, colours = shirt_rows(_shirts((200, 30, 40), 1, np.random.default_rng(0)))
    with pytest.raises(DataError, match="expected two or more"):
        find_kits(rows, np.ones(1), colours)
    with pytest.raises(DataError, match="expected two kits"):
        find_kits(np.repeat(rows, 5, axis=0), np.ones(5), np.repeat(colours, 5, axis=0))


@pytest.mark.parametrize(
    ("rgb", "word"),
    [
        ((240, 240, 235), "white"),
        ((20, 22, 25), "black"),
        ((200, 30, 40), "red"),
        ((30, 60, 190), "blue"),
        ((240, 200, 30), "yellow"),
        ((20, 130, 70), "green"),
        ((110, 110, 115), "grey"),
        ((50, 55, 85), "black"),  # black cloth under a blue sky
        ((25, 35, 100), "blue"),
        ((25, 60, 35), "green"),
        ((90, 20, 25), "red"),
        ((200, 180, 150), "white"),  # white cloth in a hall
    ],
)
def test_colours_have_words(rgb: tuple[int, int, int], word: str) -> None:
    assert colour_word(np.array(rgb)) == word
