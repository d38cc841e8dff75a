"""The MOT layout: boxes that are read as they stand, or refused with their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from sameplayer.data.check import check_crops
from sameplayer.data.crops import Crops
from sameplayer.data.images.picture import decode
from sameplayer.data.layouts.sources import read_source
from sameplayer.errors import DataError
from sameplayer.synthetic.league import draw_clip


def test_a_clip_is_cut_by_box_and_nothing_is_copied(tmp_path: Path) -> None:
    clip = draw_clip(tmp_path / "clip", 1, frames=3, players=3)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    crops = read_source(clip)
    assert check_crops(crops) == []
    assert crops.scope == "sequence"
    box = crops.box(0)
    assert box is not None
    assert crops.read(0).shape[:2] == (box[3], box[2])
    assert sorted(path.name for path in tmp_path.rglob("*")) == before
    (clip / "gt" / "gt.txt").write_text("1,2,3\n")
    with pytest.raises(DataError, match="line 1"):
        read_source(clip)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two frames without content, and boxes that each test writes."""
    for name in ("000001.jpg", "000002.jpg"):
        (tmp_path / "clip" / "img1").mkdir(parents=True, exist_ok=True)
        (tmp_path / "clip" / "img1" / name).write_bytes(b"")
    (tmp_path / "clip" / "gt").mkdir()
    return tmp_path / "clip"


def boxes(clip: Path, content: str | bytes) -> Crops:
    data = content.encode() if isinstance(content, str) else content
    (clip / "gt" / "gt.txt").write_bytes(data)
    return read_source(clip)


def test_boxes_are_read_as_they_stand(clip: Path) -> None:
    lines = ["\ufeff1,7.0,2,3,4,5\r", "2,7,-2.5,3,4,5,1,-1,-1,-1", "2,8,0,0,1,1,0,1,1"]
    crops = boxes(clip, "\n".join([*lines, "1,-1,2,3,4,5,1,,", "1,9,1,1,2,1,"]))
    table = crops.table
    assert table["image"].tolist() == [f"img1/{n:06d}.jpg" for n in (1, 2, 1, 1)]
    assert table["person"].fillna("-").tolist() == ["7", "7", "-", "9"]
    assert table["person"].dtype == "string"
    assert table["role"].tolist() == ["query", "gallery", "gallery", "query"]
    assert [crops.box(row) for row in range(2)] == [(2, 3, 4, 5), (-2.5, 3, 4, 5)]
    assert table["split"].tolist() == ["test"] * 4
    assert table["row"].tolist() == ["line 1", "line 2", "line 4", "line 5"]
    assert crops.notes == (
        "clip: 1 box marked to be ignored (0 in column 7), line 3, is left out.",
    )


def test_the_ball_is_no_person_and_teams_and_numbers_come_along(clip: Path) -> None:
    (clip / "gameinfo.ini").write_text(
        "[Sequence]\ntrackletID_1= player team left;10\ntrackletID_2= referee;main\n"
        "trackletID_3= ball;1\n"
    )
    crops = boxes(clip, "".join(f"1,{track},2,3,4,5,1,-1,-1,-1\n" for track in (1, 2, 3)))
    assert crops.table["person"].tolist() == ["1", "2"]
    assert crops.table["class"].tolist() == ["player", "referee"]
    assert crops.table["team"].fillna("-").tolist() == ["left", "-"]
    assert crops.table["number"].fillna("-").tolist() == ["10", "-"]
    assert crops.notes == ("clip: Boxes that show no people are left out: 1 of 'ball'.",)


@pytest.mark.parametrize(
    ("pictures", "frames", "images"),
    [
        ([1, 2], [0, 1], [1, 2]),
        ([0, 1], [0, 1], [0, 1]),
        ([0, 1], [1, 2], [0, 1]),
        ([0, 1], [1], [1]),
        ([1, 2], [2], [2]),
        ([40, 41], [40, 41], [40, 41]),
    ],
)
def test_boxes_are_those_of_their_pictures_wherever_both_begin_to_count(
    tmp_path: Path, pictures: list[int], frames: list[int], images: list[int]
) -> None:
    for folder in ("img1", "gt"):
        (tmp_path / folder).mkdir()
    for number in pictures:
        (tmp_path / "img1" / f"{number:06d}.jpg").write_bytes(b"")
    crops = boxes(tmp_path, "".join(f"{frame},1,2,3,4,5\n" for frame in frames))
    assert crops.table["image"].tolist() == [f"img1/{number:06d}.jpg" for number in images]
    assert bool(crops.notes) == (frames != images)


