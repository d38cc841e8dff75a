"""Shards: parts of one run that work beside each other, and runs that must not."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from sameplayer.errors import DataError, SettingError
from sameplayer.scale import Run, jobs, rerank_blocks
from sameplayer.scale.config import Shards
from sameplayer.scale.jobs import run_job
from sameplayer.scale.rows import Rows
from sameplayer.scale.storage.store import HOST, Store, partial_name
from tests.scale.conftest import TOP
from tests.scale.toy import Toy

ONE = Run(workers=1)


def _together(shards: list[str], work: Any) -> list[Exception | None]:
    """Call work(shard) for all shards at the same time; return what each raised."""
    errors: list[Exception | None] = [None] * len(shards)

    def call(number: int) -> None:
        try:
            work(Shards(shards[number], wait=60))
        except Exception as error:
            errors[number] = error

    threads = [threading.Thread(target=call, args=(n,)) for n in range(len(shards))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_three_shards_at_the_same_time_give_the_bytes_of_one_run(
    ranked_few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "POLL_S", 0.05)
    rows = Rows.of(Store(ranked_few / "rows"))

    def work(shards: Shards) -> None:
        found = rerank_blocks(rows, tmp_path, TOP, blocks=3, run=ONE, shards=shards)
        assert len(found) == len(rows)

    assert _together(["1/3", "2/3", "3/3"], work) == [None] * 3
    for path in (ranked_few / "out").rglob("*.parquet"):
        again = tmp_path / path.relative_to(ranked_few / "out")
        assert again.read_bytes() == path.read_bytes()


def test_a_shard_whose_others_do_not_come_says_which_file_it_lacks(tmp_path: Path) -> None:
    job = Toy(Store(tmp_path), 5, tmp_path / "seen")
    with pytest.raises(
        DataError, match=r"3 parts of other shards did not come within 0.1 s, .*"
    ) as e:
        run_job(job, ONE, Shards("2/2", wait=0.1))
    assert "part/00000.parquet" in str(e.value)
    assert run_job(job, ONE)
    assert run_job(job, ONE, Shards("2/2", wait=0.1))


@pytest.mark.parametrize("shard", ["0/3", "4/3", "-1/3", "3", "1/0", "a/b", "1/2/3", ""])
def test_a_shard_that_is_not_there(shard: str) -> None:
    with pytest.raises(SettingError, match=r"shard is .*expected I/N with I from 1 to N"):
        Shards(shard)
    with pytest.raises(SettingError, match="wait is -1"):
        Shards(wait=-1)


def test_two_runs_of_one_job_at_the_same_time_do_no_harm(tmp_path: Path) -> None:
    plain = Toy(Store(tmp_path / "plain"), 6, tmp_path / "seen plain")
    run_job(plain, ONE)
    job = Toy(Store(tmp_path / "out"), 6, tmp_path / "seen", "half a second")
    assert _together(["1/1"] * 3, lambda shards: run_job(job, ONE)) == [None] * 3
    for path in (tmp_path / "plain").rglob("*.parquet"):
        again = tmp_path / "out" / path.relative_to(tmp_path / "plain")
        assert again.read_bytes() == path.read_bytes()
    assert not list((tmp_path / "out").rglob("*.partial"))


def test_half_written_files_of_dead_processes_and_old_ones_are_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    alive = partial_name("00001.parquet")
    names = {
        alive: True,
        alive.replace(f"-{os.getpid()}-", f"-{ended.pid}-"): False,
        alive.replace(f".{HOST}-", ".elsewhere-"): True,  # it may be in work on that machine
        "old.elsewhere-1-x.partial": False,
    }
    for name in names:
        (tmp_path / name).touch()
    os.utime(tmp_path / "old.elsewhere-1-x.partial", (0, 0))
    Store(tmp_path).sweep(".")
    assert {path.name for path in tmp_path.iterdir()} == {
        name for name, kept in names.items() if kept
    }
