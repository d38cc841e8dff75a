"""Maps over pictures: a pair side by side, or a query with its ranked gallery."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from sameplayer.common.files import whole_file
from sameplayer.data.images.picture import Picture

if TYPE_CHECKING:
    from sameplayer.maps.explanation import Explanation

COLOURS = "cividis"  # reads the same with and without red-green colour blindness
BRIGHTEST = 0.02


def overlay(picture: Picture, values: np.ndarray, strength: float = 0.75) -> Picture:
    """Return the picture in grey with a map (h, w) over it: blue adds nothing, yellow most.

    The strongest places, ``BRIGHTEST`` of the area, are of one yellow: one of them alone would
    leave the others dark.
    """
    top = float(np.quantile(values, 1 - BRIGHTEST)) or float(values.max())
    values = np.minimum(values / top, 1) if top > 0 else values
    grey = picture.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    colours = matplotlib.colormaps[COLOURS](values)[:, :, :3] * 255
    weight = strength * (0.35 + 0.65 * values[:, :, None])
    mixed = (1 - weight) * grey[:, :, None] + weight * colours
    return np.clip(mixed, 0, 255).astype(np.uint8)


def draw_pair(a: Picture, b: Picture, why: Explanation) -> Figure:
    """Return a figure: each picture, and over it what matches the other.

    Words stand in place of a map that failed its test.
    """
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = figure.subplots(1, 4)
    _show(axes[0], a, "A")
    _show_map(axes[1], a, why.map_a, why.refusals[0], "in A, what matches B")
    _show_map(axes[2], b, why.map_b, why.refusals[1], "in B, what matches A")
    _show(axes[3], b, "B")
    figure.suptitle(f"similarity {why.similarity:.3f} (1: the same, 0: unrelated)")
    _legend(figure, list(axes))
    return figure


def draw_strip(
    query: Picture, items: Sequence[tuple[Picture, Explanation, str]], title: str
) -> Figure:
    """Return a figure: a query and its ranked gallery; maps of both below the pictures.

    items    gallery picture, explanation (a: query, b: gallery) and words, nearest first
    """
    figure = Figure(figsize=(1.3 * (len(items) + 1) + 0.8, 5.6), layout="constrained")
    axes = figure.subplots(3, len(items) + 1, squeeze=False)
    _show(axes[0, 0], query, "query")
    for row in (1, 2):
        axes[row, 0].axis("off")
    axes[1, 0].text(1, 0.5, "in the item,\nwhat matches\nthe query", ha="right", va="center")
    axes[2, 0].text(1, 0.5, "in the query,\nwhat matches\nthe item", ha="right", va="center")
    for column, (picture, why, words) in enumerate(items, start=1):
        _show(axes[0, column], picture, words)
        _show_map(axes[1, column], picture, why.map_b, why.refusals[1], f"{why.similarity:.3f}")
        _show_map(axes[2, column], query, why.map_a, why.refusals[0], "")
    figure.suptitle(title)
    _legend(figure, list(axes.ravel()))
    return figure


def write_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as a PNG, whole or not at all."""
    with whole_file(path) as partial:
        figure.savefig(partial, format="png", dpi=120)


def _show(axes, picture: Picture, title: str) -> None:  # type: ignore[no-untyped-def]
    axes.imshow(picture)
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()


def _show_map(  # type: ignore[no-untyped-def]
    axes, picture: Picture, values: np.ndarray, refusal: str | None, title: str
) -> None:
    if refusal is None:
        _show(axes, overlay(picture, values), title)
        return
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()
    words = "no map:\nwhat it would\nmark matters\nno more than\nthe middle or\nrandom places"
    axes.text(0.5, 0.5, words, ha="center", va="center", fontsize=7, transform=axes.transAxes)


def _legend(figure: Figure, axes: list) -> None:
    bar = figure.colorbar(ScalarMappable(cmap=COLOURS), ax=axes, fraction=0.05, shrink=0.8)
    bar.set_ticks([0, 1], labels=["adds\nnothing", "adds\nmost"])
