"""Answers that need no person: from a table that says who is who, or from a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sameplayer.data.crops import Crops
from sameplayer.errors import DataError
from sameplayer.pilot.folder import Pilot
from sameplayer.pilot.labels.acquisition import next_pair
from sameplayer.pilot.labels.answers import Answer, append_answers, read_answers
from sameplayer.pilot.labels.labels import told, told_by


def answer_from_table(pilot: Pilot, crops: Crops) -> int:
    """Answer all questions by the persons of the footage's own table; return how many.

    A pair with a missing person is answered "unsure". Raises DataError where no pair of the pilot
    has two persons.
    """
    given: list[Answer] = [*told(pilot).answers.items()]
    found = answers_by(pilot, class_labels(pilot, crops), given)
    append_answers(pilot.folder, found)
    return len(found)


def class_labels(pilot: Pilot, crops: Crops) -> np.ndarray:
    """Return for each drawn pair 1 where it shows one person, 0 for two, -1 where it is unknown.

    crops    the table of which the pilot was made
    """
    persons = crops.persons()
    rows = pilot.pairs[["first_row", "second_row"]].to_numpy()
    if rows.max() >= len(persons) or not (persons[rows] >= 0).all(axis=1).any():
        raise DataError(
            f"{crops.root}: the table names no two persons of a pair that the pilot asks about; "
            "expected the table of which the pilot was made, with the column person."
        )
    both = persons[rows]
    return np.where((both < 0).any(axis=1), -1, (both[:, 0] == both[:, 1]).astype(int))


def answers_by(pilot: Pilot, labels: np.ndarray, before: Sequence[Answer] = ()) -> list[Answer]:
    """Return the answers that labels (p,) of all drawn pairs give, in the order of asking.

    before    answers that were given already
    """
    given = list(before)
    while (pair := next_pair(pilot, told_by(pilot, given))) is not None:
        given.append((pair, ("no", "yes", "unsure")[labels[pilot.places[pair]]]))
    return given[len(before) :]


def answer_from_file(pilot: Pilot, path: str | Path) -> int:
    """Take the answers of a .csv with pair,answer, all or none; return how many.

    Raises MissingFile, and DataError naming the line of an unknown pair or answer.
    """
    rows = read_answers(Path(path), pilot.places)
    if rows:
        append_answers(pilot.folder, rows)
    return len(rows)
