"""The one door for boxes: the format is recognised, or those that are read are named."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sameplayer.data.annotations.read import FORMATS, Format, read_annotations
from sameplayer.data.annotations.rows import Annotations
from sameplayer.errors import DataError, MissingFile

NAMES = "frame,id,x1,y1,x2,y2\n1,7,10,20,30,60\n"


def test_the_names_of_columns_count_more_than_their_places(tmp_path: Path) -> None:
    for name in ("b.txt", "b.csv"):
        (tmp_path / name).write_text(NAMES)
        assert read_annotations(tmp_path / name).table["width"].tolist() == [20]
        (tmp_path / name).write_text("1,7,10,20,30,60\n")
        assert read_annotations(tmp_path / name).table["width"].tolist() == [30]


def test_what_is_no_boxes_is_told_with_the_formats_there_are(tmp_path: Path) -> None:
    path = tmp_path / "readme.txt"
    path.write_text("\n About this match\n")
    with pytest.raises(
        DataError, match=r"It begins with 'About this match'\. Expected one of:"
    ) as e:
        read_annotations(path)
    assert all(one.what in str(e.value) for one in FORMATS.values())
    with pytest.raises(MissingFile, match="no such file"):
        read_annotations(tmp_path / "none.txt")
    with pytest.raises(DataError, match="no known format of boxes"):
        read_annotations(tmp_path)


def test_a_format_of_ones_own_is_an_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Format(
        "a text ending in .mine",
        lambda path: path.suffix == ".mine",
        lambda path: Annotations(pd.DataFrame({"frame": [int(path.read_text())]})),
    )
    monkeypatch.setitem(FORMATS, "mine", mine)
    (tmp_path / "b.mine").write_text("5")
    assert read_annotations(tmp_path / "b.mine").table["frame"].tolist() == [5]
