"""A run that was killed goes on and ends as the one that was not; another run is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from sameplayer.data.crops import Crops
from sameplayer.encoder.load import create_encoder, load_encoder
from sameplayer.errors import TrainingError
from sameplayer.training.config import TrainConfig
from sameplayer.training.run import init_encoder as start
from sameplayer.training.run.loop import Step, Trainer
from sameplayer.training.run.run_folder import save_state
from sameplayer.training.run.run_metadata import read_config, read_run
from sameplayer.training.run.train import train
from tests.training.forked import apart, kill_often
from tests.training.small_runs import QUICK, digest, epochs_of, record, stop_at, weights

SMALL = replace(QUICK, epochs=3, augment="2023", cache_gb=0.001)
KILLS = 4


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

    often = replace(SMALL, save_minutes=0.0)
    with pytest.raises(KeyboardInterrupt):
        train(league, tmp_path / "run", often, progress=interrupt)
    train(league, tmp_path / "run", often, resume=True)
    assert weights(tmp_path / "run") == weights(whole)
    assert epochs_of(tmp_path / "run") == epochs_of(whole)


def test_stopped_before_an_epoch_is_scored_it_is_scored_later(
    whole: Path, league: Crops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(trainer: Trainer, epoch: int) -> None:
        raise KeyboardInterrupt

    often = replace(SMALL, save_minutes=0.0)
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_finish", stop)
        with pytest.raises(KeyboardInterrupt):
            train(league, tmp_path / "run", often)
    train(league, tmp_path / "run", often, resume=True)
    assert weights(tmp_path / "run") == weights(whole)
    assert epochs_of(tmp_path / "run") == epochs_of(whole)


def test_killed_at_random_moments_it_ends_with_the_same_bits(
    league_folder: Path, tmp_path: Path
) -> None:
    apart(kill_often, league_folder, tmp_path, KILLS)
    assert weights(tmp_path / "killed") == weights(tmp_path / "never")
    for part in ("last", "best"):
        assert load_encoder(tmp_path / "killed" / part)


@pytest.mark.parametrize(
    "change",
    [
        {"loss": "identity"},
        {"loss": "info-nce+triplet", "negatives": "team"},
        {"loss": "info-nce+identity", "ema": 0.9, "keep_epochs": True, "tensorboard": True},
        {"loss": "triplet", "negatives": "nearest", "train_on": "training+test"},
        {"accumulate": 3},
        {"preset": "test_vit", "pretrained": False, "lora": 2},
    ],
)
def test_losses_negatives_and_averages_resume_to_the_same_bits(
    league: Crops, tmp_path: Path, change: dict[str, Any]
) -> None:
    config = replace(QUICK, save_minutes=0.0, epochs=2, **change)
    train(league, tmp_path / "whole", config)
    with pytest.raises(KeyboardInterrupt):
        train(league, tmp_path / "cut", config, progress=stop_at(2, 3))
    train(league, tmp_path / "cut", config, resume=True)
    for part in ("last", "best"):
        runs = (tmp_path / run / part / "model.safetensors" for run in ("whole", "cut"))
        assert len({file.read_bytes() for file in runs}) == 1
    if config.keep_epochs:
        assert load_encoder(tmp_path / "whole" / "epoch-2").spec.facts["epoch"] == 2
        assert list((tmp_path / "whole" / "tensorboard").rglob("events*"))


def halves(crops: Crops) -> Crops:
    """Two sequences with half of the persons each."""
    numbers = pd.to_numeric(crops.table["person"]).fillna(0).astype(int)
    return replace(crops, table=crops.table.assign(sequence=numbers.mod(2).astype(str)))


def test_a_run_goes_on_in_its_own_scope_only(league: Crops, tmp_path: Path) -> None:
    config = replace(QUICK, pairs=4, save_minutes=0.0)
    scoped = replace(halves(league), scope="sequence")
    train(scoped, tmp_path / "whole", config)
    cut = tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        train(scoped, cut, config, progress=stop_at(1, 3))
    before = digest(cut)
    with pytest.raises(TrainingError, match=r"cannot resume.*scope was sequence, now set"):
        train(replace(scoped, scope=None), cut, config, resume=True)
    assert digest(cut) == before
    remembered = read_run(cut)
    assert (remembered.scope, remembered.source) == ("sequence", league.source)
    train(replace(halves(league), scope=remembered.scope), cut, remembered.config, resume=True)
    assert weights(cut) == weights(tmp_path / "whole")


def test_another_table_is_refused_and_said(whole: Path, league: Crops, tmp_path: Path) -> None:
    def refused(crops: Crops, text: str) -> None:
        with pytest.raises(TrainingError, match=f"cannot resume.*{text}"):
            train(crops, whole, SMALL, resume=True)

    table, train_rows = league.table, league.table["role"].eq("train")
    fewer = league.where(table["person"].ne("3").fillna(True).to_numpy(dtype=bool))
    refused(fewer, "the training rows were .*, now")
    boxes = table.assign(left=0.0, top=0.0, width=8.0, height=8.0)
    refused(replace(league, table=boxes), "another left, another top, another width")
    swapped = table["person"].replace({"1": "2", "2": "1"}).where(train_rows, table["person"])
    refused(replace(league, table=table.assign(person=swapped)), "rows have another person")
    moved = replace(league, root=Path(str(league.root) + "/."), source="table")
    train(moved, whole, SMALL, resume=True)


def test_other_settings_are_refused_and_said(whole: Path, league: Crops, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"lr was 0\.002, now 0\.1; pairs was 8, now 6"):
        train(league, whole, replace(SMALL, lr=0.1, pairs=6), resume=True)
    with pytest.raises(TrainingError, match="no run to resume"):
        train(league, tmp_path / "none", SMALL, resume=True)


def test_damaged_or_foreign_state_is_refused(league: Crops, tmp_path: Path) -> None:
    train(league, tmp_path / "run", replace(SMALL, epochs=1, validate="none"))
    state, config = tmp_path / "run" / "state.pt", read_config(tmp_path / "run" / "config.json")
    good = torch.load(state, weights_only=True)

    def refused(text: str) -> None:
        with pytest.raises(TrainingError, match=text):
            train(league, tmp_path / "run", config, resume=True)

    torch.save({**good, "format": 0}, state)
    refused("another version")
    torch.save([1], state)
    refused("another version")
    good["state"]["learner"]["model"].popitem()
    torch.save(good, state)
    refused("not what was written")
    save_state(state.parent, good["state"])
    refused("another network, loss or optimiser")
    state.write_bytes(b"cut")
    refused("damaged")


def test_a_finished_run_is_left_as_it_is(whole: Path, league: Crops) -> None:
    before = weights(whole)
    train(league, whole, SMALL, resume=True)
    assert weights(whole) == before


def test_a_used_folder_is_refused_before_a_network_is_built(
    whole: Path, league: Crops, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(*arguments: Any, **settings: Any) -> None:
        raise AssertionError("built or fetched")

    monkeypatch.setattr(start, "create_encoder", build)
    monkeypatch.setattr(start, "load_encoder", build)
    for config in (SMALL, TrainConfig(preset="vit-l14-openai"), TrainConfig(weights=str(whole))):
        with pytest.raises(TrainingError, match=r"already holds files.*resume"):
            train(league, whole, config)


@pytest.mark.parametrize(
    "change",
    [
        {"height": -5},
        {"pairs": 99},
        {"device": "gpu"},
        {"preset": "smal"},
        {"weights": "nowhere"},
        {"lora": 4},
        {"drop_padding": True},
        {"validate": "valid"},
        {"freeze": 3},
        {"grad_checkpointing": True},
    ],
)
def test_what_cannot_begin_leaves_nothing(
    league: Crops, tmp_path: Path, change: dict[str, Any]
) -> None:
    from sameplayer.errors import SameplayerError

    with pytest.raises(SameplayerError):
        train(league, tmp_path / "run", replace(QUICK, **change))
    assert not (tmp_path / "run").exists()


def test_the_input_size_that_is_recorded_is_the_true_one(league: Crops, tmp_path: Path) -> None:
    config = TrainConfig(preset="test_vit", pretrained=False, pairs=4, epochs=1, validate="none")
    train(league, tmp_path / "run", config)
    own = create_encoder("test_vit", pretrained=False).spec
    size = record(tmp_path / "run")
    assert (size["height"], size["width"]) == (own.height, own.width)
    assert json.loads((tmp_path / "run" / "environment.json").read_text())["device"] == "cpu"
