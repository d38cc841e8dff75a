"""A sheet of pictures with the shirt numbers that were read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.figure import Figure

from sameplayer.data.images.picture import Picture, letterbox_to
from sameplayer.numbers.reading import NumberReading

COLUMNS = 8
RIGHT, WRONG, UNKNOWN = "#0072b2", "#d55e00", "black"  # told apart in every colour vision


def draw_readings(
    picture: Callable[[int], Picture],
    readings: Sequence[NumberReading],
    truth: Sequence[str] | None = None,
    most: int = 32,
) -> Figure:
    """Return a figure of the readings, the surest first; where there are many, evenly chosen.

    picture    gives the picture of a reading by its number; only those shown are asked for
    truth      the true numbers, "" for none: wrong readings are orange and say what is right
    """
    order = np.argsort([-one.probability for one in readings], kind="stable")
    order = order[
        np.unique(np.linspace(0, len(order) - 1, min(most, len(order))).round().astype(int))
    ]
    lines = -(-len(order) // COLUMNS)
    figure = Figure(figsize=(1.25 * COLUMNS, 2.3 * lines), layout="constrained")
    axes = figure.subplots(lines, COLUMNS, squeeze=False).ravel()
    for one in axes:
        one.set_axis_off()
    for place, row in zip(axes, order.tolist(), strict=False):
        found = readings[row]
        words, colour = "none", UNKNOWN
        if found.number is not None:
            words = f"{found.number}  {found.probability:.2f}"
        if truth is not None:
            right = (found.number or "") == truth[row]
            colour = RIGHT if right else WRONG
            words += "" if right else f"\nis {truth[row] or 'none'}"
        place.imshow(letterbox_to(picture(row), 256, 128))
        place.set_title(words, fontsize=9, color=colour)
    return figure
