"""Ranking: the distance of every query to every gallery picture, with both tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sameplayer.data.crops import Crops
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.errors import RankingError
from sameplayer.ranking.rerank import rerank as rerank_features


@dataclass(frozen=True)
class Ranking:
    """What evaluate, report and submission read.

    distance          (m, n) float32, smaller is closer; +inf: of another identity scope
    query, gallery    the crop tables of rows and columns
    rerank            "none", "k-reciprocal" or "hard"
    fingerprint       of the encoder
    facts             settings that decided it
    """

    distance: np.ndarray
    query: Crops
    gallery: Crops
    rerank: str
    fingerprint: str
    facts: dict[str, Any] = field(default_factory=dict)

    def order(self) -> np.ndarray:
        """Return (m, n) gallery row numbers, nearest first."""
        return np.argsort(self.distance, axis=1, kind="stable")


def rank(
    embeddings: Embeddings,
    gallery: Embeddings | None = None,
    *,
    rerank: str = "none",
    k1: int = 20,
    k2: int = 6,
    lambda_: float | None = None,
    **search: Any,
) -> Ranking:
    """Rank the gallery for every query, within the query's identity scope.

    embeddings    with roles query and gallery (or distractor); or the queries alone
    gallery       the gallery, where it is apart; made by the same encoder, or RankingError
    rerank        "none", "k-reciprocal" or "hard", with k1, k2 and lambda_ (None: its own)
    search        memory_gb, device, approximate, progress: see ``find_neighbours``
    """
    if gallery is None:
        parts = query_rows(embeddings), gallery_rows(embeddings)
        queries, items = (embeddings.where(rows) for rows in parts)
        scopes = embeddings.crops.scopes()[np.concatenate(parts)]
    else:
        queries, items = embeddings, gallery
        if queries.fingerprint != items.fingerprint:
            raise RankingError(
                f"The gallery was embedded by encoder {items.fingerprint}, the queries by "
                f"{queries.fingerprint}; distances between them mean nothing. Embed both alike."
            )
        scopes = _joint_scopes(queries.crops, items.crops)
    refuse_empty(queries, items)
    distance = np.full((len(queries), len(items)), np.inf, np.float32)
    of_query, of_item = scopes[: len(queries)], scopes[len(queries) :]
    for scope in np.unique(of_query):
        rows, columns = np.flatnonzero(of_query == scope), np.flatnonzero(of_item == scope)
        if len(columns):
            distance[np.ix_(rows, columns)] = rerank_features(
                queries.vectors[rows],
                items.vectors[columns],
                rerank,
                k1=k1,
                k2=k2,
                lambda_=lambda_,
                **search,
            )
    facts = {**embeddings.facts} if rerank == "none" else {**embeddings.facts, "k1": k1, "k2": k2}
    return Ranking(distance, queries.crops, items.crops, rerank, queries.fingerprint, facts)


def query_rows(embeddings: Embeddings) -> np.ndarray:
    """Return the numbers of the rows with the role query."""
    return np.flatnonzero(embeddings.crops.table["role"] == "query")


def gallery_rows(embeddings: Embeddings) -> np.ndarray:
    """Return the numbers of the rows that are ranked: gallery pictures and distractors."""
    return np.flatnonzero(embeddings.crops.table["role"].isin(("gallery", "distractor")))


def refuse_empty(queries: Embeddings, gallery: Embeddings) -> None:
    """Raise RankingError where there is nothing to ask or nothing to rank."""
    if len(queries) == 0 or len(gallery) == 0:
        raise RankingError(
            f"{len(queries)} queries and {len(gallery)} gallery pictures; expected at least one of "
            "each. Rows get their part from the column role: query or gallery."
        )


def _joint_scopes(query: Crops, gallery: Crops) -> np.ndarray:
    if query.scope != gallery.scope:
        raise RankingError(
            f"Query identities hold within {query.scope or 'the set'}, gallery identities within "
            f"{gallery.scope or 'the set'}; expected the same scope."
        )
    if query.scope is None:
        return np.zeros(len(query) + len(gallery), np.int64)
    names = [*query.table[query.scope].astype(str), *gallery.table[gallery.scope].astype(str)]
    return np.unique(names, return_inverse=True)[1]
