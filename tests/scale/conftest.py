"""Rows in blocks for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sameplayer.encoder.embeddings import Embeddings
from sameplayer.ranking.config import TopConfig
from sameplayer.scale import Run, rerank_blocks
from sameplayer.scale.rows import write_blocks
from tests.ranking.drawn import embedded
from tests.scale.faulty import FaultyFileSystem, FaultyObjects

TOP = TopConfig(top=20)


@pytest.fixture(scope="session")
def few() -> Embeddings:
    """1,536 rows: three tiles of 512."""
    return clustered(1536)


def clustered(rows: int) -> Embeddings:
    rng = np.random.default_rng(9)
    centres = np.repeat(rng.normal(size=(rows // 8, 16)), 8, axis=0)
    return embedded(centres + 0.7 * rng.normal(size=centres.shape))


@pytest.fixture(scope="session")
def ranked_few(few: Embeddings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the rows in ``rows``, and ranked in ``out``, on a disk and undisturbed."""
    folder = tmp_path_factory.mktemp("few")
    rows = write_blocks(few, folder / "rows", 3)
    rerank_blocks(rows, folder / "out", TOP, blocks=3, run=Run(workers=1))
    return folder


@pytest.fixture
def faulty() -> Iterator[type[FaultyFileSystem]]:
    for kind in (FaultyFileSystem, FaultyObjects):
        kind.reset()
    yield FaultyFileSystem
    for kind in (FaultyFileSystem, FaultyObjects):
        kind.reset()
