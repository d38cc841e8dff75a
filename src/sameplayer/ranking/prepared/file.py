"""The file of a prepared gallery: safetensors whose numbers are checked before they are used.

lists      (n, K) int32 nearest gallery rows; values: (n, K) float32 their distances
farthest   (n,) float32 largest distance of each row
header     format, vectors (what it was prepared for), k1, k2 and lambda
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from sameplayer.common.files import whole_file
from sameplayer.errors import DataError, MissingFile, RankingError, SettingError
from sameplayer.ranking.config import RankConfig

FORMAT = "sameplayer prepared gallery 1"
KEYS = {"format", "vectors", "k1", "k2", "lambda"}

NeighbourLists = tuple[np.ndarray, np.ndarray, np.ndarray]  # lists, values, farthest


def save_lists(
    path: str | Path, vectors: np.ndarray, config: RankConfig, neighbours: NeighbourLists
) -> None:
    """Write the neighbour lists of vectors (n, d), whole or not at all."""
    header = {
        "format": FORMAT,
        "vectors": _digest(vectors),
        "k1": str(config.k1),
        "k2": str(config.k2),
        "lambda": repr(config.weight),
    }
    parts = dict(zip(("lists", "values", "farthest"), neighbours, strict=True))
    with whole_file(path) as partial:
        save_file(parts, partial, header)


def read_lists(path: Path, vectors: np.ndarray) -> tuple[RankConfig, NeighbourLists]:
    """Return the settings and neighbour lists that were saved for vectors (n, d).

    Raises MissingFile, DataError for a foreign or damaged file, RankingError for other vectors.
    """
    header, parts = _read(path)
    if header["vectors"] != _digest(vectors):
        raise RankingError(f"{path}: prepared for other embeddings; prepare the gallery again.")
    config = _settings(path, header)
    _check_kinds(path, parts, len(vectors), max(config.k1 + 1, config.k2))
    found = parts["lists"], parts["values"], parts["farthest"]
    _check_numbers(path, found, len(vectors))
    return config, found


def _digest(vectors: np.ndarray) -> str:
    rows = np.ascontiguousarray(vectors, np.float32)
    return hashlib.blake2b(rows.data, digest_size=16).hexdigest()


def _read(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    try:
        with safe_open(path, framework="numpy") as file:  # checks that the file is whole
            header = dict(file.metadata() or {})
            parts = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise MissingFile(f"{path}: no such file; prepare the gallery and save it there.") from None
    except (OSError, SafetensorError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise DataError(
            f"{path}: not a prepared gallery ({error}). Prepare the gallery again."
        ) from error
    complete = set(parts) == {"lists", "values", "farthest"} and set(header) >= KEYS
    if header.get("format") != FORMAT or not complete:
        raise DataError(
            f"{path}: expected format {FORMAT!r}, found {header.get('format')!r} with "
            f"{', '.join(sorted(parts)) or 'no arrays'}. Prepare the gallery again."
        )
    return header, parts


def _settings(path: Path, header: dict[str, str]) -> RankConfig:
    try:
        weight = float(header["lambda"])
        return RankConfig("k-reciprocal", int(header["k1"]), int(header["k2"]), weight)
    except (ValueError, SettingError) as error:
        raise DataError(f"{path}: damaged settings ({error}) Prepare the gallery again.") from error


def _check_kinds(path: Path, parts: dict[str, np.ndarray], n: int, count: int) -> None:
    shape = n, min(count, n)
    expected: dict[str, tuple[tuple[int, ...], type]] = {
        "lists": (shape, np.int32),
        "values": (shape, np.float32),
        "farthest": ((n,), np.float32),
    }
    for name, (size, kind) in expected.items():
        part = parts[name]
        if part.shape != size or part.dtype != kind:
            raise DataError(
                f"{path}: {name} are {part.dtype} of shape {part.shape}; expected "
                f"{np.dtype(kind)} of shape {size}. Prepare the gallery again."
            )


def _check_numbers(path: Path, found: NeighbourLists, n: int) -> None:
    """Compiled code follows these row numbers without looking: refuse whatever is not one."""
    lists, values, farthest = found
    if lists.min() < 0 or lists.max() >= n:
        raise DataError(
            f"{path}: lists hold row numbers from {lists.min()} to {lists.max()}; expected 0 to "
            f"{n - 1}. The file is damaged; prepare the gallery again."
        )
    good = np.isfinite(values).all() and np.isfinite(farthest).all()
    if not good or values.min() < 0 or farthest.min() <= 0 or (np.diff(values, axis=1) < 0).any():
        raise DataError(
            f"{path}: distances that are not finite, not sorted or below 0. The file is damaged; "
            "prepare the gallery again."
        )
