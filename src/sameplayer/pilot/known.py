"""Answers that need no person: from a table that says who is who, or from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sameplayer.data.crops import Crops
from sameplayer.errors import DataError
from sameplayer.pilot.answers import Answer, append_answers, read_answers
from sameplayer.pilot.choose import next_pair
from sameplayer.pilot.folder import Pilot
from sameplayer.pilot.told import told, told_by


def answer_from_table(pilot: Pilot, crops: Crops) -> int:
    """Answer all questions by the persons of the footage's own table; return how many.

    A pair with a missing person is answered "unsure". Raises DataError where no pair of the pilot
    has two persons.
    """
    persons = crops.persons()
    rows = pilot.pairs.set_index("pair")[["first_row", "second_row"]]
    pairs = pilot.pairs[["first_row", "second_row"]].to_numpy()
    if pairs.max() >= len(persons) or not (persons[pairs] >= 0).all(axis=1).any():
        raise DataError(
            f"{crops.root}: the table names no two persons of a pair that the pilot asks about; "
            "expected the table of which the pilot was made, with the column person."
        )
    given: list[Answer] = [*told(pilot).answers.items()]
    before = len(given)
    while (pair := next_pair(pilot, told_by(pilot, given))) is not None:
        both = persons[rows.loc[pair].to_numpy(dtype=np.int64)]
        said = "unsure" if (both < 0).any() else "yes" if both[0] == both[1] else "no"
        given.append((pair, said))
    append_answers(pilot.folder, given[before:])
    return len(given) - before


def answer_from_file(pilot: Pilot, path: str | Path) -> int:
    """Take the answers of a .csv with pair,answer, all or none; return how many.

    Raises MissingFile, and DataError naming the line of an unknown pair or answer.
    """
    rows = read_answers(Path(path), pilot.pairs["pair"])
    if rows:
        append_answers(pilot.folder, rows)
    return len(rows)
