"""Chunks and processes give the loss and gradients of the one big batch."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from sameplayer.data.augment import erase
from sameplayer.training.info_nce import backward, info_nce

PAIRS = 8


def tower(dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(1)
    model = timm.models.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=2, num_classes=0,
        proj_drop_rate=dropout, pos_drop_rate=dropout,
    )  # fmt: skip
    return model.train()


def erased_images() -> Tensor:
    images = torch.randn((2 * PAIRS, 3, 32, 32), generator=torch.Generator().manual_seed(2))
    return erase(images, "2023", [np.random.default_rng((1, i)) for i in range(PAIRS)])


def gradients(model: nn.Module, scale: Tensor) -> list[Tensor]:
    return [p.grad.clone() for p in (*model.parameters(), scale)]  # type: ignore[union-attr]


@pytest.mark.parametrize("chunk", [1, 3, 4])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_chunks_give_the_gradients_of_one_big_batch(chunk: int, dropout: float) -> None:
    images, log_scale = erased_images(), nn.Parameter(torch.tensor(2.6))
    model = tower(dropout)
    torch.manual_seed(7)
    # The big batch with the same random draws: every chunk forward with its graph, one loss.
    parts = torch.arange(PAIRS).split(chunk)
    rows = [model(images[torch.cat([part, part + PAIRS])]) for part in parts]
    query = torch.cat([row[: len(part)] for row, part in zip(rows, parts, strict=True)])
    gallery = torch.cat([row[len(part) :] for row, part in zip(rows, parts, strict=True)])
    loss = info_nce(query, gallery, log_scale, 0.1)
    loss.backward()
    expected = gradients(model, log_scale)
    model.zero_grad()
    log_scale.grad = None
    torch.manual_seed(7)
    found = backward(model, images, log_scale, label_smoothing=0.1, chunk=chunk, model=model)
    assert found == pytest.approx(loss.item(), abs=1e-5)
    for one, other in zip(gradients(model, log_scale), expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_chunks_leave_running_means_as_one_pass_does() -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten())
    once = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten())
    once.load_state_dict(model.state_dict())
    images, log_scale = erased_images(), nn.Parameter(torch.tensor(2.6))
    backward(model, images, log_scale, chunk=4, model=model)
    for part in torch.arange(PAIRS).split(4):
        once(images[torch.cat([part, part + PAIRS])])
    torch.testing.assert_close(model[1].running_mean, once[1].running_mean)


WORKER = """
import json, sys
import torch, torch.distributed as processes
sys.path[:0] = [sys.argv[1]]
from test_large_batches import PAIRS, erased_images, gradients, tower
from sameplayer.training.info_nce import backward, sum_gradients

processes.init_process_group("gloo")
rank, world = processes.get_rank(), processes.get_world_size()
model, log_scale = tower(), torch.nn.Parameter(torch.tensor(2.6))
images, share = erased_images(), PAIRS // world
mine = torch.arange(rank * share, (rank + 1) * share)
images = images[torch.cat([mine, mine + PAIRS])]
chunk = None if sys.argv[2] == "0" else int(sys.argv[2])
loss = backward(model, images, log_scale, label_smoothing=0.1, chunk=chunk, model=model)
sum_gradients(model, log_scale)
torch.save([loss, *gradients(model, log_scale)], f"{sys.argv[3]}/{rank}.pt")
"""


def _two_processes(script: str, *arguments: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    shared |= {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, *arguments],
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=240)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], said


@pytest.mark.parametrize("chunk", [0, 2])
def test_two_processes_give_the_gradients_of_one_big_batch(tmp_path: Path, chunk: int) -> None:
    model, log_scale = tower(), nn.Parameter(torch.tensor(2.6))
    loss = backward(model, erased_images(), log_scale, label_smoothing=0.1)
    expected = gradients(model, log_scale)
    _two_processes(WORKER, str(Path(__file__).parent), str(chunk), str(tmp_path))
    for rank in range(2):
        found, *rest = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert found == pytest.approx(loss, abs=1e-5)
        for one, other in zip(rest, expected, strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_training_in_two_processes_leaves_one_run(tmp_path: Path, league_folder: Path) -> None:
    script = "import sys; from sameplayer.cli import main; sys.exit(main(sys.argv[1:]))"
    out = tmp_path / "run"
    settings = ["--pairs", "6", "--epochs", "2", "--height", "64", "--width", "32"]
    _two_processes(
        script, "train", str(league_folder), "--out", str(out), "--folds", "4", *settings
    )
    assert (out / "best" / "model.safetensors").is_file()
    assert json.loads((out / "config.json").read_text())["pairs"] == 6
    assert len((out / "metrics.csv").read_text().splitlines()) == 3
