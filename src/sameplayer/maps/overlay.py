"""Maps over pictures: a pair side by side, or a query with its ranked gallery."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from sameplayer.data.images import Picture
from sameplayer.files import whole_file
from sameplayer.maps.score_cam import Explanation

COLOURS = "cividis"  # reads the same with and without red-green colour blindness


def overlay(picture: Picture, values: np.ndarray, strength: float = 0.75) -> Picture:
    """Return the picture in grey with a map (h, w) over it: blue adds nothing, yellow most."""
    grey = picture.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    colours = matplotlib.colormaps[COLOURS](values)[:, :, :3] * 255
    weight = strength * (0.35 + 0.65 * values[:, :, None])
    mixed = (1 - weight) * grey[:, :, None] + weight * colours
    return np.clip(mixed, 0, 255).astype(np.uint8)


def draw_pair(a: Picture, b: Picture, why: Explanation) -> Figure:
    """Return a figure: each picture, and over it what matches the other."""
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = figure.subplots(1, 4)
    shown = (a, overlay(a, why.map_a), overlay(b, why.map_b), b)
    titles = ("A", "in A, what matches B", "in B, what matches A", "B")
    for place, picture, title in zip(axes, shown, titles, strict=True):
        _show(place, picture, title)
    figure.suptitle(f"similarity {why.similarity:.3f} (1: the same, 0: unrelated)")
    _legend(figure, list(axes))
    return figure


def draw_strip(
    query: Picture,
    items: Sequence[tuple[Picture, Explanation, str]],
    title: str,
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
        _show(axes[1, column], overlay(picture, why.map_b), f"{why.similarity:.3f}")
        _show(axes[2, column], overlay(query, why.map_a), "")
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


def _legend(figure: Figure, axes: list) -> None:
    bar = figure.colorbar(ScalarMappable(cmap=COLOURS), ax=axes, fraction=0.05, shrink=0.8)
    bar.set_ticks([0, 1], labels=["adds\nnothing", "adds\nmost"])
