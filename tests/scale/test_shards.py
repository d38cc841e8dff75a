"""Shards: parts of one run that work beside each other, and runs that must not."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from sameplayer.errors import DataError, SettingError
from sameplayer.scale import Rows, Run, Shards, claim, jobs, rerank_blocks
from sameplayer.scale.claim import claimed
from sameplayer.scale.jobs import run_job
from sameplayer.scale.store import Store
from tests.scale.conftest import TOP
from tests.scale.faulty import FaultyObjects
from tests.scale.toy import Toy

ONE = Run(workers=1)
HOST = socket.gethostname()


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
    assert not list((tmp_path / "running").iterdir())


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


@pytest.mark.parametrize("other", [(1, 1), (1, 2), (2, 3)])
def test_two_runs_in_one_folder_are_one_too_many(other: tuple[int, int], tmp_path: Path) -> None:
    busy = rf"another run works in this folder \(process {os.getpid()} on {HOST}\)"
    with (
        claimed(Store(tmp_path), *other),
        pytest.raises(DataError, match=busy),
        claimed(Store(tmp_path), 1, 1),
    ):
        pass
    with (
        claimed(Store(tmp_path), *other),
        pytest.raises(DataError, match=busy),
        claimed(Store(tmp_path), *other),
    ):
        pass
    with claimed(Store(tmp_path), 1, 5), claimed(Store(tmp_path), 2, 5):
        pass
    assert not list((tmp_path / "running").iterdir())


def test_of_many_that_start_together_on_a_disk_one_works(tmp_path: Path) -> None:
    store, all_in = Store(tmp_path), threading.Barrier(8)
    working, most = 0, 0

    def work(_: Shards) -> None:
        nonlocal working, most
        all_in.wait()
        with claimed(store):
            working += 1
            most = max(most, working)
            time.sleep(0.2)
            working -= 1

    errors = _together(["1/1"] * 8, work)
    assert most == 1
    assert any(error is None for error in errors)


def _claim(folder: Path, **facts: Any) -> None:
    folder.joinpath("running").mkdir(exist_ok=True, parents=True)
    found = {"token": "x", "host": HOST, "process": 1, "started": "1", "time": time.time()}
    folder.joinpath("running", "1-of-1.json").write_text(json.dumps(found | facts))


def test_the_claim_of_a_dead_process_is_taken_over_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "SETTLE_S", 0.05)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead: list[dict[str, Any]] = [
        {"process": ended.pid},
        {"process": os.getppid(), "started": "long ago"},  # a later process of this number
        {"process": os.getpid()},  # this one, whose run is over
        {"host": "elsewhere", "time": time.time() - 2 * claim.GONE_S},
        {"token": None, "process": "no number"},
    ]
    for facts in dead:
        _claim(tmp_path, **facts)
        with claimed(Store(tmp_path)):
            pass
    _claim(tmp_path, host="elsewhere")
    with pytest.raises(DataError, match=r"\(process 1 on elsewhere\)"), claimed(Store(tmp_path)):
        pass
    alive = os.getppid()
    _claim(tmp_path, process=alive, started=claim._started(alive), time=0)
    with pytest.raises(DataError, match=f"process {alive} on"), claimed(Store(tmp_path)):
        pass


def test_a_run_says_again_that_it_works_and_leaves_the_claim_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "BEAT_S", 0.02)
    file = tmp_path / "running" / "1-of-1.json"
    with claimed(Store(tmp_path)):
        first = json.loads(file.read_text())["time"]
        until = time.monotonic() + 20
        while json.loads(file.read_text())["time"] == first:
            assert time.monotonic() < until
            time.sleep(0.01)
        _claim(tmp_path, token="another's")
        time.sleep(0.1)
    assert json.loads(file.read_text())["token"] == "another's"


def test_object_storage_tells_one_of_two_that_wrote_at_the_same_moment(
    faulty: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "SETTLE_S", 0.3)
    ran: list[str] = []
    refused = threading.Event()

    def work(shards: Shards) -> None:
        try:
            with claimed(Store("faultys3://folder")):
                ran.append(shards.shard)
                refused.wait(10)  # one that had ended would not be in the other's way
        finally:
            refused.set()

    both = threading.Barrier(2)
    write = Store.write_text

    def at_the_same_moment(store: Store, name: str, text: str) -> None:
        both.wait(10)
        write(store, name, text)

    monkeypatch.setattr(Store, "write_text", at_the_same_moment)
    errors = _together(["1/1", "1/1"], work)
    assert len(ran) == 1
    assert sum("another run works" in str(error) for error in errors) == 1
    assert not [name for name in FaultyObjects.store if "running" in name]
