"""Runs whose workers are killed at random: equal bytes, and no finished block made twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from sameplayer.scale import Run, rerank_blocks
from sameplayer.scale.rows import write_blocks
from tests.scale.conftest import TOP, clustered
from tests.scale.crashing import crash

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs Linux's /proc")


def test_a_run_killed_five_times_gives_equal_bytes_and_loses_the_blocks_in_work(
    tmp_path: Path,
) -> None:
    rows = write_blocks(clustered(3072), tmp_path / "rows", 3)
    rerank_blocks(rows, tmp_path / "whole", TOP, blocks=6, run=Run(workers=1))
    # a fork starts a worker in a tenth of the time; the benchmark kills those that are spawned
    killed = crash(tmp_path / "rows", tmp_path / "out", 5, seed=1, start="fork")
    assert (killed.workers, killed.runs) == (4, 1)
    files = sorted((tmp_path / "whole").rglob("*.parquet"))
    for path in files:
        again = tmp_path / "out" / path.relative_to(tmp_path / "whole")
        assert again.read_bytes() == path.read_bytes()
    assert len(set(killed.begun)) == len(files) == 46
    # a pool of two ends both when one is killed
    assert len(killed.begun) - len(files) <= 2 * (killed.workers + killed.runs)
    assert not list((tmp_path / "out").rglob("*.partial"))