def test_boxes_are_brought_into_their_pictures(tmp_path: Path) -> None:
    clip = draw_clip(tmp_path / "clip", 1, frames=2, players=2)
    high, wide = decode(next((clip / "img1").iterdir())).shape[:2]
    crops = boxes(clip, f"1,1,-5,-5,20,30\n2,1,{wide - 9},5,20,30\n2,2,{wide + 1},5,20,30\n")
    assert [crops.box(row) for row in range(2)] == [(0, 0, 15, 25), (wide - 9, 5, 9, 30)]
    assert crops.notes == (
        f"clip: 1 box outside the picture of {wide} x {high}, line 3, is left out.",
    )
    assert [one for one in check_crops(crops) if "box" in one.kind] == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no section", "no section"),
        (b"[Sequence]\nimDir=img1\nimDir=img2\n", "imdir"),
        (b"[Sequence]\nimDir\n", "imDir"),
        (b"[Sequence]\nimDir=\n", "imDir is ''"),
        (b"[Sequence]\nimDir=/etc\n", "imDir is '/etc'"),
        (b"[Sequence]\nimDir=a\0b\n", "imDir is"),
        (b"[Sequence]\nimExt=jpg\n", "imExt is 'jpg'"),
        (b"\xff\xfe[Sequence]", "cannot be read"),
        (b"[Sequence\nimDir=img1", "cannot be read"),
        (b"[Sequence]\n  x", "cannot be read"),
    ],
)
def test_facts_of_a_sequence_that_are_damaged_are_refused_by_name(
    clip: Path, content: bytes, words: str
) -> None:
    (clip / "seqinfo.ini").write_bytes(content)
    with pytest.raises(DataError, match=rf"seqinfo\.ini: .*{words}"):
        boxes(clip, "1,1,2,3,4,5\n")


def test_facts_of_a_sequence_say_where_frames_are(clip: Path) -> None:
    (clip / "img1" / "000001.png").write_bytes(b"")  # beside 000001.jpg
    (clip / "img1").rename(clip / "100 %")
    (clip / "seqinfo.ini").write_text("[Sequence]\nname=x\nimDir=100 %\nimExt=.png\n")
    assert boxes(clip, "1,1,2,3,4,5\n").table["image"].tolist() == ["100 %/000001.png"]


def test_a_folder_of_sequences_is_read_with_their_names(clip: Path) -> None:
    boxes(clip, "1,1,2,3,4,5\n2,1,2,3,4,5\n")
    table = read_source(clip.parent).table
    assert table["image"].tolist() == ["clip/img1/000001.jpg", "clip/img1/000002.jpg"]
    assert table["sequence"].tolist() == ["clip", "clip"]


def test_detections_are_read_where_nothing_better_lies_there(clip: Path) -> None:
    boxes(clip, "1,1,2,3,4,5\n")
    (clip / "det").mkdir()
    (clip / "det" / "det.txt").write_text("2,-1,2,3,4,5,0.9\n")
    assert read_source(clip).table["person"].tolist() == ["1"]
    (clip / "gt" / "gt.txt").unlink()
    table = read_source(clip).table
    assert table["person"].isna().tolist() == [True]
    assert table["image"].tolist() == ["img1/000002.jpg"]


@pytest.mark.parametrize("name", ["{:06d}.jpg", "{:08d}.jpg", "{}.jpg", "{:06d}.png", "{:08d}.JPG"])
def test_frames_are_found_by_their_number_however_they_are_written(
    tmp_path: Path, name: str
) -> None:
    for frame in (9, 10):
        (tmp_path / "img1").mkdir(exist_ok=True)
        (tmp_path / "img1" / name.format(frame)).write_bytes(b"")
    (tmp_path / "img1" / "notes.txt").write_text("no frame")
    (tmp_path / "gt").mkdir()
    crops = boxes(tmp_path, "9,1,2,3,4,5\n10,1,2,3,4,5\n11,1,2,3,4,5\n")
    assert list(crops.table["image"][:2]) == [f"img1/{name.format(frame)}" for frame in (9, 10)]
    assert crops.table["image"][2] == "img1/000011.jpg"  # told as missing by that name


def sequence(folder: Path, boxes: str | None = "1,1,2,3,4,5\n2,1,2,3,4,5\n") -> Path:
    (folder / "img1").mkdir(parents=True)
    for number in (1, 2):
        (folder / "img1" / f"{number:08d}.jpg").write_bytes(b"")
    if boxes is not None:
        (folder / "gt").mkdir()
        (folder / "gt" / "gt.txt").write_text(boxes)
    return folder


def test_splits_lie_above_their_sequences_and_those_without_boxes_are_said(tmp_path: Path) -> None:
    for name in ("train/dancetrack0001", "val/dancetrack0004"):
        sequence(tmp_path / name)
    for name in ("test/dancetrack0003", "test/dancetrack0009"):
        sequence(tmp_path / name, None)
    crops = read_source(tmp_path)
    assert crops.source == "mot"
    assert sorted(crops.table[["image", "split", "role"]].to_numpy().tolist()) == [
        ["train/dancetrack0001/img1/00000001.jpg", "training", "train"],
        ["train/dancetrack0001/img1/00000002.jpg", "training", "train"],
        ["val/dancetrack0004/img1/00000001.jpg", "valid", "query"],
        ["val/dancetrack0004/img1/00000002.jpg", "valid", "gallery"],
    ]
    assert crops.notes == ("2 sequences hold no boxes, such as dancetrack0003.",)
    assert read_source(tmp_path / "train").table["role"].tolist() == ["query", "gallery"]


