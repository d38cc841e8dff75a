"""The nearest gallery pictures of one query or several, each ranked on its own."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sameplayer.encoder.embeddings import Embeddings
from sameplayer.errors import RankingError, refuse_other_types
from sameplayer.ranking.config import Progress, RankConfig
from sameplayer.ranking.prepared.gallery import K_RECIPROCAL, PreparedGallery
from sameplayer.ranking.ranking import Ranking, gallery_rows, query_rows, rank, refuse_empty


def search(
    query: Embeddings,
    gallery: Embeddings | PreparedGallery,
    k: int = 10,
    *,
    rerank: str | RankConfig = "none",
) -> pd.DataFrame:
    """Return the ``k`` nearest gallery pictures of each query as a table, nearest first.

    query      embeddings of one picture or more, made by the gallery's encoder
    gallery    embeddings to search; or a ``PreparedGallery`` of embeddings, which re-ranks each
               query in milliseconds by the settings that it was prepared with
    rerank     as in ``rank``; k-reciprocal ranks each query as if it were the only one

    Columns: query (row number from 0), rank (from 1), row (in the gallery), image, person,
    distance, then what else the gallery's table holds. Pictures of another identity scope are
    left out. Raises RankingError for embeddings of different encoders, SettingError for k below 1.

    >>> from sameplayer.data import Crops
    >>> from sameplayer.encoder import Embeddings
    >>> facts = {"image": list("abcd"), "person": list("1122"), "role": ["query", "gallery"] * 2}
    >>> rows = np.array([[1, 0], [0.8, 0.6], [0, 1], [0.6, 0.8]], np.float32)
    >>> embeddings = Embeddings(rows, Crops(pd.DataFrame(facts), "pictures"), "an encoder")
    >>> search(embeddings, embeddings, k=2)["image"].tolist()[:2]
    ['a', 'b']
    """
    kinds = (Embeddings, PreparedGallery)
    refuse_other_types("search", query=(query, Embeddings), gallery=(gallery, kinds))
    if isinstance(gallery, Embeddings):
        config = rerank if isinstance(rerank, RankConfig) else RankConfig(rerank)
        if config.method == "k-reciprocal" and query.crops.scope is None:
            gallery = PreparedGallery(gallery, config)
    if isinstance(gallery, PreparedGallery):
        rankings = [rank_one_by_one(query, gallery)]
    else:
        rankings = [
            rank(query.where(np.array([row])), gallery, rerank=config) for row in range(len(query))
        ]
    tables = [ranking.top(row, k) for ranking in rankings for row in range(len(ranking.query))]
    for row, table in enumerate(tables):
        table.insert(0, "query", row)
    return pd.concat(tables, ignore_index=True)


def rank_one_by_one(
    embeddings: Embeddings,
    gallery: RankConfig | PreparedGallery = K_RECIPROCAL,
    *,
    progress: Progress | None = None,
) -> Ranking:
    """Rank a gallery for every query by k-reciprocal re-ranking, each query on its own.

    embeddings    with roles as in ``rank``; or the queries alone, where the gallery is prepared
    gallery       a prepared gallery of embeddings; or settings to prepare these embeddings' gallery
    progress      called with (rows done, all rows)

    Raises RankingError for identity scopes, each of which is a gallery of its own, and for
    embeddings of another encoder; SettingError for another re-ranking.
    """
    if embeddings.crops.scope is not None:
        raise RankingError(
            "A prepared gallery is one identity scope; embed with scope set, or rank all queries "
            "jointly."
        )
    queries = embeddings
    if isinstance(gallery, RankConfig):
        queries = embeddings.where(query_rows(embeddings))
        items = embeddings.where(gallery_rows(embeddings))
        refuse_empty(queries, items)
        gallery = PreparedGallery(items, gallery, progress=progress)
    if gallery.embeddings is None:
        raise RankingError("This gallery was prepared from features; prepare it from Embeddings.")
    if gallery.embeddings.fingerprint != queries.fingerprint:
        raise RankingError(
            f"The gallery was embedded by encoder {gallery.embeddings.fingerprint}, the queries by "
            f"{queries.fingerprint}; distances between them mean nothing. Embed both alike."
        )
    name = "k-reciprocal, one by one"
    facts = {**queries.facts, **gallery.config.facts(), "rerank": name}
    distance = gallery.distances(queries.vectors)
    items = gallery.embeddings
    return Ranking(distance, queries.crops, items.crops, name, queries.fingerprint, facts)
