"""Rates: how fast one core of one machine was seen to do each step, and RATES, those measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from sameplayer.errors import DataError, MissingFile


@dataclass(frozen=True)
class Rates:
    """What one core does a second; measured with rows of some number of columns."""

    columns: int
    """Columns of the rows that were measured."""
    nonzeros: float
    """Mean non-zeros of a row's weights in what was measured; of its means as well."""
    person: float
    """Crops embedded by ``person``, read and decoded."""
    vit_b16: float
    """Crops embedded by a ViT-B/16 at 224 x 224."""
    vit_l14: float
    """Crops embedded by a ViT-L/14 at 224 x 224."""
    product: float
    """Floating-point operations of a large matrix product."""
    scanned: float
    """Similarities turned into distances and compared with the end of a list."""
    moved: float
    """Places that entries move in lists when a nearer one comes in."""
    merged: float
    """Rows of a part of lists merged into those before."""
    halves: float
    """Rows whose smaller reciprocal sets are found; every task of weights does it for all rows."""
    weights: float
    """Rows that get weights, without the smaller sets."""
    looked: float
    """Weights looked at for a distance that no list holds, once for each block."""
    means: float
    """Rows averaged over their neighbours."""
    answers: float
    """Queries answered."""
    turned: float
    """Columns passed when sparse rows are turned into columns, once for each pair of blocks."""
    read: float
    """Bytes of a part read, checked and made arrays again."""
    written: float
    """Bytes of a part written and digested."""
    process: float
    """Bytes of memory of a worker before it has read anything."""


def read_rates(path: str | Path) -> dict[int, Rates]:
    """Read what ``benchmarks/scale/rates.py`` saved: number of columns -> Rates.

    Raises MissingFile where there is none, DataError for anything else.
    """
    path = Path(path)
    try:
        return {
            int(columns): _rates(found) for columns, found in json.loads(path.read_text()).items()
        }
    except FileNotFoundError:
        raise MissingFile(
            f"{path}: no such file; make it with: python benchmarks/scale/rates.py --json {path}"
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        raise DataError(
            f"{path}: no rates ({type(error).__name__}: {error}). Expected what "
            "benchmarks/scale/rates.py writes: for each number of columns, all rates above 0."
        ) from error


def _rates(found: Mapping[str, float]) -> Rates:
    numbers = {one.name: float(found[one.name]) for one in fields(Rates)}
    for name, value in numbers.items():
        if not 0 < value < float("inf"):
            raise ValueError(f"{name} is {value}")
    columns = int(numbers.pop("columns"))
    return Rates(columns, **numbers)


def write_rates(path: str | Path, rates: Mapping[int, Rates]) -> None:
    """Write rates as JSON, for ``read_rates``."""
    found = {str(columns): asdict(one) for columns, one in rates.items()}
    Path(path).write_text(json.dumps(found, indent=2) + "\n")


RATES: dict[int, Rates] = {
    256: Rates(
        columns=256,
        nonzeros=23.02,
        person=19.91,
        vit_b16=1.705,
        vit_l14=0.3404,
        product=7.061e10,
        scanned=4.759e08,
        moved=8.018e08,
        merged=6.951e05,
        halves=3.385e06,
        weights=5.862e04,
        looked=5.645e08,
        means=1.227e06,
        answers=1.048e04,
        turned=4.953e08,
        read=2.159e08,
        written=2.639e08,
        process=1.06e09,
    ),
    512: Rates(
        columns=512,
        nonzeros=23.02,
        person=19.91,
        vit_b16=1.705,
        vit_l14=0.3404,
        product=7.061e10,
        scanned=4.759e08,
        moved=8.018e08,
        merged=6.951e05,
        halves=3.385e06,
        weights=5.862e04,
        looked=5.645e08,
        means=1.227e06,
        answers=1.048e04,
        turned=4.953e08,
        read=2.159e08,
        written=2.639e08,
        process=1.06e09,
    ),
}
"""Number of columns -> rates of one core of a server of 2024: AMD EPYC 9004, AVX-512."""
