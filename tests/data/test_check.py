"""The check: everything that is wrong, once, and exactly what using the table would meet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sameplayer.data.check import check_crops
from sameplayer.data.crops import Crops
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.errors import DataError, RankingError
from sameplayer.evaluation.scores import Scores, evaluate
from sameplayer.ranking.ranking import rank


def test_check_says_everything_at_once(tmp_path: Path, picture: Callable[..., Path]) -> None:
    picture(tmp_path / "a.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:-40])
    rows = [
        ("a.jpg", "1", "train", None),
        ("a.jpg", "1", "train", None),
        ("gone.jpg", "2", "train", None),
        ("cut.jpg", "3", "query", None),
        ("a.jpg", "4", "gallery", (0, 0, 0, 9)),
        ("a.jpg", "4", "query", (90, 0, 5, 9)),
        ("a.jpg", "4", "train", (0, 0, 5, 9)),
    ]
    table = pd.DataFrame(
        [
            dict(zip(("left", "top", "width", "height"), box or (None,) * 4, strict=True))
            | {"image": image, "person": person, "role": role}
            for image, person, role, box in rows
        ]
    )
    kinds = {problem.kind: problem.row for problem in check_crops(Crops(table, tmp_path))}
    assert set(kinds) == {
        "missing file",
        "unreadable picture",
        "zero-size box",
        "box outside the picture",
        "query without a match",
        "person in train and test",
        "duplicate row",
        "single picture in train",
    }
    assert kinds["missing file"] == 2


def random_scores(crops: Crops) -> Scores:
    rows = np.random.default_rng(1).normal(size=(len(crops), 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return evaluate(rank(Embeddings(rows, crops, "random")))


def test_a_query_without_a_match_is_said_and_left_out(league: Crops) -> None:
    crops = league.of_split("test")
    first = crops.table["person"].iat[0]
    table = crops.table
    keep = (table["role"] == "query") | (table["person"] != first)
    fewer = crops.where(keep)
    assert [p.kind for p in check_crops(fewer)] == ["query without a match"]
    scores = random_scores(fewer)
    assert (scores.queries, scores.skipped) == (8, 1)


def people(tmp_path: Path, picture: Callable[..., Path], **columns: object) -> Crops:
    """Six pictures of two persons: a query and two gallery pictures each."""
    names = [f"{number}.png" for number in range(6)]
    for name in names:
        picture(tmp_path / name)
    table = pd.DataFrame(
        {"image": names, "person": list("111222"), "role": ["query", "gallery", "gallery"] * 2}
    )
    return Crops(table.assign(**columns), tmp_path)


@pytest.mark.parametrize(
    ("cameras", "unmatched"),
    [
        (["1"] * 6, [0, 3]),
        (["1", "1", "1", "1", "1", "2"], [0]),
        (["1", "2", "1", "3", "3", "1"], []),
        ([None] * 6, []),
        (["1", None, None, None, "0", "0"], []),
        (["0", None, None, None, "1", "0"], []),
    ],
)
def test_a_match_in_the_querys_own_camera_is_none_in_check_and_in_scores(
    tmp_path: Path, picture: Callable[..., Path], cameras: list[str | None], unmatched: list[int]
) -> None:
    crops = people(tmp_path, picture, camera=cameras)
    problems = check_crops(crops)
    assert [(problem.row, problem.kind) for problem in problems] == [
        (row, "query without a match") for row in unmatched
    ]
    assert all("of another camera than" in problem.text for problem in problems)
    if len(unmatched) == 2:
        with pytest.raises(RankingError):
            random_scores(crops)
    else:
        assert random_scores(crops).skipped == len(unmatched)


def test_a_distractor_with_a_person_matches_nobody_in_check_and_in_scores(
    tmp_path: Path, picture: Callable[..., Path]
) -> None:
    roles = ["query", "distractor", "distractor", "query", "gallery", "gallery"]
    crops = people(tmp_path, picture, role=roles)
    assert [(p.row, p.kind) for p in check_crops(crops)] == [(0, "query without a match")]
    scores = random_scores(crops)
    assert (scores.queries, scores.skipped, scores.gallery) == (2, 1, 4)


def test_a_query_is_matched_within_its_own_split(
    tmp_path: Path, picture: Callable[..., Path]
) -> None:
    splits = ["valid", "test", "test", "test", "test", "valid"]
    crops = people(tmp_path, picture, split=splits)
    assert [problem.row for problem in check_crops(crops)] == [0]
    with pytest.raises(RankingError, match="None of the"):
        random_scores(crops.of_split("valid"))


@pytest.mark.parametrize(
    "box",
    [
        (3, 3, 0.4, 9),
        (3.4, 3, 0.4, 9),
        (3.4, 3, 9, 0.5),
        (3, 3, 0.6, 9),
        (19.6, 0, 3, 3),
        (19.4, 0, 3, 3),
        (-3, 0, 2.6, 5),
        (-0.4, 0, 0.6, 5),
        (0, 39.5, 5, 0.6),
        (3, 3, -4, 5),
        (0, 0, 20, 40),
        (-1, -1, 22, 42),
        (20, 40, 1, 1),
    ],
)
def test_a_box_is_fit_for_the_check_where_it_can_be_read(
    tmp_path: Path, picture: Callable[..., Path], box: tuple[float, ...]
) -> None:
    picture(tmp_path / "a.png", 40, 20)
    names = ("left", "top", "width", "height")
    row = {"image": "a.png", **dict(zip(names, box, strict=True))}
    crops = Crops(pd.DataFrame([row]), tmp_path)
    kinds = {problem.kind for problem in check_crops(crops)} - {"box over the edge"}
    try:
        assert min(crops.read(0).shape) > 0
        assert not kinds
    except DataError:
        assert kinds


def test_a_file_whose_folder_is_called_no_such_is_unreadable_not_missing(
    tmp_path: Path, picture: Callable[..., Path]
) -> None:
    picture(tmp_path / "no such" / "a.png")
    (tmp_path / "no such" / "b.png").write_bytes(b"text")
    table = pd.DataFrame({"image": ["no such/b.png", "no such/c.png", None], "role": "distractor"})
    kinds = [problem.kind for problem in check_crops(Crops(table, tmp_path))]
    assert kinds == ["unreadable picture", "missing file", "unreadable picture"]


def test_the_check_tells_how_far_it_is_and_can_be_stopped(
    tmp_path: Path, picture: Callable[..., Path]
) -> None:
    crops = people(tmp_path, picture)
    seen: list[tuple[int, int]] = []
    check_crops(crops, lambda done, total: seen.append((done, total)))
    assert seen == [(done, 6) for done in range(1, 7)]

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_crops(crops, stop)


def test_an_empty_table_has_no_problem(tmp_path: Path) -> None:
    assert check_crops(Crops(pd.DataFrame({"image": []}), tmp_path)) == []
