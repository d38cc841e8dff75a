"""A run: what it leaves, that it repeats to the bit, and what stops it."""

from __future__ import annotations

import csv
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sameplayer.data.crops import Crops
from sameplayer.data.layouts.sources import read_source
from sameplayer.encoder.embed import embed
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import create_encoder, load_encoder
from sameplayer.errors import DataError, TrainingError
from sameplayer.evaluation.scores import evaluate
from sameplayer.ranking.ranking import rank
from sameplayer.training.losses.info_nce import Outcome
from sameplayer.training.run import loop
from sameplayer.training.run import step as step_module
from sameplayer.training.run.loop import Step
from sameplayer.training.run.run_metadata import read_config
from sameplayer.training.run.train import train
from sameplayer.training.sampling.plan import make_plan, person_means
from tests.training.small_runs import QUICK, weights


@pytest.fixture(scope="module")
def run(league: Crops, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "first"
    train(league, out, QUICK)
    return out


def metrics(run: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((run / "metrics.csv").open()))


def test_a_run_leaves_everything_that_decided_it(run: Path) -> None:
    left = {path.name for path in run.iterdir()}
    files = {"config.json", "environment.json", "metrics.csv", "train.log", "state.pt"}
    assert left == files | {"last", "best"}
    rows = metrics(run)
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert all(0 <= float(row["mAP"]) <= 1 for row in rows)
    best = max(float(row["mAP"]) for row in rows)
    facts = load_encoder(run).spec.facts
    assert facts["validation mAP"] == pytest.approx(best, abs=1e-4)
    assert (facts["preset"], facts["scope"]) == ("small", "set")


def test_its_config_repeats_it_to_the_bit(run: Path, league: Crops, tmp_path: Path) -> None:
    train(league, tmp_path / "again", read_config(run / "config.json"))
    assert weights(tmp_path / "again") == weights(run)


def test_another_seed_gives_other_weights(run: Path, league: Crops, tmp_path: Path) -> None:
    train(league, tmp_path / "other", replace(QUICK, seed=2))
    assert load_encoder(tmp_path / "other").fingerprint() != load_encoder(run).fingerprint()


def test_memory_and_chunks_change_no_bit_and_no_more_than_rounding(
    run: Path, league: Crops, tmp_path: Path
) -> None:
    train(league, tmp_path / "bare", replace(QUICK, cache_gb=0.0))
    assert weights(tmp_path / "bare") == weights(run)
    rows = []
    for chunk in (None, 4):
        out = tmp_path / f"chunk-{chunk}"
        train(league, out, replace(QUICK, preset="test_vit", pretrained=False, chunk=chunk))
        rows.append([float(row["loss"]) for row in metrics(out)])
    np.testing.assert_allclose(rows[0], rows[1], atol=2e-3)


def test_progress_tells_loss_rate_speed_and_time(league: Crops, tmp_path: Path) -> None:
    steps: list[Step] = []
    config = replace(QUICK, epochs=1, validate="none")
    train(league, tmp_path / "run", config, progress=steps.append)
    assert [step.step for step in steps] == list(range(1, steps[0].steps + 1))
    assert steps[-1].seconds_left == 0 < steps[0].seconds_left
    assert all(step.pictures_per_second > 0 and step.loss > 0 for step in steps)


def test_callbacks_get_each_epoch_as_it_was_scored_and_saved(league: Crops, tmp_path: Path) -> None:
    told: list[tuple[int, dict[str, float], str]] = []

    def note(epoch: int, figures: dict[str, float], encoder: Encoder) -> None:
        saved = load_encoder(tmp_path / "run" / "last").fingerprint()
        assert encoder.fingerprint() == saved
        told.append((epoch, figures, saved))

    train(league, tmp_path / "run", QUICK, callbacks=[note])
    assert [epoch for epoch, _, _ in told] == [1, 2]
    written = metrics(tmp_path / "run")
    assert [{k: str(v) for k, v in figures.items()} for _, figures, _ in told] == written
    assert told[0][2] != told[1][2]


def test_a_callback_ends_a_run_that_is_then_resumed(
    run: Path, league: Crops, tmp_path: Path
) -> None:
    def stop(epoch: int, figures: dict[str, float], encoder: Encoder) -> None:
        raise InterruptedError(figures["mAP"])

    with pytest.raises(InterruptedError):
        train(league, tmp_path / "cut", QUICK, callbacks=[stop])
    assert len(metrics(tmp_path / "cut")) == 1
    train(league, tmp_path / "cut", QUICK, resume=True)
    assert weights(tmp_path / "cut") == weights(run)


def test_the_two_validation_maps_are_those_of_evaluate(run: Path, league: Crops) -> None:
    plan = make_plan(league, QUICK)
    embedded = embed(load_encoder(run / "last"), plan.validation)
    last = metrics(run)[-1]
    assert float(last["mAP"]) == evaluate(rank(embedded)).mAP
    assert float(last["mAP_reranked"]) == evaluate(rank(embedded, rerank="k-reciprocal")).mAP


def test_pictures_a_second_counts_those_that_were_drawn(
    league: Crops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    numbers = pd.to_numeric(league.table["person"]).fillna(0).astype(int)
    games = league.table.assign(game=numbers.mod(3).astype(str))
    scoped = replace(league, table=games, scope="game")
    config = replace(QUICK, epochs=1, pairs=32, validate="none")
    sizes = [len(batch) for batch in make_plan(scoped, config).first]
    monkeypatch.setattr(loop._Clock, "elapsed", lambda clock: 2.0)
    with caplog.at_level(logging.WARNING):
        train(scoped, tmp_path / "run", config)
    assert max(sizes) < 32
    assert float(metrics(tmp_path / "run")[0]["pictures_per_second"]) == sum(sizes)
    told = (tmp_path / "run" / "train.log").read_text()
    assert f"{len(sizes)} of {len(sizes)} batches hold fewer than 32 pairs" in told


def test_nan_loss_stops_with_a_usable_last_epoch(
    league: Crops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, calls = step_module.backward, []

    def broken(*arguments: Any, **settings: Any) -> Outcome:
        calls.append(1)
        outcome = honest(*arguments, **settings)
        return outcome._replace(loss=float("nan")) if len(calls) > 15 else outcome

    monkeypatch.setattr(step_module, "backward", broken)
    config = replace(QUICK, epochs=4)
    with pytest.raises(TrainingError, match=r"loss became nan.*last finished epoch"):
        train(league, tmp_path / "run", config)
    load_encoder(tmp_path / "run" / "last")


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


def test_patience_ends_a_run_that_does_not_improve(league: Crops, tmp_path: Path) -> None:
    train(league, tmp_path / "run", replace(QUICK, epochs=9, lr=1e-12, patience=1))
    rows = metrics(tmp_path / "run")
    best = max(range(len(rows)), key=lambda row: float(rows[row]["mAP"]))
    assert len(rows) == best + 2 < 9


def test_the_epoch_kept_is_chosen_on_the_test_split_with_its_distractors(
    league: Crops, tmp_path: Path
) -> None:
    table = league.table.copy()
    gallery = np.flatnonzero((table["split"] == "test") & (table["role"] == "gallery"))[:6]
    table.loc[gallery, ["person", "role"]] = [pd.NA, "distractor"]
    crops = replace(league, table=table)
    train(crops, tmp_path / "run", replace(QUICK, epochs=1, validate="test"))
    encoder = load_encoder(tmp_path / "run" / "last")
    test = crops.where((crops.table["split"] == "test").to_numpy())
    score = evaluate(rank(embed(encoder, test))).mAP
    easier = evaluate(rank(embed(encoder, test.where(test.persons() >= 0)))).mAP
    assert float(metrics(tmp_path / "run")[0]["mAP"]) == pytest.approx(score, abs=1e-9)
    assert score < easier


def test_nearest_batches_use_the_means_of_the_last_epoch(
    league: Crops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(QUICK, negatives="nearest", validate="none", keep_epochs=True)
    asked: list[Any] = []
    batches = loop.Plan.batches

    def watched(plan: Any, epoch: int, means: Any = None) -> list[np.ndarray]:
        asked.append((epoch, means))
        return batches(plan, epoch, means)

    monkeypatch.setattr(loop.Plan, "batches", watched)
    train(league, tmp_path / "run", config)
    assert [epoch for epoch, _ in asked] == [0, 1]
    assert asked[0][1] is None
    learn = make_plan(league, config).learn
    expected = person_means(load_encoder(tmp_path / "run" / "epoch-1"), learn)
    np.testing.assert_allclose(asked[1][1], expected, atol=1e-6)


@pytest.mark.parametrize("augment", ["none", "2022", "2023", "strong"])
def test_every_augmentation_trains_to_weights_of_its_own(
    league: Crops, tmp_path: Path, augment: str
) -> None:
    config = replace(QUICK, epochs=1, validate="none", lr=2e-3)
    encoder = train(league, tmp_path / "run", replace(config, augment=augment))
    start = create_encoder("small", pretrained=False, height=64, width=32, seed=1)
    rows = encoder.embed([league.read(row) for row in range(4)])
    assert np.isfinite(rows).all()
    assert np.abs(rows - start.embed([league.read(row) for row in range(4)])).max() > 0.01


def test_fp16_trains_on_the_cpu_near_to_fp32(league: Crops, tmp_path: Path) -> None:
    losses = []
    for precision in ("fp32", "fp16"):
        config = replace(QUICK, epochs=3, lr=3e-4, validate="none", precision=precision)
        train(league, tmp_path / precision, config)
        losses.append([float(row["loss"]) for row in metrics(tmp_path / precision)])
    np.testing.assert_allclose(losses[1], losses[0], atol=0.4)  # its first steps are left out
    assert all(learnt[2] < learnt[0] - 0.15 for learnt in losses)
