"""Ranking: the distance of every query to every gallery picture, with both tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import NoneType
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.data.crops import Crops
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.errors import RankingError, SettingError, refuse_other_types
from sameplayer.ranking.config import Progress, RankConfig
from sameplayer.ranking.rerank.reranking import Reranker, choose
from sameplayer.ranking.rerank.reranking import rerank as rerank_features


@dataclass(frozen=True, eq=False, repr=False)
class Ranking:
    """What evaluate, report and submission read.

    distance          (m, n) float32, smaller is closer; +inf: of another identity scope
    query, gallery    the crop tables of rows and columns
    rerank            the re-ranking's name, "none" where there is none
    fingerprint       of the encoder
    facts             every setting that decided it

    Raises RankingError where the distances do not fit the tables.
    """

    distance: np.ndarray
    query: Crops
    gallery: Crops
    rerank: str
    fingerprint: str
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        expected = len(self.query), len(self.gallery)
        if self.distance.shape != expected:
            raise RankingError(
                f"Distances of shape {self.distance.shape} do not fit {expected[0]} queries and "
                f"{expected[1]} gallery pictures; expected shape {expected}."
            )

    def __repr__(self) -> str:
        m, n = self.distance.shape
        return f"Ranking({m} queries x {n} gallery pictures, re-ranking {self.rerank})"

    def order(self) -> np.ndarray:
        """Return (m, n) gallery row numbers, nearest first."""
        return np.argsort(self.distance, axis=1, kind="stable")

    def top(self, query: int | str, k: int = 10) -> pd.DataFrame:
        """Return the ``k`` nearest gallery pictures of one query as a table, nearest first.

        query    see ``find_query``

        Columns: rank (from 1), row (in the gallery), image, person, distance, then what else the
        gallery's table holds. Pictures of other identity scopes are left out.
        """
        if k < 1:
            raise SettingError("k", k, "1 or more")
        distance = self.distance[find_query(self.query, query)]
        rows = np.argsort(distance, kind="stable")[:k]
        rows = rows[np.isfinite(distance[rows])]
        listed = self.gallery.table.iloc[rows].dropna(axis=1, how="all")
        shown = pd.DataFrame({"rank": np.arange(1, len(rows) + 1), "row": rows})
        for name in ("image", "person"):
            shown[name] = self.gallery.table[name].iloc[rows].to_numpy()
        shown["distance"] = distance[rows]
        rest = listed.drop(columns=["image", "person", "rank", "row", "distance"], errors="ignore")
        return pd.concat([shown, rest.reset_index(drop=True)], axis=1)


def rank(
    embeddings: Embeddings,
    gallery: Embeddings | None = None,
    *,
    rerank: str | RankConfig | Reranker = "none",
    progress: Progress | None = None,
) -> Ranking:
    """Rank the gallery for every query, within the query's identity scope.

    embeddings    with roles query and gallery (or distractor); or the queries alone
    gallery       the gallery, where it is apart; made by the same encoder
    rerank        a name of RERANKERS ("none", "k-reciprocal", "hard"), ``RankConfig`` with all
                  settings, or an own function like those of RERANKERS
    progress      called with (rows done, all rows) for each scope

    Raises RankingError where there is nothing to rank, or the gallery is another encoder's or of
    another scope; SettingError for an unknown re-ranking.

    >>> from sameplayer.data import Crops
    >>> from sameplayer.encoder import Embeddings
    >>> facts = {"image": list("abcd"), "person": list("1122"), "role": ["query", "gallery"] * 2}
    >>> rows = np.array([[1, 0], [0.8, 0.6], [0, 1], [0.6, 0.8]], np.float32)
    >>> embeddings = Embeddings(rows, Crops(pd.DataFrame(facts), "pictures"), "an encoder")
    >>> rank(embeddings).distance.astype(float).round(2).tolist()
    [[0.4, 0.8], [0.8, 0.4]]
    """
    kinds = (Embeddings, NoneType)
    refuse_other_types("rank", embeddings=(embeddings, Embeddings), gallery=(gallery, kinds))
    queries, items = _parts(embeddings, gallery)
    refuse_empty(queries, items)
    config = choose(rerank)[1]
    distance = np.full((len(queries), len(items)), np.inf, np.float32)
    of_query, of_item = _joint_scopes(queries.crops, items.crops)
    for scope in np.unique(of_query):
        rows, columns = np.flatnonzero(of_query == scope), np.flatnonzero(of_item == scope)
        if len(columns):
            distance[np.ix_(rows, columns)] = rerank_features(
                queries.vectors[rows], items.vectors[columns], rerank, progress=progress
            )
    facts = {**embeddings.facts, **config.facts()}
    return Ranking(distance, queries.crops, items.crops, config.method, queries.fingerprint, facts)


def find_query(queries: Crops, query: int | str) -> int:
    """Return the row of one picture: a whole number is the row, else a path or a part of one.

    Raises SettingError for a row out of range, and for text that fits no path or several.
    """
    images = queries.table["image"].astype(str)
    text = str(query)
    if text.isdecimal():
        rows = [int(text)] if int(text) < len(images) else []
    else:
        rows = np.flatnonzero(images == text).tolist()
        rows = rows or np.flatnonzero(images.str.contains(text, regex=False)).tolist()
    if len(rows) != 1:
        raise SettingError(
            "query",
            f"{text!r}, which fits {len(rows)} of {len(images)} queries",
            f"a row from 0 to {len(images) - 1}, or a path or a part that fits one query "
            f"alone, such as {images.iat[0]}",
        )
    return int(rows[0])


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


def _parts(embeddings: Embeddings, gallery: Embeddings | None) -> tuple[Embeddings, Embeddings]:
    if gallery is None:
        rows = query_rows(embeddings), gallery_rows(embeddings)
        return embeddings.where(rows[0]), embeddings.where(rows[1])
    if embeddings.fingerprint != gallery.fingerprint:
        raise RankingError(
            f"The gallery was embedded by encoder {gallery.fingerprint}, the queries by "
            f"{embeddings.fingerprint}; distances between them mean nothing. Embed both alike."
        )
    return embeddings, gallery


def _joint_scopes(query: Crops, gallery: Crops) -> tuple[np.ndarray, np.ndarray]:
    """Return integers (m,) and (n,): rows with equal numbers share one identity scope."""
    if query.scope != gallery.scope:
        raise RankingError(
            f"Query identities hold within {query.scope or 'the set'}, gallery identities within "
            f"{gallery.scope or 'the set'}; expected the same scope."
        )
    if query.scope is None:
        return np.zeros(len(query), np.int64), np.zeros(len(gallery), np.int64)
    both = pd.concat([crops.table[crops.scope] for crops in (query, gallery)], ignore_index=True)
    codes = pd.factorize(both)[0].astype(np.int64)
    return codes[: len(query)], codes[len(query) :]
