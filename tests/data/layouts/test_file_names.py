"""Layouts by names: what each data set's names say, and what is said of names that do not fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from sameplayer.data.crops import Crops
from sameplayer.data.layouts.sources import read_source
from sameplayer.errors import DataError

Write = Callable[..., Path]
TRAIN, QUERY, GALLERY = "bounding_box_train", "query", "bounding_box_test"
# As the data sets name their files: layout, ending, the names of a person seen by two cameras.
NAMED = {
    "market1501": (".jpg", "0002_c1s1_000451_03", "0002_c6s4_068967_01"),
    "dukemtmcreid": (".jpg", "0002_c1_f0044158", "0002_c6_f0068967"),
    "cuhk03np": (".png", "0002_c1_3", "0002_c6_8"),
}


def write_set(top: Path, layout: str, picture: Write) -> list[str]:
    """Write persons 2 (training) and 7; return the names of the pictures."""
    ending, one, other = NAMED[layout]
    names = [f"{TRAIN}/{one}{ending}", f"{TRAIN}/{other}{ending}"]
    names += [f"{QUERY}/{one}{ending}".replace("0002_", "0007_")]
    names += [f"{GALLERY}/{name}{ending}".replace("0002_", "0007_") for name in (one, other)]
    for name in names:
        picture(top / name)
    return names


def facts(crops: Crops, *columns: str) -> dict[str, tuple[object, ...]]:
    """Return the picture's name -> its facts, missing ones as None."""
    return {
        row["image"]: tuple(None if pd.isna(row[name]) else row[name] for name in columns)
        for _, row in crops.table.iterrows()
    }


@pytest.mark.parametrize(
    ("layout", "frames"),
    [("market1501", (451, 68967)), ("dukemtmcreid", (44158, 68967)), ("cuhk03np", (None, None))],
)
def test_names_decide_which_data_set_has_the_same_folders(
    tmp_path: Path, picture: Write, layout: str, frames: tuple[int | None, int | None]
) -> None:
    first, other, query, near, far = write_set(tmp_path, layout, picture)
    crops = read_source(tmp_path)
    assert (crops.source, crops.scope, crops.notes) == (layout, None, ())
    assert facts(crops, "person", "role", "camera", "frame", "split") == {
        first: ("2", "train", "1", frames[0], "training"),
        other: ("2", "train", "6", frames[1], "training"),
        query: ("7", "query", "1", frames[0], "test"),
        near: ("7", "gallery", "1", frames[0], "test"),
        far: ("7", "gallery", "6", frames[1], "test"),
    }


def test_only_markets_names_have_junk_and_distractors(tmp_path: Path, picture: Write) -> None:
    write_set(tmp_path / "m", "market1501", picture)
    picture(tmp_path / "m" / GALLERY / "-1_c1s1_000401_03.jpg")
    picture(tmp_path / "m" / GALLERY / "0000_c1s1_000151_01.jpg")
    crops = read_source(tmp_path / "m")
    found = facts(crops, "person", "role")
    assert found[f"{GALLERY}/0000_c1s1_000151_01.jpg"] == (None, "distractor")
    assert len(found) == 6
    assert crops.notes == (
        "1 picture is left out (bounding_box_test/-1_c1s1_000401_03.jpg), since the data set calls "
        "such pictures junk.",
    )
    write_set(tmp_path / "c", "cuhk03np", picture)
    picture(tmp_path / "c" / GALLERY / "0000_c1_1.png")
    assert facts(read_source(tmp_path / "c"), "person")[f"{GALLERY}/0000_c1_1.png"] == ("0",)


def test_junk_has_names_that_fit(tmp_path: Path, picture: Write) -> None:
    for name in ("-1_c1s1_000401_03", "-1_c1s1_000402_03", "0002_c1s1_000401_03", "me", "you"):
        picture(tmp_path / GALLERY / f"{name}.jpg")
    assert len(read_source(tmp_path)) == 1


@pytest.mark.parametrize("layout", NAMED)
def test_a_few_names_that_do_not_fit_are_left_out_with_a_word(
    tmp_path: Path, picture: Write, layout: str
) -> None:
    write_set(tmp_path, layout, picture)
    picture(tmp_path / TRAIN / "readme.png")
    picture(tmp_path / TRAIN / "more" / "0002_c1s1_000451_03.jpg")
    crops = read_source(tmp_path)
    assert (crops.source, len(crops)) == (layout, 5)
    (note,) = crops.notes
    assert note.startswith("2 pictures are left out (such as bounding_box_train/more/0002_c1s1_0")
    assert "names are <person>_c<camera>" in note
    for number in range(3):
        picture(tmp_path / QUERY / f"IMG_{number}.jpg")
    with pytest.raises(DataError, match=r"5 names do not parse: .*IMG_0\.jpg.*f<frame>\.jpg or"):
        read_source(tmp_path)


def test_folders_of_a_data_set_with_other_names_are_no_persons(
    tmp_path: Path, picture: Write
) -> None:
    for folder in (TRAIN, QUERY, GALLERY):
        picture(tmp_path / folder / "ann.jpg")
    with pytest.raises(DataError, match="3 names do not parse"):
        read_source(tmp_path)


