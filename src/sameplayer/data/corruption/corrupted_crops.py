"""Crops that are read harmed: the table as it is, every picture as one of HARMS leaves it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from sameplayer.data.corruption.corruptions import HARMS, Harm, check_levels, checked, cut_inside
from sameplayer.data.crops import Crops
from sameplayer.data.images.picture import Picture
from sameplayer.data.reading import read_shared
from sameplayer.errors import SettingError, did_you_mean

HarmChoice: TypeAlias = "Sequence[str] | Mapping[str, Sequence[float]]"
"""Names of HARMS, each alone (its own levels) or as "blur=3,9"; or name -> levels."""


@dataclass(frozen=True, eq=False)
class HarmedCrops(Crops):
    """A crop table whose pictures are read harmed.

    harm     a name of HARMS
    level    how much
    seed     what is random in it is decided by this, the harm's name, the picture's name and its
             box: not by the level, the row or the order of reading
    """

    harm: str = ""
    level: float = 0.0
    seed: int = 0

    def read(self, row: int) -> Picture:
        """Return the harmed picture of one row, uint8 RGB (h, w, 3).

        Harm of the box takes the surroundings out of the picture that the row's box lies in. A row
        without a box has none: its picture is mirrored at the edges.
        """
        harm, box = HARMS[self.harm], self.box(row)
        image = str(self.table["image"].iat[row])
        rng = np.random.default_rng((self.seed, _code(f"{self.harm}|{image}|{box}")))
        if harm.move is not None and box is not None:
            return cut_inside(read_shared(self.path(row)), harm.move(box, self.level, rng))
        return checked(self.harm, harm.apply(super().read(row), self.level, rng))


def harm_crops(crops: Crops, harm: str, level: float, seed: int = 0) -> HarmedCrops:
    """Return the crops as they are read with this harm.

    Raises SettingError for an unknown harm and a level out of range.
    """
    check_levels(harm, find_harm(harm), (level,))
    parts = crops.table, crops.root, crops.scope, crops.source, crops.notes
    return HarmedCrops(*parts, harm, level, seed)


def find_harm(name: str) -> Harm:
    """Return the harm of this name; SettingError with the nearest name for another."""
    if name not in HARMS:
        hint = did_you_mean(name, HARMS)
        raise SettingError("harms", repr(name), f"one of {', '.join(HARMS)}{hint and '.' + hint}")
    return HARMS[name]


def find_harms(choice: HarmChoice | None = None) -> dict[str, tuple[float, ...]]:
    """Return name -> levels from mild to severe; None: all of HARMS with their own.

    Raises SettingError for an unknown harm, what is no level, and a level out of range.
    """
    chosen: dict[str, tuple[float, ...]] = {}
    named = HARMS if choice is None else choice
    for word in named:
        name, levels = _levels(word, named)
        harm = find_harm(name)
        chosen[name] = harm.ordered(harm.levels if levels is None else levels)
        check_levels(name, harm, chosen[name])
    if not chosen:
        raise SettingError("harms", "empty", f"one or more of {', '.join(HARMS)}")
    return chosen


def _levels(word: str, choice: object) -> tuple[str, tuple[float, ...] | None]:
    """Return a harm's name and its levels, None where its own are meant."""
    if choice is HARMS:
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
        raise SettingError("harms", repr(word), expected) from None


def _code(text: str) -> int:
    return zlib.crc32(text.encode())
