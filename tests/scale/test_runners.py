"""Runners: workers that die, errors of workers, and runs that are stopped."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sameplayer.errors import DataError, SettingError, WeightsError
from sameplayer.scale import Run
from sameplayer.scale.jobs import run_job
from sameplayer.scale.storage.store import Store
from tests.scale.toy import Toy


def test_a_task_whose_worker_was_killed_goes_to_another(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    plain = Toy(Store(tmp_path / "plain"), 6, tmp_path / "seen plain")
    run_job(plain, Run(workers=1), progress=lambda *words: told.append(words))
    assert told[-1] == ("sum", 2, 2)
    assert len(plain.noted("opened")) == 1
    job = Toy(Store(tmp_path / "killed"), 6, tmp_path / "seen", "dies once")
    run_job(job, Run(workers=2, threads=2))
    assert job.noted("died") == [2]
    assert len(job.noted("opened")) <= 5  # two that stay for both stages, and two pools of two
    assert max(job.noted("threads")) <= 2
    for name in ("part/00002.parquet", "sum/00001.parquet"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()


def test_a_task_that_kills_each_worker_ends_the_run_and_keeps_the_rest(tmp_path: Path) -> None:
    job = Toy(Store(tmp_path / "out"), 3, tmp_path / "seen", "always dies")
    with pytest.raises(DataError, match=r"part/00002.parquet: its worker died 2 times"):
        run_job(job, Run(workers=2, retries=1))
    kept = {path.name for path in (tmp_path / "out" / "part").iterdir()}
    assert kept & {"00000.parquet", "00001.parquet"}  # the other may be in work as the run ends
    assert "00002.parquet" not in kept


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("no weights", WeightsError, "weights.pth: no such file"),
        ("setting", SettingError, "device is cuda; expected one that is there."),
    ],
)
def test_errors_of_workers_arrive_as_what_they_are(
    fault: str, error: type[Exception], words: str, tmp_path: Path
) -> None:
    job = Toy(Store(tmp_path / "out"), 2, tmp_path / "seen", fault)
    with pytest.raises(error, match=words) as caught:
        run_job(job, Run(workers=2))
    assert type(caught.value) is error


def test_a_setting_error_keeps_its_parts_on_the_way_to_another_process() -> None:
    error = SettingError("blocks", 0, "1 or more")
    error.add_note("In a worker")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.name, again.rest) == (str(error), error.name, error.rest)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_leaves_no_process(sign: signal.Signals, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    command = [sys.executable, "-m", "tests.scale.toy", str(tmp_path / "out"), str(seen)]
    run = subprocess.Popen(
        command,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell may ignore it
    )
    _until(lambda: len(list(seen.glob("began *"))) == 2)
    workers = [int(path.name.split()[1]) for path in seen.glob("opened *")]
    run.send_signal(sign)
    run.wait(20)
    _until(lambda: not any(_alive(worker) for worker in workers))
    assert not list((tmp_path / "out").rglob("*.partial")) or sign == signal.SIGKILL


def _until(there: object, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not there():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.05)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] != "Z"


@pytest.mark.parametrize(
    "setting", [{"runner": "spark"}, {"workers": 0}, {"threads": 0}, {"retries": -1}]
)
def test_settings_out_of_range(setting: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=next(iter(setting))):
        run_job(Toy(Store(tmp_path), 1, tmp_path), Run(**setting))  # type: ignore[arg-type]
