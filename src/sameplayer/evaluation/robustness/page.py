"""One self-contained HTML page: a curve per corruption, a picture per level, and the table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from sameplayer.common.files import write_text
from sameplayer.data.corruption.corrupted_crops import corrupt_crops
from sameplayer.data.corruption.corruptions import CORRUPTIONS
from sameplayer.data.crops import Crops
from sameplayer.evaluation.pages import figure_address, picture_address, render
from sameplayer.evaluation.robustness.numbers import NumberRobustness
from sameplayer.evaluation.robustness.scores import POINTS, Robustness

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
    result: Robustness | NumberRobustness,
    crops: Crops | None = None,
    facts: dict[str, Any] | None = None,
) -> None:
    """Write the page of an encoder or a number reader; it refers to nothing outside itself.

    crops    with an encoder, those that were measured: their first query is shown at every level
    facts    what else to list, such as the data's name

    Raises DataError where a picture or the page cannot be read or written.
    """
    shown = _of_encoder(result, crops) if isinstance(result, Robustness) else _of_reader(result)
    page = render("robustness.html.j2", **shown, facts={**(facts or {}), **result.facts})
    write_text(path, page)


def _of_encoder(result: Robustness, crops: Crops | None) -> dict[str, Any]:
    queries, clean = None if crops is None else crops.select("query"), result.clean
    return {
        "title": "How far an encoder holds",
        "words": [PARTS[result.facts["corrupted"]], AROUND[result.facts["around_the_box"]]],
        "clean": f"As the pictures are: mAP {_percent(clean.mAP)} % (95 % interval "
        f"{_interval(clean.interval)}), top-1 {_percent(clean.top1)} %.",
        "parts": [_corruption(result, name, queries) for name in result.corruptions],
        "columns": ("mAP %", "95 % interval", "top-1 %", "points lost"),
        "points": f"{POINTS:g}",
    }


def _of_reader(result: NumberRobustness) -> dict[str, Any]:
    return {
        "title": "How far a number reader holds",
        "words": ["Numbers drawn on drawn shirts; nothing here is a real picture."],
        "clean": "",
        "parts": [_factor(result, name) for name in result.factors],
        "columns": ("right %", "95 % interval", "precision %", "95 % interval", "abstained %"),
        "points": "",
    }


def _corruption(result: Robustness, name: str, queries: Crops | None) -> dict[str, Any]:
    levels, every = result.of(name), [result.clean, *result.of(name)]
    titles = [f"{score.level:g} {score.unit}" for score in levels]
    pictures: list[tuple[str, str]] = []
    if queries is not None and len(queries):
        seed = int(result.facts.get("seed", 0))
        shown = [corrupt_crops(queries, name, score.level, seed).read(0) for score in levels]
        addresses = map(picture_address, [queries.read(0), *shown])
        pictures = list(zip(["as it is", *titles], addresses, strict=True))
    cells = [
        (
            _percent(score.mAP),
            _interval(score.interval),
            _percent(score.top1),
            f"{_percent(score.lost)} ({_interval(score.lost_interval)})",
        )
        for score in levels
    ]
    curve = _curve(
        ["as is", *(f"{score.level:g}" for score in levels)],
        {"mAP": [score.mAP for score in every]},
        [score.interval for score in every],
        words=(levels[0].unit, "mAP %"),
        limit=100 * result.clean.mAP - POINTS,
    )
    about = CORRUPTIONS[name].about if name in CORRUPTIONS else ""
    return {
        "title": f"{name}: {about}" if about else name,
        "words": result.verdict(name),
        "curve": curve,
        "rows": list(zip(titles, cells, strict=True)),
        "pictures": pictures,
    }


def _factor(result: NumberRobustness, name: str) -> dict[str, Any]:
    levels = result.of(name)
    titles = [score.level for score in levels]
    cells = [
        (
            _percent(score.right),
            _interval(score.right_interval),
            _percent(score.precision),
            _interval(score.precision_interval),
            _percent(score.abstained),
        )
        for score in levels
    ]
    shares = ("right", "precision", "abstained")
    curve = _curve(
        titles,
        {share: [getattr(score, share) for score in levels] for share in shares},
        [score.right_interval for score in levels],
        words=("", "%"),
    )
    pictures = [(title, picture_address(result.examples[name, title])) for title in titles]
    rows = list(zip(titles, cells, strict=True))
    return {"title": name, "words": "", "curve": curve, "rows": rows, "pictures": pictures}


def _curve(
    ticks: Sequence[str],
    lines: dict[str, list[float]],
    band: Sequence[tuple[float, float]],
    *,
    words: tuple[str, str],
    limit: float | None = None,
) -> str:
    """Return a figure of shares as a data address.

    lines    label -> a share at each tick; band: an interval at each
    words    of both axes; without a unit the ticks are texts, which are turned
    limit    per cent, at which a dotted line is drawn
    """
    figure = Figure(figsize=(5.2, 2.8), layout="constrained")
    axes = figure.subplots()
    places = range(len(ticks))
    for label, shares in lines.items():
        axes.plot(places, [100 * share for share in shares], "o-", markersize=4, label=label)
    low, high = ([100 * end for end in ends] for ends in zip(*band, strict=True))
    axes.fill_between(places, low, high, alpha=0.2, linewidth=0)
    if limit is not None:
        axes.axhline(limit, linestyle=":", color="#b00020", linewidth=1)
    turned: dict[str, Any] = {} if words[0] else {"rotation": 30, "ha": "right"}
    axes.set_xticks(list(places), list(ticks), **turned)
    axes.set(xlabel=words[0], ylabel=words[1], ylim=(-2, 102))
    axes.grid(alpha=0.3)
    if len(lines) > 1:
        axes.legend(fontsize=7)
    return figure_address(figure)


def _interval(ends: tuple[float, float]) -> str:
    return "" if any(end != end for end in ends) else f"{_percent(ends[0])} to {_percent(ends[1])}"


def _percent(share: float) -> str:
    return "" if share != share else f"{100 * share:.1f}"  # NaN: nothing was named
