"""A JSON list of boxes under the names of a table, as supervision's JSONSink writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.data.annotations.box_table import COLUMNS, boxes_in
from sameplayer.data.annotations.columns import BOX_NAMES, CELL_NAMES
from sameplayer.data.annotations.rows import Rows, objects
from sameplayer.data.annotations.table import Annotations
from sameplayer.data.tabular.column_names import plain, usual_names
from sameplayer.data.tabular.read_table import Table


def is_sink(data: Any) -> bool:
    """Tell whether JSON is a list of objects, each a row of a table."""
    return isinstance(data, list) and all(isinstance(one, dict) for one in data[:100])


def read_sink(data: Any, path: Path) -> Annotations:
    """Read a list of objects, each a box, under the names that columns of boxes have.

    Numbers may stand there as texts. Raises DataError, with the entry, for what is no number.
    """
    boxes = [one for _, one in objects(Rows(path), data, "box")]
    known = {plain(one) for name, others in COLUMNS.items() for one in (name, *others)}
    known |= BOX_NAMES | CELL_NAMES
    keys = list({key: None for one in boxes for key in one if plain(key) in known})
    names, notes = usual_names(path, keys, COLUMNS, (), "list of boxes")
    table = pd.DataFrame(
        {
            name: pd.Series([one.get(key) for one in boxes], dtype=object).infer_objects()
            for key, name in zip(keys, names, strict=True)
        }
    )
    if not boxes:
        table = pd.DataFrame(columns=["frame", "left", "top", "width", "height"], dtype=float)
    return boxes_in(Table(table, np.arange(1, len(boxes) + 1), (*notes,)), path)
