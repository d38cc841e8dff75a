"""Learning from footage without labels: only tracks that were seen together are negatives."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sameplayer.cli import main
from sameplayer.data.crops import Crops
from sameplayer.data.layouts.sources import read_source
from sameplayer.errors import DataError, SettingError, TrainingError
from sameplayer.synthetic.league import draw_clip
from sameplayer.training.losses.info_nce import info_nce
from sameplayer.training.run.batch_picture import show_batch
from sameplayer.training.run.rate_finder import find_rate
from sameplayer.training.run.train import train
from sameplayer.training.sampling.plan import make_plan
from tests.training.small_runs import QUICK, record, stop_at, weights

TRACKS = replace(QUICK, pairs=6, pairs_from="tracks", validate="none")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips of four walking players, so that a batch of six cannot be of one clip."""
    out = tmp_path_factory.mktemp("footage")
    for seed in (1, 2):
        draw_clip(out / f"clip{seed}", seed, players=4, frames=6, size=(400, 200))
    return out


@pytest.fixture(scope="module")
def crops(clips: Path) -> Crops:
    return read_source(clips)


def table(rows: list[tuple[Any, ...]]) -> Crops:
    """A table of rows (track, sequence, frame)."""
    names = ["person", "sequence", "frame"]
    return Crops(pd.DataFrame(rows, columns=names).assign(image="x.jpg"), Path("clips"))


def seen_together(rows: list[tuple[Any, ...]], one: int, other: int) -> bool:
    """Whether one frame shows the tracks of two rows (track, sequence, frame)."""
    frames = [{row[2] for row in rows if row[:2] == rows[chosen][:2]} for chosen in (one, other)]
    return rows[one][1] == rows[other][1] and bool(frames[0] & frames[1])


spans = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 8), st.integers(2, 6)), min_size=5, max_size=9
)


@settings(max_examples=25)
@given(tracks=spans, pairs=st.integers(2, 4), seed=st.integers(0, 99))
def test_no_batch_pushes_two_tracks_apart_that_were_never_seen_together(
    tracks: list[tuple[str, int, int]], pairs: int, seed: int
) -> None:
    rows = [
        (str(number), clip, frame)
        for number, (clip, start, length) in enumerate(tracks)
        for frame in range(start, start + length)
    ]
    rows = [("x", "a", 1), ("x", "a", 2), ("y", "a", 1), ("y", "a", 2), *rows]
    crops = table(rows)
    crops = replace(crops, table=crops.table.assign(row=range(len(crops.table))))
    config = replace(TRACKS, pairs=pairs, seed=seed)
    try:
        plan = make_plan(crops, config)
    except SettingError:  # fewer usable tracks than pairs
        return
    persons, given_row = plan.learn.persons(), plan.learn.table["row"].to_numpy()
    for epoch in (0, 1):
        for batch in plan.batches(epoch):
            differ = plan.differ(persons[batch[:, 0]])
            pushed = _pushed(pairs, differ)
            for i, j in permutations(range(pairs), 2):
                rows_of = int(given_row[batch[i, 0]]), int(given_row[batch[j, 0]])
                assert bool(pushed[i, j]) == seen_together(rows, *rows_of)


def _pushed(pairs: int, differ: np.ndarray | None) -> np.ndarray:
    """Return (b, b): does the loss move the similarity of anchor i and positive j?

    The features are columns of the unit matrix, so a feature's gradient shows whom it is moved by.
    """
    query, gallery = (torch.eye(pairs, 2 * pairs, dtype=torch.float64) for _ in range(2))
    gallery = gallery.roll(pairs, dims=1)
    query.requires_grad_()
    mask = None if differ is None else torch.from_numpy(differ)
    info_nce(query, gallery, torch.zeros((), dtype=torch.float64), 0.1, mask).backward()
    assert query.grad is not None
    return query.grad[:, pairs:].numpy() != 0


def test_volleyball_clips_fill_a_batch_together_but_are_no_negatives(volleyball: Path) -> None:
    plan = make_plan(read_source(volleyball / "clips"), replace(TRACKS, pairs=24))
    clip, persons = plan.learn.scopes(), plan.learn.persons()
    for batch in plan.first:
        differ = plan.differ(persons[batch[:, 0]])
        assert differ is not None
        across = clip[batch[:, 0]][:, None] != clip[batch[:, 0]]
        assert across.any()
        assert not differ[across].any()
        assert differ[~across].sum() > 0.9 * (~across).sum() - 24


