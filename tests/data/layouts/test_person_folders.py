"""A folder a person: sorted by hand, or as layumi's baseline prepares Market-1501."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from sameplayer.data.layouts.sources import read_source
from sameplayer.errors import DataError

Write = Callable[..., Path]
UNKNOWN = "No cameras are known, so pictures from the query's own camera are scored too."


def market(person: str, camera: int, frame: int) -> str:
    return f"{person}_c{camera}s1_{frame:06d}_00.jpg"


def write_layumi(top: Path, picture: Write) -> None:
    """Write persons 2 (training) and 7 as prepare.py leaves them."""
    for folder in ("train_all", "train"):
        for camera in (1, 2):
            picture(top / folder / "0002" / market("0002", camera, 9))
    for folder in ("train_all", "val"):
        picture(top / folder / "0002" / market("0002", 3, 9))
    picture(top / "query" / "0007" / market("0007", 1, 3))
    picture(top / "multi-query" / "0007" / market("0007", 1, 4))
    for person, camera in (("0007", 1), ("0007", 2), ("0000", 2), ("-1", 2)):
        picture(top / "gallery" / person / market(person, camera, 5))


def test_layumis_form_gives_what_market_1501_gives(tmp_path: Path, picture: Write) -> None:
    write_layumi(tmp_path / "pytorch", picture)
    plain = {"train_all": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
    for folder, name in plain.items():
        for file in (tmp_path / "pytorch" / folder).rglob("*.jpg"):
            picture(tmp_path / "market" / name / file.name)
    tables = []
    for name in ("pytorch", "market"):
        table = read_source(tmp_path / name).table
        table["name"] = table["image"].str.rsplit("/", n=1).str[-1]
        table["person"] = table["person"].str.lstrip("0")
        columns = ["name", "person", "role", "camera", "sequence", "frame", "split"]
        tables.append(table.sort_values("name", ignore_index=True)[columns])
    pd.testing.assert_frame_equal(*tables)
    assert len(tables[0]) == 7
    assert tables[0]["role"].tolist() == [
        "distractor",
        "train",
        "train",
        "train",
        "query",
        "gallery",
        "gallery",
    ]


def test_layumis_folders_count_once_and_are_all_named(tmp_path: Path, picture: Write) -> None:
    write_layumi(tmp_path, picture)
    assert read_source(tmp_path).notes == (
        "Cameras are read from the names, which are those of market1501, such as "
        "0002_c1s1_000009_00.jpg.",
        "3 pictures are left out (such as train/0002/0002_c1s1_000009_00.jpg), since train_all/ "
        "holds the same.",
        "1 picture is left out (gallery/-1/-1_c1s1_000005_00.jpg), since the data set calls such "
        "pictures junk.".replace("-1_c1", "-1_c2"),
        "1 file is left out: the folder multi-query/ is no part of this layout.",
    )


@pytest.mark.parametrize(
    ("names", "cameras"),
    [
        (("0001_c1_f0044158.jpg", "0001_c2_f0046182.jpg"), ["1", "2"]),
        (("0001_c1_1.png", "0001_c2_2.png"), ["1", "2"]),
        (("0001_003_01_0303morning_0_0.jpg", "0001_003_14_0303noon_0_0_ex.jpg"), ["1", "14"]),
        (("IMG_1.jpg", "IMG_2.jpg"), [None, None]),
    ],
)
def test_cameras_come_from_names_of_other_data_sets_or_are_not_known(
    tmp_path: Path, picture: Write, names: tuple[str, str], cameras: list[str | None]
) -> None:
    for folder, name in zip(("query", "gallery"), names, strict=True):
        picture(tmp_path / folder / "0001" / name)
    crops = read_source(tmp_path)
    table = crops.table.sort_values("role", ascending=False)
    assert [None if pd.isna(one) else one for one in table["camera"]] == cameras
    assert (UNKNOWN in crops.notes) == (cameras == [None, None])
    assert any(note.startswith("Cameras are read") for note in crops.notes) != (
        UNKNOWN in crops.notes
    )


def test_names_without_a_camera_among_others_are_said(tmp_path: Path, picture: Write) -> None:
    for number in range(3):
        picture(tmp_path / "ana" / f"0001_c{number}_7.png")
    picture(tmp_path / "ana" / "me.png")
    crops = read_source(tmp_path)
    assert crops.table.set_index("image")["camera"].isna().sum() == 1
    assert crops.notes[1] == "1 picture has no camera in the name (ana/me.png)."


def test_a_plain_folder_a_person_is_told_nothing_of_cameras(tmp_path: Path, picture: Write) -> None:
    picture(tmp_path / "ana" / "1.jpg")
    assert read_source(tmp_path).notes == ()


def test_validation_is_training_where_its_persons_are_and_its_own_split_else(
    tmp_path: Path, picture: Write
) -> None:
    for name in ("train/ana/1.jpg", "train/ben/1.jpg", "val/ana/2.jpg"):
        picture(tmp_path / name)
    crops = read_source(tmp_path)
    assert crops.table["role"].tolist() == ["train"] * 3
    assert crops.notes == (
        "The pictures of val/ (1) are read as training, since their persons are those of train/.",
    )
    for number in (1, 2):
        picture(tmp_path / "val" / "cleo" / f"{number}.jpg")
    crops = read_source(tmp_path)
    valid = crops.of_split("valid").table
    assert valid.groupby("role")["image"].apply(sorted).to_dict() == {
        "gallery": ["val/cleo/2.jpg"],
        "query": ["val/ana/2.jpg", "val/cleo/1.jpg"],
    }


def test_a_test_folder_is_drawn_from_unless_query_and_gallery_are_there(
    tmp_path: Path, picture: Write
) -> None:
    for name in ("train/ana/1.jpg", "test/ben/1.jpg", "test/ben/2.jpg"):
        picture(tmp_path / name)
    assert read_source(tmp_path).table["role"].tolist() == ["train", "query", "gallery"]
    picture(tmp_path / "query" / "cleo" / "1.jpg")
    crops = read_source(tmp_path)
    assert crops.table["image"].tolist() == ["train/ana/1.jpg", "query/cleo/1.jpg"]
    assert "2 files are left out: the folder test/ is no part of this layout." in crops.notes


def test_pictures_in_folders_of_a_person_are_the_persons(tmp_path: Path, picture: Write) -> None:
    for name in ("ana/1.jpg", "ana/day1/2.jpg", "ben/day1/away/1.jpg", "cleo/train/1/1.jpg"):
        picture(tmp_path / name)
    crops = read_source(tmp_path)
    assert crops.table["person"].tolist() == ["ana", "ana", "ben"]
    assert crops.notes == (
        "2 pictures are in a folder within a person's folder (such as ana/day1/2.jpg) and read as "
        "that person's.",
        "1 picture is left out (cleo/train/1/1.jpg), since a folder above is named as a part of a "
        "data set.",
    )


def test_teams_of_persons_are_no_persons(tmp_path: Path, picture: Write) -> None:
    for name in ("red/ana/1.jpg", "blue/ben/1.jpg"):
        picture(tmp_path / name)
    with pytest.raises(DataError, match=r"no known layout\. The folder blue in it has one, folder"):
        read_source(tmp_path)


def test_persons_and_files_that_give_no_picture_are_named(tmp_path: Path, picture: Write) -> None:
    for name in ("ana/1.JPG", "ben/1.png", "2.jpg"):
        picture(tmp_path / name)
    for name in ("ana/1.mov", "ana/2.MOV", "cleo/1.mov", "cleo/a\nb", "list.xyz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "dora").mkdir()
    (tmp_path / ".git").mkdir()
    notes = read_source(tmp_path).notes
    assert notes[:2] == (
        "2 persons have no picture: cleo, dora.",
        "1 picture is left out (2.jpg), since a picture has to lie in a person's folder.",
    )
    assert notes[2].startswith("5 files are left out, since they do not end as pictures do: ")
    assert notes[2].endswith(
        r": 3 in .mov (ana/1.mov), 1 without one ('cleo/a\nb'), 1 in .xyz (list.xyz)."
    )


def test_many_persons_without_a_picture_are_counted(tmp_path: Path, picture: Write) -> None:
    picture(tmp_path / "query" / "ana" / "1.jpg")
    for number in range(7):
        (tmp_path / "gallery" / f"p{number}").mkdir(parents=True)
    assert read_source(tmp_path).notes[0] == (
        "7 persons have no picture: gallery/p0, gallery/p1, gallery/p2, gallery/p3, gallery/p4, "
        "2 more."
    )


def test_parts_may_be_in_capitals(tmp_path: Path, picture: Write) -> None:
    for part in ("Train", "Query", "Gallery"):
        for name in ("1.jpg", "2.jpg"):
            picture(tmp_path / part / "ann" / name)
    crops = read_source(tmp_path)
    assert crops.table["role"].value_counts().to_dict() == {"train": 2, "query": 2, "gallery": 2}
    assert set(crops.table["person"]) == {"ann"}
    assert crops.notes == (UNKNOWN,)
