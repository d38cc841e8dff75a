"""A gallery prepared once, so that one new query is re-ranked in milliseconds.

The answer is that of ``k_reciprocal`` with this query as the only one. The published joint method
ranks all queries of a set together, and there a query may stand in another query's neighbourhood;
answers of the two therefore differ a little where queries resemble each other.
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock

import numpy as np

from sameplayer.encoder.embeddings import Embeddings
from sameplayer.errors import RankingError, SettingError
from sameplayer.ranking.config import Progress, RankConfig
from sameplayer.ranking.distance import squared_lengths, unit_rows
from sameplayer.ranking.kernels import Sets, entering
from sameplayer.ranking.kernels.one_query import Asked, Fixed, Room, one_query_jaccard
from sameplayer.ranking.neighbours.search import find_neighbours
from sameplayer.ranking.prepared.file import NeighbourLists, read_lists, save_lists

ONE_THREAD = 1 << 24  # numbers that one thread reads before a second one has started
K_RECIPROCAL = RankConfig("k-reciprocal")


class PreparedGallery:
    """Neighbour lists of a gallery, to re-rank queries one by one; threads may share it.

    gallery     Embeddings, or features (n, d)
    config      settings of the k-reciprocal re-ranking

    Raises SettingError for another re-ranking, RankingError for features that are not finite.
    """

    def __init__(
        self,
        gallery: Embeddings | np.ndarray,
        config: RankConfig = K_RECIPROCAL,
        *,
        progress: Progress | None = None,
    ) -> None:
        _check_method(config)
        vectors = gallery.vectors if isinstance(gallery, Embeddings) else gallery
        count = max(config.k1 + 1, config.k2)
        found = find_neighbours(None, vectors, count, config.search, progress=progress).all
        self._set(gallery, vectors, config, (found.lists, found.values, found.farthest))

    def _set(
        self,
        gallery: Embeddings | np.ndarray,
        vectors: np.ndarray,
        config: RankConfig,
        neighbours: NeighbourLists,
    ) -> None:
        self.embeddings = gallery if isinstance(gallery, Embeddings) else None
        self.config = config
        lists, values, farthest = neighbours
        n = len(lists)
        self._grown = min(max(config.k1 + 1, config.k2), n + 1)
        # A list that holds the whole gallery is always entered, at its end if nowhere else.
        last = values[:, -1] if self._grown == lists.shape[1] else np.full(n, np.inf, np.float32)
        vectors = np.ascontiguousarray(vectors, np.float32)
        lengths = squared_lengths(vectors)
        scale = (1 / np.maximum(np.sqrt(lengths), 1e-12)).astype(np.float32)
        starts, listed_by = _listed_by(lists, config.k2)
        self._fixed = Fixed(
            vectors,
            scale,
            lengths * scale**2,
            lists,
            values,
            np.ascontiguousarray(last),
            farthest,
            starts,
            listed_by,
        )
        half = min(round(config.k1 / 2) + 1, self._grown)
        self._room = _room(n, min(config.k1 + 1, self._grown), half)
        self._number, self._lock = 0, Lock()

    def __len__(self) -> int:
        return len(self._fixed.lists)

    def __repr__(self) -> str:
        config = self.config
        settings = f"k1={config.k1}, k2={config.k2}, lambda={config.weight}"
        return f"PreparedGallery({len(self)} pictures, {settings})"

    def distances(self, query: np.ndarray) -> np.ndarray:
        """Return re-ranked distances (m, n) of query features (m, d), each ranked on its own.

        Raises RankingError for features that are not finite or of another width.
        """
        query = unit_rows(query, "query")
        width = self._fixed.rows.shape[1]
        if query.shape[1] != width:
            raise RankingError(
                f"The query features have {query.shape[1]} columns, the gallery {width}. Embed "
                "both with the same encoder."
            )
        result = np.empty((len(query), len(self)), np.float32)
        with self._lock:
            for row, out in zip(query, result, strict=True):
                self._rerank(row, out)
        return result

    def save(self, path: str | Path) -> None:
        """Write lists and settings (.safetensors); the embeddings themselves are kept elsewhere."""
        fixed = self._fixed
        save_lists(path, fixed.rows, self.config, (fixed.lists, fixed.values, fixed.farthest))

    @classmethod
    def load(cls, path: str | Path, gallery: Embeddings | np.ndarray) -> PreparedGallery:
        """Load what was prepared and saved for exactly this gallery.

        Raises MissingFile, DataError for a foreign or damaged file, RankingError for another
        gallery.
        """
        vectors = gallery.vectors if isinstance(gallery, Embeddings) else gallery
        if len(vectors) == 0:
            raise RankingError(f"{path}: the gallery is empty; expected one row or more.")
        prepared = cls.__new__(cls)
        prepared._set(gallery, vectors, *read_lists(Path(path), vectors))
        return prepared

    def _rerank(self, query: np.ndarray, result: np.ndarray) -> None:
        fixed, room = self._fixed, self._room
        raw, n = room.raw, len(room.raw)
        if fixed.rows.size <= ONE_THREAD:
            entering.products(fixed.rows, query, raw)
        else:
            np.matmul(fixed.rows, query, out=raw)
        entering.to_raw(raw, query @ query, fixed.lengths, fixed.scale)
        numbers = np.full(self._grown, n, np.int32)
        values = np.full(self._grown, np.inf, np.float32)
        values[0] = 0  # the query itself is the nearest
        top, size = entering.look_over(raw, fixed.last, numbers[1:], values[1:], room.entered)
        entered = room.entered[:size]
        lists, of_lists = entering.enter(entered, fixed, room, self._grown)
        lists[-1], of_lists[-1] = numbers, values
        self._number += 1
        k2 = min(self.config.k2, self._grown)
        asked = Asked(self._number, query, query @ query, np.float32(top), lists, of_lists, k2)
        weight = np.float32(self.config.weight)
        share = np.float32(1 - weight)
        np.multiply(raw, weight / asked.top, out=result)
        result += share
        try:
            one_query_jaccard(fixed, room, asked, share, result)
        finally:
            entering.leave(entered, room)


def _check_method(config: RankConfig) -> None:
    if config.method != "k-reciprocal":
        expected = "k-reciprocal, the only one that ranks queries one by one"
        raise SettingError("rerank", repr(config.method), expected)


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
        raw=np.zeros(n, np.float32),
        entered=numbers(0, np.int32),
        place=numbers(-1, np.int32),
        near=Sets(np.zeros((n + 1, k), np.int32), numbers(0, np.int32)),
        known_near=numbers(0),
        half=Sets(np.zeros((n + 1, half), np.int32), numbers(0, np.int32)),
        known_half=numbers(0),
        slot=numbers(-1, np.int32),
        sharing=numbers(0, np.int32),
        sharing_place=numbers(0, np.int32),
        known_sharing=numbers(0),
        reached=numbers(0),
    )
