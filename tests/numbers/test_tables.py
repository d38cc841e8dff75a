"""Numbers and tables: rosters, tracks by column, what is written and what is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sameplayer.data.crops import Crops
from sameplayer.data.layouts.sources import read_source
from sameplayer.errors import DataError, MissingFile, SettingError
from sameplayer.numbers.reader import NUMBERS
from sameplayer.numbers.readers import OcrReader
from sameplayer.numbers.reading import reading
from sameplayer.numbers.tables import (
    add_readings,
    check_roster,
    known_numbers,
    read_numbers,
    read_roster_numbers,
    table_probabilities,
)
from tests.numbers.told import Told, evidence


@pytest.mark.parametrize(("wrong", "row"), [(["4", "100"], 1), (["x7"], 0), (["4", "5", ""], 2)])
def test_a_roster_that_holds_no_number_names_the_row(wrong: list[str], row: int) -> None:
    with pytest.raises(DataError, match=f"row {row}"):
        check_roster(wrong)
    assert check_roster(["00", "7", "7", " 23"]) == ("00", "7", "23")


def test_reading_by_track_needs_its_columns(league: Crops) -> None:
    crops = league.of_split("test").where(np.arange(4))
    rows = np.tile(evidence({"7": 0.9}, NUMBERS), (256, 1))
    readings, places = read_numbers(crops, Told(rows), ("person",))
    assert sum(len(one) for one in places) == 4
    assert {one.number for one in readings} == {"7"}
    with pytest.raises(SettingError, match="by is clothes"):
        read_numbers(crops, Told(rows), ("clothes",))


def test_real_shirts_of_the_volleyball_test_persons(volleyball: Path) -> None:
    truth = pd.read_csv(Path(__file__).parents[1] / "data" / "volleyball_numbers.csv", dtype=str)
    known = truth.set_index("person")["number"].fillna("")
    crops = read_source(volleyball / "data_reid", scope="sequence").of_split("test")
    shown = crops.where(crops.table["person"].isin(["34", "39", "42"]).to_numpy())
    readings, places = read_numbers(shown, OcrReader(), ("person",))
    numbers = {
        shown.table["person"].iat[p[0]]: r.number for r, p in zip(readings, places, strict=True)
    }
    assert sum(numbers[person] == known[person] for person in numbers) >= 2
    assert all(numbers[person] in (known[person], None) for person in numbers)


def crops_of(**columns: list[object]) -> Crops:
    count = len(next(iter(columns.values())))
    return Crops(pd.DataFrame({"image": [f"{i}.png" for i in range(count)], **columns}), Path())


def test_pictures_of_nobody_known_are_no_common_track(league: Crops) -> None:
    crops = league.of_split("test").where(np.arange(4))
    unknown = replace(crops, table=crops.table.assign(person=["1", None, "1", None]), scope=None)
    rows = np.tile(evidence({"7": 0.9}, NUMBERS), (256, 1))
    assert read_numbers(unknown, Told(rows), ("person",))[1] == [[0, 2], [1], [3]]


def test_readings_become_columns_and_columns_probabilities() -> None:
    crops = crops_of(person=["1", "1", "2"])
    names = ("4", "14")
    readings = [
        reading(evidence({"14": 0.9}, names), names, 0.5),
        reading(evidence({"": 0.9}, names), names, 0.5),
    ]
    table = add_readings(crops, readings, [[0, 1], [2]]).table
    assert table["read_number"].tolist()[:2] == ["14", "14"]
    assert pd.isna(table["read_number"].iat[2])
    assert table["read_number_frames"].tolist() == [1, 1, 0]
    shares = table_probabilities(table)
    assert shares[0, NUMBERS.index("14")] == pytest.approx(0.9)
    assert shares[0, -1] == pytest.approx(0.1)
    assert shares[2, -1] == 1
    with pytest.raises(DataError, match="read numbers first"):
        table_probabilities(crops.table)
    for wrong in ("much", None, 1.5, -0.1):
        spoilt = table.assign(read_number_probability=[0.9, wrong, 0.1])
        with pytest.raises(DataError, match=r"Row 1: read_number_probability is .*0 to 1"):
            table_probabilities(spoilt)


def test_known_numbers_come_from_the_table_or_a_file(tmp_path: Path) -> None:
    crops = crops_of(person=["1", "NA", None], number=["7", None, "00"])
    assert known_numbers(crops) == ["7", "", "00"]
    truth = tmp_path / "truth.csv"
    truth.write_text("person,number\nNA,23\n1,\n")
    assert known_numbers(crops, truth) == ["", "23", ""]
    with pytest.raises(DataError, match="no column 'number'"):
        known_numbers(crops_of(person=["1"]))
    with pytest.raises(MissingFile, match="no such file"):
        known_numbers(crops, tmp_path / "none.csv")
    for text, expected in (
        ("person,height\n1,7\n", "column number; found the columns person"),
        ("person,number\n1,7\n1,8\n", "person '1' stands in it twice"),
        ("", "is empty"),
        ("person,number\n01,7\n", "leading zeros only: '01' here"),
    ):
        truth.write_text(text)
        with pytest.raises(DataError, match=expected):
            known_numbers(crops, truth)


def test_a_roster_is_a_column_or_lines(tmp_path: Path) -> None:
    table, lines, wrong = (tmp_path / name for name in ("a.csv", "a.txt", "b.txt"))
    table.write_text("name,number\nx,7\ny,00\n")
    lines.write_text("\ufeff7\n\n 00\n", encoding="utf-8")
    assert read_roster_numbers(table) == read_roster_numbers(lines) == ("7", "00")
    wrong.write_bytes("number\n07\n\n8.0\n".encode("utf-16"))
    assert read_roster_numbers(wrong) == ("7", "8")
    wrong.write_bytes(b"\0\1\2")
    with pytest.raises(DataError, match=r"b\.txt: is not a text file"):
        read_roster_numbers(wrong)
    wrong = tmp_path / "b.csv"
    wrong.write_text("name\nAna\n")
    with pytest.raises(DataError, match="needs the column number; found the columns name"):
        read_roster_numbers(wrong)


def test_true_numbers_are_shirt_numbers_in_any_spelling(tmp_path: Path) -> None:
    crops = Crops(pd.DataFrame({"image": ["a", "b"], "person": ["x", "y"]}), tmp_path)
    truth = tmp_path / "truth.csv"
    truth.write_text("person;number\nx;08\ny;7,0\n")
    assert known_numbers(crops, truth) == ["8", "7"]
    truth.write_text("person,number\nx,8\ny,-1\n")
    with pytest.raises(
        DataError, match=r"truth\.csv, row 3: '-1' is no shirt number; .*empty cell"
    ):
        known_numbers(crops, truth)
    table = crops.table.assign(number=["08", None])
    assert known_numbers(Crops(table, tmp_path)) == ["8", ""]


def test_what_a_list_of_numbers_leaves_out_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.csv").write_text("number,name\n7,Ana\n#N/A,Bo\n")
    assert read_roster_numbers(tmp_path / "a.csv") == ("7",)
    assert "#N/A in row 3" in caplog.text
