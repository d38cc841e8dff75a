"""A gallery prepared once, so that one new query is re-ranked in milliseconds.

The answer is that of ``k_reciprocal`` with this query as the only one. The published joint method
ranks all queries of a set together, and there a query may stand in another query's
neighbourhood; answers of the two therefore differ a little where queries resemble each other.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from sameplayer.common.files import whole_file
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.errors import RankingError, SettingError
from sameplayer.ranking.config import K1, K2, LAMBDAS, Progress, RankConfig, Search, check_settings
from sameplayer.ranking.distance import unit_rows
from sameplayer.ranking.neighbours.search import find_gallery_neighbours
from sameplayer.ranking.prepared.file import blocks_of, digest_of, header_of, read_lists
from sameplayer.ranking.prepared.query import Asking
from sameplayer.ranking.ranking import Ranking, gallery_rows, query_rows, refuse_empty


class PreparedGallery:
    """Neighbour lists of a gallery, to answer queries one by one; threads may share it.

    embeddings     the gallery, n rows
    k1, k2, lambda_    as in ``k_reciprocal``, and so are search and progress
    rows               "float32", or "float16" and "int8": a query looks through a small copy of the
                       rows, and at the exact ones where they may matter: the neighbours stay, the
                       direct distances of other rows are off by the rounding of the small ones
    """

    def __init__(
        self,
        embeddings: Embeddings,
        k1: int = K1,
        k2: int = K2,
        lambda_: float = LAMBDAS["k-reciprocal"],
        *,
        search: Search | None = None,
        rows: str = "float32",
        progress: Progress | None = None,
    ) -> None:
        check_settings(k1, k2, lambda_)
        count = max(k1 + 1, k2)
        found = find_gallery_neighbours(embeddings.vectors, count, search, progress=progress).all
        self._set(embeddings, (k1, k2, lambda_), (found.lists, found.values, found.farthest), rows)

    def _set(
        self,
        embeddings: Embeddings,
        settings: tuple[int, int, float],
        neighbours: tuple[np.ndarray, np.ndarray, np.ndarray],
        rows: str,
    ) -> None:
        self.embeddings = embeddings
        self.k1, self.k2, self.lambda_ = settings
        self.lists, self.values, self.farthest = neighbours
        self._asking = Asking(embeddings.vectors, neighbours, settings, rows)

    def __len__(self) -> int:
        return len(self.embeddings)

    def distances(self, query: np.ndarray) -> np.ndarray:
        """Return (m, n) re-ranked distances of query features (m, d), each asked alone.

        Raises RankingError for features that are not finite or of another width.
        """
        query = unit_rows(query, "query")
        width = self.embeddings.vectors.shape[1]
        if query.shape[1] != width:
            raise RankingError(
                f"The query features have {query.shape[1]} columns, the gallery {width}. Embed "
                "both with the same encoder."
            )
        return self._asking.distances(query)

    def save(self, path: str | Path) -> None:
        """Write lists and settings (.safetensors); the embeddings themselves lie beside it."""
        settings = self.k1, self.k2, self.lambda_
        header = header_of(digest_of(blocks_of(self.embeddings.vectors)), settings)
        parts = {"lists": self.lists, "values": self.values, "farthest": self.farthest}
        with whole_file(path) as partial:
            save_file(parts, partial, header)

    @classmethod
    def load(
        cls, path: str | Path, embeddings: Embeddings, *, rows: str = "float32"
    ) -> PreparedGallery:
        """Load what was prepared for exactly these embeddings; lists stay in the file, mapped.

        embeddings    their vectors may be mapped too (``np.load(..., mmap_mode="r")``)

        Raises MissingFile, DataError for a foreign or damaged file, RankingError for other
        embeddings.
        """
        if len(embeddings) == 0:
            raise RankingError(f"{path}: no embeddings to answer with; expected the gallery's.")
        digest = digest_of(blocks_of(embeddings.vectors))
        found = read_lists(Path(path), digest, len(embeddings))
        if found is None:
            raise RankingError(f"{path}: prepared for other embeddings; prepare the gallery again.")
        prepared = cls.__new__(cls)
        prepared._set(embeddings, *found, rows)
        return prepared


def rank_one_by_one(
    embeddings: Embeddings, config: RankConfig | None = None, *, progress: Progress | None = None
) -> Ranking:
    """Re-rank every query as if it were the only one; roles as in ``rank``.

    config    settings of the k-reciprocal re-ranking, the only one that answers one by one

    Raises RankingError for identity scopes, in which a gallery is not one, SettingError for another
    re-ranking.
    """
    config = config or RankConfig("k-reciprocal")
    if config.method != "k-reciprocal" or config.weight is None:
        expected = "k-reciprocal, which alone answers queries one by one"
        raise SettingError("rerank", repr(config.method), expected)
    if embeddings.crops.scope is not None:
        raise RankingError(
            "A prepared gallery is one set; embed with scope set, or rank all queries jointly."
        )
    queries = embeddings.where(query_rows(embeddings))
    gallery = embeddings.where(gallery_rows(embeddings))
    refuse_empty(queries, gallery)
    settings = config.k1, config.k2, config.weight
    prepared = PreparedGallery(gallery, *settings, search=config.search, progress=progress)
    distance = prepared.distances(queries.vectors)
    name = "k-reciprocal, one by one"
    facts = {**embeddings.facts, **config.facts(), "rerank": name}
    return Ranking(distance, queries.crops, gallery.crops, name, queries.fingerprint, facts)
