"""A run that was killed goes on and ends as the one that was not."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from sameplayer.data.crops import Crops
from sameplayer.data.synthetic import draw_crop
from sameplayer.encoder.encoder import create_encoder, load_encoder
from sameplayer.errors import ConfigError, TrainingError
from sameplayer.training.config import TrainConfig
from sameplayer.training.train import Step, Trainer, train

SMALL = TrainConfig(pairs=8, epochs=3, height=64, width=32, folds=4, augment="2023", cache_gb=0.001)
KILLS = 10


def weights(run: Path) -> bytes:
    return (run / "last" / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def whole(league: Crops, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "run"
    train(league, out, SMALL)
    return out


@pytest.mark.parametrize("stop", [1, 9, 17, 24])
def test_stopped_at_any_step_it_ends_with_the_same_bits(
    whole: Path, league: Crops, tmp_path: Path, stop: int
) -> None:
    told = 0

    def interrupt(step: Step) -> None:
        nonlocal told
        told += 1
        if told == stop:
            raise KeyboardInterrupt

    often = replace(SMALL, save_minutes=0)
    with pytest.raises(KeyboardInterrupt):
        train(league, tmp_path / "run", often, progress=interrupt)
    train(league, tmp_path / "run", often, resume=True)
    assert weights(tmp_path / "run") == weights(whole)
    same = [(p / "metrics.csv").read_text().splitlines() for p in (whole, tmp_path / "run")]
    assert [line.split(",")[:8] for line in same[0]] == [line.split(",")[:8] for line in same[1]]


def test_stopped_before_an_epoch_is_scored_it_is_scored_later(
    whole: Path, league: Crops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(trainer: Trainer, epoch: int) -> None:
        raise KeyboardInterrupt

    often = replace(SMALL, save_minutes=0)
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_finish", stop)
        with pytest.raises(KeyboardInterrupt):
            train(league, tmp_path / "run", often)
    train(league, tmp_path / "run", often, resume=True)
    assert weights(tmp_path / "run") == weights(whole)
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 1 + SMALL.epochs


KILLER = """
import os, random, signal, sys, time
from pathlib import Path
import sameplayer.training.train
from sameplayer.cli import main

data, folder, kills, *settings = sys.argv[1:]
draw = random.Random(3)

def start(out, *more):
    process = os.fork()
    if process == 0:
        os._exit(main(["train", data, "--out", out, *more]))
    return process

assert os.waitpid(start(f"{folder}/never", *settings), 0)[1] == 0
out, more = f"{folder}/killed", settings
state = Path(out) / "state.pt"
for _ in range(int(kills)):
    before = state.stat().st_mtime_ns if state.exists() else 0
    process = start(out, *more)
    while not (state.exists() and state.stat().st_mtime_ns != before):
        time.sleep(0.005)
    time.sleep(draw.uniform(0, 0.2))
    os.kill(process, signal.SIGKILL)
    ended = os.waitpid(process, 0)[1]
    assert ended == signal.SIGKILL, f"ended with {ended} before it was killed"
    more = ["--resume", "True"]
