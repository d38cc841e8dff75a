"""The door for tables: whatever program saved one, its cells are read right, or it is refused."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sameplayer.data.tabular import read_table as tables
from sameplayer.data.tabular.read_table import Table, read_table
from sameplayer.errors import DataError, MissingFile

USUAL = {"name": ("player",), "number": ("shirt no", "no")}


def read(folder: Path, content: bytes | str, name: str = "a.csv", **options: object) -> Table:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path, USUAL, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "content",
    [
        "name,number\nGrün,07\n",
        "name;number\r\nGrün;07\r\n".encode("utf-8-sig"),
        "name\tnumber\nGrün\t07\n".encode("utf-16"),
        "name,number\rGrün,07\r",
        "name,number\nGrün,07\n".encode("utf-16-le"),
        "name,number\nGrün,07\n".encode("utf-16-be"),
        "sep=|\r\nname|number\r\nGrün|07\r\n",
        "name;number\nGrün;07\n".encode("cp1252"),
        "Name,Number\n Grün , 07\xa0\n",
        "\ufeff\xa0NAME\t ,number\nGrün,07",
        "name,number,,\nGrün,07,,\n,,,\n ,\t,,\n",
        '"name";"number"\n"Grün";"07"\n',
        "name,number,,\nGrün,07\n",
    ],
)
def test_one_table_is_read_however_it_was_saved(tmp_path: Path, content: bytes | str) -> None:
    found = read(tmp_path, content)
    assert found.table.to_dict("list") == {"name": ["Grün"], "number": ["07"]}
    assert found.rows.tolist() == [2]


def test_the_other_separator_may_stand_in_cells_and_the_header_may_be_one_column(
    tmp_path: Path,
) -> None:
    text = '"name, first";number\nBo, the elder;7\n"a;b";8\n'
    assert read(tmp_path, text).table["name, first"].tolist() == ["Bo, the elder", "a;b"]
    assert read(tmp_path, "number\n7\n\n8\n").table["number"].tolist() == ["7", "8"]


def test_rows_are_those_of_the_spreadsheet(tmp_path: Path) -> None:
    text = '\n\nname,number\n"Ana\nBo",1\n,\n\nCy,2\n'
    assert read(tmp_path, text).rows.tolist() == [4, 7]
    ragged = read(tmp_path, text + "Di\nEd,4,,\n")
    assert ragged.rows.tolist() == [4, 7, 8, 9]
    assert ragged.table["number"].fillna("-").tolist() == ["1", "2", "-", "4"]


def test_both_ways_to_read_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = '\n name ,number,\n\'=x,"a""b",\n,,\n"Bo" Smith, 7.0 ,\n"c\r\nd",,\n'
    found = read(tmp_path, text)
    monkeypatch.setattr(tables, "_regular", lambda *_: None)
    slow = read(tmp_path, text)
    assert slow.rows.tolist() == found.rows.tolist()
    pd.testing.assert_frame_equal(found.table, slow.table)
    assert found.table["name"].tolist() == ["=x", "Bo Smith", "c\r\nd"]


def test_columns_have_other_names_and_that_is_said(tmp_path: Path) -> None:
    found = read(tmp_path, "No.,Player,Shirt-No,note,note\n1,Ana,7,x,y\n")
    assert list(found.table.columns) == ["No.", "name", "number", "note", "note.1"]
    assert found.notes == (
        "The column 'Player' is read as 'name'.",
        "The column 'Shirt-No' is read as 'number'.",
    )
    assert read(tmp_path, "name,player,PERSON id\na,b,c\n").notes == ()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("name,name\na,b\n", r"'name' \(column 1\) and 'name' \(column 2\) are both 'name'"),
        ("Shirt.No,shirt_no\n", "are both 'number'"),
        ("7,Bo\n8,Al\n", "needs the column name; found the columns 7, Bo. Is the header missing"),
        ("name,number\na,b,c\n", "row 2: 3 cells; columns in the header: 2"),
        ('name,number\n"Bo,2\n', "begins with a quote that is never closed"),
        (b"name\0\0\n\1", "is not a text file"),
        (b"\xd0\xcf\x11\xe0" + bytes(40), r"old Excel file \(\.xls\), or one with a password"),
        ("\n \n", "is empty"),
        ("name" + "," * 50 + "x\n" + "a\n" * 100_000, "far shorter than its first row"),
        (b"PAR1 and no more", "cannot be read as a Parquet table"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path: Path, content: bytes | str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(tmp_path, content, needed=("name",))
    with pytest.raises(MissingFile, match="no such file; expected a roster"):
        read_table(tmp_path / "none.csv", USUAL, what="roster")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("name;number\na;12,5\nb;-1,25\n", ["12.5", "-1.25"]),
        ("name;number\na;1,234\n", ["1.234"]),
        ("name;number\na;1,0E+02\n", ["1.0E+02"]),
        ("number\n12,5\n7\n", ["12.5", "7"]),
        ('name,number\na,"12,5"\nb,"1,234"\n', ["12.5", "1.234"]),
        ('name,number\na,"1,234"\n', ["1,234"]),
        ("name;number\na;x,y\nb;3.5\n", ["x,y", "3.5"]),
    ],
)
def test_a_decimal_comma_is_a_point_in_numbers_only(
    tmp_path: Path, text: str, numbers: list[str]
) -> None:
    assert read(tmp_path, text, numbers=("number",)).table["number"].tolist() == numbers
    assert "." not in "".join(read(tmp_path, text).table["number"].tolist()).replace("3.5", "")


def test_errors_of_a_spreadsheet_are_no_values(tmp_path: Path) -> None:
    found = read(tmp_path, "name,number\na,1\nb,#N/A\nNA,#REF!\n")
    assert found.table["number"].isna().tolist() == [False, True, True]
    assert found.table["name"].tolist() == ["a", "b", "NA"]
    assert "Cells of the column 'number' (2) hold an error" in found.notes[0]
    assert "#N/A in row 3" in found.notes[0]


def test_parquet_keeps_its_types_whatever_it_is_called(tmp_path: Path) -> None:
    pd.DataFrame({"Player": ["a"], "number": [7]}).to_parquet(tmp_path / "a.csv")
    found = read_table(tmp_path / "a.csv", USUAL)
    assert found.table["number"].dtype == "int64"
    assert (list(found.table.columns), found.rows.tolist()) == (["name", "number"], [1])


@pytest.mark.parametrize("separator", [",", ";", "|"])
def test_titles_and_remarks_may_stand_above_the_header(tmp_path: Path, separator: str) -> None:
    text = "SV Musterstadt 2026/27\n\nname,number\nAna,7\n".replace(",", separator)
    found = read(tmp_path, text, needed=("name",))
    assert found.table.to_dict("list") == {"name": ["Ana"], "number": ["7"]}
    assert found.rows.tolist() == [4]
    assert found.notes == ("The row above the header is not read: 'SV Musterstadt 2026/27'.",)
    assert read(tmp_path, "x\nname\n").table.columns.tolist() == ["x"]


def test_text_that_was_written_as_a_formula_keeps_its_zeros(tmp_path: Path) -> None:
    found = read(tmp_path, 'name,number\n="007",="7"\n"=""08""",=x\n')
    assert found.table.to_numpy().tolist() == [["007", "7"], ["08", "=x"]]


def test_an_index_with_a_name_is_a_column(tmp_path: Path) -> None:
    pd.DataFrame({"name": ["a"], "number": [7]}).set_index("name").to_parquet(tmp_path / "a.csv")
    assert read_table(tmp_path / "a.csv", USUAL, needed=("name",)).table["name"].tolist() == ["a"]
