"""The roster: who plays, in which team, with which number."""

from __future__ import annotations

import logging
from dataclasses import astuple, dataclass, field
from pathlib import Path

import pandas as pd

from sameplayer.common.names import composed, control_character, name_key
from sameplayer.data.tabular.read_table import read_table
from sameplayer.errors import DataError, did_you_mean
from sameplayer.numbers.reader import NUMBER_ALIASES, NUMBERS, shirt_number

COLUMN_ALIASES = {
    "team": ("club", "squad", "team_name"),
    "number": NUMBER_ALIASES,
    "name": ("player", "player name", "full name"),
    "colour": ("color", "kit"),
    "role": ("position",),
}
"""Column -> other names that rosters give it; of several the first counts."""
OFFICIALS = (
    "coach",
    "referee",
    "umpire",
    "official",
    "trainer",
    "manager",
    "staff",
    "physio",
    "doctor",
)
"""Words in a role of somebody who is not on the field to play."""
LONGEST = 200

log = logging.getLogger(__name__)


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

    rows    of the players in the table that was read, for the words of an error; (): the first
            player is row 2, as below a header

    Raises DataError for an empty roster, a third team, a number that is none, a number twice in a
    team, a name twice, in whatever spelling, or a control character.
    """

    players: tuple[Player, ...]
    rows: tuple[int, ...] = field(default=(), repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.players:
            raise DataError("The roster is empty; expected a player a row.")
        rows = self.rows or range(2, len(self.players) + 2)
        numbers: dict[tuple[str, str], int] = {}
        names: dict[str, tuple[int, str]] = {}
        for row, player in zip(rows, self.players, strict=True):
            strange = control_character("".join(astuple(player)))
            if strange is not None:
                raise DataError(
                    f"Roster, row {row}: the control character {strange!r} in {player.name!r}; "
                    "expected each cell on one line."
                )
            if player.number not in NUMBERS:
                raise DataError(
                    f"Roster, row {row}: {player.number!r} is no shirt number; expected 0 to 99, "
                    "or 00."
                )
            if not player.team or not player.name:
                raise DataError(f"Roster, row {row}: no team or no name; expected both.")
            before = numbers.setdefault((player.team, player.number), row)
            if before != row:
                raise DataError(
                    f"Roster, rows {before} and {row}: number {player.number} twice in the team "
                    f"{player.team!r}; expected each number once in a team."
                )
            first, other = names.setdefault(name_key(player.name), (row, player.name))
            if first != row:
                spelt = "" if other == player.name else f", also spelt {other!r}"
                raise DataError(
                    f"Roster, rows {first} and {row}: the name {player.name!r} twice{spelt}; add "
                    "an initial or the number to tell the two apart."
                )
        if len(self.teams) > 2:
            raise DataError(f"The roster has the teams {', '.join(self.teams)}; expected two.")

    @property
    def teams(self) -> tuple[str, ...]:
        """The teams in order of their first players."""
        return tuple(dict.fromkeys(player.team for player in self.players))

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


def is_official(role: str) -> bool:
    """Tell whether a role, such as "Head coach", is none of a player; a player-coach is one."""
    said = role.lower()
    return any(word in said for word in OFFICIALS) and "player" not in said


def read_roster(source: str | Path | pd.DataFrame) -> Roster:
    """Read a table with the columns number, name and team; colour and role if it has them.

    It may be text, Excel, Parquet or a DataFrame; columns may have the names in COLUMN_ALIASES, and
    numbers may be written 07 or 7.0. Without a column team all are of one team, named after the
    file. Rows whose role is one of OFFICIALS, such as a coach's, are left out. Raises MissingFile,
    and DataError naming file and row, as a spreadsheet counts: the header is row 1.
    """
    path = Path("roster" if isinstance(source, pd.DataFrame) else source)
    source = source if isinstance(source, pd.DataFrame) else path
    read = read_table(source, COLUMN_ALIASES, needed=("number", "name"), what="roster", where=path)
    table = read.table
    if "team" not in table:
        table["team"] = path.stem
    cells = table.reindex(columns=list(COLUMN_ALIASES)).astype("string").fillna("")
    cells = cells.map(lambda cell: composed(cell).strip())
    everybody = [
        (int(row), Player(team, shirt_number(number), name, colour, role))
        for row, (team, number, name, colour, role) in zip(
            read.rows, cells.itertuples(index=False), strict=True
        )
        if any((number, name))
    ]
    officials = [(row, one) for row, one in everybody if is_official(one.role)]
    rows = [one for one in everybody if not is_official(one[1].role)]
    unused = [str(name) for name in table.columns if name not in COLUMN_ALIASES]
    notes = [f"Not used: the column {', '.join(unused)[:200]}."] if unused else []
    if officials:
        row, one = officials[0]
        notes.append(
            f"Left out by their role, not players: {len(officials)}, such as {one.name!r} "
            f"({one.role}, row {row})."
        )
    for note in (*read.notes, *notes):
        log.warning("%s: %s", path, note)
    for row, player in rows:
        if max(map(len, astuple(player))) > LONGEST:
            raise DataError(f"{path}: row {row}: a cell of over {LONGEST} letters.")
    try:
        return Roster(tuple(player for _, player in rows), tuple(row for row, _ in rows))
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
