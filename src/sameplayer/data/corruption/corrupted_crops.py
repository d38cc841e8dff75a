"""A crop table whose pictures are corrupted as they are read."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from sameplayer.data.corruption.corruptions import (
    CORRUPTIONS,
    Corruption,
    check_levels,
    checked,
    cut_inside,
)
from sameplayer.data.crops import Crops
from sameplayer.data.images.picture import Picture
from sameplayer.data.reading import read_shared
from sameplayer.errors import SettingError, did_you_mean

CorruptionChoice: TypeAlias = "Sequence[str] | Mapping[str, Sequence[float]]"
"""Names of CORRUPTIONS, each alone (its own levels) or as "blur=3,9"; or name -> levels."""


@dataclass(frozen=True, eq=False)
class CorruptedCrops(Crops):
    """A crop table whose pictures are corrupted when they are read.

    corruption    a name of CORRUPTIONS
    level         its severity
    seed          decides what is random, with the names of corruption and picture and the box; the
                  level, the row and the order of reading do not matter
    """

    corruption: str = ""
    level: float = 0.0
    seed: int = 0

    def read(self, row: int) -> Picture:
        """Return the corrupted picture of one row, uint8 RGB (h, w, 3).

        A corrupted box is cut from the picture that the row's box lies in. A row without a box has
        no surroundings: its picture is mirrored at the edges.
        """
        corruption, box = CORRUPTIONS[self.corruption], self.box(row)
        image = str(self.table["image"].iat[row])
        rng = np.random.default_rng((self.seed, _code(f"{self.corruption}|{image}|{box}")))
        if corruption.move is not None and box is not None:
            return cut_inside(read_shared(self.path(row)), corruption.move(box, self.level, rng))
        return checked(self.corruption, corruption.apply(super().read(row), self.level, rng))


def corrupt_crops(crops: Crops, corruption: str, level: float, seed: int = 0) -> CorruptedCrops:
    """Return the crops with this corruption applied on reading.

    Raises SettingError for an unknown corruption and a level out of range.

    >>> import pandas as pd
    >>> corrupt_crops(Crops(pd.DataFrame({"image": ["a.png"]}), "pictures"), "blur", 9).level
    9
    """
    check_levels(corruption, find_corruption(corruption), (level,))
    parts = crops.table, crops.root, crops.scope, crops.source, crops.notes
    return CorruptedCrops(*parts, corruption, level, seed)


def find_corruption(name: str) -> Corruption:
    """Return the corruption of a name. Raises SettingError, with the nearest name."""
    if name not in CORRUPTIONS:
        hint = did_you_mean(name, CORRUPTIONS)
        raise SettingError(
            "corruptions", repr(name), f"one of {', '.join(CORRUPTIONS)}{hint and '.' + hint}"
        )
    return CORRUPTIONS[name]


def find_corruptions(choice: CorruptionChoice | None = None) -> dict[str, tuple[float, ...]]:
    """Return name -> levels from mild to severe; None: all of CORRUPTIONS at their own levels.

    Raises SettingError for an unknown corruption and a level that is not a number or out of range.
    """
    chosen: dict[str, tuple[float, ...]] = {}
    named = CORRUPTIONS if choice is None else choice
    for word in named:
        name, levels = _levels(word, named)
        corruption = find_corruption(name)
        chosen[name] = corruption.ordered(corruption.levels if levels is None else levels)
        check_levels(name, corruption, chosen[name])
    if not chosen:
        raise SettingError("corruptions", "empty", f"one or more of {', '.join(CORRUPTIONS)}")
    return chosen


def _levels(word: str, choice: object) -> tuple[str, tuple[float, ...] | None]:
    """Return a corruption's name and levels; None: its own levels."""
    if choice is CORRUPTIONS:
        return word, None
    if isinstance(choice, Mapping):
        return word, tuple(float(level) for level in choice[word])
    name, equals, text = word.partition("=")
    if not equals:
        return name, None
    try:
        return name, tuple(float(part) for part in text.split(","))
    except ValueError:
        expected = "numbers with commas between, such as blur=3,9"
        raise SettingError("corruptions", repr(word), expected) from None


def _code(text: str) -> int:
    return zlib.crc32(text.encode())
