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


def hold_out(crops: Crops, share: float = 0.3, seed: int = 1) -> Crops:
    """Give a share of the persons the roles query and gallery, all others the role train.

    Nobody has both. A person with one picture is trained on nowhere and matched by nothing, so
    such persons become distractors; rows without a person stay out. Raises DataError when fewer
    than two persons would be on either side.
    """
    if not 0 < share < 1:
        raise DataError(f"--share is {share}; expected more than 0 and less than 1.")
    crops = crops.where(crops.persons() >= 0)
    persons = crops.persons()
    counts = np.bincount(persons, minlength=1)
    paired = np.flatnonzero(counts >= 2)
    held = np.random.default_rng(seed).permutation(paired)[: round(share * len(paired))]
    if min(len(held), len(paired) - len(held)) < 2:
        raise DataError(
            f"{crops.root}: {len(paired)} persons with two or more pictures; a share of {share} "
            "leaves fewer than 2 on one side. Bring more persons or change --share."
        )
    tested = draw_query_gallery(crops.where(np.isin(persons, held)))
    trained = crops.table[np.isin(persons, np.setdiff1d(paired, held))].assign(role="train")
    single = crops.table[counts[persons] < 2].assign(role="distractor", person=None)
    parts = [trained.assign(split="training"), tested.table.assign(split="test")]
    parts += [single.assign(split="test")] if len(single) else []
    return replace(crops, table=pd.concat(parts, ignore_index=True))