def test_what_the_loss_is_told_is_what_was_seen(crops: Crops, tmp_path: Path) -> None:
    told: list[tuple[list[int], np.ndarray]] = []

    def spied(query: Tensor, gallery: Tensor, persons: Tensor, differ: Tensor) -> Tensor:
        told.append((persons.tolist(), differ.numpy().copy()))
        return info_nce(query, gallery, torch.zeros(()), 0.0, differ)

    train(crops, tmp_path / "run", replace(TRACKS, epochs=1), loss=spied)  # type: ignore[arg-type]
    learn = make_plan(crops, TRACKS).learn
    clip = dict(zip(learn.persons().tolist(), learn.scopes().tolist(), strict=True))
    assert told
    for persons, differ in told:
        of = np.array([clip[person] for person in persons])
        assert not differ[of[:, None] != of].any()
        assert differ.any()


@pytest.mark.parametrize("loss", ["identity", "info-nce+identity"])
def test_a_loss_that_takes_all_for_different_is_refused(
    crops: Crops, tmp_path: Path, loss: str
) -> None:
    with pytest.raises(SettingError, match=rf"loss is {loss.replace('+', '.')}; expected info-nce"):
        train(crops, tmp_path / "run", replace(TRACKS, loss=loss))
    own = lambda query, gallery, persons: (query - gallery).square().mean()  # noqa: E731
    with pytest.raises(SettingError, match="an own one that takes differ"):
        train(crops, tmp_path / "run", TRACKS, loss=own)
    assert not (tmp_path / "run").exists()


def test_a_run_records_where_its_pairs_are_from_and_goes_on_to_the_same_bits(
    crops: Crops, tmp_path: Path
) -> None:
    config = replace(TRACKS, loss="info-nce+triplet", negatives="nearest", validate="fold")
    config = replace(config, pairs=5)
    train(crops, tmp_path / "whole", config)
    with pytest.raises(KeyboardInterrupt):
        train(crops, tmp_path / "cut", config, progress=stop_at(2, 1))
    train(crops, tmp_path / "cut", config, resume=True)
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    kept = record(tmp_path / "whole")
    assert (kept["pairs_from"], kept["track_gap"]) == ("tracks", 1)
    assert kept["data"]["source"] == "mot"
    assert "frame" in kept["data"]["rows"]["training"]
    later = crops.table.assign(frame=crops.table["frame"] + 1)
    with pytest.raises(TrainingError, match="another frame"):
        train(replace(crops, table=later), tmp_path / "whole", config, resume=True)


def test_held_out_tracks_are_ranked_among_others_of_their_footage(crops: Crops) -> None:
    plan = make_plan(crops, replace(TRACKS, validate="fold", folds=4, pairs=4))
    assert plan.validation is not None
    shown = plan.validation.table
    held = set(shown["person"][shown["role"] == "query"])
    others = set(shown["person"][shown["role"] == "distractor"])
    learnt = set(plan.learn.table["person"])
    assert len(held) == 2
    assert not held & learnt
    assert others <= learnt
    footages = set(shown["sequence"][shown["role"] == "query"])
    assert set(shown["sequence"][shown["role"] == "distractor"]) <= footages


def test_a_track_that_may_be_the_held_out_person_is_no_distractor() -> None:
    seen = {"1": (1, 5), "2": (1, 9), "3": (6, 9), "4": (1, 9)}
    rows = [(name, "a", frame) for name, ends in seen.items() for frame in range(*ends)]
    for fold in range(4):
        plan = make_plan(table(rows), replace(TRACKS, validate="fold", folds=4, fold=fold, pairs=2))
        assert plan.validation is not None
        shown = plan.validation.table.drop_duplicates(["person", "role"])
        (held,) = set(shown["person"][shown["role"] == "query"])
        others = set(shown["person"][shown["role"] == "distractor"])
        never = {"0": "2", "2": "0"}.get(held)  # tracks 1 and 3 follow each other
        assert others == {"0", "1", "2", "3"} - {held, never}