def test_sequences_of_one_name_are_two(tmp_path: Path) -> None:
    for name in ("left/clip", "right/clip"):
        sequence(tmp_path / name)
    crops = read_source(tmp_path)
    assert sorted(set(crops.table["sequence"])) == ["left/clip", "right/clip"]
    assert len(set(crops.persons())) == 2


def test_what_is_to_be_said_of_many_sequences_is_said_once(tmp_path: Path) -> None:
    for number in range(3):
        sequence(tmp_path / f"s{number}", f"{number > 9:d},1,2,3,4,5\n1,1,2,3,4,5\n")
    assert read_source(tmp_path).notes == (
        "s0: Frames count from 0 in the boxes, from 1 in the pictures: each is read as 1 more. "
        "So in 2 more sequences.",
    )


@pytest.mark.parametrize("name", ["tracks.csv", "boxes.txt", "det/det.txt"])
def test_boxes_of_any_format_are_found_beside_the_pictures(tmp_path: Path, name: str) -> None:
    folder = sequence(tmp_path / "clip", None)
    (folder / name).parent.mkdir(exist_ok=True)
    for other, text in (
        ("readme.txt", "Clip 1, of 2\n"),
        ("labels.txt", ""),
        ("roster.csv", "team,number\nA,7\n"),
        ("notes.txt", "1. goal\n2. corner\n"),
        ("empty.txt", ""),
        (".hidden.txt", "1,1,2,3,4,5\n"),
    ):
        (folder / other).write_text(text)
    if name == "det/det.txt":
        (folder / name).write_text("2,-1,10,20,20,40,0.9\n")
    elif name == "boxes.txt":
        (folder / name).write_text("2 5 10 20 20 40\n")
    else:
        (folder / name).write_text("frame,id,x1,y1,x2,y2\n2,5,10,20,30,60\n")
    crops = read_source(folder)
    assert (crops.source, crops.box(0)) == ("mot", (10, 20, 20, 40))
    assert crops.table["image"].tolist() == ["img1/00000002.jpg"]


def test_boxes_that_are_not_used_are_said(tmp_path: Path) -> None:
    folder = sequence(tmp_path / "clip", None)
    (folder / "b.txt").write_text("1,1,2,3,4,5\n")
    (folder / "a.txt").write_text("1,1,2,3,4,6\n")
    crops = read_source(folder)
    assert crops.box(0) == (2, 3, 4, 6)
    assert crops.notes == ("clip: b.txt is not used: boxes are those of a.txt.",)


def test_pictures_may_lie_beside_the_boxes(tmp_path: Path) -> None:
    folder = sequence(tmp_path / "clip")
    for picture in (folder / "img1").iterdir():
        picture.rename(folder / picture.name)
    (folder / "img1").rmdir()
    crops = read_source(folder)
    assert (crops.source, crops.table["image"].tolist()) == (
        "mot",
        ["00000001.jpg", "00000002.jpg"],
    )


def test_each_of_several_videos_has_the_boxes_of_its_name(tmp_path: Path) -> None:
    for name in ("left", "right", "right_far"):
        (tmp_path / f"{name}.mp4").write_bytes(b"")
    (tmp_path / "left.txt").write_text("1,1,2,3,4,5\n")
    (tmp_path / "right_tracks.txt").write_text("2,1,2,3,4,5\n1,1,2,3,4,5\n")
    (tmp_path / "right_far.csv").write_text("3,1,2,3,4,5\n")
    table = read_source(tmp_path).table
    assert table["image"].tolist() == [
        "left.mp4#1",
        "right.mp4#1",
        "right.mp4#2",
        "right_far.mp4#3",
    ]
    assert table["sequence"].tolist() == ["left", "right", "right", "right_far"]


def test_a_folder_of_persons_stays_one(tmp_path: Path) -> None:
    for person in ("ana", "bo"):
        (tmp_path / person).mkdir()
        for number in (1, 2):
            (tmp_path / person / f"{number}.jpg").write_bytes(b"")
        (tmp_path / person / "notes.txt").write_text("")
    assert read_source(tmp_path).source == "folder"


def test_a_sequence_without_boxes_is_no_folder_of_persons(tmp_path: Path) -> None:
    sequence(tmp_path / "clip", None)
    for path in (tmp_path, tmp_path / "clip"):
        with pytest.raises(DataError, match="no pictures found; expected boxes"):
            read_source(path)
