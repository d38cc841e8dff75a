"""Person-disjoint folds and the query/gallery draw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from sameplayer.data.crops import Crops
from sameplayer.data.roles import drawn_roles
from sameplayer.errors import DataError, SettingError, refuse_other_types


def split_by_person(crops: Crops, *, fold: int = 0, folds: int = 10) -> tuple[Crops, Crops]:
    """Return (training, held-out) crops without a common person.

    Rows without a person stay out of both. The folds are those of scikit-learn's GroupKFold by
    person; where identities hold within a scope only, by scope and person. Raises SettingError
    for an unknown fold, DataError when there are fewer persons than folds.

    >>> table = pd.DataFrame({"image": ["a.png", "b.png", "c.png"], "person": ["1", "1", "2"]})
    >>> train, held_out = split_by_person(Crops(table, "pictures"), fold=0, folds=2)
    >>> train.table["image"].tolist(), held_out.table["image"].tolist()
    (['c.png'], ['a.png', 'b.png'])
    """
    refuse_other_types(
        "split_by_person", "Read a folder or file with read_source.", crops=(crops, Crops)
    )
    if folds < 2:
        raise SettingError("folds", folds, "2 or more")
    if not 0 <= fold < folds:
        raise SettingError("fold", fold, f"0 to {folds - 1} with {folds} folds")
    persons = crops.persons()
    rows = np.flatnonzero(persons >= 0)
    counts = np.bincount(persons[rows])
    if len(counts) < folds:
        raise DataError(
            f"{crops.root}: {len(counts)} persons cannot be split into {folds} folds; ask for "
            "fewer folds, or for no validation."
        )
    held = np.isin(persons[rows], np.flatnonzero(_folds(counts, folds) == fold))
    return crops.where(rows[~held]), crops.where(rows[held])


def draw_query_gallery(crops: Crops) -> Crops:
    """Give the first picture of each person the role query, the rest gallery.

    "First" is by frame where frames are known, else by row; a row without a person is gallery.
    Cameras stay as they are, since scoring leaves out the pictures that the query's own camera
    took. Only where that leaves a person no match at all, in a table of one camera say, the query's
    camera is renamed from "3" to "3/query"; a missing camera stays so.

    >>> table = pd.DataFrame({"image": ["a.png", "b.png", "c.png"], "person": ["1", "1", "2"]})
    >>> draw_query_gallery(Crops(table, "pictures")).table["role"].tolist()
    ['query', 'gallery', 'query']
    """
    table = crops.table
    drawn = drawn_roles(crops.persons(), table["frame"], table["camera"])
    table["role"], table["camera"] = drawn["role"], drawn["camera"]
    return replace(crops, table=table)


def hold_out(crops: Crops, share: float = 0.3, seed: int = 0) -> Crops:
    """Give a share of the persons the roles query and gallery, all others the role train.

    Nobody is on both sides. A person with a single picture has no training pair and no match, and
    becomes a distractor; rows without a person are left out. Queries and cameras are as in
    ``draw_query_gallery``. Raises SettingError for a share outside 0 to 1, DataError when
    either side would have fewer than two persons.
    """
    if not 0 < share < 1:
        raise SettingError("share", share, "more than 0 and less than 1")
    crops = crops.where(crops.persons() >= 0)
    persons = crops.persons()
    counts = np.bincount(persons, minlength=1)
    paired = np.flatnonzero(counts >= 2)
    held = np.random.default_rng(seed).permutation(paired)[: round(share * len(paired))]
    if min(len(held), len(paired) - len(held)) < 2:
        raise DataError(
            f"{crops.root}: {len(paired)} persons with two or more pictures; a share of {share} "
            "leaves fewer than 2 on one side. Add persons or change the share."
        )
    tested = draw_query_gallery(crops.where(np.isin(persons, held)))
    trained = crops.table[np.isin(persons, np.setdiff1d(paired, held))].assign(role="train")
    single = crops.table[counts[persons] < 2].assign(role="distractor", person=None)
    parts = [trained.assign(split="training"), tested.table.assign(split="test")]
    parts += [single.assign(split="test")] if len(single) else []
    return replace(crops, table=pd.concat(parts, ignore_index=True))


def _folds(counts: np.ndarray, folds: int) -> np.ndarray:
    """Return the fold of each person: the one with most pictures first, into the lightest fold."""
    fold, filled = np.empty(len(counts), np.int64), np.zeros(folds, np.int64)
    for person in np.argsort(counts, kind="stable")[::-1]:
        fold[person] = filled.argmin()
        filled[fold[person]] += counts[person]
    return fold
