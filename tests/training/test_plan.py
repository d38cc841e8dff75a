"""What is learnt from, what is scored on, and what a run remembers of both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sameplayer.data.crops import Crops
from sameplayer.errors import DataError, SettingError, TrainingError
from sameplayer.training.config import TrainConfig
from sameplayer.training.sampling.plan import make_plan, refuse_uneven_shares

CONFIG = TrainConfig("small", pairs=4)


def with_rows(crops: Crops, **columns: list) -> Crops:
    extra = pd.DataFrame({"image": [f"extra{i}.png" for i in range(len(columns["role"]))]})
    return replace(crops, table=pd.concat([crops.table, extra.assign(**columns)]))


def test_validation_on_the_test_split_keeps_distractors(league: Crops) -> None:
    more = with_rows(
        league, role=["gallery", "distractor", "gallery"], split=["test", "test", "challenge"]
    )
    validation = make_plan(more, replace(CONFIG, validate="test")).validation
    assert validation is not None
    test = (more.table["split"] == "test").to_numpy()
    assert list(validation.table["image"]) == list(more.table["image"][test])
    unknown = validation.table[validation.table["person"].isna()]
    assert list(unknown["image"]) == ["extra0.png", "extra1.png"]


def test_valid_and_test_are_not_mixed(league: Crops) -> None:
    persons = ["v1", "v1", "v2", "v2"]
    more = with_rows(league, role=["query", "gallery"] * 2, split=["valid"] * 4, person=persons)
    plans = {name: make_plan(more, replace(CONFIG, validate=name)) for name in ("valid", "test")}
    shown = {name: set(plan.validation.table["person"]) for name, plan in plans.items()}  # type: ignore[union-attr]
    assert shown["valid"] == {"v1", "v2"}
    assert not shown["valid"] & shown["test"]
    final = make_plan(more, replace(CONFIG, train_on="training+test", validate="valid"))
    assert not {"v1", "v2"} & set(final.learn.table["person"])
    assert shown["test"] < set(final.learn.table["person"])


def test_a_split_that_cannot_be_scored_is_refused(league: Crops) -> None:
    with pytest.raises(DataError, match="no split 'valid'"):
        make_plan(league, replace(CONFIG, validate="valid"))
    unknown = with_rows(league, role=["query", "gallery"], split=["valid", "valid"])
    with pytest.raises(DataError, match="no queries with a person"):
        make_plan(unknown, replace(CONFIG, validate="valid"))


def test_a_batch_left_to_the_preset_shrinks_and_says_so(league: Crops) -> None:
    plan = make_plan(league, TrainConfig("small", validate="none"))
    assert plan.config.pairs == 16
    assert plan.remarks() == ["16 pairs per batch instead of 32: there are no more persons"]
    assert make_plan(league, CONFIG).remarks() == []


def test_batches_smaller_than_asked_are_told(league: Crops) -> None:
    scoped = replace(league, scope="game")
    plan = make_plan(scoped, TrainConfig("small", pairs=14, validate="none"))
    sizes = [len(batch) for batch in plan.first]
    assert min(sizes) < 14
    (remark,) = plan.remarks()
    small = sum(size < 14 for size in sizes)
    assert remark.startswith(f"{small} of {len(sizes)} batches hold fewer than 14 pairs")
    assert f"the smallest {min(sizes)}: a batch stays within one game" in remark
    with pytest.raises(SettingError, match="share"):
        refuse_uneven_shares(plan, 2)


def test_pairs_that_processes_cannot_share_are_refused(league: Crops) -> None:
    with pytest.raises(SettingError, match="pairs is 4; expected a multiple of 3"):
        refuse_uneven_shares(make_plan(league, CONFIG), 3)


def test_more_pairs_than_persons_says_what_to_use(league: Crops) -> None:
    with pytest.raises(SettingError, match="pairs is 99; expected 12 or fewer"):
        make_plan(league, replace(CONFIG, pairs=99, folds=4))


def test_one_person_cannot_be_trained_on(league: Crops) -> None:
    one = league.where(league.table["person"].eq("1").fillna(False).to_numpy(dtype=bool))
    with pytest.raises(TrainingError, match="at least 2 such persons"):
        make_plan(one, replace(CONFIG, validate="none"))


def test_no_training_rows_is_an_error(league: Crops) -> None:
    with pytest.raises(DataError, match="role 'train'"):
        make_plan(league.select("query"), CONFIG)


def changed(crops: Crops, column: str, value: object, row: int) -> Crops:
    table = crops.table.copy()
    table.loc[table.index[row], column] = value
    return replace(crops, table=table)


TRAIN, TESTED = 0, -1  # a row of each; the league's test rows follow its training rows


@pytest.mark.parametrize(
    ("column", "value", "row", "part"),
    [
        ("image", "other.png", TRAIN, "training"),
        ("person", "1", 40, "training"),
        ("sequence", "z", 40, "training"),
        ("team", "x", TRAIN, "training"),
        ("game", "x", TRAIN, "training"),
        ("left", 3.0, TRAIN, "training"),
        ("person", "1", TESTED, "validation"),
        ("camera", "7", TESTED, "validation"),
        ("role", "distractor", TESTED, "validation"),
    ],
)
def test_the_hashes_cover_every_column_that_decides(
    league: Crops, column: str, value: object, row: int, part: str
) -> None:
    crops = league.where(league.table["split"].isin(["training", "test"]).to_numpy())
    halves = crops.table["person"].astype(int).mod(2).astype(str)
    whole = {"left": 1.0, "top": 1.0, "width": 20.0, "height": 40.0}
    table = crops.table.assign(sequence=halves, **whole)
    crops = replace(crops, table=table, scope="sequence")
    config = replace(CONFIG, validate="test", negatives="team")
    before = make_plan(crops, config).facts()["rows"]
    assert make_plan(crops, config).facts()["rows"] == before
    after = make_plan(changed(crops, column, value, row), config).facts()["rows"]
    assert [name for name in before[part] if before[part][name] != after[part][name]] == [column]


def test_columns_that_decide_nothing_are_left_out(league: Crops) -> None:
    before = make_plan(league, replace(CONFIG, validate="none")).facts()
    other = replace(league, table=league.table.assign(team="x", camera="9", sequence="1"))
    assert make_plan(other, replace(CONFIG, validate="none")).facts() == before
    assert before["scope"] == "set"


def test_every_epoch_draws_anew(league: Crops) -> None:
    plan = make_plan(league, CONFIG)
    first, second = plan.batches(0), plan.batches(1)
    assert len(first) == len(second)
    assert any((a != b).any() for a, b in zip(first, second, strict=True))
    np.testing.assert_array_equal(np.stack(first), np.stack(make_plan(league, CONFIG).batches(0)))


def test_a_validation_that_means_nothing_is_said(league: Crops) -> None:
    table = league.table.assign(frame=range(len(league)), sequence=league.table["person"])
    followed = replace(league, table=table.assign(camera="1"), scope=None)
    plain = replace(CONFIG, validate="fold", folds=4)
    assert any("mAP means nothing here" in one for one in make_plan(followed, plain).remarks())
    seen_twice = replace(followed, table=followed.table.assign(sequence=followed.table["frame"]))
    for crops, config in ((seen_twice, plain), (followed, replace(plain, validate="none"))):
        assert not any("means nothing" in one for one in make_plan(crops, config).remarks())
