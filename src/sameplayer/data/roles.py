"""Roles of pictures: checks, the draw of queries, and roles from a column ``split``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from sameplayer.data.columns import ROLES
from sameplayer.errors import DataError

# A word in the column ``split`` of a table without roles -> role and split; no role: it is drawn.
SPLITS = {
    "train": ("train", "training"),
    "training": ("train", "training"),
    "query": ("query", "test"),
    "probe": ("query", "test"),
    "gallery": ("gallery", "test"),
    "distractor": ("distractor", "test"),
    "test": ("", "test"),
    "val": ("", "valid"),
    "valid": ("", "valid"),
    "validation": ("", "valid"),
    "challenge": ("", "challenge"),
}


def checked_roles(roles: tuple[str, ...]) -> tuple[str, ...]:
    """Return the roles. Raises DataError for an unknown one."""
    unknown = [role for role in roles if not isinstance(role, str) or role not in ROLES]
    if unknown:
        found = repr(unknown[0]) if isinstance(unknown[0], str) else type(unknown[0]).__name__
        raise DataError(
            f"Unknown role {found}; expected one or more of {', '.join(ROLES)}. To select rows by "
            "a mask or by positions, use where()."
        )
    return roles


def drawn_roles(persons: np.ndarray, frames: pd.Series, cameras: pd.Series) -> pd.DataFrame:
    """Return the columns role and camera of pictures: each person's first is the query.

    persons    (n,) integers; -1, where the person is missing, is gallery
    frames     (n,) decide which is first, where they are known; else the row
    cameras    (n,) text. That of a query whose person was seen by no other is renamed from "3" to
               "3/query", since scoring leaves out the pictures that the query's own camera took
    """
    people = pd.Series(persons)
    order = frames.fillna(0).astype(float).argsort(kind="stable")
    first = ~people.iloc[order].duplicated().sort_index().to_numpy() & (persons >= 0)
    different = cameras.fillna("").groupby(persons).transform("nunique")
    alone = first & (different == 1).to_numpy() & cameras.notna().to_numpy()
    cameras = cameras.mask(pd.Series(alone, cameras.index), cameras + "/query")
    return pd.DataFrame({"role": np.where(first, "query", "gallery"), "camera": cameras})


def roles_of_split(
    table: pd.DataFrame, path: Path, scope: str | None = None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return a table read from ``path`` with roles by its column ``split``.

    Where a column ``role`` is there and not empty, the table stays as it is. A note says what was
    done. Raises DataError for a word in ``split`` that SPLITS does not know.
    """
    if "split" not in table or not ("role" not in table or table["role"].isna().all()):
        return table, ()
    return with_roles(table, path, scope), ("Roles are those that the column 'split' says.",)


def with_roles(table: pd.DataFrame, path: Path, scope: str | None) -> pd.DataFrame:
    """Return the table with roles and splits by its column ``split``, as SPLITS maps it.

    Raises DataError for a word that is not known.
    """
    table = table.reset_index(drop=True)
    words = table["split"].astype("string").str.strip().str.lower()
    unknown = sorted(set(words.dropna()) - set(SPLITS) - {""})
    if unknown:
        raise DataError(
            f"{path}: the column 'split' holds {unknown[0]!r}, and no column 'role' says what its "
            f"pictures are for; expected one of {', '.join(SPLITS)}, or a column 'role'."
        )
    pairs = [SPLITS.get(word, ("gallery", pd.NA)) for word in words.fillna("")]
    table["role"], table["split"] = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    key = [name for name in ("person", scope) if name and name in table]
    for split in ("test", "valid", "challenge"):
        rows = np.flatnonzero((table["role"] == "") & (table["split"] == split))
        part = table.iloc[rows]
        people = np.full(len(part), -1)
        if "person" in part:
            people = part.groupby(key, sort=False).ngroup().fillna(-1).to_numpy(dtype=np.int64)
        frames = pd.to_numeric(_column(part, "frame"), errors="coerce").reset_index(drop=True)
        cameras = _column(part, "camera").astype("string").reset_index(drop=True)
        drawn = drawn_roles(people, frames, cameras)
        table.loc[rows, "role"] = drawn["role"].to_numpy()
        if "camera" in table:
            table["camera"] = table["camera"].astype("string")
            table.loc[rows, "camera"] = drawn["camera"].to_numpy()
    return table


def _column(table: pd.DataFrame, name: str) -> pd.Series:
    return table[name] if name in table else pd.Series(pd.NA, table.index, dtype="object")
