"""Many pictures of one person: query expansion, database augmentation, pooling, multi-query.

Each is a function from Embeddings to Embeddings, or from Ranking to Ranking; nothing is changed in
place. Neighbours are looked for within the identity scope only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sameplayer.encoder.embeddings import Embeddings
from sameplayer.errors import RankingError
from sameplayer.ranking.distance import unit_rows
from sameplayer.ranking.ranking import Ranking, gallery_rows, query_rows


def expand_queries(embeddings: Embeddings, k: int = 5, alpha: float = 0.0) -> Embeddings:
    """Return embeddings whose queries are means of themselves and their ``k`` nearest gallery rows.

    alpha    0: average query expansion (Chum et al., 2007); over 0: a neighbour weighs its cosine
             similarity to the power alpha (Radenovic et al., 2018), the query itself 1
    """
    return _mixed(embeddings, query_rows(embeddings), gallery_rows(embeddings), k, alpha)


def augment_gallery(embeddings: Embeddings, k: int = 5, alpha: float = 0.0) -> Embeddings:
    """Return embeddings whose gallery rows are means of themselves and their ``k`` nearest others.

    Database-side augmentation; ``alpha`` as in ``expand_queries``.
    """
    gallery = gallery_rows(embeddings)
    return _mixed(embeddings, gallery, gallery, k, alpha)


def pool_tracks(
    embeddings: Embeddings,
    by: Sequence[str] = ("sequence", "person", "role"),
    weights: np.ndarray | None = None,
) -> Embeddings:
    """Return one row a track: the mean of its pictures, of length 1 again.

    by         columns of the table that together name a track; rows without one stay alone
    weights    (n,) of the pictures, such as ``picture_quality``; None: all alike

    The row in the table is the track's first, or its heaviest picture where there are weights.
    """
    table = embeddings.crops.table
    missing = [name for name in by if name not in table.columns]
    if missing:
        raise RankingError(f"No column {missing[0]!r}; a track is named by {', '.join(by)}.")
    shares = np.ones(len(table)) if weights is None else np.asarray(weights, float)
    if shares.shape != (len(table),) or not (np.isfinite(shares) & (shares > 0)).all():
        raise RankingError(f"Expected {len(table)} weights over 0, one a row of the embeddings.")
    keys = table[list(by)].astype("string")
    track = keys.fillna("").agg("\x1f".join, axis=1)
    alone = keys.isna().any(axis=1)
    track = track.where(~alone, [f"\x1e{row}" for row in range(len(table))])
    numbers = track.groupby(track, sort=False).ngroup().to_numpy()
    vectors = np.zeros((numbers.max() + 1, embeddings.vectors.shape[1]))
    np.add.at(vectors, numbers, shares[:, None] * embeddings.vectors)
    order = np.lexsort((np.arange(len(table)), -shares, numbers))
    first = order[np.unique(numbers[order], return_index=True)[1]]
    kept = embeddings.where(first)
    facts = {**embeddings.facts, "pooled by": list(by)}
    return Embeddings(unit_rows(vectors, "mixed"), kept.crops, kept.fingerprint, facts)


def multi_query(
    ranking: Ranking, by: Sequence[str] = ("person", "camera"), how: str = "mean"
) -> Ranking:
    """Return a ranking with one row for all pictures that are known to ask for the same person.

    by     columns of the query table that name one question
    how    "mean" or "min" of the pictures' distances
    """
    if how not in ("mean", "min"):
        raise RankingError(f"--how is {how!r}; expected mean or min.")
    table = ranking.query.table
    scope = [ranking.query.scope] if ranking.query.scope else []
    groups = table.groupby([*by, *scope], sort=False, dropna=False).indices
    reduce = np.mean if how == "mean" else np.min
    distance = np.stack([reduce(ranking.distance[rows], axis=0) for rows in groups.values()])
    first = np.array([rows[0] for rows in groups.values()])
    facts = {**ranking.facts, "multi-query": how}
    query = ranking.query.where(first)
    return replace(ranking, distance=distance.astype(np.float32), query=query, facts=facts)


def _mixed(
    embeddings: Embeddings, changed: np.ndarray, sources: np.ndarray, k: int, alpha: float
) -> Embeddings:
    if k < 1 or alpha < 0:
        raise RankingError(f"k is {k} and alpha {alpha}; expected k 1 or more, alpha 0 or more.")
    scopes = embeddings.crops.scopes()
    vectors = embeddings.vectors.copy()
    for scope in np.unique(scopes):
        rows, pool = (one[scopes[one] == scope] for one in (changed, sources))
        for start in range(0, len(rows), 1024):
            part = rows[start : start + 1024]
            similar = embeddings.vectors[part] @ embeddings.vectors[pool].T
            similar[part[:, None] == pool] = -np.inf
            near = np.argsort(-similar, axis=1, kind="stable")[:, :k]
            value = np.take_along_axis(similar, near, axis=1)
            weight = np.where(np.isfinite(value), np.clip(value, 0, 1) ** alpha, 0)
            found = embeddings.vectors[pool[near]]
            vectors[part] += np.einsum("qk,qkd->qd", weight, found).astype(np.float32)
    facts = {**embeddings.facts, "expansion": {"k": k, "alpha": alpha}}
    return replace(embeddings, vectors=unit_rows(vectors, "mixed"), facts=facts)
