"""What the persons of a drawn league look like, in words: columns to score by."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from sameplayer.common.files import write_text
from sameplayer.data.tabular.read_table import read_table
from sameplayer.errors import DataError, MissingFile
from sameplayer.synthetic.league import HAIRS, KITS, SKINS, make_person
from sameplayer.synthetic.players import Colour, Person

KIT_NAMES = ("red", "blue", "white", "black", "yellow", "green")
SKIN_NAMES = ("1 lightest", "2 light", "3 middle", "4 dark", "5 darkest")
HAIR_NAMES = ("black", "brown", "blond", "ginger", "grey")
BUILDS = ((0.95, "slim"), (1.1, "middle"), (9.9, "broad"))  # girths up to each


def looks_of(person: Person) -> dict[str, str]:
    """Return the columns kit, skin, hair, build, sleeve and headband of one person.

    hair is "none" where no hair is drawn; a colour without a name is given as #rrggbb.
    """
    named = {"kit": (person.kit, KITS, KIT_NAMES), "skin": (person.skin, SKINS, SKIN_NAMES)}
    looks = {name: _name(*colours) for name, colours in named.items()}
    looks["kit"] = "referee" if person.referee else looks["kit"]
    looks["hair"] = _name(person.hair, HAIRS, HAIR_NAMES) if person.hair_style else "none"
    looks["build"] = next(name for most, name in BUILDS if person.girth <= most)
    looks["sleeve"] = "no" if person.sleeve is None else "yes"
    looks["headband"] = "no" if person.headband is None else "yes"
    return looks


def write_looks(league: str | Path, seed: int) -> Path:
    """Add the columns of ``looks_of`` to persons.csv of a drawn league; return the file.

    league    the folder that ``draw_league`` returned: it holds persons.csv
    seed      the one that the league was drawn with

    The pictures stay as they are, and ``read_source`` gives the columns to every picture. Raises
    MissingFile, or DataError where the league was drawn with another seed.
    """
    path = Path(league) / "persons.csv"
    if not path.is_file():
        raise MissingFile(f"{path}: no such file; expected the folder data_reid of a drawn league.")
    table = read_table(path, {}, what="table of persons").table
    missing = [name for name in ("person", "number", "kind") if name not in table.columns]
    if missing or not table["person"].fillna("").str.fullmatch("[1-9][0-9]{0,6}").all():
        raise DataError(f"{path}: not of a drawn league; expected person, number and kind.")
    persons = [make_person(int(name) - 1, seed) for name in table["person"]]
    numbers = table["number"].fillna("").tolist()
    wrong = [row for row, one in enumerate(persons) if one.number != numbers[row]]
    if wrong:
        raise DataError(
            f"{path}: person {table['person'].iat[wrong[0]]} has the number "
            f"{numbers[wrong[0]]!r}, but {persons[wrong[0]].number!r} by seed {seed}; expected the "
            "seed that the league was drawn with."
        )
    looks = pd.DataFrame([looks_of(one) for one in persons])
    write_text(path, pd.concat([table, looks], axis=1).to_csv(index=False))
    return path


def _name(colour: Colour, colours: tuple[Colour, ...], names: tuple[str, ...]) -> str:
    known = dict(zip(colours, names, strict=False))
    return known.get(colour, "#{:02x}{:02x}{:02x}".format(*colour))
