"""Tables of boxes under the names that tools give their columns."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sameplayer.data.annotations.box_table import has_box_table, read_box_table
from sameplayer.data.annotations.rows import Annotations
from sameplayer.errors import DataError

BOX = ["left", "top", "width", "height"]


def read(tmp_path: Path, text: str, name: str = "b.csv") -> Annotations:
    (tmp_path / name).write_bytes(text.encode())
    assert has_box_table(tmp_path / name)
    return read_box_table(tmp_path / name)


@pytest.mark.parametrize(
    "text",
    [
        "frame,left,top,width,height\n3,10,20,5.5,40\n",
        "Frame;Left;Top;Width;Height\r\n3;10;20;5,5;40\r\n",
        "frame_id\tx\ty\tw\th\n3\t10\t20\t5.5\t40\n",
        "frame_number,x_min,y_min,x_max,y_max\n3,10,20,15.5,60\n",
        "frame,x1,y1,x2,y2\n3,10,20,15.5,60\n",
        "frame,bb_left,bb_top,bb_width,bb_height\n3.0,10,20,5.5,40\n",
        "frame,x_center,y_center,width,height\n3,12.75,40,5.5,40\n",
        "sep=;\nframe;left;top;right;bottom\n3;10;20;15.5;60\n",
        ",frame,left,top,width,height,note\n0,3,10,20,5.5,40,seen\n",
        'frame,bbox\n3,"[10, 20, 5.5, 40]"\n',
        "frame,minx,miny,maxx,maxy\n3,10,20,15.5,60\n",
        "frame,bb_left,bb_top,bb_width,bb_height,conf,x,y,z\n3,10,20,5.5,40,,-1,-1,-1\n",
        "frame,bbox_x,bbox_y,bbox_w,bbox_h,width,height\n3,10,20,5.5,40,1920,1080\n",
        "frame,x1,y1,x2,y2,width,height\n3,10,20,15.5,60,1920,1080\n",
        "frame,x,y,w,h,xmin,ymin,xmax,ymax\n3,12.75,40,5.5,40,10,20,15.5,60\n",
        "frame,bb_left,bb_top,width,height\n3,10,20,5.5,40\n",
        'frame,bbox_xyxy\n3,"[np.float64(10.0), np.int64(20), 15.5, 60]"\n',
        "image,left,top,width,height\nvideo/img1/000003.jpg,10,20,5.5,40\n",
    ],
)
def test_the_usual_names_are_one_box(tmp_path: Path, text: str) -> None:
    table = read(tmp_path, text).table
    assert table["frame"].tolist() == [3]
    assert table[BOX].to_numpy().tolist() == [[10, 20, 5.5, 40]]
    assert table["track"].isna().all()
    assert table["score"].isna().all()


def test_what_a_csv_of_supervision_holds_is_read(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "x_min,y_min,x_max,y_max,class_id,confidence,tracker_id,class_name,frame_index\n"
        "10,20,30,60,0,0.5,7,player,0\n1,2,3,4,32,0.25,,sports ball,0\n",
    )
    assert found.table["track"].fillna(-1).tolist() == [7, -1]
    assert found.table["label"].tolist() == ["player", "sports ball"]
    assert found.table["score"].tolist() == [0.5, 0.25]
    assert found.table["row"].tolist() == ["row 2", "row 3"]
    assert len(found.notes) == 2
    assert found.first == 0  # of an index


def test_classes_are_labels_where_they_are_words_and_said_where_they_are_numbers(
    tmp_path: Path,
) -> None:
    columns = "frame,left,top,width,height,class\n"
    words = read(tmp_path, f"{columns}1,1,2,3,4,ball\n1,1,2,3,4,player\n")
    assert words.table["label"].tolist() == ["ball", "player"]
    numbers = read(tmp_path, f"{columns}1,1,2,3,4,0\n1,1,2,3,4,2\n")
    assert numbers.table["label"].isna().all()
    assert "classes in the column class, 0, 2, have no names" in numbers.notes[0]
    numbers = read(tmp_path, f"{columns}1,1,2,3,4,0\n1,1,2,3,4,32\n")
    assert numbers.table["label"].tolist() == ["person", "class 32"]
    assert read(tmp_path, f"{columns}1,1,2,3,4,2\n1,1,2,3,4,2\n").notes == ()


def test_names_of_tracks_are_numbered_and_half_boxes_are_missing(tmp_path: Path) -> None:
    columns = "frame,{},x1,y1,x2,y2\n1,Müller,1,2,11,22\n1,Özil,1,2,,22\n2,Müller,1,2,11,22\n"
    for name, told in (("track_id", "numbered from 1"), ("player", "no column track")):
        found = read(tmp_path, columns.format(name))
        assert found.table["track"].tolist() == [1, 2, 1]
        assert found.table["width"].fillna(-1).tolist() == [10, -1, 10]
        assert told in " ".join(found.notes)


def test_images_of_several_folders_are_sequences(tmp_path: Path) -> None:
    rows = "a/1.jpg,1,2,3,4\nb/img1/000001.jpg,1,2,3,4\n"
    found = read(tmp_path, f"image,left,top,width,height\n{rows}")
    assert found.table["sequence"].tolist() == ["a", "b"]
    with pytest.raises(DataError, match=r"row 3: the image 'b\.jpg' has no number; expected"):
        read(tmp_path, "image,left,top,width,height\n1.jpg,1,2,3,4\nb.jpg,1,2,3,4\n")


@pytest.mark.parametrize("name", ["role", "type", "Object Type"])
def test_what_a_box_shows_stands_in_several_columns(tmp_path: Path, name: str) -> None:
    found = read(tmp_path, f"frame,left,top,width,height,{name}\n1,1,2,3,4,ball\n")
    assert found.table["label"].tolist() == ["ball"]


def test_a_missing_class_makes_no_words_of_the_others(tmp_path: Path) -> None:
    columns = "frame,left,top,width,height,class_id\n"
    found = read(tmp_path, f"{columns}1,1,2,3,4,0\n1,1,2,3,4,32\n1,1,2,3,4,\n")
    assert found.table["label"].fillna("-").tolist() == ["person", "class 32", "-"]


def test_boxes_without_frames_say_what_they_lack(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"need the columns frame.*takes custom_data"):
        read(tmp_path, "x_min,y_min,x_max,y_max,tracker_id,timestamp\n1,2,3,4,5,0.04\n")


def test_an_index_of_pandas_is_a_column(tmp_path: Path) -> None:
    table = pd.DataFrame({"frame": [3], "left": [1], "top": [2], "width": [3], "height": [4]})
    table.set_index("frame").to_parquet(tmp_path / "b.parquet")
    assert read_box_table(tmp_path / "b.parquet").table["frame"].tolist() == [3]


def test_parquet_keeps_its_numbers_and_texts(tmp_path: Path) -> None:
    pd.DataFrame(
        {
            "frame": [1.0],
            "track": [3],
            "left": [0.1],
            "top": [2],
            "width": [3],
            "height": [4],
            "camera": [2.0],
            "number": ["07"],
            "team": ["Reds"],
        }
    ).to_parquet(tmp_path / "b.parquet")
    table = read_box_table(tmp_path / "b.parquet").table
    assert table["left"].tolist() == [0.1]
    assert table[["camera", "number", "team"]].to_numpy().tolist() == [["2", "07", "Reds"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("frame,left,top,width\n1,2,3,4\n", "need the columns frame, left, top, width, height"),
        (
            "frame,left,top,width,height\n1,2,3,4,5\n1,2,x,4,5\n",
            "row 3: column 'top' is 'x'; expected a nu",
        ),
        (
            "frame,left,top,width,height\none,2,3,4,5\n",
            "row 2: column 'frame' is 'one'; expected a number",
        ),
        ("frame,left,top,width,height,x\n1,2,3,4,5,6,7\n", "row 2: 7 cells"),
    ],
)
def test_what_is_no_number_is_refused_with_its_row(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=rf"b\.csv.*{words}"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "team,number,name\nReds,7,Ana\n"),
        ("a.txt", "player\nball\n"),
        ("a.csv", ""),
        ("a.csv", "frame,note\n1,seen\n"),
        ("a.json", "frame,left,top,width,height\n"),
        ("a.csv", "1,1,2,3,4,5\n"),
    ],
)
def test_other_tables_are_no_boxes(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert not has_box_table(tmp_path / name)


def test_columns_that_are_not_used_are_said(tmp_path: Path) -> None:
    notes = read(tmp_path, "frame,left,top,width,height,speed,note\n1,2,3,4,5,6,x\n").notes
    assert notes == ("Columns that are not used: speed, note.",)
