"""Which rows of a crop table are one track."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sameplayer.data.crops import Crops
from sameplayer.errors import SettingError


def track_keys(table: pd.DataFrame, by: Sequence[str]) -> np.ndarray:
    """Return (n,) integers: rows with equal numbers are one track, numbered as they first appear.

    by    columns that together name a track; a row that lacks one of them stays alone

    Raises SettingError for a column that the table has not, and for no column.
    """
    missing = [name for name in by if name not in table.columns]
    if missing or not by:
        known = ", ".join(map(str, table.columns))
        raise SettingError("by", " ".join(missing) or "empty", f"columns of the table: {known}")
    codes = np.stack([pd.factorize(table[name].astype("string"))[0] for name in by], axis=1)
    alone = (codes < 0).any(axis=1)
    codes[alone] = -1
    rows = np.where(alone, np.arange(len(table)), -1)
    named = pd.DataFrame(np.column_stack([codes, rows]))
    return named.groupby(list(named.columns), sort=False).ngroup().to_numpy()


def one_track_each(crops: Crops) -> bool:
    """Tell whether all pictures of each person are one track, so that finding them says nothing.

    A track is one appearance before one camera, as the log of a match writes it: sequence, camera
    and frame (and track, where there is such a column) are known for every picture of a person. In
    a scope of sequences every person has one, and nothing else can be asked.
    """
    table, persons = crops.table, crops.persons()
    by = ["sequence", "camera", *(["track"] if "track" in table else [])]
    known = persons >= 0
    if crops.scope == "sequence" or not known.any():
        return False
    if table.loc[known, ["frame", *by]].isna().to_numpy().any():
        return False
    tracks = pd.Series(track_keys(table, by)[known]).groupby(persons[known])
    several = tracks.size() > 1
    return bool(several.any()) and bool((tracks.nunique()[several] == 1).all())
