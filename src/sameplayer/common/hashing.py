"""Fingerprints: short hashes of files, arrays and exchangeable parts."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from sameplayer.common.cache import Latest, file_version
from sameplayer.errors import DataError

DIGITS = 16


def file_fingerprint(path: Path) -> str:
    """Return 16 hex digits of a file's whole content, read once while the file stays as it is.

    A change anywhere gives others. It takes about as long as reading the file. Raises MissingFile,
    DataError for what cannot be read.
    """
    return _FILES.get(file_version(path), lambda: _digest(path))


def array_fingerprint(*arrays: np.ndarray) -> str:
    """Return 16 hex digits of the content of arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(str((array.dtype, array.shape)).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:DIGITS]


def part_fingerprint(part: Any) -> str | None:
    """Return the ``fingerprint`` of a detector, encoder or reader, an attribute or a method.

    None where it has none: then a later run cannot know whether the part is the same, and must not
    reuse its results.
    """
    found = getattr(part, "fingerprint", None)
    found = found() if callable(found) else found
    return None if found is None else str(found)


def _digest(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:DIGITS]
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error


_FILES: Latest[str] = Latest(64)
