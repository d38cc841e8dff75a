"""The colour histogram: what it counts, where, and that torch's is NumPy's."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from sameplayer.encoder import load_encoder
from sameplayer.encoder.networks.colour import COLOURS, STRIPES, colour_features
from sameplayer.errors import SettingError

RNG = np.random.default_rng(3)


def shirt(colour: tuple[int, int, int], floor: tuple[int, int, int]) -> np.ndarray:
    """A player as wide as the middle half of the picture, before a floor."""
    picture = np.full((256, 128, 3), floor, np.uint8)
    picture[:, 32:96] = colour
    return picture


@pytest.mark.parametrize("kind", ["noise", "grey", "black", "white", "smooth"])
def test_the_encoder_gives_the_rows_of_numpy(kind: str) -> None:
    noise = RNG.integers(0, 256, (90, 41, 3), dtype=np.uint8)
    pictures = {
        "noise": noise,
        "grey": noise[:, :, :1].repeat(3, axis=2),
        "black": np.zeros((20, 10, 3), np.uint8),
        "white": np.full((20, 10, 3), 255, np.uint8),
        "smooth": RNG.integers(0, 256, (3, 2, 3), dtype=np.uint8),
    }
    rows = load_encoder("colour").embed([pictures[kind]])
    np.testing.assert_allclose(rows, colour_features([pictures[kind]]), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(rows), 1, atol=1e-6)


def test_a_joined_histogram_is_that_of_the_encoder_alone() -> None:
    picture = RNG.integers(0, 256, (200, 80, 3), dtype=np.uint8)
    person = load_encoder("person")
    joined = person.embed([picture])[:, person.feature_width :] / person.spec.colour**0.5
    np.testing.assert_allclose(
        joined, colour_features([picture], person.spec.colour_region), atol=1e-6
    )


def test_stripes_keep_shirt_and_shorts_apart() -> None:
    picture = np.full((90, 30, 3), (255, 0, 0), np.uint8)
    picture[60:] = (0, 0, 255)
    turned = np.ascontiguousarray(picture[::-1])
    row, other = colour_features([picture, turned])
    assert row @ other == pytest.approx(1 / STRIPES, abs=0.05)
    assert (row > 0).sum() < 12
    assert row.shape == (COLOURS,)


def test_the_middle_does_not_see_the_floor() -> None:
    on_wood = shirt((200, 30, 30), (180, 140, 90))
    on_grass = shirt((200, 30, 30), (40, 130, 50))
    box, middle = (colour_features([on_wood, on_grass], name) for name in ("box", "middle"))
    assert middle[0] @ middle[1] == pytest.approx(1, abs=1e-6)
    assert box[0] @ box[1] < 0.8


def test_another_region_is_refused() -> None:
    with pytest.raises(SettingError, match="region"):
        colour_features([shirt((0, 0, 0), (1, 1, 1))], "left")


def test_no_torch_is_needed() -> None:
    code = (
        "import sys, numpy as np\n"
        "from sameplayer.encoder.networks.colour import colour_features\n"
        "colour_features([np.zeros((4, 4, 3), np.uint8)])\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
