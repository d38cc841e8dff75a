"""The file of a prepared gallery: safetensors whose arrays are mapped, and believed only if whole.

lists      (n, K) int32 nearest gallery rows; values: (n, K) float32 their distances
farthest   (n,) float32 largest distance of each row
header     format, vectors (what it was prepared for), k1, k2 and lambda
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from sameplayer.errors import DataError, MissingFile, SettingError
from sameplayer.ranking.config import check_settings

FORMAT = "sameplayer prepared gallery 1"
ROOM = 4096  # rows at a time where all are read
_KEYS = ("format", "vectors", "k1", "k2", "lambda")
_KINDS = {"I32": np.int32, "F32": np.float32}

Neighbours = tuple[np.ndarray, np.ndarray, np.ndarray]  # lists, values, farthest
Settings = tuple[int, int, float]  # k1, k2, lambda


def header_of(digest: str, settings: Settings) -> dict[str, str]:
    """Return the header of a gallery whose vectors have this digest."""
    k1, k2, lambda_ = settings
    numbers = {"k1": str(k1), "k2": str(k2), "lambda": repr(float(lambda_))}
    return {"format": FORMAT, "vectors": digest, **numbers}


def digest_of(blocks: Iterable[np.ndarray]) -> str:
    """Return the digest of float32 rows that come block by block."""
    digest = hashlib.blake2b(digest_size=16)
    for block in blocks:
        digest.update(np.ascontiguousarray(block, np.float32).data)
    return digest.hexdigest()


def blocks_of(vectors: np.ndarray) -> Iterable[np.ndarray]:
    """Return the rows, some at a time."""
    return (vectors[start : start + ROOM] for start in range(0, len(vectors), ROOM))


def create_lists(path: Path, n: int, count: int, header: Mapping[str, str]) -> Neighbours:
    """Write a file with room for the lists of n rows; return its arrays, which are the file."""
    shapes = {"lists": (n, count), "values": (n, count), "farthest": (n,)}
    kinds = {"lists": "I32", "values": "F32", "farthest": "F32"}
    entries: dict[str, object] = {"__metadata__": dict(header)}
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + 4 * int(np.prod(shape))
        entries[name] = {"dtype": kinds[name], "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)
    parts = _mapped(path, "r+")
    return parts["lists"], parts["values"], parts["farthest"]


def read_lists(path: Path, digest: str, n: int) -> tuple[Settings, Neighbours] | None:
    """Return the settings and the mapped arrays of n rows; None where made for other vectors.

    Raises MissingFile, or DataError for a foreign or damaged file.
    """
    header, parts = _read(path)
    if header["vectors"] != digest:
        return None
    settings = _settings(path, header)
    _check_kinds(path, parts, n, max(settings[0] + 1, settings[1]))
    found = parts["lists"], parts["values"], parts["farthest"]
    for start in range(0, n, ROOM):
        part = slice(start, start + ROOM)
        _check_numbers(path, (found[0][part], found[1][part], found[2][part]), n)
    return settings, found


def _read(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    try:
        with safe_open(path, framework="numpy") as file:  # checks that the file is whole
            header = file.metadata() or {}
        parts = _mapped(path, "c")
    except FileNotFoundError:
        raise MissingFile(f"{path}: no such file; prepare the gallery and save it there.") from None
    except (OSError, SafetensorError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise DataError(
            f"{path}: not a prepared gallery ({error}). Prepare the gallery again."
        ) from error
    complete = set(parts) == {"lists", "values", "farthest"} and set(_KEYS) <= set(header)
    if header.get("format") != FORMAT or not complete:
        raise DataError(
            f"{path}: expected format {FORMAT!r}, found {header.get('format')!r} with "
            f"{', '.join(sorted(parts)) or 'no arrays'}. Prepare the gallery again."
        )
    return header, parts


def _mapped(path: Path, mode: str) -> dict[str, np.ndarray]:
    """Map the arrays of a safetensors file; "r+": into the file, "c": what is read may change."""
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        entries = json.loads(file.read(size))
    entries.pop("__metadata__", None)
    parts = {}
    for name, entry in entries.items():
        kind, shape = entry["dtype"], tuple(entry["shape"])
        if kind not in _KINDS:
            raise ValueError(f"{name} of kind {kind}; expected one of {', '.join(_KINDS)}")
        place = 8 + size + entry["data_offsets"][0]
        whole = np.memmap(path, _KINDS[kind], mode, place, shape)  # type: ignore[call-overload]
        parts[name] = np.asarray(whole)
    return parts


def _settings(path: Path, header: dict[str, str]) -> Settings:
    try:
        settings = int(header["k1"]), int(header["k2"]), float(header["lambda"])
        check_settings(*settings)
    except (ValueError, SettingError) as error:
        raise DataError(f"{path}: damaged settings ({error}) Prepare the gallery again.") from error
    return settings


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


def _check_numbers(path: Path, found: Neighbours, n: int) -> None:
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
