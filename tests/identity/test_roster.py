"""The roster: who plays."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
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
    assert roster.find("Bo") == roster.find("Reds 8") == 1
    assert roster.find("ANA") == roster.find("a\u200bna") == roster.find("reds  7") == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("team,number,name\nA,7,x\nA,7,y\n", "rows 2 and 3: number 7 twice in the team 'A'"),
        ("team,number,name\nA,7,x\nB,7,x\n", "rows 2 and 3: the name 'x' twice"),
        ("team,number,name\nA,7,José\nB,7,JOSE\u0301\n", "name 'JOSÉ' twice, also spelt 'José'"),
        ("team,number,name\nA,7,x\x1b[2J\n", r"row 2: the control character '\\x1b' in"),
        ('team,number,name\nA,7,x\nB,7,"y\nz"\n', "row 3: .*expected each cell on one line"),
        ("team,number,name\nA,x,x\n", "row 2: 'x' is no shirt number"),
        ("team,number,name\nA,100,x\n", "row 2: '100' is no shirt number"),
        ("team,number,name\n,7,x\n", "row 2: no team or no name"),
        ("team,number,name\nA,7,\n", "row 2: no team or no name"),
        ("team,number\nA,7\n", "needs the column name; found the columns team, number"),
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


@pytest.mark.parametrize(
    "text",
    [
        "Team;No.;Player\nReds;07;Ana\nReds;8.0;Bo\n",
        "club\tShirt\tplayer name\nReds\t7\tAna\nReds\t#8\tBo\n",
        "team,nr,name,role\nReds,7,Ana,goalkeeper\nReds,8,Bo,\nReds,,Cy,Coach\nRef,1,Di,referee\n",
    ],
)
def test_rosters_as_clubs_have_them_are_read(tmp_path: Path, text: str) -> None:
    players = read_roster(_written(tmp_path, text)).players
    assert [(one.team, one.number, one.name) for one in players] == [
        ("Reds", "7", "Ana"),
        ("Reds", "8", "Bo"),
    ]


def test_a_data_frame_takes_the_same_column_names_as_a_file() -> None:
    table = pd.DataFrame({"club": "Reds", "No.": [7.0, 8.0], "player": ["Ana", "Bo"]})
    players = read_roster(table).players
    assert [(one.team, one.number, one.name) for one in players] == [
        ("Reds", "7", "Ana"),
        ("Reds", "8", "Bo"),
    ]


@pytest.mark.parametrize("first", ["sep=;\r\n", '"sep=;"\n', "SEP=;;;\n"])
def test_a_first_line_may_name_the_separator(tmp_path: Path, first: str) -> None:
    path = _written(tmp_path, "")
    path.write_text(f"{first}Club;N°;Player\nReds;7;Ana, the elder\n", encoding="utf-16")
    (player,) = read_roster(path).players
    assert (player.team, player.number, player.name) == ("Reds", "7", "Ana, the elder")


def test_the_team_may_be_left_out_where_there_is_one(tmp_path: Path) -> None:
    assert read_roster(_written(tmp_path, "number,name\n7,Ana\n00,Bo\n")).teams == ("roster",)


def test_errors_name_the_row_of_the_file_and_columns_as_they_stand_there(tmp_path: Path) -> None:
    text = "team,number,name,role\nA,,Cy,coach\nA,x,Ana,\n"
    with pytest.raises(DataError, match="row 3: 'x' is no shirt number"):
        read_roster(_written(tmp_path, text))
    with pytest.raises(DataError, match="found the columns Team, Rücken, Player"):
        read_roster(_written(tmp_path, "Team,Rücken,Player\nA,7,Ana\n"))
    with pytest.raises(DataError, match=r"row 2: the control character '\\x1b' in 'A\\x1b\[2J'"):
        read_roster(_written(tmp_path, "team,number,name\nA,7,A\x1b[2J\n"))


def test_columns_that_are_read_as_others_or_not_used_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    read_roster(_written(tmp_path, "No.,Player,born,height\n7,Ana,2000,180\n"))
    assert "The column 'No.' is read as 'number'." in caplog.text
    assert "Not used: the column born, height." in caplog.text


def test_officials_that_are_left_out_are_told_and_players_who_coach_stay(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = "number,name,team,role\n7,Ana,X,Player-coach\n8,Bo,X,Head coach\n"
    assert [one.name for one in read_roster(_written(tmp_path, text)).players] == ["Ana"]
    assert (
        "Left out by their role, not players: 1, such as 'Bo' (Head coach, row 3)." in caplog.text
    )
