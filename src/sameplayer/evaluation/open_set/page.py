"""One self-contained HTML page of open-set scores: the table, both kinds of error, reliability."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from sameplayer.common.files import write_text
from sameplayer.evaluation.open_set.scores import NAMES, OpenSetScores
from sameplayer.evaluation.pages import figure_address, render

LOWEST = 1e-3  # a share that the logarithmic axes still show


def write_open_set(
    path: str | Path, result: OpenSetScores, facts: dict[str, Any] | None = None
) -> None:
    """Write the page; it refers to nothing outside itself.

    facts    what else to list, such as the data's name

    Raises DataError where the page cannot be written.
    """
    shown = [gallery.shown() for gallery in result.galleries]
    said = {**(facts or {}), **result.facts}
    diagram = reliability_figure(result)
    page = render(
        "open_set.html.j2",
        titles=[gallery.title for gallery in result.galleries],
        rows=[(name, [cells.get(name, "") for cells in shown]) for name in shown[0]],
        names={name: NAMES[name] for name in shown[0] if name in NAMES},
        det=figure_address(det_figure(result)),
        reliability="" if diagram is None else figure_address(diagram),
        uncalibrated=said.pop("uncalibrated", ""),
        facts=said,
    )
    write_text(path, page)


def det_figure(result: OpenSetScores) -> Figure:
    """Return the detection error trade-off of each gallery: FNIR over FPIR."""
    figure = Figure(figsize=(5.6, 4), layout="constrained")
    axes = figure.subplots()
    for gallery in result.galleries:
        named, missed = (gallery.det[:, column].clip(LOWEST) for column in (1, 2))
        axes.step(100 * named, 100 * missed, where="post", label=gallery.title)
    axes.set(
        xscale="log",
        yscale="log",
        xlim=(100 * LOWEST, 100),
        ylim=(100 * LOWEST, 100),
        xlabel="FPIR, %",
        ylabel="FNIR at rank 1, %",
    )
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=7)
    return figure


def reliability_figure(result: OpenSetScores) -> Figure | None:
    """Return the share that was right over the stated probability; None without probabilities."""
    if all(gallery.reliability is None for gallery in result.galleries):
        return None
    figure = Figure(figsize=(4.4, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 100], [0, 100], color="#888", linewidth=1)
    for gallery in result.galleries:
        if gallery.reliability is not None:
            stated, right, _ = gallery.reliability.T
            axes.plot(100 * stated, 100 * right, marker="o", markersize=3, label=gallery.title)
    axes.set(xlabel="stated probability of the first answer, %", ylabel="right, %")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)
    return figure
