"""One self-contained HTML page: scores, facts, curve, ranked strips, maps, shirt numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sameplayer.common.files import write_text
from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import import_extra
from sameplayer.evaluation.pages import figure_address, render
from sameplayer.evaluation.ranked_strips import ShownNumbers, Strips, reason
from sameplayer.evaluation.scores import Scores
from sameplayer.numbers.reader import NumberReader
from sameplayer.ranking.ranking import Ranking


def write_report(
    path: str | Path,
    ranking: Ranking,
    scores: Scores,
    facts: dict[str, Any],
    *,
    best: int = 5,
    worst: int = 10,
    strip: int = 10,
    encoder: Encoder | None = None,
    reader: NumberReader | Callable[[], NumberReader] | None = None,
) -> None:
    """Write the page; it refers to nothing outside itself.

    facts          what else to list of the run, beside the settings of the ranking
    best, worst    how many queries to show, by average precision
    strip          gallery pictures a query
    encoder        show maps of what matches rest on, by this encoder
    reader         read with it the numbers of each query and its first pictures; those in a table
                   (columns read_number and read_number_probability) are shown anyway. A function
                   that makes a reader, such as ``OcrReader``, is called when it is needed

    Maps and numbers are optional: where they fail the page says why and holds all the rest.
    Raises DataError where a picture or the page cannot be read or written.
    """
    numbers = ShownNumbers(reader)
    strips = Strips(ranking, scores, strip, numbers)
    lowest, highest = _chosen_queries(scores, best, worst)
    groups = [
        ("Worst queries", [strips.query(query) for query in lowest]),
        ("Best queries", [strips.query(query) for query in highest]),
    ]
    maps, failure = _maps(strips, encoder, lowest, highest)
    failures = (("maps", failure), ("shirt numbers read", numbers.failure))
    page = render(
        "report.html.j2",
        scores=scores,
        facts={**facts, **ranking.facts, "rerank": ranking.rerank},
        curve=figure_address(cmc_figure(scores)),
        groups=groups,
        maps=maps,
        missing=[f"No {what}: {why}" for what, why in failures if why is not None],
    )
    write_text(path, page)


def _chosen_queries(scores: Scores, best: int, worst: int) -> tuple[list[int], list[int]]:
    """Return the queries of the lowest average precision, rising, and of the highest, falling."""
    order = np.argsort(scores.per_query_ap, kind="stable")
    order = order[~np.isnan(scores.per_query_ap[order])]
    lowest = [int(query) for query in order[:worst]]
    highest = [int(query) for query in order[::-1] if query not in set(lowest)][:best]
    return lowest, highest


def _maps(
    strips: Strips, encoder: Encoder | None, lowest: list[int], highest: list[int]
) -> tuple[list[dict[str, str]], str | None]:
    """Explain the best, the worst and the most confident wrong matches; return why not, too."""
    if encoder is None:
        return [], None
    chosen = [("The best query's first match", query) for query in highest[:1]]
    chosen += [("The worst query's first match", query) for query in lowest[:1]]
    chosen += [("A confident wrong match", query) for query in _confident_and_wrong(strips)]
    try:
        return [_map(strips, encoder, title, query) for title, query in chosen], None
    except Exception as error:  # an optional part must not take the report with it
        return [], reason(error)


def _confident_and_wrong(strips: Strips, count: int = 2) -> list[int]:
    """Return the queries whose nearest picture is wrong, and nearest of all such."""
    wrong = []
    for query in range(len(strips.ranking.query)):
        nearest = strips.listed(query)[:1]
        if len(nearest) and not strips.right(query)[nearest[0]]:
            wrong.append((float(strips.ranking.distance[query, nearest[0]]), query))
    return [query for _, query in sorted(wrong)[:count]]


def _map(strips: Strips, encoder: Encoder, title: str, query: int) -> dict[str, str]:
    ranking, row = strips.ranking, int(strips.listed(query)[0])
    a, b = strips.picture(ranking.query, query), strips.picture(ranking.gallery, row)
    import_extra("torch", "train", "A map")
    from sameplayer.maps.explanation import explain
    from sameplayer.maps.overlay import draw_pair

    why = explain(encoder, a, b)
    verdict = "right" if strips.right(query)[row] else "wrong"
    first, second = str(ranking.query.table["image"].iat[query]), ranking.gallery.table["image"]
    words = f"{title}, {verdict}: A is {first}, B is {second.iat[row]}"
    return {"words": words, "picture": figure_address(draw_pair(a, b, why))}


def cmc_figure(scores: Scores) -> Figure:
    """Return the CMC curve of each protocol, ranks 1 to 20."""
    figure = Figure(figsize=(5.2, 3.2), layout="constrained")
    axes = figure.subplots()
    for name, values in scores.cmc.items():
        axes.plot(np.arange(1, 21), 100 * values[:20], marker="o", markersize=3, label=name)
    axes.set(xlabel="rank", ylabel="queries with a match, %", ylim=(0, 102), xlim=(0.5, 20.5))
    axes.set_xticks([1, 5, 10, 15, 20])
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
