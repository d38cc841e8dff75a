"""A reader that is told what to see, and evidence to tell it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sameplayer.data.images.picture import Picture
from sameplayer.numbers.reader import NUMBERS


class Told:
    """A reader that is told what to see, by the red of the first pixel."""

    name = "told"

    def __init__(self, rows: np.ndarray, candidates: Sequence[str] = NUMBERS) -> None:
        self.rows, self.candidates = rows, tuple(candidates)

    def read(self, pictures: Sequence[Picture]) -> np.ndarray:
        return self.rows[[int(picture[0, 0, 0]) for picture in pictures]]


def evidence(shares: dict[str, float], candidates: Sequence[str] = ("4", "14", "7")) -> np.ndarray:
    rest = (1 - sum(shares.values())) / (len(candidates) + 1 - len(shares))
    return np.log([shares.get(one, rest) for one in (*candidates, "")])
