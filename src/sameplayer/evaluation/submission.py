"""The challenge's file: a csv distance matrix with ids in the first row and column."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sameplayer.data.crops import Crops
from sameplayer.errors import DataError, RankingError
from sameplayer.files import whole_file


def write_submission(
    path: str | Path, distance: np.ndarray, query_ids: np.ndarray, gallery_ids: np.ndarray
) -> None:
    """Write (m + 1) x (n + 1) values: 0 and gallery ids, then a query id and its distances.

    Ids are plain integers, distances have five decimals, smaller is closer. The file appears
    whole or not at all.
    """
    distance = np.asarray(distance)
    if distance.shape != (len(query_ids), len(gallery_ids)):
        raise RankingError(
            f"Distances of shape {distance.shape} do not fit {len(query_ids)} query and "
            f"{len(gallery_ids)} gallery ids."
        )
    bad = np.argwhere(~np.isfinite(distance))
    if len(bad):
        raise RankingError(f"The distance in row {bad[0][0]}, column {bad[0][1]} is not finite.")
    with whole_file(path) as partial, open(partial, "w", newline="") as file:
        file.write(",".join(["0", *(str(int(i)) for i in gallery_ids)]) + "\n")
        for name, row in zip(query_ids, distance, strict=True):
            file.write(",".join([str(int(name)), *(f"{value:.5f}" for value in row)]) + "\n")


def read_submission(path: str | Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (distance (m, n) float64, query ids (m,), gallery ids (n,)) of a submission.

    Raises DataError with line and column for a wrong header, a missing cell or no number.
    """
    path = Path(path)
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}).") from error
    cells = [line.split(",") for line in lines if line.strip()]
    if len(cells) < 2 or cells[0][0].strip() not in ("0", "0.0", "0.00000"):
        raise DataError(f"{path}: expected a header of 0 and gallery ids, then a line a query.")
    width = len(cells[0])
    values = np.empty((len(cells), width))
    for line, row in enumerate(cells):
        if len(row) != width:
            raise DataError(f"{path}, line {line + 1}: {len(row)} cells; expected {width}.")
        for column, cell in enumerate(row):
            try:
                values[line, column] = float(cell)
            except ValueError:
                raise DataError(
                    f"{path}, line {line + 1}, column {column + 1}: expected a number, found "
                    f"{cell!r}."
                ) from None
    return values[1:, 1:], values[1:, 0].astype(np.int64), values[0, 1:].astype(np.int64)


def submission_ids(crops: Crops) -> np.ndarray:
    """Return (n,) integer ids: the column ``id``, as in the challenge's file names."""
    if "id" not in crops.table.columns:
        raise DataError(f"{crops.root}: a submission needs integer ids in a column 'id'.")
    try:
        return crops.table["id"].astype(int).to_numpy()
    except (ValueError, TypeError) as error:
        raise DataError(f"{crops.root}: column 'id' holds a value that is no integer.") from error
