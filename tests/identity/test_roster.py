"""The roster: who plays."""

from __future__ import annotations

from pathlib import Path

import pytest

from sameplayer.errors import DataError, MissingFile
from sameplayer.identity import read_roster

GOOD = "Team,Number,name,colour\nReds,7,Ana,red\nReds, 8 ,Bo,Red\nBlues,7,Cleo,\n"


def _written(folder: Path, text: str) -> Path:
    path = folder / "roster.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_roster_is_read_with_what_it_has(tmp_path: Path) -> None:
    roster = read_roster(_written(tmp_path, GOOD))
    assert [player.number for player in roster.players] == ["7", "8", "7"]
    assert roster.teams == ("Reds", "Blues")
    assert roster.colours == {"Reds": "red"}
    assert roster.find("Bo") == roster.find("Reds 8") == 1
    assert roster.find("ANA") == roster.find("a\u200bna") == roster.find("reds  7") == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("team,number,name\nA,7,x\nA,7,y\n", "rows 0 and 1: number 7 twice in the team 'A'"),
        ("team,number,name\nA,7,x\nB,7,x\n", "rows 0 and 1: the name 'x' twice"),
        ("team,number,name\nA,7,José\nB,7,JOSE\u0301\n", "name 'JOSÉ' twice, also spelt 'José'"),
        ("team,number,name\nA,7,x\x1b[2J\n", r"row 0: 'x\\x1b\[2J'; expected a text on one line"),
        ('team,number,name\nA,7,x\nB,7,"y\nz"\n', "row 1: .*expected a text on one line"),
        ("team,number,name\nA,x,x\n", "row 0: 'x' is no shirt number"),
        ("team,number,name\nA,100,x\n", "row 0: '100' is no shirt number"),
        ("team,number,name\n,7,x\n", "row 0: no team or no name"),
        ("team,number,name\nA,7,\n", "row 0: no team or no name"),
        ("team,number\nA,7\n", "needs each of the columns team, number, name"),
        ("team,number,name\n", "empty"),
        ("team,number,name\nA,7,x\nB,7,y\nC,7,z\n", "teams A, B, C; expected two"),
    ],
)
def test_a_roster_that_is_wrong_says_where(tmp_path: Path, text: str, message: str) -> None:
    path = _written(tmp_path, text)
    with pytest.raises(DataError, match=message) as raised:
        read_roster(path)
    assert str(path) in str(raised.value)


def test_no_roster_and_nobody_of_a_name(tmp_path: Path) -> None:
    with pytest.raises(MissingFile):
        read_roster(tmp_path / "none.csv")
    with pytest.raises(DataError, match="Did you mean 'Cleo'"):
        read_roster(_written(tmp_path, GOOD)).find("Cloe")
