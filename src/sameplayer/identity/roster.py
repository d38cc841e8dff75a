"""The roster: who plays, in which team, with which number."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sameplayer.data.crops import read_csv
from sameplayer.data.names import composed, is_one_line, name_key
from sameplayer.errors import DataError, MissingFile, did_you_mean
from sameplayer.numbers.reader import NUMBERS

NEEDED = ("team", "number", "name")
COLUMNS = (*NEEDED, "colour", "role")
LONGEST = 200


@dataclass(frozen=True)
class Player:
    """One row of a roster; colour and role are "" where the roster has none."""

    team: str
    number: str
    name: str
    colour: str = ""
    role: str = ""


@dataclass(frozen=True)
class Roster:
    """The players of one match, of one team or two; no number twice in a team.

    Raises DataError for an empty roster, a third team, a number that is none, a number twice in a
    team, a name twice, in whatever spelling, or a cell with control characters.
    """

    players: tuple[Player, ...]

    def __post_init__(self) -> None:
        if not self.players:
            raise DataError("The roster is empty; expected a player a row.")
        numbers: dict[tuple[str, str], int] = {}
        names: dict[str, int] = {}
        for row, player in enumerate(self.players):
            if player.number not in NUMBERS:
                raise DataError(
                    f"Roster, row {row}: {player.number!r} is no shirt number; expected 0 to 99, "
                    "or 00."
                )
            for cell in (player.team, player.name, player.colour, player.role):
                if not is_one_line(cell):
                    raise DataError(
                        f"Roster, row {row}: {cell!r}; expected a text on one line, without "
                        "control characters."
                    )
            if not player.team or not player.name:
                raise DataError(f"Roster, row {row}: no team or no name; expected both.")
            before = numbers.setdefault((player.team, player.number), row)
            if before != row:
                raise DataError(
                    f"Roster, rows {before} and {row}: number {player.number} twice in the team "
                    f"{player.team!r}; expected each number once in a team."
                )
            before = names.setdefault(name_key(player.name), row)
            if before != row:
                other = self.players[before].name
                spelt = "" if other == player.name else f", also spelt {other!r}"
                raise DataError(
                    f"Roster, rows {before} and {row}: the name {player.name!r} twice{spelt}; add "
                    "an initial or the number to tell the two apart."
                )
        if len(self.teams) > 2:
            raise DataError(f"The roster has the teams {', '.join(self.teams)}; expected two.")

    @property
    def teams(self) -> tuple[str, ...]:
        """The teams in order of their first players."""
        return tuple(dict.fromkeys(player.team for player in self.players))

    @property
    def colours(self) -> dict[str, str]:
        """The colour of each team whose players agree on one."""
        found = {}
        for team in self.teams:
            said = {one.colour.lower() for one in self.players if one.team == team and one.colour}
            if len(said) == 1:
                found[team] = said.pop()
        return found

    def find(self, who: str) -> int:
        """Return the row of a player by name, in whatever spelling, or by "team number".

        Raises DataError, with the nearest name, for one who is not there.
        """
        rows: dict[str, int] = {}
        spelt: list[str] = []
        for row, player in enumerate(self.players):
            rows[name_key(player.name)] = row
            spelt.append(player.name)
        for row, player in enumerate(self.players):
            rows.setdefault(name_key(f"{player.team} {player.number}"), row)
            spelt.append(f"{player.team} {player.number}")
        if name_key(who) not in rows:
            raise DataError(f"{who!r} is not on the roster.{did_you_mean(who, spelt)}")
        return rows[name_key(who)]


def read_roster(path: str | Path) -> Roster:
    """Read a table (.csv) with the columns team, number and name; colour and role if it has them.

    Cells are stripped of spaces. Raises MissingFile, and DataError naming file and row.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f"{path}: no such roster; expected a .csv file.")
    table = read_csv(path, all_text=True)
    table.columns = pd.Index([str(name).strip().lower() for name in table.columns])
    missing = [name for name in NEEDED if name not in table.columns]
    if missing or not table.columns.is_unique:
        raise DataError(
            f"{path}: a roster needs each of the columns {', '.join(NEEDED)} once; found "
            f"{', '.join(table.columns)}."
        )
    cells = table.reindex(columns=list(COLUMNS)).fillna("")
    cells = cells.map(lambda cell: composed(str(cell)).strip())
    rows = [tuple(row) for row in cells.itertuples(index=False)]
    long = next((row for row, cells in enumerate(rows) if max(map(len, cells)) > LONGEST), None)
    if long is not None:
        raise DataError(f"{path}: row {long}: a cell of over {LONGEST} letters; expected a name.")
    try:
        return Roster(tuple(Player(*row) for row in rows))
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
