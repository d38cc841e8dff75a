"""Re-ranking over blocks of rows: equal to the byte for any cut, and to the ranking in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sameplayer.ranking.config import TopConfig
from sameplayer.ranking.rerank.top import k_reciprocal_top
from sameplayer.scale import Run, rerank_blocks
from sameplayer.scale.rows import Rows, write_blocks
from tests.ranking.drawn import embedded

ROWS = 3700  # of 512 a tile: up to eight blocks


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    rng = np.random.default_rng(4)
    centres = np.repeat(rng.normal(size=(ROWS // 10, 24)), 10, axis=0)
    drawn = embedded(centres + 0.8 * rng.normal(size=centres.shape))
    return write_blocks(drawn, tmp_path_factory.mktemp("scale") / "rows", 3)


def test_1_2_and_7_blocks_give_equal_bytes_and_the_ranking_in_memory(
    rows: Rows, tmp_path: Path
) -> None:
    files = []
    for blocks in (1, 2, 7):
        out = tmp_path / str(blocks)
        ranked = rerank_blocks(rows, out, TopConfig(top=30), blocks=blocks, run=Run(workers=1))
        files.append((out / "ranked.parquet").read_bytes())
        assert len(list((out / "lists").iterdir())) == blocks * (blocks + 1) // 2
    assert files[0] == files[1] == files[2]
    ids, distances = k_reciprocal_top(rows.read(0, ROWS), TopConfig(top=30))
    np.testing.assert_array_equal(ranked.neighbours, ids)
    np.testing.assert_array_equal(ranked.distances, distances)
