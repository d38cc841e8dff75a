"""How far a number reader holds: fonts, height of the digits, angles, on drawn shirts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.common.notebook import NotebookTable
from sameplayer.common.statistics import wilson_interval
from sameplayer.data.images.picture import Picture
from sameplayer.errors import SettingError, did_you_mean
from sameplayer.numbers.reader import NumberReader
from sameplayer.numbers.reading import read_jersey_number
from sameplayer.synthetic.shirts import ShirtView, draw_shirt, shirt_fonts

DIGITS = {"none": 0, "one": 1, "two": 2}


@dataclass(frozen=True)
class Factor:
    """One thing that is varied.

    levels    what each is called in tables -> what ``view`` takes
    view      f(view, level) -> the view at this level
    digits    f(level) -> how many digits: 0 (no number), 1 or 2; None: one or two, as drawn
    """

    levels: Callable[[], Mapping[str, Any]]
    view: Callable[[ShirtView, Any], ShirtView]
    digits: Callable[[Any], int | None] = lambda level: None


def _steps(unit: str, *values: float) -> Callable[[], Mapping[str, Any]]:
    return lambda: {f"{value:g} {unit}": value for value in values}


def _fonts(system: bool) -> Callable[[], Mapping[str, Any]]:
    return lambda: {name: name for name in shirt_fonts(system=system)}


FACTORS: dict[str, Factor] = {
    "number": Factor(lambda: DIGITS, lambda view, _: view, lambda digits: digits),
    "font": Factor(_fonts(system=False), lambda view, font: replace(view, font=font)),
    "height": Factor(
        _steps("pixels", 80, 64, 48, 32, 24, 16, 12, 8),
        lambda view, high: replace(view, digits=high),
    ),
    "turn": Factor(
        _steps("degrees", 0, 15, 30, 45, 60, 75), lambda view, angle: replace(view, turn=angle)
    ),
    "lean": Factor(
        _steps("degrees", 0, 10, 20, 30, 45, 60), lambda view, angle: replace(view, lean=angle)
    ),
    "system font": Factor(_fonts(system=True), lambda view, font: replace(view, font=font)),
}
"""Name -> ``Factor``; "system font" differs from machine to machine and is tried when asked for."""
DEFAULT_VIEW = ShirtView()
DEFAULT_FACTORS = tuple(name for name in FACTORS if name != "system font")


@dataclass(frozen=True)
class ReadLevel:
    """Readings at one level, shares of 1.

    right        of all pictures; where there is no number, none named is right
    precision    of those named; NaN where none was
    abstained    of all pictures: no number named
    intervals    95 % (Wilson's); NaN where nothing was named
    """

    factor: str
    level: str
    pictures: int
    right: float
    right_interval: tuple[float, float]
    precision: float
    precision_interval: tuple[float, float]
    abstained: float


@dataclass(frozen=True, eq=False, repr=False)
class NumberRobustness(NotebookTable):
    """What ``measure_number_robustness`` found.

    levels      one entry a factor and level
    examples    (factor, level) -> the first picture that was read
    """

    levels: tuple[ReadLevel, ...]
    examples: dict[tuple[str, str], Picture] = field(repr=False)
    facts: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"NumberRobustness({', '.join(self.factors)}: {len(self.levels)} levels)"

    @property
    def factors(self) -> list[str]:
        """The factors that were varied, in order."""
        return list(dict.fromkeys(entry.factor for entry in self.levels))

    def of(self, factor: str) -> list[ReadLevel]:
        """Return the levels of one factor, in order."""
        return [entry for entry in self.levels if entry.factor == factor]

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each factor and level."""
        return pd.DataFrame([asdict(entry) for entry in self.levels])

    def table(self) -> str:
        """Return the shares as lines of text, in per cent."""
        head = f"{'':<40}{'right %':>8}{'95 % interval':>16}{'precision %':>13}{'abstained %':>13}"
        return "\n".join([head, *map(_line, self.levels)])

    def json(self) -> dict[str, Any]:
        """Return all of it as what JSON can hold; what is not known is null."""
        levels = [asdict(entry) for entry in self.levels]
        for row in levels:
            if np.isnan(row["precision"]):
                row["precision"], row["precision_interval"] = None, None
        return {"levels": levels, "facts": self.facts}


def measure_number_robustness(
    reader: NumberReader,
    vary: Sequence[str] | None = None,
    *,
    pictures: int = 40,
    threshold: float = 0.5,
    view: ShirtView = DEFAULT_VIEW,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> NumberRobustness:
    """Read numbers drawn on shirts while one thing after the other is varied.

    vary         names of FACTORS; None: all but the fonts of this machine
    pictures     at each level; the same numbers and players at all levels
    threshold    name a number only from this probability on
    view         how the shirts are seen where they are not varied
    progress     called with (pictures read, all)

    Raises SettingError for an unknown factor and for no picture.
    """
    chosen = _chosen(vary)
    if pictures < 1:
        raise SettingError("pictures", pictures, "1 or more")
    tasks = [
        (name, level, factor.view(view, value), factor.digits(value))
        for name, factor in chosen.items()
        for level, value in factor.levels().items()
    ]
    levels, examples = [], {}
    for done, (name, level, seen, digits) in enumerate(tasks, start=1):
        truths = [_number(seed, place, digits) for place in range(pictures)]
        drawn = [draw_shirt(number, seen, seed * 100_003 + i) for i, number in enumerate(truths)]
        examples[name, level] = drawn[0]
        read = read_jersey_number(drawn, reader, threshold=threshold)
        levels.append(_level(name, level, [entry.number or "" for entry in read], truths))
        if progress is not None:
            progress(done * pictures, len(tasks) * pictures)
    facts = {
        "reader": reader.name,
        "threshold": threshold,
        "pictures_a_level": pictures,
        "seed": seed,
        "elsewhere": asdict(view),
    }
    return NumberRobustness(tuple(levels), examples, facts)


def _chosen(factors: Sequence[str] | None) -> dict[str, Factor]:
    names = DEFAULT_FACTORS if factors is None else factors
    for name in names:
        if name not in FACTORS:
            hint = did_you_mean(name, FACTORS)
            expected = f"one of {', '.join(FACTORS)}{hint and '.' + hint}"
            raise SettingError("vary", repr(name), expected)
    if not names:
        raise SettingError("vary", "empty", f"one or more of {', '.join(FACTORS)}")
    return {name: FACTORS[name] for name in names}


def _number(seed: int, place: int, digits: int | None) -> str:
    rng = np.random.default_rng((seed, 12, place))
    if digits is None:
        digits = 1 if rng.random() < 0.2 else 2
    ranges = {0: (0, 0), 1: (0, 10), 2: (10, 100)}
    return str(int(rng.integers(*ranges[digits]))) if digits else ""


def _level(factor: str, level: str, read: Sequence[str], truths: Sequence[str]) -> ReadLevel:
    right = np.array([a == b for a, b in zip(read, truths, strict=True)], float)
    named = np.array([bool(entry) for entry in read])
    precision, precise = float("nan"), (float("nan"), float("nan"))
    if named.any():
        precision = float(right[named].mean())
        precise = wilson_interval(precision, int(named.sum()))
    share = float(right.mean())
    interval, abstained = wilson_interval(share, len(right)), float(1 - named.mean())
    return ReadLevel(factor, level, len(read), share, interval, precision, precise, abstained)


def _line(entry: ReadLevel) -> str:
    interval = f"{100 * entry.right_interval[0]:.1f} to {100 * entry.right_interval[1]:.1f}"
    precision = "-" if entry.precision != entry.precision else f"{100 * entry.precision:.1f}"
    return (
        f"{entry.factor:<12}{entry.level:<28}{100 * entry.right:>8.1f}{interval:>16}{precision:>13}"
        f"{100 * entry.abstained:>13.1f}"
    )
