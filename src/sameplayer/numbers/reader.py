"""What every reader of shirt numbers is: the protocol, the candidates, the parts of a picture."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sameplayer.data.images.picture import Picture
from sameplayer.errors import DataError, SettingError

NUMBERS = (*(str(number) for number in range(100)), "00")
NUMBER_ALIASES = (
    "shirt number",
    "jersey number",
    "shirt no",
    "jersey no",
    "shirt",
    "jersey",
    "num",
    "nr",
    "no",
    "n°",
    "nº",
    "№",
    "#",
)
"""What rosters call the column ``number``; of several the first counts."""
VIEWS = {  # shares of a standing player's crop: top, bottom, left, right
    "whole": (0.0, 1.0, 0.0, 1.0),
    "torso": (0.12, 0.6, 0.0, 1.0),
    "chest": (0.16, 0.46, 0.15, 0.85),
}


SURE = 0.995  # the most that one picture may say; the rest is shared by all answers


@dataclass(frozen=True)
class Calibration:
    """What turns the network's log-probabilities into honest ones; it lies in the weights file.

    doubt          added to that of "none visible"
    temperature    all are divided by it, after that
    """

    doubt: float
    temperature: float


class NumberReader(Protocol):
    """What reads numbers: CLIP, text recognition, both, or one's own."""

    candidates: tuple[str, ...]
    name: str

    def read(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Return log-probabilities (n, candidates + 1); the last column: no number visible."""
        ...


def shirt_number(cell: str) -> str:
    """Return a shirt number as NUMBERS has it: 07 and 7.0 are 7; anything else as it is."""
    plain = re.fullmatch(r"#?\s*([0-9]{1,3})(\.0*)?", cell)
    if plain is None or plain[1] in NUMBERS:
        return cell if plain is None else plain[1]
    return str(int(plain[1]))


def check_picture(picture: Picture, row: int) -> None:
    """Raise DataError for what is no picture."""
    shape, kind = getattr(picture, "shape", None), getattr(picture, "dtype", None)
    if shape is None or len(shape) != 3 or shape[2] != 3 or 0 in shape or kind != np.uint8:
        raise DataError(
            f"Picture {row} is {kind} {shape}; expected uint8 RGB (height, width, 3). Repeat a "
            "grey picture's values three times."
        )


def check_views(views: Sequence[str]) -> None:
    if not views or not set(views) <= set(VIEWS):
        raise SettingError("views", list(views), f"one or more of {', '.join(VIEWS)}")


def view(picture: Picture, name: str) -> Picture:
    """Return the part of a standing player's crop that a name of VIEWS stands for."""
    high, wide = picture.shape[:2]
    top, bottom, left, right = VIEWS[name]
    rows, columns = (
        slice(round(low * size), max(round(end * size), round(low * size) + 1))
        for low, end, size in ((top, bottom, high), (left, right, wide))
    )
    return picture[rows, columns]
