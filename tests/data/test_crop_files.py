"""Crop tables as users have them: columns, types and words of other tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from sameplayer.data.crops import Crops, read_crops, write_crops
from sameplayer.data.layouts.sources import read_source
from sameplayer.errors import DataError


def crops(folder: Path, text: str, name: str = "t.csv") -> Crops:
    (folder / name).write_text(text)
    return read_crops(folder / name)


def test_a_table_of_another_tool_is_read_whole(tmp_path: Path) -> None:
    text = "img_path;Identity;frame_index;cam;x1;y1;x2;y2\na.png;0007;3;1;10,5;20;30;60\n"
    found = crops(tmp_path, text)
    row = found.table.iloc[0]
    assert (row["image"], row["person"], row["frame"], row["camera"]) == ("a.png", "0007", 3, "1")
    assert found.box(0) == (10.5, 20, 19.5, 40)
    assert "The columns x1, y1, x2, y2 are read as" in found.notes[-1]


@pytest.mark.parametrize(
    ("text", "person"),
    [
        ("image,player\na.png,Ana\n", "Ana"),
        ("image,label\na.png,12\n", "12"),
        ("image,label\na.png,player\n", None),
        ("image,label\na.png,ball\n", None),
        ("image,name\na.png,a.png\n", None),
        ("image,person_id,name\na.png,7,Ana\n", "7"),
        ("image,name,label\na.png,Ana,player\n", "Ana"),
    ],
)
def test_a_label_names_a_person_unless_it_is_a_class(
    tmp_path: Path, text: str, person: str | None
) -> None:
    assert crops(tmp_path, text).table["person"].fillna("-").tolist() == [person or "-"]


def test_numbers_that_became_decimals_are_names_again(tmp_path: Path) -> None:
    found = crops(tmp_path, "image,person,camera\na.png,7.0,1\nb.png,,1\nc.png,12.0,1.5\n")
    assert found.table["person"].fillna("-").tolist() == ["7", "-", "12"]
    assert found.table["camera"].tolist() == ["1", "1", "1.5"]
    assert "The column 'person' holds numbers such as 7.0" in found.notes[0]


def test_cells_of_blanks_are_empty_and_further_columns_keep_their_kind(tmp_path: Path) -> None:
    text = "image,camera,height_cm,code\na.png, ,180.5,007\nb.png,\xa0,181,012\n"
    found = crops(tmp_path, text)
    assert found.table["camera"].isna().all()
    assert found.table["height_cm"].tolist() == [180.5, 181]
    assert found.table["code"].tolist() == ["007", "012"]
    write_crops(found, tmp_path / "again.csv")
    assert read_crops(tmp_path / "again.csv").table.equals(found.table)


def test_boxes_of_shares_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="look like shares of the picture"):
        crops(tmp_path, "image,cx,cy,w,h\na.png,0.5,0.5,0.1,0.2\n")


def test_a_column_that_is_nearly_ours_is_asked_about(tmp_path: Path) -> None:
    notes = crops(tmp_path, "image,camra,kit\na.png,1,red\n").notes
    assert notes == (
        "The column 'camra' is kept but not used; did you mean 'camera'?",
        "Other columns are kept, and used only where you name them: camra, kit.",
    )


@pytest.mark.parametrize("name", ["T.CSV", "t.tsv", "t.txt"])
def test_a_text_with_pictures_is_a_table_whatever_its_ending(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("File Name\tperson\na.png\t1\n", encoding="utf-16")
    assert read_source(tmp_path / name).table["image"].tolist() == ["a.png"]


def test_a_roster_is_no_crop_table(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("team;number;name\nReds;7;Ana\n")
    with pytest.raises(DataError, match="a crop table needs the column image; found the columns t"):
        read_source(tmp_path / "r.csv")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image;left;top;width;height\na.png;1;2;3;4\na.png;1.234,5;2;3;4\n", "'1.234,5'"),
        ("image,frame\na.png,\na.png,x1\n", "'x1'; expected a number"),
        ("image,left,top,width,height\na.png,,,,\na.png,1,2,,4\n", "half a box"),
    ],
)
def test_a_number_that_cannot_be_read_names_the_row_that_a_spreadsheet_shows(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(DataError, match=f"t.csv, row 3: .*{words}"):
        crops(tmp_path, text)


def test_ids_that_a_spreadsheet_has_shortened_are_told(tmp_path: Path) -> None:
    found = crops(tmp_path, "image;person\na.png;7,65612E+16\nb.png;7,65612E+16\n")
    assert found.table["person"].nunique() == 1
    assert "7,65612E+16, which a spreadsheet has shortened" in found.notes[0]


def test_roles_may_be_in_capitals(tmp_path: Path) -> None:
    found = crops(tmp_path, "image,role\na.png,Query\nb.png,GALLERY\n")
    assert found.table["role"].tolist() == ["query", "gallery"]
