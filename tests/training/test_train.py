"""A run: what it leaves, that it repeats to the bit, and what stops it."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sameplayer.data.crops import Crops
from sameplayer.data.sources import read_source
from sameplayer.encoder.encoder import load_encoder
from sameplayer.errors import ConfigError, DataError, TrainingError
from sameplayer.training import train as train_module
from sameplayer.training.config import TrainConfig, read_config
from sameplayer.training.info_nce import Outcome
from sameplayer.training.train import Step, train

QUICK = TrainConfig(pairs=8, epochs=2, folds=4)


@pytest.fixture(scope="module")
def run(league: Crops, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "first"
    train(league, out, QUICK)
    return out


def test_a_run_leaves_everything_that_decided_it(run: Path) -> None:
    left = {path.name for path in run.iterdir()}
    expected = {
        "config.json",
        "environment.json",
        "metrics.csv",
        "train.log",
        "last",
        "best",
        "state.pt",
    }
    assert left == expected
    rows = list(csv.DictReader((run / "metrics.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert all(0 <= float(row["mAP"]) <= 1 for row in rows)
    best = max(float(row["mAP"]) for row in rows)
    assert load_encoder(run).spec.facts["validation mAP"] == pytest.approx(best, abs=1e-4)


def test_its_config_repeats_it_to_the_bit(run: Path, league: Crops, tmp_path: Path) -> None:
    train(league, tmp_path / "again", read_config(run / "config.json"))
    first, again = (path / "last" / "model.safetensors" for path in (run, tmp_path / "again"))
    assert first.read_bytes() == again.read_bytes()


def test_another_seed_gives_other_weights(run: Path, league: Crops, tmp_path: Path) -> None:
    train(league, tmp_path / "other", replace(QUICK, seed=2))
    assert load_encoder(tmp_path / "other").fingerprint() != load_encoder(run).fingerprint()


def test_a_used_folder_is_refused(run: Path, league: Crops) -> None:
    with pytest.raises(TrainingError, match="already holds files"):
        train(league, run, QUICK)


def test_progress_tells_loss_rate_speed_and_time(league: Crops, tmp_path: Path) -> None:
    steps: list[Step] = []
    config = replace(QUICK, epochs=1, validate="none")
    train(league, tmp_path / "run", config, progress=steps.append)
    assert [step.step for step in steps] == list(range(1, steps[0].steps + 1))
    assert steps[-1].seconds_left == 0
    assert all(step.pictures_per_second > 0 and step.loss > 0 for step in steps)


def test_nan_loss_stops_with_a_usable_last_epoch(
    league: Crops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, calls = train_module.backward, []

    def broken(*arguments: Any, **settings: Any) -> Outcome:
        calls.append(1)
        outcome = honest(*arguments, **settings)
        return outcome._replace(loss=float("nan")) if len(calls) > 15 else outcome

    monkeypatch.setattr(train_module, "backward", broken)
    config = replace(QUICK, epochs=4)
    with pytest.raises(TrainingError, match=r"loss became nan.*last finished epoch"):
        train(league, tmp_path / "run", config)
    load_encoder(tmp_path / "run" / "last")


def test_out_of_memory_says_which_setting_helps(
    league: Crops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any, **settings: Any) -> Outcome:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")

    monkeypatch.setattr(train_module, "backward", full)
    with pytest.raises(TrainingError, match=r"Lower --chunk.*--lora 8"):
        train(league, tmp_path / "run", QUICK)


def test_a_picture_that_cannot_be_read_is_named(league_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(league_folder, tmp_path / "data")
    broken = tmp_path / "data" / "reid_training" / "0003_0003_02.jpeg"
    broken.write_bytes(broken.read_bytes()[:300])
    with pytest.raises(DataError, match=r"0003_0003_02\.jpeg: truncated"):
        train(read_source(tmp_path / "data"), tmp_path / "run", replace(QUICK, validate="none"))


def test_ctrl_c_in_an_epoch_keeps_the_last_finished_one(league: Crops, tmp_path: Path) -> None:
    def interrupt(step: Step) -> None:
        if step.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(league, tmp_path / "run", QUICK, progress=interrupt)
    assert load_encoder(tmp_path / "run").spec.facts["epoch"] == 1
    assert not list((tmp_path / "run").rglob("*.partial"))


def test_more_pairs_than_persons_says_what_to_use(league: Crops, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="--pairs 12"):
        train(league, tmp_path / "run", replace(QUICK, pairs=99))
    assert not (tmp_path / "run").exists()


def test_no_training_rows_is_an_error(league: Crops, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="role 'train'"):
        train(league.select("query"), tmp_path / "run", QUICK)


@pytest.mark.parametrize(
    ("change", "text"),
    [({"pairs": 1}, "pairs"), ({"lr": -1.0}, "lr"), ({"fold": 10}, "fold"), ({"epochs": 0}, "ep")],
)
def test_settings_out_of_range_are_named(change: dict[str, float], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        replace(TrainConfig(), **change).resolved()  # type: ignore[arg-type]


def test_unknown_key_in_a_config_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps({"epoch": 3}))
    with pytest.raises(ConfigError, match="Did you mean 'epochs'"):
        read_config(tmp_path / "c.json")


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
    config = replace(QUICK, height=64, width=32, save_minutes=0, epochs=3, **change)
    train(league, tmp_path / "whole", config)

    def interrupt(step: Step) -> None:
        if step.epoch == 2 and step.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(league, tmp_path / "cut", config, progress=interrupt)
    train(league, tmp_path / "cut", config, resume=True)
    for part in ("last", "best"):
        whole, cut = (tmp_path / run / part / "model.safetensors" for run in ("whole", "cut"))
        assert whole.read_bytes() == cut.read_bytes()
    if config.keep_epochs:
        assert load_encoder(tmp_path / "whole" / "epoch-2").spec.facts["epoch"] == 2
        assert list((tmp_path / "whole" / "tensorboard").rglob("events*"))


def test_patience_ends_a_run_that_does_not_improve(league: Crops, tmp_path: Path) -> None:
    config = replace(QUICK, epochs=9, lr=1e-12, patience=1, height=64, width=32)
    train(league, tmp_path / "run", config)
    rows = list(csv.DictReader((tmp_path / "run" / "metrics.csv").open()))
    best = max(range(len(rows)), key=lambda row: float(rows[row]["mAP"]))
    assert len(rows) == best + 2 < 9


def test_team_batches_without_teams_say_what_is_missing(league: Crops, tmp_path: Path) -> None:
    bare = replace(league, table=league.table.assign(team=None))
    with pytest.raises(DataError, match=r"columns game and team.*persons\.csv"):
        train(bare, tmp_path / "run", replace(QUICK, negatives="team"))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"patience": 1, "validate": "none"}, "--patience"),
        ({"lora": 4, "freeze": 1}, "--lora"),
        ({"compile": True, "drop_padding": True}, "--compile"),
        ({"train_on": "training+test", "validate": "test"}, "use fold"),
        ({"lora": 4}, "no transformer blocks"),
        ({"drop_padding": True}, "tall input"),
    ],
)
def test_settings_that_exclude_each_other(
    league: Crops, tmp_path: Path, change: dict[str, Any], text: str
) -> None:
    with pytest.raises(ConfigError, match=text):
        train(league, tmp_path / "run", replace(QUICK, **change))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("augment", ["none", "2022", "2023", "strong"])
def test_every_augmentation_trains(league: Crops, tmp_path: Path, augment: str) -> None:
    config = replace(QUICK, epochs=1, augment=augment, validate="none")  # type: ignore[arg-type]
    assert np.isfinite(train(league, tmp_path / "run", config).log_scale.item())


def test_one_person_cannot_be_trained_on(league: Crops, tmp_path: Path) -> None:
    one = league.where(league.table["person"].eq("1").fillna(False).to_numpy(dtype=bool))
    with pytest.raises(TrainingError, match="at least 2 such persons"):
        train(one, tmp_path / "run", replace(QUICK, validate="none"))
    assert not (tmp_path / "run").exists()


def test_a_batch_left_to_the_preset_shrinks_to_the_persons(league: Crops, tmp_path: Path) -> None:
    few = TrainConfig(epochs=1, height=32, width=16, validate="none")
    train(league, tmp_path / "run", few)
    assert read_config(tmp_path / "run" / "config.json").pairs == 16
