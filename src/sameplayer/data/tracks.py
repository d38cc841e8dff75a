"""Which rows of a table are pictures of one track."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


def track_keys(table: pd.DataFrame, by: Sequence[str]) -> np.ndarray:
    """Return (n,) integers: rows with equal values in all columns ``by`` share one.

    A row in which one of the columns is missing is a track of its own.
    """
    columns = table[list(by)].astype("string")
    names = columns.fillna("").agg("\x1f".join, axis=1)
    alone = columns.isna().any(axis=1)
    names = names.where(~alone, [f"\x1e{row}" for row in range(len(table))])
    return pd.factorize(names)[0].astype(np.int64)
