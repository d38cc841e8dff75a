"""Build the compiled loops once, before processes that run tests beside each other each build them.

Run: python -m tests.warm
"""

from __future__ import annotations

import tempfile

import numpy as np
import pandas as pd

from sameplayer.data.crops import Crops
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.ranking import PreparedGallery, hard_weights, k_reciprocal, k_reciprocal_top
from sameplayer.scale import Run, rerank_blocks
from sameplayer.scale.rows import write_blocks


def main() -> None:
    rows = np.random.default_rng(1).normal(size=(1100, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    table = pd.DataFrame({"image": [f"{number}.png" for number in range(len(rows))]})
    embeddings = Embeddings(rows, Crops(table, "."), "drawn")
    k_reciprocal(rows[:50], rows[50:150])
    hard_weights(rows[:50], rows[50:150])
    hard_weights(rows[:50], rows[50:150], faithful=False)
    PreparedGallery(embeddings).distances(rows[:2])
    k_reciprocal_top(rows)
    with tempfile.TemporaryDirectory() as folder:
        written = write_blocks(embeddings, f"{folder}/rows", 2)
        rerank_blocks(written, f"{folder}/ranked", blocks=2, run=Run(workers=1))


if __name__ == "__main__":
    main()