def test_what_is_no_part_of_a_layout_is_counted(tmp_path: Path, picture: Write) -> None:
    write_set(tmp_path, "market1501", picture)
    for name in ("gt_bbox/0002_c1s1_000451_00.jpg", "gt_bbox/x/1.jpg", "pytorch/train/2/a.jpg"):
        picture(tmp_path / name)
    (tmp_path / "gt_query").mkdir()
    for name in ("readme.txt", "query/list.TXT", "query/notes", "gt_query/0002_good.mat"):
        (tmp_path / name).write_text("x")
    for name in (".DS_Store", "query/Thumbs.db", "query/desktop.ini"):
        (tmp_path / name).write_text("x")
    picture(tmp_path / "cover.jpg")
    (tmp_path / "persons.csv").write_text("person,team\n2,reds\n7,blues\n")
    notes = read_source(tmp_path).notes
    assert [note.split(", since they")[0] for note in notes] == [
        "1 picture is left out (cover.jpg), since a picture has to lie in a folder of the layout.",
        "3 files are left out",
        "4 files are left out: the folders gt_bbox/ (2), gt_query/ (1), pytorch/ (1) are no part "
        "of this layout.",
    ]
    assert notes[1].endswith(": 2 in .txt (query/list.TXT), 1 without one (query/notes).")


def test_synergy_may_lie_a_folder_further_down(tmp_path: Path, picture: Write) -> None:
    picture(tmp_path / "data_reid" / "reid_training" / "1_2_3.jpeg")
    picture(tmp_path / "data_reid" / "other" / "1.jpeg")
    picture(tmp_path / "clips" / "1.jpeg")
    crops = read_source(tmp_path)
    assert crops.root == tmp_path / "data_reid"
    assert facts(crops, "person", "sequence", "frame") == {
        "reid_training/1_2_3.jpeg": ("1", "2", 3)
    }
    assert crops.notes == (
        "2 files are left out: the folders clips/ (1), data_reid/other/ (1) are no part of this "
        "layout.",
    )


@pytest.mark.parametrize(
    ("end", "team", "number", "kind"),
    [
        ("Player_team_right-9-014r002_0-7x4", "right", "9", "Player_team_right"),
        ("Goalkeeper_team_left-00-r_0-7x4", "left", "00", "Goalkeeper_team_left"),
        ("Main_referee-None-014r002_0-7x4", None, None, "Main_referee"),
        ("left-C-014r002_0-7x4", "left", None, "left"),
        ("leftover-7a-014r002_0-7x4", None, None, "leftover"),
    ],
)
def test_soccernets_names_tell_team_and_number(
    tmp_path: Path, picture: Write, end: str, team: str | None, number: str | None, kind: str
) -> None:
    name = f"train/league/2015/a - b/1940/54404-1940-33397-089-{end}.png"
    picture(tmp_path / name)
    columns = ("id", "sequence", "person", "frame", "class", "team", "number", "game")
    assert facts(read_source(tmp_path), *columns) == {
        name: ("54404", "1940", "33397", 89, kind, team, number, "league/2015/a - b")
    }


def test_a_hint_names_the_folder_that_has_a_layout(tmp_path: Path, picture: Write) -> None:
    for kind in ("detected", "labeled"):
        write_set(tmp_path / kind, "cuhk03np", picture)
    with pytest.raises(DataError, match="The folder detected in it has one, cuhk03np"):
        read_source(tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ana/IMG_1.svg", r"None of its files is a picture, such as ana/IMG_1\.svg"),
        ("ana/IMG_1.MOV", r"Videos, such as ana/IMG_1\.MOV, have no boxes .* 'sameplayer log'"),
        ("c1/gt/gt.txt", r"Boxes, such as c1/gt/gt\.txt, have neither pictures nor a video"),
        ("IMG_1.jpg", r"Pictures lie in no person's folder, such as IMG_1\.jpg"),
        ("red/ana/1.jpg", "The folder red in it has one, folder"),
    ],
)
def test_a_folder_without_a_layout_says_why(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("1,1,2,3,4,5,1\n" if name.endswith("gt.txt") else "x")
    with pytest.raises(DataError, match=words):
        read_source(tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("match.MP4", "It is a video; 'sameplayer log' finds"),
        ("crops.zip", "an archive: unpack"),
        ("1.jpg", "It is a picture: name a folder"),
        ("gt.txt", "It holds boxes: name the folder"),
        ("notes.md", "no known layout[.] Looked for"),
    ],
)
def test_a_file_that_is_no_table_is_named(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).write_text("1,1,2,3,4,5,1\n" if name == "gt.txt" else "x")
    with pytest.raises(DataError, match=words):
        read_source(tmp_path / name)


def test_a_blank_camera_is_no_cameras_name(tmp_path: Path) -> None:
    table = pd.DataFrame({"image": ["1.png", "2.png", "3.png"], "camera": ["A", "  ", "\u00a0\t"]})
    cameras = Crops(table, tmp_path).table["camera"]
    assert cameras.isna().tolist() == [False, True, True]


def test_a_data_set_without_a_picture_says_what_lies_there(tmp_path: Path) -> None:
    (tmp_path / TRAIN).mkdir()
    (tmp_path / TRAIN / "0002_c1s1_000451_03.xyz").write_text("x")
    with pytest.raises(DataError, match=r"no pictures found; .* 1 file is left out, .*1 in \.xyz"):
        read_source(tmp_path)


def test_image_train_and_image_test_are_no_persons(tmp_path: Path, picture: Write) -> None:
    for name in (
        "image_train/0001_c001_16450_0",
        "image_query/0002_c002_30600_0",
        "image_test/0002_c003_30600_0",
    ):
        picture(tmp_path / f"{name}.jpg")
    crops = read_source(tmp_path)
    assert (crops.source, crops.notes) == ("veri776", ())
    found = facts(crops, "person", "role", "camera", "frame")
    assert found["image_query/0002_c002_30600_0.jpg"] == ("2", "query", "2", 30600)
    assert found["image_test/0002_c003_30600_0.jpg"] == ("2", "gallery", "3", 30600)
