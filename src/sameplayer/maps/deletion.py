"""How faithful a map is: what hiding its places, or showing them alone, does to the similarity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from sameplayer.data.images.picture import Picture
from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import ConfigError, SettingError
from sameplayer.maps.method import BLUR

CHECKED = 0.2  # share of a picture that a map's test hides, and shows alone


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """Curves of the similarity over the share of places from 0 to 1, and the areas below them.

    deletion     (s + 1,) places hidden, those of the map's largest values first: low is faithful
    insertion    (s + 1,) places shown on the hidden picture, largest first: high is faithful
    """

    deletion: np.ndarray
    insertion: np.ndarray

    @property
    def deletion_area(self) -> float:
        return float(np.trapezoid(self.deletion, dx=1 / (len(self.deletion) - 1)))

    @property
    def insertion_area(self) -> float:
        return float(np.trapezoid(self.insertion, dx=1 / (len(self.insertion) - 1)))


@dataclass(frozen=True)
class MapCheck:
    """What a fifth of a picture is worth to its similarity with another, and which fifth.

    The worth is what the similarity loses when the fifth is blurred, plus what it gains when the
    fifth alone is shown on the blurred picture.

    marked    the places of the map's largest values
    middle    the middle of the picture
    random    the places of a random map's largest values
    """

    marked: float
    middle: float
    random: float

    @property
    def holds(self) -> bool:
        """Whether what the map marks is worth more than the middle, and than random places."""
        return self.marked > max(self.middle, self.random)

    @property
    def words(self) -> str:
        """What was found, to follow "No map of A: " or the like, without a full stop."""
        return (
            f"the fifth of the picture that it marks is worth {self.marked:.3f} to the similarity, "
            f"the middle {self.middle:.3f}, random places {self.random:.3f}"
        )


def faithfulness(
    encoder: Encoder,
    picture: Picture,
    other: Picture,
    values: np.ndarray,
    *,
    steps: int = 20,
    hidden: str = "blur",
) -> Faithfulness:
    """Score a map (h, w) of ``picture`` by hiding and showing its places (Petsiuk et al., 2018).

    hidden    what stands in hidden places, a name of ``BLANKS``: "blur", a strong blur of the
              picture; "mean", its mean colour

    Compare with the areas of a random map and of ``middle_map``: that of any map alone says little.
    Raises ConfigError when map and picture differ in size, SettingError for a setting out of range.
    """
    _same_size(picture, values)
    if steps < 1:
        raise SettingError("steps", steps, "1 or more")
    if hidden not in BLANKS:
        raise SettingError("hidden", repr(hidden), f"one of {', '.join(BLANKS)}")
    share, blank = _rank(values), BLANKS[hidden](picture)
    cuts = np.linspace(0, 1, steps + 1)
    shown = [np.where((share < cut)[:, :, None], picture, blank) for cut in cuts]
    without = [np.where((share < cut)[:, :, None], blank, picture) for cut in cuts]
    rows = encoder.embed([other, *without, *shown])
    similar = rows[1:] @ rows[0]
    return Faithfulness(similar[: steps + 1], similar[steps + 1 :])


def check_map(
    encoder: Encoder, picture: Picture, row: np.ndarray, other: np.ndarray, values: np.ndarray
) -> MapCheck:
    """Test a map (h, w) of a picture by a fifth of it, hidden and alone: a batch of 7 pictures.

    row, other    unit rows (row_width,) of the picture and of the one that it is compared with

    Raises ConfigError when map and picture differ in size.
    """
    _same_size(picture, values)
    blank = BLANKS["blur"](picture)
    maps = (values, middle_map(values.shape), random_map(values.shape, seed=1))
    fifths = [(_rank(one) < CHECKED)[:, :, None] for one in maps]
    without = [np.where(fifth, blank, picture) for fifth in fifths]
    alone = [np.where(fifth, picture, blank) for fifth in fifths]
    similar = encoder.embed([blank, *without, *alone]) @ other
    worth = float(row @ other) - similar[1:4] + similar[4:] - similar[0]
    return MapCheck(*(float(one) for one in worth))


def shares(values: np.ndarray, parts: Mapping[str, np.ndarray]) -> dict[str, tuple[float, float]]:
    """Return for each part (h, w) bool: the share of the map's sum on it, and of the area.

    The share of the area is what a map that knows nothing gives. A map of zeros gives NaN.

    >>> shares(np.array([[1.0, 3.0]]), {"player": np.array([[False, True]])})
    {'player': (0.75, 0.5)}
    """
    total = float(values.sum())
    return {
        name: (float(values[part].sum()) / total if total else float("nan"), float(part.mean()))
        for name, part in parts.items()
    }


def random_map(shape: tuple[int, ...], seed: int, cells: int = 7) -> np.ndarray:
    """Return a smooth random map (h, w) in [0, 1]: the control for every other one."""
    coarse = np.random.default_rng(seed).random((cells, cells), np.float32)
    return np.clip(cv2.resize(coarse, (int(shape[1]), int(shape[0]))), 0, 1)


def middle_map(shape: tuple[int, ...]) -> np.ndarray:
    """Return a map (h, w) in (0, 1] that falls from the middle: the control that knows players."""
    rows, columns = (((np.arange(side) + 0.5) / side - 0.5) for side in shape)
    away = (rows[:, None] / 0.3) ** 2 + (columns / 0.2) ** 2
    return np.exp(-away / 2).astype(np.float32)


def _blur(picture: Picture) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), max(picture.shape[:2]) * BLUR), np.uint8)


def _mean(picture: Picture) -> Picture:
    return np.broadcast_to(picture.mean(axis=(0, 1)).round().astype(np.uint8), picture.shape)


BLANKS = {"blur": _blur, "mean": _mean}


def _rank(values: np.ndarray) -> np.ndarray:
    """Return the place (h, w) of each value in falling order, as a share from 0 to below 1."""
    rank = np.empty(values.size)
    rank[np.argsort(-values, axis=None, kind="stable")] = np.arange(values.size)
    return rank.reshape(values.shape) / values.size


def _same_size(picture: Picture, values: np.ndarray) -> None:
    if values.shape != picture.shape[:2]:
        raise ConfigError(
            f"A map of {values.shape} for a picture of {picture.shape[:2]}; expected the same size."
        )
