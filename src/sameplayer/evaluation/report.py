"""One self-contained HTML page: scores, facts, CMC curve, best and worst queries as strips."""

from __future__ import annotations

import base64
import io
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jinja2 import Environment, PackageLoader, select_autoescape
from matplotlib.figure import Figure

from sameplayer.data.crops import Crops
from sameplayer.data.images import letterbox_to
from sameplayer.evaluation.scores import Scores
from sameplayer.files import write_text
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
) -> None:
    """Write the page; it refers to nothing outside itself.

    best, worst    how many queries to show, by average precision
    strip          gallery pictures a query
    """
    order = np.argsort(scores.per_query_ap, kind="stable")
    order = order[~np.isnan(scores.per_query_ap[order])]
    lowest = order[:worst]
    highest = [row for row in order[::-1] if row not in set(lowest.tolist())][:best]
    nearest = ranking.order()
    page = _template().render(
        scores=scores,
        facts={**facts, **ranking.facts, "re-ranking": ranking.rerank},
        curve=_curve(scores),
        groups=[
            ("Worst queries", [_query(ranking, scores, nearest, int(q), strip) for q in lowest]),
            ("Best queries", [_query(ranking, scores, nearest, int(q), strip) for q in highest]),
        ],
    )
    write_text(path, page)


def _template() -> Any:
    loader = PackageLoader("sameplayer.evaluation", ".")
    return Environment(loader=loader, autoescape=select_autoescape(["j2"])).get_template(
        "report.html.j2"
    )


def _query(
    ranking: Ranking, scores: Scores, nearest: np.ndarray, query: int, strip: int
) -> dict[str, Any]:
    person = str(ranking.query.table["person"].iat[query])
    persons = ranking.gallery.table["person"].astype(object)
    listed = [int(g) for g in nearest[query] if np.isfinite(ranking.distance[query, g])]
    right = [bool(persons.iat[g] == person) for g in listed]
    items = [
        {
            "picture": _thumbnail(ranking.gallery, g),
            "right": good,
            "distance": f"{ranking.distance[query, g]:.3f}",
            "person": persons.iat[g],
        }
        for g, good in zip(listed[:strip], right, strict=False)
    ]
    wrong = Counter(str(item["person"]) for item in items if not item["right"])
    first = right.index(True) + 1 if True in right else None
    confused = ", ".join(f"person {name} x {count}" for name, count in wrong.most_common())
    words = f"first right at rank {first}; {sum(wrong.values())} of the first {len(items)} wrong"
    return {
        "name": ranking.query.table["image"].iat[query],
        "person": person,
        "ap": f"{100 * scores.per_query_ap[query]:.1f}",
        "picture": _thumbnail(ranking.query, query),
        "words": words + (f": {confused}" if confused else ""),
        "items": items,
    }


def _thumbnail(crops: Crops, row: int) -> str:
    small = letterbox_to(crops.read(row), 128, 64)
    bgr = np.ascontiguousarray(small[:, :, ::-1])
    _, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return _data_address("image/jpeg", content.tobytes())


def _curve(scores: Scores) -> str:
    figure = Figure(figsize=(5.2, 3.2), layout="constrained")
    axes = figure.subplots()
    for name, values in scores.cmc.items():
        axes.plot(np.arange(1, 21), 100 * values[:20], marker="o", markersize=3, label=name)
    axes.set(xlabel="rank", ylabel="queries with a match, %", ylim=(0, 102), xlim=(0.5, 20.5))
    axes.set_xticks([1, 5, 10, 15, 20])
    axes.grid(alpha=0.3)
    axes.legend()
    return figure_address(figure)


def figure_address(figure: Figure) -> str:
    """Return a figure as a PNG within a data address."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120)
    return _data_address("image/png", content.getvalue())


def _data_address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
