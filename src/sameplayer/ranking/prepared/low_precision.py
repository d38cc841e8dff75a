"""Rows of 16 or 8 bits: half or a quarter of the memory, and of what a query has to read.

Each row keeps the length of what it lost. By that bound (Cauchy and Schwarz) a search knows which
rows may be near enough to matter, and looks at the exact ones of those alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sameplayer.errors import SettingError

KINDS = ("float32", "float16", "int8")
_BLOCK = 4096  # rows at a time, so that the rows may lie in a file larger than memory
_BYTE, _QUERY = 127, 2047  # largest numbers; 127 * 2047 * d fits in 32 bits up to d = 8,260
_WIDEST = 2**31 // (_BYTE * _QUERY)
_ROUNDING = 1e-6  # of float32 sums, above what a row lost


@dataclass(frozen=True, eq=False)
class SmallRows:
    """n unit rows in few bits.

    values    (n, d) float16 or int8
    step      (n,) float32 what a row is multiplied with
    error     (n,) float32 bound of the distance between a row and the true one
    """

    values: np.ndarray
    step: np.ndarray
    error: np.ndarray

    def products(self, query: np.ndarray, out: np.ndarray) -> float:
        """Write similarities to a unit query (d,) into out; return what the query itself lost."""
        from sameplayer.ranking.kernels import small

        if self.values.dtype == np.float16:
            small.half_products(self.values.view(np.uint16), query, out)
            out *= self.step
            return 0.0
        step = max(float(np.abs(query).max()), 1e-12) / _QUERY
        whole = np.rint(query / np.float32(step)).astype(np.int16)
        small.byte_products(self.values, whole, out)
        out *= self.step
        out *= np.float32(step)
        return float(np.linalg.norm(query - whole * np.float32(step)))

    def decoded(self) -> np.ndarray:
        """Return (n, d) float32 rows as these remember them."""
        rows = self.values.astype(np.float32)
        rows *= self.step[:, None]
        return rows


def small_rows(vectors: np.ndarray, scale: np.ndarray, kind: str) -> SmallRows | None:
    """Return rows (n, d) times scale (n,) in few bits; None for float32, which are as they are.

    Raises SettingError for another kind, and for rows too wide for 8 bits.
    """
    if kind not in KINDS:
        raise SettingError("rows", repr(kind), f"one of {', '.join(KINDS)}")
    if kind == "float32":
        return None
    if kind == "int8" and vectors.shape[1] > _WIDEST:
        raise SettingError("rows", "'int8'", f"float16 for rows of more than {_WIDEST} columns")
    small = SmallRows(
        np.empty(vectors.shape, np.dtype(kind)),
        np.ones(len(vectors), np.float32),
        np.empty(len(vectors), np.float32),
    )
    for start in range(0, len(vectors), _BLOCK):
        part = slice(start, start + _BLOCK)
        unit = vectors[part] * scale[part, None]
        if kind == "int8":
            small.step[part] = np.maximum(np.abs(unit).max(axis=1), 1e-12) / _BYTE
        small.values[part] = _fewer_bits(unit / small.step[part, None], small.values.dtype)
        unit -= small.values[part] * small.step[part, None]
        small.error[part] = np.linalg.norm(unit, axis=1) + _ROUNDING
    return small


def _fewer_bits(rows: np.ndarray, kind: np.dtype) -> np.ndarray:
    return (np.rint(rows) if kind == np.int8 else rows).astype(kind)
