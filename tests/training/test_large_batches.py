"""Chunks and processes give the loss and gradients of the one big batch."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from sameplayer.data.augment import erase
from sameplayer.training.info_nce import backward
from sameplayer.training.losses import PairLoss

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


def criterion(name: str = "info-nce") -> PairLoss:
    return PairLoss(name, nn.Parameter(torch.tensor(2.6)), 24, PAIRS, 0.1)


def of_persons(loss: PairLoss) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda query, gallery: loss(query, gallery, torch.arange(PAIRS))


def gradients(model: nn.Module, loss: nn.Module) -> list[Tensor]:
    weights = (*model.parameters(), *loss.parameters())
    return [weight.grad.clone() for weight in weights]  # type: ignore[union-attr]


@pytest.mark.parametrize("chunk", [1, 3, 4])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_chunks_give_the_gradients_of_one_big_batch(chunk: int, dropout: float) -> None:
    images, loss = erased_images(), criterion()
    model = tower(dropout)
    torch.manual_seed(7)
    # The big batch with the same random draws: every chunk forward with its graph, one loss.
    parts = torch.arange(PAIRS).split(chunk)
    rows = [model(images[torch.cat([part, part + PAIRS])]) for part in parts]
    query = torch.cat([row[: len(part)] for row, part in zip(rows, parts, strict=True)])
    gallery = torch.cat([row[len(part) :] for row, part in zip(rows, parts, strict=True)])
    value = of_persons(loss)(query, gallery)
    value.backward()
    expected = gradients(model, loss)
    model.zero_grad()
    loss.zero_grad()
    torch.manual_seed(7)
    found = backward(model, images, of_persons(loss), chunk=chunk, model=model)
    assert found.loss == pytest.approx(value.item(), abs=1e-5)
    for one, other in zip(gradients(model, loss), expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_chunks_leave_running_means_as_one_pass_does() -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten())
    once = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten())
    once.load_state_dict(model.state_dict())
    images = erased_images()
    backward(model, images, of_persons(criterion()), chunk=4, model=model)
    for part in torch.arange(PAIRS).split(4):
        once(images[torch.cat([part, part + PAIRS])])
    torch.testing.assert_close(model[1].running_mean, once[1].running_mean)


WORKER = """
import sys
import torch, torch.distributed as processes
sys.path[:0] = [sys.argv[1]]
from test_large_batches import PAIRS, criterion, erased_images, gradients, of_persons, tower
from sameplayer.training.info_nce import backward, sum_gradients

processes.init_process_group("gloo")
rank, world = processes.get_rank(), processes.get_world_size()
model, loss = tower(), criterion(sys.argv[4])
images, share = erased_images(), PAIRS // world
mine = torch.arange(rank * share, (rank + 1) * share)
images = images[torch.cat([mine, mine + PAIRS])]
chunk = None if sys.argv[2] == "0" else int(sys.argv[2])
found = backward(model, images, of_persons(loss), chunk=chunk, model=model)
sum_gradients(model, loss)
torch.save([found.loss, *gradients(model, loss)], f"{sys.argv[3]}/{rank}.pt")
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


@pytest.mark.parametrize(("chunk", "name"), [(0, "info-nce"), (2, "info-nce+identity")])
def test_two_processes_give_the_gradients_of_one_big_batch(
    tmp_path: Path, chunk: int, name: str
) -> None:
    model, loss = tower(), criterion(name)
    whole = backward(model, erased_images(), of_persons(loss))
    expected = gradients(model, loss)
    _two_processes(WORKER, str(Path(__file__).parent), str(chunk), str(tmp_path), name)
    for rank in range(2):
        found, *rest = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert found == pytest.approx(whole.loss, abs=1e-5)
        for one, other in zip(rest, expected, strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_training_in_two_processes_leaves_one_run(tmp_path: Path, league_folder: Path) -> None:
    script = "import sys; from sameplayer.cli import main; sys.exit(main(sys.argv[1:]))"
    out = tmp_path / "run"
    settings = ["--pairs", "6", "--epochs", "2", "--height", "64", "--width", "32"]
    _two_processes(
        script, "train", str(league_folder), "--out", str(out), "--folds", "4",
        "--negatives", "nearest", "--patience", "9", *settings,
    )  # fmt: skip
    assert (out / "best" / "model.safetensors").is_file()
    assert json.loads((out / "config.json").read_text())["pairs"] == 6
    assert len((out / "metrics.csv").read_text().splitlines()) == 3
