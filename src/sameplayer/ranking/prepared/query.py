"""Asking a prepared gallery: one pass over its rows, then only what the query can change."""

from __future__ import annotations

from threading import Lock

import numpy as np

from sameplayer.ranking.distance import squared_lengths
from sameplayer.ranking.kernels import Sets, entering, small
from sameplayer.ranking.kernels.one_query import Asked, Fixed, Room, one_query_jaccard
from sameplayer.ranking.prepared.low_precision import small_rows

_ALONE = 1 << 24  # numbers that one thread reads before another one on a busy machine has come


class Asking:
    """Answers queries one by one; threads may share it, and wait for each other.

    vectors      (n, d) float32 features of the gallery
    neighbours   lists (n, K), values (n, K) and farthest (n,) of a prepared gallery
    settings     k1, k2 and lambda
    rows         "float32": as they are; "float16" or "int8": a small copy is looked through, and
                 the exact rows only where it may matter, wherever they lie
    """

    def __init__(
        self,
        vectors: np.ndarray,
        neighbours: tuple[np.ndarray, np.ndarray, np.ndarray],
        settings: tuple[int, int, float],
        rows: str = "float32",
    ) -> None:
        k1, k2, self._lambda = settings
        lists, values, farthest = neighbours
        n = len(lists)
        self._grown = min(max(k1 + 1, k2), n + 1)
        # A list that holds the whole gallery is always entered, at its end if nowhere else.
        last = values[:, -1] if self._grown == lists.shape[1] else np.full(n, np.inf, np.float32)
        lengths = squared_lengths(vectors)
        scale = (1 / np.maximum(np.sqrt(lengths), 1e-12)).astype(np.float32)
        self._small = small_rows(vectors, scale, rows)
        starts, listed_by = _listed_by(lists, k2)
        self._fixed = Fixed(
            np.ascontiguousarray(vectors),
            scale,
            lengths * scale**2,
            lists,
            values,
            np.ascontiguousarray(last),
            farthest,
            starts,
            listed_by,
        )
        self._room = _room(n, min(k1 + 1, self._grown), min(round(k1 / 2) + 1, self._grown))
        self._k2 = min(k2, self._grown)
        self._number, self._lock = 0, Lock()

    def distances(self, query: np.ndarray) -> np.ndarray:
        """Return (m, n) re-ranked distances of unit rows (m, d), each asked alone."""
        result = np.empty((len(query), len(self._fixed.lists)), np.float32)
        with self._lock:
            for row, out in zip(query, result, strict=True):
                self._answer(row, out)
        return result

    def _answer(self, query: np.ndarray, result: np.ndarray) -> None:
        fixed, room = self._fixed, self._room
        raw, n = room.raw, len(room.raw)
        self._measure(query)
        numbers = np.full(self._grown, n, np.int32)
        values = np.full(self._grown, np.inf, np.float32)
        values[0] = 0  # the query itself is the nearest
        top, size = entering.look_over(raw, fixed.last, numbers[1:], values[1:], room.entered)
        entered = room.entered[:size]
        lists, of_lists = entering.enter(entered, fixed, room, self._grown)
        lists[-1], of_lists[-1] = numbers, values
        self._number += 1
        asked = Asked(
            self._number, query, query @ query, np.float32(top), lists, of_lists, self._k2
        )
        share = np.float32(1 - self._lambda)
        np.multiply(raw, np.float32(self._lambda) / asked.top, out=result)
        result += share
        try:
            one_query_jaccard(fixed, room, asked, share, result)
        finally:
            entering.leave(entered, room)

    def _measure(self, query: np.ndarray) -> None:
        """Write the query's distances into raw: all, or those that matter, from the exact rows."""
        fixed, raw, length = self._fixed, self._room.raw, query @ query
        if self._small is None:
            if fixed.rows.size <= _ALONE:
                entering.products(fixed.rows, query, raw)
            else:
                np.matmul(fixed.rows, query, out=raw)
            entering.to_raw(raw, length, fixed.lengths, fixed.scale)
            return
        lost = np.float32(self._small.products(query, raw))
        entered, count = self._room.entered, min(self._grown - 1, len(raw))
        error = self._small.error
        found = small.doubtful(
            raw, length, fixed.lengths, error, lost, fixed.last, fixed.farthest, count, entered
        )
        again = fixed.rows, fixed.scale, fixed.lengths, query, length, raw
        small.look_again(entered[:found], *again)


def _listed_by(lists: np.ndarray, k2: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows are averaged over each row, one after the other: see ``Fixed``."""
    if k2 == 1:  # every row over itself, whatever its list says
        return np.arange(len(lists) + 1), np.arange(len(lists), dtype=np.int32)
    starts, rows = entering.listed_by(lists, k2)
    return starts, rows


def _room(n: int, k: int, half: int) -> Room:
    def numbers(first: int, kind: type = np.int64) -> np.ndarray:
        return np.full(n + 1, first, kind)

    return Room(
        np.zeros(n, np.float32),
        numbers(0, np.int32),
        numbers(-1, np.int32),
        Sets(np.zeros((n + 1, k), np.int32), numbers(0, np.int32)),
        numbers(0),
        Sets(np.zeros((n + 1, half), np.int32), numbers(0, np.int32)),
        numbers(0),
        numbers(-1, np.int32),
        numbers(0, np.int32),
        numbers(0, np.int32),
        numbers(0),
        numbers(0),
    )
