"""Devices by name: what there is not is an error of ours, before anything is loaded."""

from __future__ import annotations

import pytest
import torch

from sameplayer.encoder.load import create_encoder, load_encoder
from sameplayer.encoder.runtime.device import pick_device
from sameplayer.errors import SettingError


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.parametrize("name", ["gpu", "cuda", "cuda:0", "cuda:-1", "cuda:x", "mps", "xla", ""])
def test_a_device_that_is_not_there_is_refused_with_the_names(no_gpu: None, name: str) -> None:
    with pytest.raises(SettingError, match=r"^device is .*expected auto, cpu, cuda"):
        pick_device(name)
    with pytest.raises(SettingError, match=r"^device is"):
        load_encoder("small", device=name)
    with pytest.raises(SettingError, match=r"^device is"):
        create_encoder("small", pretrained=False).to(name)


def test_auto_is_the_cpu_where_there_is_no_gpu(no_gpu: None) -> None:
    assert pick_device("auto") == torch.device("cpu")
    assert load_encoder("small", device="auto").device.type == "cpu"


def test_each_of_several_processes_has_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setenv("LOCAL_RANK", "2")
    assert pick_device("auto") == pick_device("cuda") == torch.device("cuda:2")
    assert pick_device("cuda:1") == torch.device("cuda:1")
    assert chosen == [torch.device(f"cuda:{index}") for index in (2, 2, 1)]
    monkeypatch.setenv("LOCAL_RANK", "7")
    with pytest.raises(SettingError, match="this machine has 4 CUDA GPUs"):
        pick_device("cuda")