def test_tracks_that_teach_nothing_are_counted_and_left_out() -> None:
    rows = [(name, "a", frame) for name in "12" for frame in (1, 2, 8)]
    rows += [("3", "a", 1), ("4", "b", 1), ("4", "b", 9), ("5", "a", 1), ("5", "a", 2)]
    plan = make_plan(table(rows), replace(TRACKS, pairs=2, track_gap=5))
    assert plan.remarks() == [
        "3 of 5 tracks are left out: 2 with fewer than two pictures 5 frames apart, "
        "1 never seen beside another"
    ]
    assert plan.learn.table["frame"].tolist() == [1, 8, 1, 8]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("1", "a", 1), ("1", "a", 2)], "nothing to learn from 1 track: 0 with fewer"),
        ([("1", "a", 1), ("1", "a", 2), ("2", "a", 3), ("2", "a", 4)], "2 never seen in one frame"),
        ([("1", "a", 1), ("2", "a", 1)], "2 with fewer than two pictures, 0 never seen"),
    ],
)
def test_footage_in_which_nobody_is_known_to_differ_is_refused(rows: list, words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        make_plan(table(rows), replace(TRACKS, pairs=2))


def test_a_table_without_tracks_or_frames_is_refused(league: Crops) -> None:
    rows = [("1", "a", None), ("1", "a", None)]
    with pytest.raises(DataError, match="the column 'frame'"):
        make_plan(table(rows), TRACKS)
    with pytest.raises(DataError, match="the column 'person'"):
        make_plan(table([(None, "a", 1)]), TRACKS)
    alone = replace(league, table=league.table.assign(sequence=None))
    with pytest.raises(DataError, match="'sequence' or 'camera'"):
        make_plan(alone, TRACKS)


def test_all_rows_are_learnt_from_only_where_none_is_for_training(
    league: Crops, crops: Crops
) -> None:
    league = replace(league, table=league.table.assign(sequence="1"))
    trained = make_plan(league, replace(TRACKS, pairs=2)).learn
    assert set(trained.table["role"]) == {"train"}
    final = replace(TRACKS, pairs=2, train_on="training+test")
    assert set(make_plan(league, final).learn.splits()) == {"training", "test"}
    assert len(make_plan(crops, TRACKS).learn) == len(crops)
    labelled = make_plan(league, replace(TRACKS, pairs=2, validate="test")).validation
    assert labelled is not None
    assert set(labelled.splits()) == {"test"}
    with pytest.raises(SettingError, match="validate is 'test'; expected fold or none: no row"):
        make_plan(crops, replace(TRACKS, validate="test"))


def test_a_batch_left_to_the_preset_shrinks_to_the_tracks(crops: Crops) -> None:
    plan = make_plan(crops, replace(TRACKS, pairs=None))
    assert plan.remarks() == ["8 pairs per batch instead of 32: there are no more tracks"]


def test_the_other_verbs_of_training_take_tracks_too(crops: Crops, tmp_path: Path) -> None:
    assert show_batch(crops, TRACKS, tmp_path / "batch.png") == 6
    tested = find_rate(crops, TRACKS, steps=10)
    assert np.isfinite(tested.losses).all()


def test_the_command_trains_on_footage_and_resumes(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "run")
    flags = ["--pairs-from", "tracks", "--track-gap", "2", "--pairs", "4", "--epochs", "1"]
    flags += ["--preset", "small", "--height", "64", "--width", "32", "--folds", "4"]
    assert main(["train", str(clips), "--out", out, *flags]) == 0
    assert "validation mAP" in capsys.readouterr().out
    assert main(["train", str(clips), "--out", out, "--resume"]) == 0
    assert main(["train", str(clips), "--out", str(tmp_path / "no"), "--track-gap", "0"]) == 2
    assert "--track-gap is 0; expected 1 or more" in capsys.readouterr().err
    (clips / "clip1" / "gt" / "gt.txt").rename(tmp_path / "gt.txt")
    lines = [line.split(",") for line in (tmp_path / "gt.txt").read_text().splitlines()]
    detections = "\n".join(",".join([frame, "-1", *rest]) for frame, _, *rest in lines)
    (clips / "clip1" / "det.txt").write_text(detections)
    only = ["train", str(clips / "clip1"), "--out", str(tmp_path / "no"), *flags]
    assert main(only) == 2
    assert "which rows are one track; it is empty" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()
    (clips / "clip1" / "det.txt").unlink()
    (tmp_path / "gt.txt").rename(clips / "clip1" / "gt" / "gt.txt")
