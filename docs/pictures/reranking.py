"""Draw one query's ten nearest before and after re-ranking: python reranking.py DEMO_FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import sameplayer
from sameplayer.ranking.ranking import Ranking

GREEN, RED, BLUE = "#1a8f3c", "#c62f2f", "#1f5fbf"


def main(demo: Path) -> None:
    test = sameplayer.read_source(demo / "league").of_split("test")
    embeddings = sameplayer.embed(sameplayer.load_encoder(demo / "run"), test)
    plain = sameplayer.rank(embeddings)
    better = sameplayer.rank(embeddings, rerank="k-reciprocal")
    gain = sameplayer.evaluate(better).per_query_ap - sameplayer.evaluate(plain).per_query_ap
    query = int(np.argmax(gain))
    figure = Figure(figsize=(10, 4.1), layout="constrained")
    axes = figure.subplots(2, 11)
    for row, (name, ranking) in enumerate((("by distance", plain), ("k-reciprocal", better))):
        show(axes[row], ranking, query, name)
    figure.savefig(Path(__file__).with_name("reranking.png"), dpi=90)


def show(axes: np.ndarray, ranking: Ranking, query: int, name: str) -> None:
    person = ranking.query.table["person"].iat[query]
    axes[0].imshow(ranking.query.read(query))
    frame(axes[0], BLUE)
    axes[0].set_ylabel(name)
    for place, item in zip(axes[1:], ranking.order()[query], strict=False):
        place.imshow(ranking.gallery.read(int(item)))
        right = ranking.gallery.table["person"].iat[int(item)] == person
        frame(place, GREEN if right else RED)
        place.set_xlabel(f"{ranking.distance[query, item]:.2f}")


def frame(axes: object, colour: str) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for line in axes.spines.values():
        line.set(color=colour, linewidth=4)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
