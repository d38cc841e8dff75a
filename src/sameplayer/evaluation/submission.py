"""The challenge's file: a csv distance matrix with ids in the first row and column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sameplayer.common.files import whole_file
from sameplayer.data.crops import Crops
from sameplayer.errors import DataError, MissingFile, RankingError
from sameplayer.ranking.fusion import TOP, Fusion, Normalisation, fuse
from sameplayer.ranking.ranking import Ranking


def write_submission(
    path: str | Path, distance: np.ndarray, query_ids: np.ndarray, gallery_ids: np.ndarray
) -> None:
    """Write (m + 1) x (n + 1) values: 0 and gallery ids, then a query id and its distances.

    Ids are plain integers, distances have five decimals, smaller is closer. The file appears
    whole or not at all. Raises RankingError for ids and distances that do not fit each other.
    """
    distance = np.asarray(distance)
    if distance.shape != (len(query_ids), len(gallery_ids)):
        raise RankingError(
            f"Distances of shape {distance.shape} do not fit {len(query_ids)} query and "
            f"{len(gallery_ids)} gallery ids."
        )
    for ids in (query_ids, gallery_ids):
        kind = np.asarray(ids).dtype
        if not np.issubdtype(kind, np.integer):
            raise RankingError(f"Ids of kind {kind}; expected integers, as the challenge's are.")
    bad = np.argwhere(~np.isfinite(distance))
    if len(bad):
        raise RankingError(f"The distance in row {bad[0][0]}, column {bad[0][1]} is not finite.")
    with whole_file(path) as partial, open(partial, "w", newline="") as file:
        file.write(",".join(["0", *(str(int(i)) for i in gallery_ids)]) + "\n")
        for name, row in zip(query_ids, distance, strict=True):
            file.write(",".join([str(int(name)), *(f"{value:.5f}" for value in row)]) + "\n")


def read_submission(path: str | Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (distance (m, n) float64, query ids (m,), gallery ids (n,)) of a submission.

    Raises MissingFile, or DataError with line and column for a wrong header, a missing cell, an id
    that is no whole number, or a distance that is not finite.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MissingFile(f"{path}: no such file; expected a submission (.csv).") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}).") from error
    lines = [(i, line.split(",")) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) < 2 or lines[0][1][0].strip() not in ("0", "0.0", "0.00000"):
        raise DataError(f"{path}: expected a header of 0 and gallery ids, then a line a query.")
    width = len(lines[0][1])
    if width < 2:
        raise DataError(f"{path}: the header names no gallery picture; expected ids after the 0.")
    for number, cells in lines:
        if len(cells) != width:
            raise DataError(f"{path}, line {number}: {len(cells)} cells; expected {width}.")
    header = lines[0]
    gallery_ids = [_id(path, header[0], i, cell) for i, cell in enumerate(header[1][1:], 2)]
    query_ids = [_id(path, number, 1, cells[0]) for number, cells in lines[1:]]
    distance = np.stack([_distances(path, number, cells[1:]) for number, cells in lines[1:]])
    return distance, np.array(query_ids, np.int64), np.array(gallery_ids, np.int64)


def write_submission_of(path: str | Path, ranking: Ranking) -> None:
    """Write a ranking under the ids of its tables' column ``id``, as the challenge wants it."""
    write_submission(path, ranking.distance, _ids(ranking.query), _ids(ranking.gallery))


def write_distances(path: str | Path, ranking: Ranking) -> None:
    """Write a ranking as a submission, under row numbers where its tables hold no ids."""
    tables = ranking.query, ranking.gallery
    numbered = [
        _ids(crops) if _has_ids(crops) else np.arange(len(crops), dtype=np.int64)
        for crops in tables
    ]
    write_submission(path, ranking.distance, *numbered)


def fuse_submissions(
    paths: Sequence[str | Path],
    method: str | Fusion = "similarity",
    *,
    weights: Sequence[float] | None = None,
    normalise: str | Normalisation = "none",
    top: int = TOP,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fuse submission files; return (distance, query ids, gallery ids). See ``fuse``.

    Files with other ids, or in another order, are a DataError that names the file.
    """
    if len(paths) < 2:
        raise DataError(f"{len(paths)} file to fuse; expected two or more.")
    read = [read_submission(path) for path in paths]
    _, query_ids, gallery_ids = read[0]
    for path, (_, queries, gallery) in zip(paths, read, strict=True):
        for what, a, b in (("query", query_ids, queries), ("gallery", gallery_ids, gallery)):
            if not np.array_equal(a, b):
                raise DataError(
                    f"{path}: its {what} ids differ from those of {paths[0]} (or stand in another "
                    "order); fuse files that rank the same pictures."
                )
    distances = [distance for distance, _, _ in read]
    fused = fuse(distances, method, weights=weights, normalise=normalise, top=top)
    return fused, query_ids, gallery_ids


def _distances(path: Path, line: int, cells: list[str]) -> np.ndarray:
    values = np.array([_number(path, line, column, cell) for column, cell in enumerate(cells, 2)])
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise DataError(
            f"{path}, line {line}, column {bad[0] + 2}: expected a distance, found "
            f"{cells[bad[0]]!r}."
        )
    return values


def _number(path: Path, line: int, column: int, cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise DataError(
            f"{path}, line {line}, column {column}: expected a number, found {cell!r}."
        ) from None


def _id(path: Path, line: int, column: int, cell: str) -> int:
    """Return an id; other tools write them with decimals, as 12.00000."""
    value = _number(path, line, column, cell)
    if not value.is_integer() or abs(value) >= 2**53:
        raise DataError(
            f"{path}, line {line}, column {column}: expected a whole number, found {cell!r}."
        )
    return int(value)


def _has_ids(crops: Crops) -> bool:
    return "id" in crops.table.columns and bool(crops.table["id"].notna().all())


def _ids(crops: Crops) -> np.ndarray:
    if not _has_ids(crops):
        raise DataError(
            f"{crops.root}: a submission needs an integer id for every picture (column 'id'); the "
            "challenge's pictures carry theirs in the file name."
        )
    try:
        return crops.table["id"].astype(int).to_numpy()
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(f"{crops.root}: column 'id' holds a value that is no integer.") from error
