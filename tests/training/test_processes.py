"""Several processes learn as one does, each on a device of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed

from sameplayer.errors import SettingError
from sameplayer.training.losses.info_nce import backward
from sameplayer.training.processes import join_processes
from tests.training.forked import apart, learn, train_and_count
from tests.training.small_runs import epochs_of, record
from tests.training.test_info_nce import criterion, erased_images, gradients, of_persons, tower


@pytest.mark.parametrize(
    ("chunk", "name", "bucket"), [(0, "info-nce", 2**25), (2, "info-nce+identity", 3000)]
)
def test_two_processes_give_the_gradients_of_one_big_batch(
    tmp_path: Path, chunk: int, name: str, bucket: int
) -> None:
    model, loss = tower(), criterion(name)
    whole = backward(model, erased_images(), of_persons(loss))
    expected = gradients(model, loss)
    apart(learn, chunk or None, tmp_path, name, bucket, processes=2)
    for rank in range(2):
        value, *rest = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert value == pytest.approx(whole.loss, abs=1e-5)
        for gradient, other in zip(rest, expected, strict=True):
            torch.testing.assert_close(gradient, other, atol=1e-5, rtol=1e-4)


def test_two_processes_leave_one_run_and_embed_once(tmp_path: Path, league_folder: Path) -> None:
    run = tmp_path / "run"
    first, second = apart(train_and_count, league_folder, run, processes=2)
    assert (first[:2], second[:2]) == (("0", 2), ("1", 0))
    assert first[2] == second[2]
    assert record(run)["pairs"] == 6
    assert len(epochs_of(run)) == 3


def test_alone_a_process_is_the_first_of_one() -> None:
    with join_processes("cpu") as process:
        assert (process.first, process.world, process.device.type) == (True, 1, "cpu")


@pytest.mark.parametrize(("name", "device"), [("nccl", "cuda:1"), ("gloo", "cpu")])
def test_the_gpu_of_a_process_is_its_own_and_only_gpus_use_nccl(
    monkeypatch: pytest.MonkeyPatch, name: str, device: str
) -> None:
    used: dict[str, object] = {}
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: device != "cpu")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", lambda chosen: used.update(set=str(chosen)))
    monkeypatch.setattr(
        torch.distributed, "init_process_group", lambda backend, timeout: used.update(name=backend)
    )
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    monkeypatch.setattr(torch.distributed, "destroy_process_group", lambda: None)
    with join_processes("auto") as process:
        assert str(process.device) == device
    assert used == ({"name": name} if device == "cpu" else {"name": name, "set": device})


def test_one_gpu_by_number_is_refused_for_several_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SettingError, match=r"device is cuda:0.*its own GPU"):
        with join_processes("cuda:0"):
            pass
