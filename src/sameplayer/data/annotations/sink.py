"""A JSON list of boxes under the names of a table, as supervision's JSONSink writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.data.annotations.table import Annotations


def is_sink(data: Any) -> bool:
    """Tell whether JSON is a list of objects, each a row of a table."""
    return isinstance(data, list) and all(isinstance(one, dict) for one in data[:100])


def read_sink(data: Any, path: Path) -> Annotations:
    raise NotImplementedError
