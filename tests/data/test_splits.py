"""Folds by person, the draw of queries, and the share that is held out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sameplayer.data.check import check_crops
from sameplayer.data.crops import Crops
from sameplayer.data.layouts.sources import read_source
from sameplayer.data.splits import draw_query_gallery, hold_out, split_by_person
from sameplayer.errors import DataError, SettingError


def table_of(persons: list[str | None], **columns: object) -> Crops:
    images = [f"{number}.png" for number in range(len(persons))]
    return Crops(pd.DataFrame({"image": images, "person": persons, **columns}), Path())


@settings(max_examples=30)
@given(
    counts=st.lists(st.integers(1, 9), min_size=3, max_size=60),
    folds=st.integers(2, 5),
    seed=st.integers(0, 9),
)
def test_folds_are_those_of_scikit_learn(counts: list[int], folds: int, seed: int) -> None:
    model_selection = pytest.importorskip("sklearn.model_selection")
    folds = min(folds, len(counts))
    ids = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    crops = table_of([*map(str, ids), None])
    groups = crops.persons()[:-1]
    for fold, (train, held) in enumerate(
        model_selection.GroupKFold(folds).split(groups, groups=groups)
    ):
        mine = split_by_person(crops, fold=fold, folds=folds)
        for part, rows in zip(mine, (train, held), strict=True):
            assert part.table["image"].tolist() == crops.where(rows).table["image"].tolist()


def test_no_person_is_on_both_sides_and_unknown_ones_on_none() -> None:
    crops = table_of([*"aabbccddee", None], game=list("xyxyxyxyxyx"))
    for scope, count in ((None, 5), ("game", 10)):
        scoped = Crops(crops.table, Path(), scope)
        sides = [split_by_person(scoped, fold=fold, folds=count) for fold in range(count)]
        held = [row for _, part in sides for row in part.table["image"]]
        assert sorted(held) == sorted(crops.table["image"][:10])
        for train, part in sides:
            names = ["person"] if scope is None else ["person", "game"]
            both = train.table[names].merge(part.table[names])
            assert len(both) == 0
            assert len(train) + len(part) == 10


@pytest.mark.parametrize(
    ("settings", "name", "words"),
    [
        ({"fold": 10}, "fold", "is 10; expected 0 to 9 with 10 folds"),
        ({"fold": -1}, "fold", "is -1; expected 0 to 9"),
        ({"folds": 1}, "folds", "is 1; expected 2 or more"),
        ({"folds": 0}, "folds", "is 0; expected 2 or more"),
    ],
)
def test_a_fold_that_there_is_not_is_a_wrong_setting(
    settings: dict[str, int], name: str, words: str
) -> None:
    crops = table_of(list("abcdefghijkl"))
    with pytest.raises(SettingError, match=words) as caught:
        split_by_person(crops, **settings)
    assert caught.value.name == name
    with pytest.raises(DataError, match="12 persons cannot be split into 13 folds"):
        split_by_person(crops, folds=13)


def test_the_query_is_the_first_frame_of_a_person_and_nobody_has_none() -> None:
    drawn = draw_query_gallery(
        table_of(["a", "b", "a", "a", None, "b", None], frame=[5, None, 3, 3, 0, None, None])
    ).table
    roles = ["gallery", "query", "query", "gallery", "gallery", "gallery", "gallery"]
    assert drawn["role"].tolist() == roles
    assert drawn["camera"].isna().all()


def test_real_cameras_stay_and_every_query_keeps_a_match() -> None:
    cameras = ["1", "1", "2", "3", "3", None, None, "4", None]
    drawn = draw_query_gallery(table_of([*"aaabbccd", None], camera=cameras)).table
    assert drawn["camera"].fillna("-").tolist() == [
        "1",
        "1",
        "2",
        "3/query",
        "3",
        "-",
        "-",
        "4/query",
        "-",
    ]


def test_queries_of_a_table_of_one_camera_keep_their_matches(
    tmp_path: Path, picture: Callable[..., Path]
) -> None:
    persons = [person for person in "abcdef" for _ in range(3)]
    table = table_of(persons, camera="1", role="train").table
    for name in table["image"]:
        picture(tmp_path / str(name))
    made = hold_out(Crops(table, tmp_path), 0.5)
    assert check_crops(made) == []
    kept = made.table[made.table["role"] != "query"]
    assert set(kept["camera"]) == {"1"}


def test_split_keeps_persons_apart_and_singles_as_distractors(
    tmp_path: Path, picture: Callable[..., Path]
) -> None:
    for person, count in enumerate((3, 3, 3, 3, 3, 1)):
        for number in range(count):
            picture(tmp_path / "crops" / f"p{person}" / f"{number}.png")
    crops = read_source(tmp_path / "crops")
    made = hold_out(crops, 0.4, seed=1).table
    persons = {role: set(rows["person"].dropna()) for role, rows in made.groupby("role")}
    assert len(persons["train"]) == 3
    assert persons["query"] == persons["gallery"]
    assert len(persons["query"]) == 2
    assert not persons["train"] & persons["query"]
    assert made[made["role"] == "distractor"]["image"].tolist() == ["p5/0.png"]
    assert len(made) == len(crops)
    with pytest.raises(DataError, match="fewer than 2 on one side"):
        hold_out(crops, 0.1)
    with pytest.raises(SettingError, match="share is 2"):
        hold_out(crops, 2)
