"""The crop table: what it holds, what it refuses, and that nobody can change it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sameplayer.data.crops import Crops, describe_crops, identities, read_crops, write_crops
from sameplayer.errors import DataError, MissingFile


def table(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"image": ["a.jpg", "b.jpg", "c.jpg"], **columns})


def test_a_table_that_was_handed_out_changes_nothing() -> None:
    mine = table(person=["1", "2", "3"], left=1.0, top=1, width=9, height=9)
    crops = Crops(mine, Path())
    mine.loc[0, "person"] = "x"
    taken = crops.table
    taken.loc[0, "person"] = "y"
    taken["role"] = "train"
    del taken["image"]
    for name, value in (("person", "z"), ("left", 7)):
        with suppress(ValueError):  # pandas gives read-only arrays, or copies
            crops.table[name].to_numpy()[0] = value
    assert crops.table["person"].tolist() == ["1", "2", "3"]
    assert crops.table["role"].tolist() == ["gallery"] * 3
    assert crops.table["left"].tolist() == [1, 1, 1]
    part = crops.where([1, 2])
    with suppress(ValueError):
        part.table["left"].to_numpy()[0] = 7
    assert part.box(0) == (1, 1, 9, 9)
    assert crops.path(0) == Path("a.jpg")
    with pytest.raises(AttributeError):
        crops.table = taken  # type: ignore[misc]


def test_tables_can_be_compared_shown_and_used_as_keys() -> None:
    crops = Crops(table(), Path("/x"), None)
    assert crops == crops
    assert crops != Crops(table(), Path("/x"))
    assert len({crops, crops}) == 1
    assert repr(crops) == "Crops(3 pictures, /x, scope set, source table)"


@pytest.mark.parametrize(
    "keep",
    [
        [True, False, True],
        np.array([True, False, True]),
        pd.Series([True, False, True], index=[7, 8, 9]),
        pd.Series([True, pd.NA, True], dtype="boolean"),
        [0, 2],
        np.array([0, 2], np.int32),
        pd.Series([0, 2]),
    ],
)
def test_rows_are_chosen_by_masks_lists_positions_and_series(keep: object) -> None:
    part = Crops(table(person=["1", "2", "3"]), Path()).where(keep)  # type: ignore[arg-type]
    assert part.table["person"].tolist() == ["1", "3"]
    assert part.table.index.tolist() == [0, 1]


def test_rows_may_repeat_and_be_none() -> None:
    crops = Crops(table(person=["1", "2", "3"]), Path())
    assert crops.where([2, 2, 0]).table["person"].tolist() == ["3", "3", "1"]
    assert len(crops.where([])) == len(crops.where(np.zeros(3, bool))) == 0


@pytest.mark.parametrize(
    ("keep", "words"),
    [
        ([True, False], "3 values or by positions"),
        ([0, 3], "no row 3; expected 0 to 2"),
        ([-1], "no row -1"),
        ([0.5], "positions; found float64"),
        (["a"], "positions"),
        ([[0, 1]], "shape"),
    ],
)
def test_rows_that_cannot_be_chosen_are_refused(keep: object, words: str) -> None:
    with pytest.raises(DataError, match=words):
        Crops(table(), Path()).where(keep)  # type: ignore[arg-type]


def test_a_box_may_be_missing_but_not_by_half() -> None:
    box = {
        "left": [1, None, 2.5],
        "top": [2, None, 3],
        "width": [3, None, 4],
        "height": [4, None, 5],
    }
    crops = Crops(table(**box), Path())
    assert [crops.box(row) for row in range(3)] == [(1, 2, 3, 4), None, (2.5, 3, 4, 5)]
    for name in box:
        half = {**box, name: [1, None, None]}
        with pytest.raises(DataError, match=rf"row 2, c\.jpg: half a box, {name} missing"):
            Crops(table(**half), Path())
    with pytest.raises(DataError, match=r"row 0.*width, height missing"):
        Crops(table(left=1, top=2), Path())


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            {"left": [1, float("inf"), 1], "top": 1, "width": 1, "height": 1},
            "row 1: column 'left' is 'inf'",
        ),
        ({"frame": ["1", "x", "2"]}, "row 1: column 'frame' is 'x'; expected a number"),
        ({"role": ["train", "test", "query"]}, r"'role' holds \['test'\]"),
        ({"frame": [1, 10**400, 2]}, "'frame'"),
        ({"frame": [[1], {}, 2]}, "'frame'"),
    ],
)
def test_values_that_do_not_fit_are_named(columns: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        Crops(table(**columns), Path("/some/root"))
    with pytest.raises(DataError, match="/some/root"):
        Crops(table(**columns), Path("/some/root"))


def test_columns_that_lack_or_repeat_are_named() -> None:
    with pytest.raises(DataError, match="needs the column image; found the columns x, 3"):
        Crops(pd.DataFrame({"x": [1], 3: [1]}), Path())
    twice = pd.concat([table(), table()], axis=1)
    with pytest.raises(DataError, match="are both 'image'; expected it once"):
        Crops(twice, Path())
    with pytest.raises(DataError, match="column 'game' is empty in 2 of 3 rows, such as row 1"):
        Crops(table(person=["1", "1", "1"], game=["a", None, None]), Path(), "game")
    with pytest.raises(DataError, match="column 'sequence' is empty"):
        Crops(table(person=["1", "1", "1"]), Path(), "sequence")
    with pytest.raises(DataError, match="Scope 'team' is unknown"):
        Crops(table(), Path(), "team")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_persons_and_teams_called_missing_are_somebody(tmp_path: Path, ending: str) -> None:
    names = ["NA", "null", "None", "nan", "n/a", "NULL", "007", "1e3", "x y", ""]
    made = pd.DataFrame({"image": [f"{i}.jpg" for i in range(10)], "person": names, "team": names})
    if ending == "csv":
        made.to_csv(tmp_path / "t.csv", index=False)
    else:
        made.to_parquet(tmp_path / "t.parquet")
    crops = read_crops(tmp_path / f"t.{ending}")
    for column in ("person", "team"):
        assert crops.table[column].tolist()[:9] == names[:9]
        assert crops.table[column].isna().tolist() == [False] * 9 + [True]
    assert crops.persons().tolist() == [*range(9), -1]
    write_crops(crops, tmp_path / f"again.{ending}")
    assert read_crops(tmp_path / f"again.{ending}").table.equals(crops.table)


def test_missing_numbers_may_be_written_in_many_ways(tmp_path: Path) -> None:
    lines = ["image,frame", "a,", "b,NA", "c,nan", "d,NULL", "e,3", "f,4.5"]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    frames = read_crops(tmp_path / "t.csv").table["frame"]
    assert frames.fillna(-1).tolist() == [-1, -1, -1, -1, 3, 4.5]


@pytest.mark.parametrize("kind", ["float64", "Float64", "object", "Int64", "string", "int"])
def test_numbers_that_name_something_are_text_without_a_point(tmp_path: Path, kind: str) -> None:
    values: list[object] = [7.0, None, 10.0] if kind != "int" else [7, 8, 10]
    column = pd.Series(values, dtype=kind if kind not in ("string", "int") else None)
    column = pd.Series(["7", None, "10"], dtype="string") if kind == "string" else column
    names = ("person", "number", "read_number", "camera", "id", "image")
    made = table(**dict.fromkeys(names, column))
    made.to_parquet(tmp_path / "t.parquet")
    read = read_crops(tmp_path / "t.parquet").table
    for name in names:
        assert read[name].iloc[[0, 2]].tolist() == ["7", "10"]
        assert read[name].dtype == "string"


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_tables_round_trip_with_root_and_scope(league: Crops, tmp_path: Path, ending: str) -> None:
    few = Crops(league.table.head(9), league.root, "sequence")
    write_crops(few, tmp_path / f"t.{ending}")
    again = read_crops(tmp_path / f"t.{ending}")
    assert again.scope == "sequence"
    assert again.table["person"].tolist() == few.table["person"].tolist()
    assert again.path(3).samefile(few.path(3))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "invalid JSON"),
        (b"[]", "found a list"),
        (b'[{"image_id": 1, "bbox": [1, 2, 3, 4]}]', "found a list"),
        (b'{"images": [], "annotations": []}', "found annotations, images"),
        (b"\xff\xfe\0", "invalid JSON"),
        (b"{", "invalid JSON"),
        (b"[" * 100_000, "invalid JSON"),
        (b'{"scope": 3}', "scope is 3; expected a text"),
        (b'{"root": ["x"]}', "root is"),
        (b'{"scope": "team"}', "Scope 'team' is unknown"),
        (b'"game"', "found a str"),
    ],
)
def test_a_file_beside_the_table_that_is_not_ours_is_refused_by_name(
    tmp_path: Path, content: bytes, words: str
) -> None:
    (tmp_path / "t.csv").write_text("image\na.jpg\n")
    (tmp_path / "t.json").write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        read_crops(tmp_path / "t.csv")
    assert str(tmp_path / "t.") in str(caught.value)
    (tmp_path / "t.json").write_text(json.dumps({"scope": None}))
    assert read_crops(tmp_path / "t.csv").root == tmp_path


def test_what_is_no_table_says_so(tmp_path: Path) -> None:
    Crops(table(), tmp_path).table.to_parquet(tmp_path / "good.parquet")
    whole = (tmp_path / "good.parquet").read_bytes()
    cases = {
        "empty.csv": b"",
        "zeros.csv": bytes(100),
        "ragged.csv": b"image\na,b,c\nd,e\nf,g,h,i",
        "cut.parquet": whole[:-20],
        "empty.parquet": b"",
    }
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=name):
            read_crops(tmp_path / name)
    with pytest.raises(MissingFile, match="no such file; expected a crop table"):
        read_crops(tmp_path / "gone.csv")
    (tmp_path / "r.csv").write_text("team,number,name\nReds,7,Ana\n")
    with pytest.raises(DataError, match="needs the column image; found the columns team, number"):
        read_crops(tmp_path / "r.csv")


def test_a_table_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("image,person\na.jpg,José\n".encode("utf-8-sig"))
    assert read_crops(tmp_path / "t.csv").table["person"].tolist() == ["José"]


def test_persons_of_the_splits_are_disjoint(league: Crops) -> None:
    parts = [set(league.of_split(name).table["person"].dropna()) for name in ("training", "test")]
    assert parts[0]
    assert not parts[0] & parts[1]


def test_splits_are_by_name_or_by_role_and_an_unknown_one_lists_them() -> None:
    crops = Crops(table(role=["train", "query", "gallery"], split=[None, "valid", None]), Path())
    assert crops.splits().tolist() == ["training", "valid", "test"]
    assert crops.of_split("test").table["image"].tolist() == ["c.jpg"]
    with pytest.raises(DataError, match="no split 'val'; found test, training, valid"):
        crops.of_split("val")


def test_one_person_has_one_number_in_all_tables() -> None:
    first = Crops(table(person=["1", "2", None], game=["a", "a", "a"]), Path(), "game")
    second = Crops(table(person=["2", "1", "1"], game=["a", "b", "a"]), Path(), "game")
    assert [codes.tolist() for codes in identities(first, second)] == [[0, 1, -1], [1, 2, 0]]
    with pytest.raises(DataError, match="game and set"):
        identities(first, replace(second, scope=None))


def test_counts_are_described_by_split_and_role() -> None:
    crops = Crops(
        table(person=["1", "1", None], role=["train", "train", "gallery"], split=[None, None, "x"]),
        Path("/r"),
    )
    assert describe_crops(crops).splitlines() == [
        "/r: table, 3 pictures, scope set",
        "  training train             2 pictures      1 persons",
        "  x gallery                  1 pictures      0 persons",
    ]
    plain = describe_crops(Crops(table(), Path("/r")))
    assert plain.splitlines()[1].split() == ["gallery", "3", "pictures", "0", "persons"]


def test_a_row_is_read_by_its_box(tmp_path: Path, picture: Callable[..., Path]) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        picture(tmp_path / name, 40, 20)
    box = {"left": [2, None, 0], "top": [3, None, 0], "width": [5, None, 9], "height": [7, None, 9]}
    crops = Crops(table(**box), tmp_path)
    assert [crops.read(row).shape[:2] for row in range(3)] == [(7, 5), (40, 20), (9, 9)]


def test_a_column_that_no_parquet_holds_leaves_nothing_behind(tmp_path: Path) -> None:
    crops = Crops(table(shots=[2**64, 1, 2]), tmp_path)
    with pytest.raises(DataError, match=r"write \.csv"):
        write_crops(crops, tmp_path / "crops.parquet")
    assert list(tmp_path.iterdir()) == []
    write_crops(crops, tmp_path / "crops.csv")


def test_columns_of_other_tools_are_renamed_as_in_a_file(tmp_path: Path) -> None:
    theirs = pd.DataFrame(
        {"path": ["a.jpg", "b.jpg"], "pid": [7, 8], "camid": [1, 2]}
        | {"x1": [1, 2], "y1": [3, 4], "x2": [11, 12], "y2": [23, 24]}
    )
    crops = Crops(theirs, tmp_path)
    theirs.to_csv(tmp_path / "crops.csv", index=False)
    assert crops.table.equals(read_crops(tmp_path / "crops.csv").table)
    assert crops.table["person"].tolist() == ["7", "8"]
    assert [crops.box(row) for row in (0, 1)] == [(1, 3, 10, 20), (2, 4, 10, 20)]
    assert "The column 'pid' is read as 'person'." in crops.notes
    again = replace(crops, table=crops.table)
    assert again.notes == crops.notes
    assert crops.where([1]).box(0) == (2, 4, 10, 20)
