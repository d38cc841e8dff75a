"""NEGATIVES: who shares a batch, since every other pair of a batch is a negative.

A choice says where the persons stand as points; a batch is then one person, drawn at random, with
those nearest to him. An own one is ``NEGATIVES["mine"] = Negatives(function)``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import lazy_loader

from sameplayer.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from sameplayer.data.crops import Crops
else:
    np = lazy_loader.load("numpy")  # the command line reads the names of NEGATIVES at its start

Points: TypeAlias = "np.ndarray | None"


@dataclass(frozen=True)
class Negatives:
    """Where persons stand when batches are drawn.

    points     of the training rows, and of the persons' mean unit features (persons, d) after the
               last epoch where ``embeds``, else None: points (persons, p), or None for anywhere
    embeds     embed the training rows after every epoch
    columns    of the table on which the points depend
    """

    points: Callable[[Crops, Points], Points]
    embeds: bool = False
    columns: tuple[str, ...] = ()


def team_points(learn: Crops, means: Points = None) -> np.ndarray:
    """Return (persons, d) in which team mates coincide and the other team of a game is near.

    Raises DataError where a person's game or team is not known.
    """
    import pandas as pd

    persons, table = learn.persons(), learn.table
    first = pd.Series(persons).drop_duplicates()
    first = first[first >= 0]
    games, teams = (table[name].iloc[first.index] for name in ("game", "team"))
    missing = np.flatnonzero((games.isna() | teams.isna()).to_numpy())
    if len(missing):
        row = int(first.index[missing[0]])
        raise DataError(
            f"{learn.root}: team mates as negatives need the columns game and team; row {row}, "
            f"{table['image'].iat[row]}, has not both. Add them to the table, or put a file "
            "persons.csv (person,game,team) into the folder."
        )
    both = games.astype(str) + "/" + teams.astype(str)
    marks = [pd.get_dummies(names).to_numpy(np.float32) for names in (games, both)]
    points = np.zeros((persons.max() + 1, sum(mark.shape[1] for mark in marks)), np.float32)
    points[first.to_numpy()] = np.concatenate(marks, axis=1)
    return points


NEGATIVES: dict[str, Negatives] = {
    "random": Negatives(lambda learn, means: None),
    "team": Negatives(team_points, columns=("game", "team")),
    "nearest": Negatives(lambda learn, means: means, embeds=True),
}
