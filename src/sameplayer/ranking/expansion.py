"""Many pictures of one person: query expansion, gallery augmentation, pooling, multi-query.

Each is a function from Embeddings to Embeddings, or from Ranking to Ranking; nothing is changed in
place. Neighbours are looked for within the identity scope only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from sameplayer.common.vectors import unit_means
from sameplayer.data.crops import Crops
from sameplayer.data.tracks import track_keys
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.errors import RankingError, SettingError
from sameplayer.ranking.distance import unit_rows
from sameplayer.ranking.ranking import Ranking, gallery_rows, query_rows

REDUCERS: dict[str, Callable[..., np.ndarray]] = {"mean": np.mean, "min": np.min}


def expand_queries(embeddings: Embeddings, k: int = 5, alpha: float = 0.0) -> Embeddings:
    """Return embeddings whose queries are means of themselves and their ``k`` nearest gallery rows.

    alpha    0: average query expansion (Chum et al., 2007); over 0: a neighbour weighs its cosine
             similarity to the power alpha (Radenovic et al., 2018), the query itself 1

    Raises SettingError for k below 1 or alpha below 0.

    >>> from sameplayer.data import Crops
    >>> from sameplayer.encoder import Embeddings
    >>> facts = {"image": list("abcd"), "person": list("1122"), "role": ["query", "gallery"] * 2}
    >>> rows = np.array([[1, 0], [0.8, 0.6], [0, 1], [0.6, 0.8]], np.float32)
    >>> embeddings = Embeddings(rows, Crops(pd.DataFrame(facts), "pictures"), "an encoder")
    >>> expand_queries(embeddings, k=1).vectors[0].astype(float).round(2).tolist()
    [0.95, 0.32]
    """
    changed, sources = query_rows(embeddings), gallery_rows(embeddings)
    vectors = _mixed(embeddings, changed, sources, k, alpha)
    facts = {**embeddings.facts, "query expansion": {"k": k, "alpha": alpha}}
    return replace(embeddings, vectors=vectors, facts=facts)


def augment_gallery(embeddings: Embeddings, k: int = 5, alpha: float = 0.0) -> Embeddings:
    """Return embeddings whose gallery rows are means of themselves and their ``k`` nearest others.

    Database-side augmentation; ``alpha`` and errors as in ``expand_queries``.

    >>> from sameplayer.data import Crops
    >>> from sameplayer.encoder import Embeddings
    >>> facts = {"image": list("abcd"), "person": list("1122"), "role": ["query", "gallery"] * 2}
    >>> rows = np.array([[1, 0], [0.8, 0.6], [0, 1], [0.6, 0.8]], np.float32)
    >>> embeddings = Embeddings(rows, Crops(pd.DataFrame(facts), "pictures"), "an encoder")
    >>> augment_gallery(embeddings, k=1).vectors[1].astype(float).round(2).tolist()
    [0.71, 0.71]
    """
    gallery = gallery_rows(embeddings)
    vectors = _mixed(embeddings, gallery, gallery, k, alpha)
    facts = {**embeddings.facts, "gallery augmentation": {"k": k, "alpha": alpha}}
    return replace(embeddings, vectors=vectors, facts=facts)


def pool_tracks(
    embeddings: Embeddings,
    by: Sequence[str] = ("sequence", "person", "role"),
    weights: np.ndarray | None = None,
) -> Embeddings:
    """Return one row a track: the mean of its pictures, of length 1 again.

    by         columns of the table that together name a track within its identity scope; rows
               without one stay alone
    weights    (n,) of the pictures, such as ``picture_quality``; None: all alike

    The row in the table is the track's first, or its heaviest picture where there are weights.

    Raises SettingError for an unknown column, RankingError for weights that do not fit.

    >>> from sameplayer.data import Crops
    >>> from sameplayer.encoder import Embeddings
    >>> facts = {"image": list("abcd"), "person": list("1122"), "role": ["query", "gallery"] * 2}
    >>> rows = np.array([[1, 0], [0.8, 0.6], [0, 1], [0.6, 0.8]], np.float32)
    >>> embeddings = Embeddings(rows, Crops(pd.DataFrame(facts), "pictures"), "an encoder")
    >>> len(pool_tracks(embeddings, by=["person"]))
    2
    """
    table = embeddings.crops.table
    shares = np.ones(len(table)) if weights is None else np.asarray(weights, float)
    if shares.shape != (len(table),) or not (np.isfinite(shares) & (shares > 0)).all():
        raise RankingError(f"Expected {len(table)} weights over 0, one a row of the embeddings.")
    tracks = track_keys(table, _within_scope(embeddings.crops, by))
    vectors = unit_means(embeddings.vectors, tracks, tracks.max(initial=-1) + 1, shares)
    order = np.lexsort((np.arange(len(table)), -shares, tracks))
    first = order[np.unique(tracks[order], return_index=True)[1]]
    kept = embeddings.where(first)
    facts = {**embeddings.facts, "pooled by": list(by)}
    return Embeddings(vectors, kept.crops, kept.fingerprint, facts)


def multi_query(
    ranking: Ranking, by: Sequence[str] = ("person", "camera"), how: str = "mean"
) -> Ranking:
    """Return a ranking with one row for all pictures that are known to ask for the same person.

    by     columns of the query table that name one question within its identity scope; a query
           without one of them, such as the person, stays alone; a missing camera is one camera
    how    "mean" or "min" of the pictures' distances

    Raises SettingError for an unknown column or way.
    """
    if how not in REDUCERS:
        raise SettingError("how", repr(how), " or ".join(REDUCERS))
    table = ranking.query.table
    table = table.assign(camera=pd.factorize(table["camera"])[0])  # missing: all are -1
    questions = track_keys(table, _within_scope(ranking.query, by))
    first = np.unique(questions, return_index=True)[1]
    distance = np.stack(
        [
            REDUCERS[how](ranking.distance[questions == question], axis=0)
            for question in questions[first]
        ]
    )
    facts = {**ranking.facts, "multi-query": how}
    query = ranking.query.where(first)
    return replace(ranking, distance=distance.astype(np.float32), query=query, facts=facts)


def _within_scope(crops: Crops, by: Sequence[str]) -> list[str]:
    return [*by, *([crops.scope] if crops.scope and crops.scope not in by else [])]


def _mixed(
    embeddings: Embeddings, changed: np.ndarray, sources: np.ndarray, k: int, alpha: float
) -> np.ndarray:
    """Return unit vectors (n, d) in which each changed row has its nearest sources added."""
    if k < 1:
        raise SettingError("k", k, "1 or more")
    if not alpha >= 0:
        raise SettingError("alpha", alpha, "0 or more")
    scopes = embeddings.crops.scopes()
    vectors = embeddings.vectors.copy()
    for scope in np.unique(scopes):
        rows, pool = (part[scopes[part] == scope] for part in (changed, sources))
        for start in range(0, len(rows), 1024):
            part = rows[start : start + 1024]
            similar = embeddings.vectors[part] @ embeddings.vectors[pool].T
            similar[part[:, None] == pool] = -np.inf
            near = np.argsort(-similar, axis=1, kind="stable")[:, :k]
            value = np.take_along_axis(similar, near, axis=1)
            weight = np.where(np.isfinite(value), np.clip(value, 0, 1) ** alpha, 0)
            added = embeddings.vectors[pool[near]]
            vectors[part] += np.einsum("qk,qkd->qd", weight, added).astype(np.float32)
    return unit_rows(vectors, "mixed")
