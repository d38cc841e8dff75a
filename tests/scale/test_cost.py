"""The formulas of docs/scale-cost.md are what a run of re-ranking reads, writes and multiplies."""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sameplayer.ranking.config import TILE, TopConfig
from sameplayer.scale import Run, rerank_blocks
from sameplayer.scale.results import sparse_of
from sameplayer.scale.rows import write_blocks
from sameplayer.scale.storage.store import Store
from sameplayer.scale.storage.tables import Ragged
from tests.ranking.drawn import embedded

BLOCKS, TOP, COLUMNS = 4, 30, 16
ROWS = BLOCKS * TILE
PAGE = Path(__file__).parents[2] / "docs" / "scale-cost.md"


@pytest.fixture(scope="module")
def cost() -> Any:
    (code,) = re.findall(r"```python\n(def cost.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    return names["cost"]


def test_a_run_reads_and_writes_what_the_page_says(
    cost: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: Counter[str] = Counter()
    stage = ""
    read_part = Store.read_part

    def counted(store: Store, name: str, columns: list[str] | None = None) -> Any:
        found = read_part(store, name, columns)
        arrays = (array.values if isinstance(array, Ragged) else array for array in found.values())
        read[stage] += sum(array.nbytes for array in arrays)
        return found

    def progress(name: str, done: int, total: int) -> None:
        nonlocal stage
        stage = name if done < total else "read back"

    rng = np.random.default_rng(0)
    drawn = np.repeat(rng.normal(size=(ROWS // 8, COLUMNS)), 8, axis=0)
    rows = write_blocks(embedded(drawn + rng.normal(size=drawn.shape)), tmp_path / "rows", BLOCKS)
    monkeypatch.setattr(Store, "read_part", counted)
    out = tmp_path / "out"
    rerank_blocks(
        rows, out, TopConfig(top=TOP), blocks=BLOCKS, run=Run(workers=1), progress=progress
    )
    monkeypatch.undo()
    z, a = (_nonzeros(out, name) for name in ("weights", "means"))
    expected_read, expected_written, _ = cost(ROWS, COLUMNS, BLOCKS, M=TOP, z=z, a=a)
    for name in expected_read:
        assert read[name] == pytest.approx(expected_read[name], rel=1e-9), name
        assert _bytes(out, name) == pytest.approx(expected_written[name], rel=0.1), name


def test_the_page_counts_products_as_the_tiles_are_made(cost: Any) -> None:
    blocks, tiles = 6, 3
    counted = 0
    for first, second in combinations_with_replacement(range(blocks), 2):
        for s in range(tiles):
            counted += tiles - (s if first == second else 0)
    *_, operations = cost(blocks * tiles * TILE, COLUMNS, blocks)
    assert operations == counted * 2 * TILE * TILE * COLUMNS


def _bytes(out: Path, stage: str) -> int:
    files = (out / stage).iterdir() if (out / stage).is_dir() else [out / f"{stage}.parquet"]
    return sum(file.stat().st_size for file in files)


def _nonzeros(out: Path, stage: str) -> float:
    parts = [Store(out).read_part(f"{stage}/{file.name}") for file in (out / stage).iterdir()]
    return float(sum(sparse_of(part).starts[-1] for part in parts)) / ROWS
