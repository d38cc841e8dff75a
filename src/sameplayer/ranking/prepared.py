"""A gallery prepared once, so that one new query is re-ranked in milliseconds.

The answer is that of ``k_reciprocal`` with this query as the only one. The published joint method
ranks all queries of a set together, and there a query may stand in another query's
neighbourhood; answers of the two therefore differ a little where queries resemble each other.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from sameplayer.encoder.embeddings import Embeddings
from sameplayer.errors import DataError, RankingError
from sameplayer.files import whole_file
from sameplayer.ranking import kernels
from sameplayer.ranking.distance import unit_rows
from sameplayer.ranking.neighbours import MEMORY_GB, Progress, find_neighbours
from sameplayer.ranking.ranking import Ranking, gallery_rows, query_rows, refuse_empty
from sameplayer.ranking.rerank import check_settings

_FORMAT = "sameplayer prepared gallery 1"


class PreparedGallery:
    """Neighbour lists of a gallery, to answer queries one by one.

    embeddings     the gallery, n rows
    k1, k2, lambda_    as in ``k_reciprocal``
    """

    def __init__(
        self,
        embeddings: Embeddings,
        k1: int = 20,
        k2: int = 6,
        lambda_: float = 0.3,
        *,
        memory_gb: float = MEMORY_GB,
        progress: Progress | None = None,
    ) -> None:
        check_settings(k1, k2, lambda_)
        self._set(embeddings, k1, k2, lambda_)
        count = max(k1 + 1, k2)
        found = find_neighbours(
            None, embeddings.vectors, count, memory_gb=memory_gb, progress=progress
        )
        self.lists, self.values, self.farthest = found.lists, found.values, found.farthest

    def _set(self, embeddings: Embeddings, k1: int, k2: int, lambda_: float) -> None:
        self.embeddings = embeddings
        self.k1, self.k2, self.lambda_ = k1, k2, lambda_
        rows = unit_rows(embeddings.vectors, "gallery")
        self._rows = np.concatenate([np.zeros_like(rows[:1]), rows])
        self._lengths = (self._rows**2).sum(axis=1)
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self.embeddings)

    def distances(self, query: np.ndarray) -> np.ndarray:
        """Return (m, n) re-ranked distances of query features (m, d), each asked alone."""
        query = unit_rows(query, "query")
        if query.shape[1] != self._rows.shape[1]:
            raise RankingError(
                f"The query features have {query.shape[1]} columns, the gallery "
                f"{self._rows.shape[1]}. Embed both with the same encoder."
            )
        with self._lock:
            return np.stack([self._answer(one) for one in query])

    def save(self, path: str | Path) -> None:
        """Write lists and settings (.safetensors); the embeddings themselves lie beside it."""
        header = {
            "format": _FORMAT,
            "vectors": _digest(self.embeddings),
            "k1": str(self.k1),
            "k2": str(self.k2),
            "lambda": repr(self.lambda_),
        }
        parts = {"lists": self.lists, "values": self.values, "farthest": self.farthest}
        with whole_file(path) as partial:
            save_file(parts, partial, header)

    @classmethod
    def load(cls, path: str | Path, embeddings: Embeddings) -> PreparedGallery:
        """Load what was prepared for exactly these embeddings.

        Raises DataError for a foreign or damaged file, RankingError for other embeddings.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                header = file.metadata() or {}
                parts = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise DataError(f"{path}: not a prepared gallery ({error}).") from error
        if header.get("format") != _FORMAT or set(parts) != {"lists", "values", "farthest"}:
            raise DataError(f"{path}: expected format {_FORMAT!r}, found {header.get('format')!r}.")
        if header["vectors"] != _digest(embeddings):
            raise RankingError(f"{path}: prepared for other embeddings; prepare the gallery again.")
        prepared = cls.__new__(cls)
        settings = int(header["k1"]), int(header["k2"]), float(header["lambda"])
        prepared._set(embeddings, *settings)
        prepared.lists, prepared.values = parts["lists"], parts["values"]
        prepared.farthest = parts["farthest"]
        return prepared

    def _answer(self, query: np.ndarray) -> np.ndarray:
        rows, lengths = self._rows, self._lengths
        rows[0] = query
        lengths[0] = (query**2).sum()
        raw = np.maximum(lengths[0] + lengths - 2 * (rows @ query), 0) ** 2
        top = max(raw.max(), np.float32(1e-12))
        direct = raw / top
        count = min(max(self.k1 + 1, self.k2), len(rows))
        own = np.argsort(direct, kind="stable")[:count]
        lists, values, farthest = kernels.insert_query(
            self.lists, self.values, self.farthest, raw[1:], count
        )
        lists = np.concatenate([own[None].astype(np.int32), lists])
        values = np.concatenate([direct[own][None], values])
        members, counts = kernels.reciprocal(lists, self.k1 + 1)
        half, half_counts = kernels.reciprocal(lists, round(self.k1 / 2) + 1)
        averaged = lists[:, : self.k2] if self.k2 > 1 else np.arange(len(lists))[:, None]
        jaccard = kernels.one_query_jaccard(
            rows, lengths, lists, values, np.append(top, farthest),
            members, counts, half, half_counts, np.ascontiguousarray(averaged, np.int32),
        )  # fmt: skip
        share = np.float32(self.lambda_)
        return (1 - share) * jaccard + share * direct[1:]


def rank_one_by_one(embeddings: Embeddings, **settings: Any) -> Ranking:
    """Re-rank every query as if it were the only one; roles as in ``rank``.

    settings    of ``PreparedGallery``

    Raises RankingError for identity scopes, in which a gallery is not one.
    """
    if embeddings.crops.scope is not None:
        raise RankingError(
            "A prepared gallery is one set; embed with --scope set, or rank jointly."
        )
    queries = embeddings.where(query_rows(embeddings))
    gallery = embeddings.where(gallery_rows(embeddings))
    refuse_empty(queries, gallery)
    prepared = PreparedGallery(gallery, **settings)
    distance = prepared.distances(queries.vectors)
    own = {"k1": prepared.k1, "k2": prepared.k2, "lambda": prepared.lambda_}
    facts = {**embeddings.facts, **own}
    name = "k-reciprocal, one by one"
    return Ranking(distance, queries.crops, gallery.crops, name, queries.fingerprint, facts)


def _digest(embeddings: Embeddings) -> str:
    content = np.ascontiguousarray(embeddings.vectors)
    return hashlib.blake2b(content.tobytes(), digest_size=16).hexdigest()
