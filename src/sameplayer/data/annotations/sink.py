"""A JSON list of boxes under the names of a table, as supervision's JSONSink writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.data.annotations.box_table import COLUMNS, boxes_in
from sameplayer.data.annotations.rows import Rows, objects
from sameplayer.data.annotations.table import Annotations
from sameplayer.data.column_names import plain
from sameplayer.data.tables import Table


def is_sink(data: Any) -> bool:
    """Tell whether JSON is a list of objects, each a row of a table."""
    return isinstance(data, list) and all(isinstance(one, dict) for one in data[:100])


def read_sink(data: Any, path: Path) -> Annotations:
    """Read a list of objects, each a box, under the names that columns of boxes have.

    Numbers may stand there as texts. Raises DataError, with the entry, for what is no number.
    """
    boxes = [one for _, one in objects(Rows(path), data, "box")]
    keys = {plain(key): key for one in boxes for key in one}
    columns: dict[str, list[Any]] = {}
    for name, others in COLUMNS.items():
        key = next((keys[plain(one)] for one in (name, *others) if plain(one) in keys), None)
        if key is not None:
            columns[name] = [one.get(key) for one in boxes]
    table = pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})
    if not boxes:
        table = pd.DataFrame(columns=["frame", "left", "top", "width", "height"], dtype=float)
    return boxes_in(Table(table, np.arange(1, len(boxes) + 1)), path)
