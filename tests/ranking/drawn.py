"""Features of drawn persons, for the tests of ranking and of evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from sameplayer.data.crops import Crops
from sameplayer.encoder.embeddings import Embeddings

Case = tuple[np.ndarray, np.ndarray, int, int, float]


def persons(count: int = 12, pictures: int = 5, noise: float = 1.2, seed: int = 1) -> Embeddings:
    """A query and further gallery pictures of each person; four persons a sequence."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(count, 16))
    rows = np.repeat(centres, pictures, axis=0)
    rows = rows + noise * rng.normal(size=rows.shape)
    table = pd.DataFrame(
        {
            "image": [f"{number}.png" for number in range(len(rows))],
            "person": np.repeat([str(p) for p in range(count)], pictures),
            "role": ["query", *["gallery"] * (pictures - 1)] * count,
            "sequence": np.repeat([str(p // 4) for p in range(count)], pictures),
        }
    )
    return Embeddings(unit(rows), Crops(table, Path()), f"encoder {seed}")


def unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return (rows / lengths).astype(np.float32)


def embedded(rows: np.ndarray) -> Embeddings:
    """Rows as embeddings of pictures of nobody."""
    table = pd.DataFrame({"image": [f"{number}.png" for number in range(len(rows))]})
    return Embeddings(unit(rows), Crops(table, Path()), "none")


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Groups of features, or many equal distances; neighbour counts beyond the gallery.

    Rounding would decide among nearly equal distances, so rows that repeat, and rows of zeros, come
    with features whose products are exact.
    """
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    m, n, width = draw(st.integers(1, 8)), draw(st.integers(1, 50)), draw(st.integers(2, 24))
    if draw(st.booleans()):
        centres = rng.normal(size=(5, width))
        rows = centres[rng.integers(5, size=m + n)] + rng.normal(size=(m + n, width))
    else:
        rows = np.zeros((m + n, width + 2))
        for row in rows:
            row[rng.choice(width + 2, 4, replace=False)] = rng.choice((-0.5, 0.5), 4)
        rows[-1] = rows[0]
        rows[(m + n) // 2] = 0
    k1, k2 = draw(st.integers(1, 60)), draw(st.integers(1, 9))
    rows = rows.astype(np.float32)
    return rows[:m], rows[m:], k1, k2, draw(st.sampled_from([0.0, 0.3, 1.0]))


def shaken(case: Case) -> Case:
    """The case without equal distances, among which rounding or the order of rows would decide."""
    rng = np.random.default_rng(len(case[1]))
    query, gallery = (
        rows + rng.normal(scale=1e-2, size=rows.shape).astype(np.float32) for rows in case[:2]
    )
    return query, gallery, *case[2:]
