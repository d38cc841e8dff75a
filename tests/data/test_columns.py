"""Who of one table is not in another, and whether a spreadsheet took zeros away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sameplayer.data.columns import unmatched_names
from sameplayer.data.layouts.sources import read_source


@pytest.mark.parametrize(
    ("named", "known", "said"),
    [
        (["7"], ["7"], ""),
        ([], ["7"], ""),
        (["7", "8", "8"], ["7"], "1 of 2 persons of a is not in b, such as '8'."),
        (["7", "x"], ["0007", "y"], "2 of 2 persons of a are not in b, such as '7'. 1 of them"),
        (["7"], ["0007"], "'7' here is '0007' there. Spreadsheets do so"),
        (["007"], ["7"], "'007' here is '7' there."),
        (["0"], ["000"], "'0' here is '000' there."),
    ],
)
def test_who_is_not_known_is_said(named: list[str], known: list[str], said: str) -> None:
    text = unmatched_names(named, known, "a", "b")
    assert said in text
    assert bool(text) == bool(said)


def test_persons_csv_that_lost_its_zeros_is_told(
    tmp_path: Path, picture: Callable[..., Path]
) -> None:
    for name in ("007", "012", "100"):
        picture(tmp_path / name / "1.png")
    (tmp_path / "persons.csv").write_text("PID;Team\n7;reds\n12;blues\n100;reds\n")
    crops = read_source(tmp_path)
    assert "The column 'PID' is read as 'person'" in crops.notes[0]
    assert "2 of 3 persons of the pictures are not in persons.csv, such as '007'" in crops.notes[1]
    assert "2 of 3 persons of persons.csv are not in the pictures, such as '7'" in crops.notes[2]
    assert "'7' here is '007' there" in crops.notes[2]
