"""What a crop table says of the pictures that are enrolled: whose they are, and their facts."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any

import pandas as pd

from sameplayer.common.dates import MOMENT, iso_moment
from sameplayer.common.names import clean_name, is_one_line
from sameplayer.data.crops import Crops
from sameplayer.errors import DataError
from sameplayer.gallery.core.means import FACTS

# What a log calls somebody whom it cannot name: another person in the next log.
NOBODY = re.compile(r"(.+ )?unknown \d+", re.IGNORECASE)


def person_names(crops: Crops) -> list[str | None]:
    """Return the name of each row's person, with its scope; None where the row names nobody.

    Raises DataError where no row names anybody, and for names such as "white unknown 3" that hold
    within one log only, unless the table says within which game or sequence its names hold.
    """
    table = crops.table
    names: list[str | None] = []
    scopes = None if crops.scope is None else table[crops.scope]
    for row, person in enumerate(table["person"]):
        if pd.isna(person):
            names.append(None)
            continue
        if scopes is None and NOBODY.fullmatch(str(person)):
            raise DataError(
                f"{crops.root}: row {row} names {str(person)!r}, whom a log calls so since it "
                "cannot tell who it is: in another log that is somebody else. Nothing was changed. "
                "Name the person, empty the cell, or read the table with the scope 'game', within "
                "which such names hold."
            )
        scope = "" if scopes is None else f"{scopes.iat[row]}/"
        names.append(_at(crops, row, "person", lambda name: clean_name(name), f"{scope}{person}"))
    if not any(names):
        raise DataError(
            f"{crops.root}: none of {len(names)} rows names a person; expected a name for each "
            "picture that is to be enrolled. Ask who the others are."
        )
    return names


def facts_of(crops: Crops) -> list[dict[str, str | None]]:
    """Return track, team, game, camera and taken of each row, as far as the table has them.

    Raises DataError, naming the row, for a date that is not ISO and for a text of several lines.
    """
    columns = {"track": "sequence", **{name: name for name in FACTS[1:]}}
    facts: list[dict[str, str | None]] = [{} for _ in range(len(crops))]
    for name, column in columns.items():
        if column not in crops.table.columns:
            continue
        read = _moment if name == "taken" else _line
        for row, value in enumerate(crops.table[column]):
            facts[row][name] = None if pd.isna(value) else _at(crops, row, column, read, value)
    return facts


def _at(crops: Crops, row: int, column: str, read: Any, value: Any) -> str:
    """Return what a cell says; DataError names the row where it cannot be taken."""
    try:
        found: str = read(value)
    except DataError as error:
        where = f"{crops.root}: row {row} ({crops.path(row).name}), column {column!r}"
        raise DataError(f"{where}: {error}") from None
    return found


def _line(value: Any) -> str:
    text = str(value)
    if not is_one_line(text):
        raise DataError(f"{text!r}; expected a text on one line, without control characters.")
    return text


def _moment(value: Any) -> str:
    text = str(value)
    if isinstance(value, datetime) and value == value.replace(
        hour=0, minute=0, second=0, microsecond=0
    ):
        text = value.date().isoformat()  # a column of days, as Parquet keeps it
    elif isinstance(value, date):
        text = value.isoformat()
    found = iso_moment(text.strip())
    if found is None:
        raise DataError(f"{text!r} is not an ISO date; expected {MOMENT}.")
    return found
