"""One self-contained HTML page: a curve per corruption, a picture per level, and the table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sameplayer.common.files import write_text
from sameplayer.data.corruption.corrupted_crops import corrupt_crops
from sameplayer.data.corruption.corruptions import CORRUPTIONS
from sameplayer.data.crops import Crops
from sameplayer.evaluation.pages import figure_address, picture_address, render
from sameplayer.evaluation.robustness.numbers import NumberRobustness, ReadLevel
from sameplayer.evaluation.robustness.scores import POINTS, CorruptedScore, Robustness

AROUND = {
    "the picture": "Boxes that are too large or beside the player show what is really around them.",
    "mirrored": "The rows have no box in a larger picture: where a box that is too large or beside "
    "the player reaches over the edge, the picture is mirrored.",
}
PARTS = {
    "query": "The queries are corrupted, the gallery is as it is.",
    "both": "Queries and gallery are corrupted alike.",
}


def write_robustness(
    path: str | Path,
    result: Robustness,
    crops: Crops | None = None,
    facts: dict[str, Any] | None = None,
) -> None:
    """Write the page of an encoder; it refers to nothing outside itself.

    crops    those that were measured: their first query is shown at every level
    facts    what else to list, such as the data's name

    Raises DataError where a picture or the page cannot be read or written.
    """
    queries = None if crops is None else crops.select("query")
    corruptions = [_corruption(result, name, queries) for name in result.corruptions]
    said = {**(facts or {}), **result.facts}
    page = render(
        "robustness.html.j2",
        title="How far an encoder holds",
        words=[PARTS[said["corrupted"]], AROUND[said["around_the_box"]]],
        clean=_words(result.clean),
        parts=corruptions,
        columns=("mAP %", "95 % interval", "top-1 %", "points lost"),
        points=f"{POINTS:g}",
        facts=said,
    )
    write_text(path, page)


def write_number_robustness(
    path: str | Path, result: NumberRobustness, facts: dict[str, Any] | None = None
) -> None:
    """Write the page of a number reader; it refers to nothing outside itself.

    Raises DataError where the page cannot be written.
    """
    page = render(
        "robustness.html.j2",
        title="How far a number reader holds",
        words=["Numbers drawn on drawn shirts; nothing here is a real picture."],
        clean="",
        parts=[_factor(result, name) for name in result.factors],
        columns=("right %", "95 % interval", "precision %", "95 % interval", "abstained %"),
        points="",
        facts={**(facts or {}), **result.facts},
    )
    write_text(path, page)


def _corruption(result: Robustness, name: str, queries: Crops | None) -> dict[str, Any]:
    levels = result.of(name)
    pictures = []
    if queries is not None and len(queries):
        pictures = [("as it is", picture_address(queries.read(0)))]
        seed = int(result.facts.get("seed", 0))
        for score in levels:
            shown = corrupt_crops(queries, name, score.level, seed).read(0)
            pictures.append((f"{score.level:g} {score.unit}", picture_address(shown)))
    rows = [
        (
            f"{score.level:g} {score.unit}",
            (
                f"{100 * score.mAP:.1f}",
                _interval(score.interval),
                f"{100 * score.top1:.1f}",
                f"{100 * score.lost:.1f} ({_interval(score.lost_interval)})",
            ),
        )
        for score in levels
    ]
    about = CORRUPTIONS[name].about if name in CORRUPTIONS else ""
    title = f"{name}: {about}" if about else name
    verdict = result.verdict(name)
    curve = _curve(result.clean, levels)
    return {"title": title, "words": verdict, "curve": curve, "rows": rows, "pictures": pictures}


def _curve(clean: CorruptedScore, levels: Sequence[CorruptedScore]) -> str:
    figure, axes = _axes()
    places = range(len(levels) + 1)
    every = [clean, *levels]
    axes.fill_between(
        places,
        [100 * score.interval[0] for score in every],
        [100 * score.interval[1] for score in every],
        alpha=0.2,
        linewidth=0,
    )
    axes.plot(places, [100 * score.mAP for score in every], marker="o", markersize=4, label="mAP")
    axes.axhline(100 * clean.mAP - POINTS, linestyle=":", color="#b00020", linewidth=1)
    axes.set_xticks(list(places), ["as is", *(f"{score.level:g}" for score in levels)])
    axes.set(xlabel=levels[0].unit, ylabel="mAP %", ylim=(0, 102))
    return figure_address(figure)


def _factor(result: NumberRobustness, name: str) -> dict[str, Any]:
    levels = result.of(name)
    rows = [
        (
            score.level,
            (
                f"{100 * score.right:.1f}",
                _interval(score.right_interval),
                _share(score.precision),
                _interval(score.precision_interval),
                f"{100 * score.abstained:.1f}",
            ),
        )
        for score in levels
    ]
    pictures = [
        (score.level, picture_address(result.examples[name, score.level])) for score in levels
    ]
    curve = _reading_curve(levels)
    return {"title": name, "words": "", "curve": curve, "rows": rows, "pictures": pictures}


def _reading_curve(levels: Sequence[ReadLevel]) -> str:
    figure, axes = _axes()
    places = range(len(levels))
    for what in ("right", "precision", "abstained"):
        axes.plot(
            places,
            [100 * getattr(score, what) for score in levels],
            marker="o",
            markersize=4,
            label=what,
        )
    low, high = zip(*(score.right_interval for score in levels), strict=True)
    axes.fill_between(
        places, [100 * end for end in low], [100 * end for end in high], alpha=0.2, linewidth=0
    )
    axes.set_xticks(list(places), [score.level for score in levels], rotation=30, ha="right")
    axes.set(ylabel="%", ylim=(-2, 102))
    axes.legend(fontsize=7)
    return figure_address(figure)


def _axes() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5.2, 2.8), layout="constrained")
    axes = figure.subplots()
    axes.grid(alpha=0.3)
    return figure, axes


def _words(clean: CorruptedScore) -> str:
    return (
        f"As the pictures are: mAP {100 * clean.mAP:.1f} % (95 % interval "
        f"{_interval(clean.interval)}), top-1 {100 * clean.top1:.1f} %."
    )


def _interval(ends: tuple[float, float]) -> str:
    if any(end != end for end in ends):  # NaN: nothing was named
        return ""
    return f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f}"


def _share(value: float) -> str:
    return "" if value != value else f"{100 * value:.1f}"
