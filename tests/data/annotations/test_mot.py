"""MOT text: read however its numbers stand beside each other, or refused with the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from sameplayer.data.annotations.mot import has_mot_text, read_mot_text
from sameplayer.data.annotations.read import read_annotations
from sameplayer.data.annotations.rows import Annotations
from sameplayer.errors import DataError

BOX = ["frame", "track", "left", "top", "width", "height", "score"]


def read(tmp_path: Path, text: str | bytes, name: str = "tracks.txt") -> Annotations:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_mot_text(path)


@pytest.mark.parametrize(
    "text",
    [
        "1,7,2.5,3,4,5,0.5,-1,-1,-1\r\n\r\n2,-1,2,3,4,5,1,-1,-1,-1\r\n",
        "\ufeff1.0, 7.0, 2.5, 3, 4, 5, 0.5\n2.0, -1, 2, 3, 4, 5, 1\n",
        "1 7 2.5 3 4 5 0.5\n2  -1 2 3 4 5 1 \n",
        "1\t7\t2.5\t3\t4\t5\t0.5\n2\t-1\t2\t3\t4\t5\t1\n",
        "1;7;2.5;3;4;5;0.5\n2;-1;2;3;4;5;1;;\n",
        "1;7;2,5;3;4;5;0,5\n2;-1;2;3;4;5;1\n",
        "frame,id,bb_left,bb_top,bb_width,bb_height,conf\n1,7,2.5,3,4,5,0.5\n2,-1,2,3,4,5,1\n",
        "# of a tracker\n1,7,2.5,3,4,5,0.5\n2,-1,2,3,4,5,1",
        "1,7,2.5,3,4,5,0.5,1,2,3,4,5,6,7,8,9,10,11\n2,-1,2,3,4,5,1\n",
        '"1","7","2.5","3","4","5","0.5"\n2,-1,2,3,4,5,1\n',
        "1,7,2.5,3,4,5,0.5\n2,-1,2,3,4,5,1\n".encode("utf-16"),
    ],
)
def test_whatever_stands_between_the_numbers_they_are_the_same(
    tmp_path: Path, text: str | bytes
) -> None:
    found = read(tmp_path, text)
    assert found.table[BOX].to_numpy().tolist() == [
        [1, 7, 2.5, 3, 4, 5, 0.5],
        [2, -1, 2, 3, 4, 5, 1],
    ]
    assert found.notes == ()


def test_what_is_not_there_is_missing_and_every_box_has_its_line(tmp_path: Path) -> None:
    found = read(tmp_path, "1,,2,3,4,5\n\n2,nan,2,nan,4,5,\n3,4,2,3,4,inf,1\n").table
    assert found["row"].tolist() == ["line 1", "line 3", "line 4"]
    assert found["track"].isna().tolist() == [True, True, False]
    assert found["top"].isna().tolist() == [False, True, False]
    assert found["score"].isna().tolist() == [True, True, False]


@pytest.mark.parametrize(
    "line",
    [
        "1,2,3,4,5",
        ",2,3,4,5,6",
        "nan,2,3,4,5,6",
        "inf,2,3,4,5,6",
        "1.5,2,3,4,5,6",
        "1,2.5,3,4,5,6",
        "1,inf,3,4,5,6",
        "-1,2,3,4,5,6",
        "a,b,c,d,e,f",
        "1 2 3 4 5 6",
        "1,2,3,4,5,6,x",
    ],
)
def test_a_line_that_is_no_box_is_refused_by_its_number(tmp_path: Path, line: str) -> None:
    with pytest.raises(DataError, match=r"tracks\.txt, line 3: expected frame,track"):
        read(tmp_path, f"1,1,2,3,4,5\n\n{line}\n1,3,2,3,4,5\n")


@pytest.mark.parametrize("line", ["3,1,2,3,4,5,1,-1,-1,-14,1,2,3,4,5,1,-1,-1,-1", "3,1,2,3,4,5,1"])
def test_two_lines_in_one_and_a_line_that_is_cut_are_refused(tmp_path: Path, line: str) -> None:
    whole = "".join(f"{frame},1,2,3,4,5,1,-1,-1,-1\n" for frame in (1, 2))
    with pytest.raises(DataError, match=r"tracks\.txt, line 3: .* is it two lines, or cut\?"):
        read(tmp_path, f"{whole}{line}\n")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    for content in (b"1,1,2,3,4,5\n\0\xff\xfe\x81", b"\xff\xfe\x00\x01\x02", bytes(range(256))):
        with pytest.raises(DataError, match=r"tracks\.txt"):
            read(tmp_path, content)


def test_ground_truth_has_a_flag_and_a_class_where_others_have_a_score(tmp_path: Path) -> None:
    text = "1,1,2,3,4,5,1,1,0.5\n1,2,2,3,4,5,0,1,0.5\n1,3,2,3,4,5,1,7,1\n1,4,2,3,4,5,1,12,1\n"
    truth = read(tmp_path, text, "gt.txt")
    assert truth.table["track"].tolist() == [1, 3, 4]
    assert truth.table["label"].tolist() == ["pedestrian", "static person", "reflection"]
    assert truth.table["score"].isna().all()
    assert truth.notes[0] == "1 box marked to be ignored (0 in column 7), line 2, is left out."
    assert "MOTChallenge: 1 pedestrian, 7 static person, 12 reflection" in truth.notes[1]
    other = read(tmp_path, text)
    assert other.table["score"].tolist() == [1, 0, 1, 1]
    assert other.table["label"].isna().all()


def test_classes_without_names_are_said(tmp_path: Path) -> None:
    found = read(tmp_path, "1,1,2,3,4,5,0.9,0,-1\n1,2,2,3,4,5,0.8,2,-1\n")
    assert "column 8, 0, 2, have no names" in found.notes[0]
    assert found.table["label"].isna().all()
    coco = read(tmp_path, "1,1,2,3,4,5,0.9,0,-1\n1,2,2,3,4,5,0.8,32,-1\n")
    assert coco.table["label"].tolist() == ["person", "class 32"]
    assert "read as COCO's" in coco.notes[0]
    assert read(tmp_path, "1,1,2,3,4,5,0.9,2,-1\n1,2,2,3,4,5,0.8,2,-1\n").notes == ()
    assert read(tmp_path, "1,1,2,3,4,5,0.9,2.5,1\n1,2,2,3,4,5,0.8,7.25,1\n").notes == ()


def test_labels_beside_the_file_name_its_classes_as_cvat_writes_them(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("player\nball\n")
    text = "1,1,2,3,4,5,1,1,1.0\n1,2,2,3,4,5,1,2,1.0\n1,3,2,3,4,5,1,3,1.0\n"
    found = read(tmp_path, text, "gt.txt")
    assert found.table["label"].tolist() == ["player", "ball", "class 3"]


def test_the_tracks_of_soccernet_are_named_beside_the_folder(tmp_path: Path) -> None:
    (tmp_path / "gameinfo.ini").write_text(
        "[Sequence]\nname=SNMOT-060\nnum_tracklets=5\ntrackletID_1= player team left;10\n"
        "trackletID_2= goalkeepers team right;x\ntrackletID_3= referee;main\ntrackletID_4= ball;1\n"
    )
    for name in ("gt", "det"):
        (tmp_path / name).mkdir()
    text = "".join(f"1,{track},2,3,4,5,1,-1,-1,-1\n" for track in (1, 2, 3, 4, 9))
    table = read(tmp_path, text, "gt/gt.txt").table
    assert table["label"].fillna("-").tolist() == ["player", "goalkeepers", "referee", "ball", "-"]
    assert table["team"].fillna("-").tolist() == ["left", "right", "-", "-", "-"]
    assert table["number"].fillna("-").tolist() == ["10", "-", "-", "1", "-"]
    assert "team" not in read(tmp_path, text, "det/det.txt").table  # its tracks are other ones


@pytest.mark.parametrize(
    ("name", "text", "is_one"),
    [
        ("a.txt", "1,1,2,3,4,5\n", True),
        ("a.csv", "1,1,2,3,4,5\n", True),
        ("a.txt", "frame,id,x,y,w,h\n1,1,2,3,4,5\n", True),
        ("gt.txt", "what\n", True),
        ("a.txt", "", True),
        ("a.csv", "", True),
        ("a.txt", "\n \n", True),
        ("a.md", "", False),
        ("a.dat", "1,1,2,3,4,5\n", True),
        ("a", "1 1 2 3 4 5\n", True),
        ("a.json", "1,1,2,3,4,5\n", False),
        ("a.txt", "0 0.2 0.3 0.1 0.3 0.9 7\n", False),
        ("a.txt", "player\nball\n", False),
        ("a.txt", "On 1, 2, 3, 4, 5, 6 and 7\n", False),
        ("a.csv", "7,Ana,Reds\n", False),
        ("a.txt", "10\n7\n", False),
    ],
)
def test_mot_text_is_known_by_its_first_lines(
    tmp_path: Path, name: str, text: str, is_one: bool
) -> None:
    (tmp_path / name).write_text(text)
    assert has_mot_text(tmp_path / name) is is_one
    assert not has_mot_text(tmp_path / "none.txt")
    assert not has_mot_text(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "# frame id x1 y1 x2 y2 conf\n3 7 10 20 15.5 60 0.5\n",
        "#frame,id,x1,y1,x2,y2,conf,a,b\n3,7,10,20,15.5,60,0.5,-1,-1\n",
        "id frame x y w h conf\n7 3 10 20 5.5 40 0.5\n",
        "% id, frame, cx, cy, w, h, conf\n7, 3, 12.75, 40, 5.5, 40, 0.5\n",
        "3 7 10,0 20,0 5,5 40,0 0,5\n",
        "3\t7\t10,0\t20,0\t5,5\t40,0\t0,5\n",
        '"3","7","10","20","5.5","40","0.5"\n',
    ],
)
def test_a_first_line_names_the_columns_whatever_is_between_them(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tracks.txt"
    path.write_text(text)
    assert has_mot_text(path)
    table = read_mot_text(path).table
    row = table[["frame", "track", "left", "top", "width", "height", "score"]].iloc[0]
    assert row.tolist() == [3, 7, 10, 20, 5.5, 40, 0.5]


def test_flags_count_in_ground_truth_with_a_header(tmp_path: Path) -> None:
    path = tmp_path / "gt.txt"
    path.write_text("frame,id,x,y,w,h,conf,class\n1,1,1,2,3,4,1,1\n1,2,1,2,3,4,0,1\n")
    assert len(read_annotations(path).table) == 1


def test_a_row_that_is_shorter_than_its_names_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tracks.txt"
    path.write_text("frame id x1 y1 x2 y2 conf\n3 7 10 20 15 60\n")
    with pytest.raises(DataError, match="line 2: 6 cells; the first line names 7 columns"):
        read_mot_text(path)