assert os.waitpid(start(out, *more), 0)[1] == 0
"""


def test_killed_at_ten_random_moments_it_ends_with_the_same_bits(
    league_folder: Path, tmp_path: Path
) -> None:
    settings = ["--pairs", "8", "--epochs", "25", "--height", "64", "--width", "32"]
    settings += ["--validate", "none", "--save-minutes", "0"]
    command = [sys.executable, "-c", KILLER, str(league_folder), str(tmp_path), str(KILLS)]
    done = subprocess.run([*command, *settings], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert weights(tmp_path / "killed") == weights(tmp_path / "never")
    for part in ("last", "best"):
        assert load_encoder(tmp_path / "killed" / part)


def test_resuming_with_other_settings_or_data_says_what_differs(
    whole: Path, league: Crops, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=r"lr was 0\.002, now 0\.1; pairs was 8, now 6"):
        train(league, whole, replace(SMALL, lr=0.1, pairs=6), resume=True)
    fewer = league.where(league.table["person"].ne("3").fillna(True).to_numpy(dtype=bool))
    with pytest.raises(TrainingError, match="data was"):
        train(fewer, whole, SMALL, resume=True)
    with pytest.raises(TrainingError, match="no run to resume"):
        train(league, tmp_path / "none", SMALL, resume=True)


def test_damaged_or_foreign_state_is_refused(league: Crops, tmp_path: Path) -> None:
    train(league, tmp_path / "run", SMALL)
    state = tmp_path / "run" / "state.pt"
    good = torch.load(state, weights_only=True)
    torch.save({**good, "format": 0}, state)
    with pytest.raises(TrainingError, match="another version"):
        train(league, tmp_path / "run", SMALL, resume=True)
    state.write_bytes(b"cut")
    with pytest.raises(TrainingError, match="damaged"):
        train(league, tmp_path / "run", SMALL, resume=True)


def test_a_finished_run_is_left_as_it_is(whole: Path, league: Crops) -> None:
    before = weights(whole)
    train(league, whole, SMALL, resume=True)
    assert weights(whole) == before


def test_pairs_that_processes_cannot_share_are_refused(
    league: Crops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    from sameplayer.training import train as module

    monkeypatch.setattr(module.processes, "init_process_group", lambda backend: None)
    monkeypatch.setattr(module.processes, "get_rank", lambda: 0)
    monkeypatch.setattr(module.processes, "destroy_process_group", lambda: None)
    with pytest.raises(TrainingError, match="multiple of 3"):
        train(league, tmp_path / "run", SMALL)


@pytest.mark.parametrize(
    "change",
    [
        {"precision": "bf16"},
        {"chunk": 4},
        {"seed": 5, "cache_gb": 0.0},
    ],
)
def test_options_train(league: Crops, tmp_path: Path, change: dict) -> None:
    encoder = train(league, tmp_path / "run", replace(SMALL, epochs=1, **change))
    assert all(torch.isfinite(p).all() for p in encoder.model.parameters())


def test_a_compiled_network_learns_the_same(
    league: Crops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traced = partial(torch.compile, backend="aot_eager")  # all but the slow making of C++
    monkeypatch.setattr(torch, "compile", traced)
    short = replace(SMALL, epochs=1, validate="none", lr=1e-4, augment="2022")
    plain = train(league, tmp_path / "plain", short)
    made = train(league, tmp_path / "made", replace(short, compile=True))
    pictures = [draw_crop(person, 0).picture for person in range(6)]
    start = create_encoder("small", pretrained=False, height=64, width=32, seed=SMALL.seed)
    before, learned = start.embed(pictures), plain.embed(pictures)
    assert np.abs(learned - before).max() > 0.02
    np.testing.assert_allclose(made.embed(pictures), learned, atol=2e-3)


def test_vit_options(league: Crops, tmp_path: Path) -> None:
    tiny = TrainConfig(
        preset="vit_tiny_patch16_224", pretrained=False, height=64, width=32, pairs=6, epochs=1,
        lr=1e-3, augment="2022", validate="none", freeze=6, layer_decay=0.8,
        grad_checkpointing=True,
    )  # fmt: skip
    encoder = train(league, tmp_path / "run", tiny)
    start = create_encoder("vit_tiny_patch16_224", pretrained=False, height=64, width=32, seed=1)
    after, before = encoder.model.state_dict(), start.model.state_dict()
    assert torch.equal(after["blocks.5.attn.qkv.weight"], before["blocks.5.attn.qkv.weight"])
    assert not torch.equal(after["blocks.6.attn.qkv.weight"], before["blocks.6.attn.qkv.weight"])
    adapted = replace(tiny, freeze=0, layer_decay=1.0, lora=4, drop_padding=True, height=48)
    encoder = train(league, tmp_path / "lora", adapted)
    start = create_encoder("vit_tiny_patch16_224", pretrained=False, height=48, width=32, seed=1)
    after, before = encoder.model.state_dict(), start.model.state_dict()
    assert encoder.spec.drop_padding
    assert after.keys() == before.keys()
    assert torch.equal(after["pos_embed"], before["pos_embed"])
    assert not torch.equal(after["blocks.6.attn.qkv.weight"], before["blocks.6.attn.qkv.weight"])
    with pytest.raises(ConfigError, match="12 blocks"):
        train(league, tmp_path / "more", replace(tiny, freeze=13))
    with pytest.raises(ConfigError, match="does not offer it"):
        train(league, tmp_path / "cnn", replace(SMALL, grad_checkpointing=True))
    assert {path.name for path in tmp_path.iterdir()} == {"run", "lora"}
