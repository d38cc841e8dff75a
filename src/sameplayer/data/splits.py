"""Person-disjoint folds and the query/gallery draw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold

from sameplayer.data.crops import Crops
from sameplayer.errors import DataError


def split_by_person(crops: Crops, *, fold: int = 0, folds: int = 10) -> tuple[Crops, Crops]:
    """Return (train, held out): no person of one is in the other.

    Rows without a person stay out of both. Folds are scikit-learn's GroupKFold by person; where
    identities hold within a scope only, by scope and person. Raises DataError when there are
    fewer persons than folds.
    """
    persons = crops.persons()
    rows = np.flatnonzero(persons >= 0)
    found = len(np.unique(persons[rows]))
    if found < folds:
        raise DataError(
            f"{crops.root}: {found} persons cannot be split into {folds} folds; lower --folds or "
            "use --validate none."
        )
    parts = list(GroupKFold(folds).split(rows, groups=persons[rows]))
    train, held = parts[fold]
    return crops.where(rows[train]), crops.where(rows[held])


def draw_query_gallery(crops: Crops) -> Crops:
    """Give the first picture of each person the role query, the rest gallery.

    "First" is by frame where frames are known, else by row; cameras become 0 (query) and
    1 (gallery), as in the Synergy data.
    """
    table = crops.table.copy()
    persons = pd.Series(crops.persons())
    order = table["frame"].fillna(0).astype(float).argsort(kind="stable")
    first = ~persons.iloc[order].duplicated().sort_index().to_numpy()
    table["role"] = np.where(first, "query", "gallery")
    table["camera"] = np.where(first, "0", "1")
    return replace(crops, table=table)
