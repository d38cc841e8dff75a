"""One self-contained HTML page: scores, facts, curve, ranked strips, maps, shirt numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sameplayer.data.crops import Crops
from sameplayer.data.images import letterbox_to
from sameplayer.encoder.encoder import Encoder
from sameplayer.evaluation.pages import figure_address, picture_address, render
from sameplayer.evaluation.scores import Scores
from sameplayer.files import write_text
from sameplayer.maps.overlay import draw_pair
from sameplayer.maps.score_cam import explain
from sameplayer.numbers.readers import NumberReader
from sameplayer.numbers.reading import read_jersey_number
from sameplayer.ranking.ranking import Ranking

READ = 5  # pictures of a strip whose numbers are read
CLUSTERS = 32  # groups of channels scored for a map


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
    reader: NumberReader | None = None,
) -> None:
    """Write the page; it refers to nothing outside itself.

    best, worst    how many queries to show, by average precision
    strip          gallery pictures a query
    reader         read with it the numbers of each query and its first pictures; those in a table
                   (columns read_number and read_number_probability) are shown anyway
    """
    order = np.argsort(scores.per_query_ap, kind="stable")
    order = order[~np.isnan(scores.per_query_ap[order])]
    lowest = [int(query) for query in order[:worst]]
    highest = [int(query) for query in order[::-1] if query not in set(lowest)][:best]
    strips = _Strips(ranking, scores, ranking.order(), strip, reader)
    page = render(
        "report.html.j2",
        scores=scores,
        facts={**facts, **ranking.facts, "re-ranking": ranking.rerank},
        curve=_curve(scores),
        groups=[
            ("Worst queries", [strips.query(query) for query in lowest]),
            ("Best queries", [strips.query(query) for query in highest]),
        ],
        maps=[] if encoder is None else _maps(strips, encoder, lowest, highest),
    )
    write_text(path, page)


@dataclass(frozen=True)
class _Strips:
    """Queries with their nearest pictures, as the template shows them."""

    ranking: Ranking
    scores: Scores
    nearest: np.ndarray
    length: int
    reader: NumberReader | None

    def listed(self, query: int) -> list[int]:
        """Gallery rows of the query's own scope, nearest first."""
        row = self.nearest[query]
        return [int(g) for g in row if np.isfinite(self.ranking.distance[query, g])]

    def right(self, query: int, item: int) -> bool:
        asked: Any = self.ranking.query.table["person"].iat[query]
        found: Any = self.ranking.gallery.table["person"].iat[item]
        return not pd.isna(found) and str(asked) == str(found)

    def query(self, query: int) -> dict[str, Any]:
        listed = self.listed(query)
        right = [self.right(query, g) for g in listed]
        own = self._number(self.ranking.query, query)
        items: list[dict[str, Any]] = []
        for place, g in enumerate(listed[: self.length]):
            number = self._number(self.ranking.gallery, g, place < READ)
            items.append(
                {
                    "picture": _thumbnail(self.ranking.gallery, g),
                    "right": right[place],
                    "distance": f"{self.ranking.distance[query, g]:.3f}",
                    "person": self.ranking.gallery.table["person"].iat[g],
                    "number": number,
                    "clash": number and own and number[0] != own[0],
                }
            )
        wrong = Counter(str(item["person"]) for item in items if not item["right"])
        first = right.index(True) + 1 if True in right else None
        confused = ", ".join(f"person {name} x {count}" for name, count in wrong.most_common())
        words = (
            f"first right at rank {first}; {sum(wrong.values())} of the first {len(items)} wrong"
        )
        clashes = sorted({item["number"][0] for item in items if item["clash"]}, key=int)
        if own and clashes:
            words += f"; same appearance, numbers {own[0]} and {' and '.join(clashes)}"
        return {
            "name": self.ranking.query.table["image"].iat[query],
            "person": str(self.ranking.query.table["person"].iat[query]),
            "ap": f"{100 * self.scores.per_query_ap[query]:.1f}",
            "picture": _thumbnail(self.ranking.query, query),
            "number": own,
            "words": words + (f": {confused}" if confused else ""),
            "items": items,
        }

    def _number(self, crops: Crops, row: int, read: bool = True) -> tuple[str, str] | None:
        """Return the number that was read and its probability, in words."""
        if "read_number" in crops.table.columns:
            number: Any = crops.table["read_number"].iat[row]
            likely: Any = crops.table["read_number_probability"].iat[row]
            return None if pd.isna(number) else (str(number), f"{float(likely):.2f}")
        if self.reader is None or not read:
            return None
        found = read_jersey_number([crops.read(row)], self.reader)[0]
        return None if found.number is None else (found.number, f"{found.probability:.2f}")


def _maps(
    strips: _Strips, encoder: Encoder, lowest: list[int], highest: list[int]
) -> list[dict[str, str]]:
    """Explain the best, the worst and the most confident wrong matches."""
    ranking, chosen = strips.ranking, []
    for title, queries in (("best query", highest[:1]), ("worst query", lowest[:1])):
        chosen += [(f"The {title}'s first match", q, strips.listed(q)[0]) for q in queries]
    first = [(query, strips.listed(query)[:1]) for query in range(len(ranking.query))]
    wrong = [(q, g[0]) for q, g in first if g and not strips.right(q, g[0])]
    wrong.sort(key=lambda pair: float(ranking.distance[pair]))
    chosen += [("A confident wrong match", query, item) for query, item in wrong[:2]]
    shown = []
    for title, query, item in chosen:
        a, b = ranking.query.read(query), ranking.gallery.read(item)
        why = explain(encoder, a, b, clusters=CLUSTERS)
        verdict = "right" if strips.right(query, item) else "wrong"
        names = [ranking.query.table["image"].iat[query], ranking.gallery.table["image"].iat[item]]
        words = f"{title}, {verdict}: A is {names[0]}, B is {names[1]}"
        shown.append({"words": words, "picture": figure_address(draw_pair(a, b, why))})
    return shown


def _thumbnail(crops: Crops, row: int) -> str:
    return picture_address(letterbox_to(crops.read(row), 128, 64))


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
