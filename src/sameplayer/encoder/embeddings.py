"""Embeddings: unit feature rows with the crops they stand for and the encoder that made them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from sameplayer.data.crops import Crops
from sameplayer.errors import DataError, RankingError
from sameplayer.files import whole_file


@dataclass(frozen=True)
class Embeddings:
    """n rows of d columns.

    vectors       (n, d) float32, every row of length 1 (or 0)
    crops         the crop table, row i belongs to vector i
    fingerprint   of the encoder that made them
    facts         what else was recorded (encoder, code version)
    """

    vectors: np.ndarray
    crops: Crops
    fingerprint: str
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
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
        return Embeddings(self.vectors[keep], self.crops.where(keep), self.fingerprint, self.facts)

    def save(self, path: str | Path) -> None:
        """Write one safetensors file: vectors, crop table and fingerprint."""
        header = {
            "format": "sameplayer embeddings 1",
            "fingerprint": self.fingerprint,
            "facts": json.dumps(self.facts),
            "root": str(self.crops.root.resolve()),
            "scope": self.crops.scope or "",
            "source": self.crops.source,
        }
        content = np.frombuffer(self.crops.table.to_parquet(index=False), np.uint8)
        vectors = np.ascontiguousarray(self.vectors)
        with whole_file(path) as partial:
            save_file({"vectors": vectors, "table": content}, partial, header)


def load_embeddings(path: str | Path, fingerprint: str | None = None) -> Embeddings:
    """Load embeddings; with ``fingerprint``, refuse those that another encoder made.

    Raises DataError for a foreign or damaged file, RankingError for a stale one.
    """
    path = Path(path)
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            parts = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise DataError(f"{path}: no such file.") from None
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path}: not an embeddings file ({error}).") from error
    if header.get("format") != "sameplayer embeddings 1" or set(parts) != {"vectors", "table"}:
        raise DataError(
            f"{path}: not our embeddings file: expected format 'sameplayer embeddings 1', found "
            f"{header.get('format')!r}. Make one with: sameplayer embed RUN DATA --out FILE"
        )
    vectors, content = parts["vectors"], parts["table"]
    if fingerprint is not None and header["fingerprint"] != fingerprint:
        raise RankingError(
            f"{path}: stale embeddings: made by encoder {header['fingerprint']}, but the encoder "
            f"at hand is {fingerprint}. Embed the pictures again."
        )
    table = pd.read_parquet(BytesIO(content.tobytes()))
    crops = Crops(table, Path(header["root"]), header["scope"] or None, header["source"])
    return Embeddings(vectors, crops, header["fingerprint"], json.loads(header["facts"]))
