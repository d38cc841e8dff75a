"""Embeddings: unit feature rows with the crops they stand for and the encoder that made them."""

from __future__ import annotations

import hashlib
import json
from copy import copy
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors import safe_open
from safetensors.numpy import save_file

from sameplayer.common.files import whole_file
from sameplayer.data.crops import Crops
from sameplayer.errors import DataError, MissingFile, RankingError, refuse_other_types

FORMAT = "sameplayer embeddings 1"


@dataclass(frozen=True, eq=False)
class Embeddings:
    """n rows of d columns.

    vectors       (n, d) float32 (other floats are converted), every row of length 1 (or 0)
    crops         the crop table, row i belongs to vector i
    fingerprint   of the encoder that made them
    facts         what else was recorded (encoder, precision)

    Raises RankingError for rows that do not fit the table or are no unit rows.
    """

    vectors: np.ndarray
    crops: Crops
    fingerprint: str
    facts: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        rows, columns = self.vectors.shape
        return f"Embeddings({rows} rows of {columns}, encoder {self.fingerprint})"

    def __post_init__(self) -> None:
        if self.vectors.dtype.kind != "f":
            raise RankingError(f"Embeddings of {self.vectors.dtype}; expected float32.")
        object.__setattr__(self, "vectors", self.vectors.astype(np.float32, copy=False))
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.crops):
            raise RankingError(
                f"Embeddings of shape {self.vectors.shape} do not fit {len(self.crops)} crops; "
                "expected one row a crop."
            )
        bad = np.flatnonzero(~np.isfinite(self.vectors).all(axis=1))
        if len(bad):
            raise RankingError(f"Embeddings rows {bad[:5].tolist()} hold NaN or infinite values.")
        lengths = np.linalg.norm(self.vectors, axis=1)
        off = np.flatnonzero((np.abs(lengths - 1) > 1e-3) & (lengths > 1e-6))
        if len(off):
            raise RankingError(
                f"Embeddings row {off[0]} has length {lengths[off[0]]:.3f}; expected unit rows."
            )

    def __len__(self) -> int:
        return len(self.vectors)

    def where(self, keep: np.ndarray) -> Embeddings:
        """Return the rows where ``keep`` is true, or the rows at these positions."""
        part = copy(self)  # rows of checked embeddings need no second check
        object.__setattr__(part, "crops", self.crops.where(keep))
        object.__setattr__(part, "vectors", self.vectors[keep])
        return part

    def save(self, path: str | Path) -> None:
        """Write one safetensors file: vectors, crop table and fingerprint."""
        content = self.crops.table.to_parquet(index=False)
        header = {
            "format": FORMAT,
            "fingerprint": self.fingerprint,
            "facts": json.dumps(self.facts),
            "root": str(self.crops.root.resolve()),
            "scope": self.crops.scope or "",
            "source": self.crops.source,
            "table": _digest(content),
        }
        vectors = np.ascontiguousarray(self.vectors)
        with whole_file(path) as partial:
            table = np.frombuffer(content, np.uint8)
            save_file({"vectors": vectors, "table": table}, partial, header)


def load_embeddings(path: str | Path, fingerprint: str | None = None) -> Embeddings:
    """Load embeddings; with ``fingerprint``, refuse those that another encoder made.

    Raises MissingFile, DataError for a foreign or damaged file, RankingError for a stale one.
    """
    refuse_other_types("load_embeddings", path=(path, (str, Path)))
    path = Path(path)
    header, parts = _read_parts(path)
    if header.get("format") != FORMAT or set(parts) != {"vectors", "table"}:
        raise DataError(
            f"{path}: not our embeddings file: expected format {FORMAT!r}, found "
            f"{header.get('format')!r}. Make one with: sameplayer embed RUN DATA --out FILE"
        )
    found = header.get("fingerprint", "")
    if fingerprint is not None and found != fingerprint:
        raise RankingError(
            f"{path}: stale embeddings: made by encoder {found}, but the encoder at hand is "
            f"{fingerprint}. Embed the pictures again."
        )
    try:
        content = parts["table"].tobytes()
        if header.get("table", _digest(content)) != _digest(content):
            raise ValueError("the table part differs from what was written")
        table = pd.read_parquet(BytesIO(content))
        facts = json.loads(header["facts"])
        crops = Crops(table, Path(header["root"]), header["scope"] or None, header["source"])
        return Embeddings(parts["vectors"], crops, found, dict(facts))
    except Exception as error:  # a damaged table makes its reader raise almost anything
        raise DataError(
            f"{path}: damaged embeddings ({type(error).__name__}: {error}). Embed the pictures "
            "again."
        ) from error


def _read_parts(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    if not path.is_file():
        raise MissingFile(f"{path}: no such file.")
    try:
        with safe_open(path, framework="numpy") as file:
            names = file.keys()
            return file.metadata() or {}, {name: file.get_tensor(name) for name in names}
    except Exception as error:  # besides its own error, the reader meets types that NumPy lacks
        raise DataError(f"{path}: not an embeddings file ({error}).") from error


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
