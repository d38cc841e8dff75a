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


def rates_for(columns: int, path: str | Path | None = None) -> Rates:
    """Return the rates for rows of so many columns, or of the nearest number that was measured.

    path    what ``benchmarks/scale/rates.py`` saved; None: RATES
    """
    measured = RATES if path is None else read_rates(path)
    return measured[min(measured, key=lambda known: abs(known - columns))]


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
            f"{path}: no such file; benchmarks/scale/rates.py of the repository writes one."
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
        nonzeros=23.5,
        person=16.8,
        vit_b16=1.78,
        vit_l14=0.34,
        product=7.86e10,
        scanned=4.51e08,
        moved=7.95e08,
        merged=5.17e05,
        halves=2.16e06,
        weights=4.12e04,
        looked=5.97e08,
        means=3.32e05,
        answers=5410,
        turned=5.41e08,
        read=2.58e08,
        written=2.69e08,
        process=1.05e09,
    ),
    512: Rates(
        columns=512,
        nonzeros=22.9,
        person=16.8,
        vit_b16=1.78,
        vit_l14=0.34,
        product=8.13e10,
        scanned=4.26e08,
        moved=7.5e08,
        merged=5.42e05,
        halves=2.05e06,
        weights=3.29e04,
        looked=4.62e08,
        means=2.79e05,
        answers=4420,
        turned=3.42e08,
        read=2.66e08,
        written=2.4e08,
        process=1.05e09,
    ),
}
"""Number of columns -> rates measured on a shared server with AVX-512: means of two runs.

The page "What scale costs" has both runs, and how busy the machine was.
"""
