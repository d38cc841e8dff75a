"""Roles: those there are, and those that the tables of other tools give under other names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sameplayer.data.crops import Crops, read_crops, write_crops
from sameplayer.errors import DataError


def table(folder: Path, **columns: list[object]) -> Path:
    path = folder / "own.csv"
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def roles(crops: Crops) -> list[str]:
    return crops.table["role"].tolist()


def test_columns_of_other_tools_are_read_and_said(tmp_path: Path) -> None:
    path = table(tmp_path, path=["a.jpg", "b.jpg"], pid=["0001", "0002"], camid=[1, 2])
    crops = read_crops(path)
    assert crops.table["image"].tolist() == ["a.jpg", "b.jpg"]
    assert crops.table["person"].tolist() == ["0001", "0002"]
    assert crops.table["camera"].tolist() == ["1", "2"]
    assert crops.notes[:2] == (
        "The column 'path' is read as 'image'.",
        "The column 'pid' is read as 'person'.",
    )


def test_our_own_columns_come_first_and_the_others_are_said(tmp_path: Path) -> None:
    path = table(
        tmp_path, image=["a.jpg"], path=["x"], person=["7"], pid=["8"], role=["query"], split=["x"]
    )
    crops = read_crops(path)
    assert (crops.table["image"].iat[0], crops.table["person"].iat[0]) == ("a.jpg", "7")
    assert crops.table["path"].iat[0] == "x"
    assert crops.notes == ("Other columns are kept, and used only where you name them: path, pid.",)
    write_crops(crops, tmp_path / "again.csv")
    again = read_crops(tmp_path / "again.csv")
    assert again.table.equals(crops.table)
    assert again.notes == ()  # it is our own


def test_a_split_decides_the_role_where_no_role_does(tmp_path: Path) -> None:
    words = ["train", "Training", "query", "probe", "gallery", "distractor", None]
    images = [f"{row}.jpg" for row in range(len(words))]
    crops = read_crops(table(tmp_path, image=images, split=words))
    assert roles(crops) == ["train", "train", "query", "query", "gallery", "distractor", "gallery"]
    assert crops.splits().tolist() == ["training"] * 2 + ["test"] * 5
    assert crops.notes == ("Roles are those that the column 'split' says.",)


def test_queries_are_drawn_where_a_split_names_no_role(tmp_path: Path) -> None:
    crops = read_crops(
        table(
            tmp_path,
            image=[f"{row}.jpg" for row in range(7)],
            person=["a", "a", "a", "b", None, "a", "a"],
            frame=[5, 2, 9, 1, 1, 4, 3],
            camera=["1", "1", "1", "1", "1", "1", "2"],
            split=["test", "test", "test", "test", "test", "val", "val"],
        )
    )
    assert roles(crops) == ["gallery", "query", "gallery", "query", "gallery", "gallery", "query"]
    assert crops.table["camera"].tolist()[:4] == ["1", "1/query", "1", "1/query"]
    assert crops.splits().tolist() == ["test"] * 5 + ["valid"] * 2


def test_a_split_that_says_no_role_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path, image=["a.jpg"], split=["fold 3"])
    with pytest.raises(DataError, match=r"own.csv: .*'split' holds 'fold 3'.*or a column 'role'"):
        read_crops(path)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("trian", "Unknown role 'trian'; expected one or more of train"),
        (np.ones(2, bool), "ndarray.*where()"),
    ],
)
def test_rows_are_selected_by_roles_that_there_are(wrong: object, words: str) -> None:
    crops = Crops(pd.DataFrame({"image": ["a", "b"]}), Path())
    with pytest.raises(DataError, match=words):
        crops.select(wrong)
