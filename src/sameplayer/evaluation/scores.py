"""Average precision, mAP, CMC and mINP, as Open-ReID defines them.

A gallery picture of the query's person *and* camera is left out of that query's list, and so is
one at infinite distance (another identity scope). Queries without a match are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sameplayer.errors import RankingError
from sameplayer.ranking.ranking import Ranking

PROTOCOLS = ("allshots", "market1501", "cuhk03")


@dataclass(frozen=True)
class Scores:
    """Scores of one ranking, fractions of 1.

    cmc             protocol -> (100,) share of queries with a match among the first k
    per_query_ap    (m,) average precision, NaN without a match
    interval        95 % bootstrap interval of mAP over the queries
    """

    mAP: float
    mINP: float
    cmc: dict[str, np.ndarray]
    per_query_ap: np.ndarray
    interval: tuple[float, float]
    queries: int
    gallery: int
    skipped: int
    rerank: str
    encoder: str

    def table(self) -> str:
        low, high = self.interval
        lines = [
            f"mAP {100 * self.mAP:.2f} % (95 % interval {100 * low:.1f} to {100 * high:.1f}), "
            f"mINP {100 * self.mINP:.2f} %",
            f"{'CMC':<12}{'rank-1':>8}{'rank-5':>8}{'rank-10':>8}",
        ]
        for protocol, curve in self.cmc.items():
            shown = "".join(f"{100 * curve[k - 1]:>8.2f}" for k in (1, 5, 10))
            lines.append(f"{protocol:<12}{shown}")
        lines.append(
            f"{self.queries} queries ({self.skipped} without a match left out), {self.gallery} "
            f"gallery pictures, re-ranking {self.rerank}, encoder {self.encoder}"
        )
        return "\n".join(lines)

    def json(self) -> dict[str, Any]:
        return {
            "mAP": self.mAP,
            "mAP_interval_95": list(self.interval),
            "mINP": self.mINP,
            "cmc": {
                name: {str(k): float(curve[k - 1]) for k in (1, 5, 10)}
                for name, curve in self.cmc.items()
            },
            "queries": self.queries,
            "queries_without_match": self.skipped,
            "gallery": self.gallery,
            "rerank": self.rerank,
            "encoder": self.encoder,
        }


def evaluate(ranking: Ranking) -> Scores:
    """Score a ranking; missing cameras count as 0 for queries and 1 for the gallery."""
    query_ids, gallery_ids = _ids(ranking)
    cameras = (
        ranking.query.table["camera"].fillna("0").to_numpy(dtype=str),
        ranking.gallery.table["camera"].fillna("1").to_numpy(dtype=str),
    )
    lists = _Lists(ranking.distance, query_ids, gallery_ids, *cameras)
    precision = lists.average_precision()
    found = precision[~np.isnan(precision)]
    if len(found) == 0:
        raise RankingError(
            f"None of the {len(query_ids)} queries has a match in the gallery, so there is nothing "
            "to score; expected gallery pictures of the queries' persons (hidden identities can be "
            "ranked and submitted, not scored)."
        )
    draws = np.random.default_rng(0).integers(0, len(found), (1000, len(found)))
    low, high = np.percentile(found[draws].mean(axis=1), [2.5, 97.5])
    return Scores(
        float(found.mean()),
        lists.mean_inverse_negative_penalty(),
        {protocol: lists.cmc(protocol, 100) for protocol in PROTOCOLS},
        precision,
        (float(low), float(high)),
        len(query_ids),
        len(gallery_ids),
        int(np.isnan(precision).sum()),
        ranking.rerank,
        ranking.encoder,
    )


def average_precision(
    distance: np.ndarray,
    query_ids: np.ndarray,
    gallery_ids: np.ndarray,
    query_cameras: np.ndarray,
    gallery_cameras: np.ndarray,
) -> np.ndarray:
    """Return (m,) average precision, NaN for a query without a match.

    Equal distances share one rank, as in scikit-learn's ``average_precision_score``.
    """
    lists = _Lists(distance, query_ids, gallery_ids, query_cameras, gallery_cameras)
    return lists.average_precision()


def mean_average_precision(
    distance: np.ndarray,
    query_ids: np.ndarray,
    gallery_ids: np.ndarray,
    query_cameras: np.ndarray,
    gallery_cameras: np.ndarray,
) -> float:
    """Return mAP over the queries with a match, in [0, 1]; distance (m, n), smaller is closer."""
    found = average_precision(distance, query_ids, gallery_ids, query_cameras, gallery_cameras)
    if np.isnan(found).all():
        raise RankingError("No query has a match in the gallery; there is nothing to score.")
    return float(np.nanmean(found))


def cmc(
    distance: np.ndarray,
    query_ids: np.ndarray,
    gallery_ids: np.ndarray,
    query_cameras: np.ndarray,
    gallery_cameras: np.ndarray,
    protocol: str,
    top: int = 100,
    *,
    draws: int = 10,
    seed: int = 0,
) -> np.ndarray:
    """Return (top,) cumulative match shares: entry k - 1 is rank k.

    "market1501"    the first match counts
    "allshots"      every match counts once, at its rank among the wrong ones before it
    "cuhk03"        one random gallery picture a person, other cameras only, mean of ``draws``
    """
    lists = _Lists(distance, query_ids, gallery_ids, query_cameras, gallery_cameras)
    return lists.cmc(protocol, top, draws, seed)


class _Lists:
    """Every query's ranked list: (m, n) of matches and of what counts, nearest first."""

    def __init__(
        self,
        distance: np.ndarray,
        query_ids: np.ndarray,
        gallery_ids: np.ndarray,
        query_cameras: np.ndarray,
        gallery_cameras: np.ndarray,
    ) -> None:
        distance = np.asarray(distance)
        expected = (len(query_ids), len(gallery_ids))
        if distance.shape != expected or 0 in expected:
            raise RankingError(
                f"Distances of shape {distance.shape} do not fit {expected[0]} query ids and "
                f"{expected[1]} gallery ids; expected one row a query, one column a gallery id."
            )
        if len(query_cameras) != expected[0] or len(gallery_cameras) != expected[1]:
            raise RankingError("Cameras and ids differ in number; expected one camera an id.")
        bad = np.argwhere(np.isnan(distance))
        if len(bad):
            raise RankingError(f"The distance in row {bad[0][0]}, column {bad[0][1]} is NaN.")
        self.gallery_ids = np.asarray(gallery_ids)
        self.order = np.argsort(distance, axis=1, kind="stable")
        self.sorted = np.take_along_axis(distance, self.order, axis=1)
        same = np.asarray(query_ids)[:, None] == self.gallery_ids[self.order]
        camera = np.asarray(query_cameras)[:, None] == np.asarray(gallery_cameras)[self.order]
        self.other_camera = ~camera & np.isfinite(self.sorted)
        self.counts = ~(same & camera) & np.isfinite(self.sorted)
        self.match = same & self.counts

    def average_precision(self) -> np.ndarray:
        matches = np.cumsum(self.match, axis=1)
        places = np.cumsum(self.counts, axis=1)
        n = self.sorted.shape[1]
        last = np.ones(self.sorted.shape, bool)
        last[:, :-1] = self.sorted[:, 1:] != self.sorted[:, :-1]
        end = np.where(last, np.arange(n), n)
        end = np.minimum.accumulate(end[:, ::-1], axis=1)[:, ::-1]
        matches_end = np.take_along_axis(matches, end, axis=1)
        places_end = np.take_along_axis(places, end, axis=1)
        total = matches[:, -1]
        summed = np.where(self.match, matches_end / np.maximum(places_end, 1), 0.0).sum(axis=1)
        return np.where(total > 0, summed / np.maximum(total, 1), np.nan)

    def mean_inverse_negative_penalty(self) -> float:
        valid = self.match.any(axis=1)
        places = np.cumsum(self.counts, axis=1)
        hardest = np.where(self.match, places, 0).max(axis=1)
        return float((self.match.sum(axis=1)[valid] / hardest[valid]).mean())

    def cmc(self, protocol: str, top: int, draws: int = 10, seed: int = 0) -> np.ndarray:
        if protocol not in PROTOCOLS:
            raise RankingError(f"Protocol {protocol!r} is unknown; expected one of {PROTOCOLS}.")
        if protocol == "cuhk03":
            return self._single_shot(top, draws, seed)
        rows = np.flatnonzero(self.match.any(axis=1))
        if len(rows) == 0:
            raise RankingError("No query has a match in the gallery; there is nothing to score.")
        match, counts = self.match[rows], self.counts[rows]
        wrong_before = np.cumsum(counts & ~match, axis=1)
        row, column = np.nonzero(match)
        rank = wrong_before[row, column]
        weight = 1 / match.sum(axis=1)[row]
        if protocol == "market1501":
            first = np.unique(row, return_index=True)[1]
            row, rank, weight = row[first], rank[first], np.ones(len(first))
        hits = np.bincount(rank[rank < top], weight[rank < top], minlength=top)
        return np.cumsum(hits[:top]) / len(rows)

    def _single_shot(self, top: int, draws: int, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        counts = self.counts & self.other_camera
        rows = np.flatnonzero((self.match & counts).any(axis=1))
        codes = np.unique(self.gallery_ids, return_inverse=True)[1]
        hits = np.zeros(top)
        if len(rows) == 0:
            return hits
        for _ in range(draws):
            key = rng.random(len(codes))
            for row in rows:
                columns = np.flatnonzero(counts[row])
                items = self.order[row, columns]
                chosen = np.lexsort((key[items], codes[items]))
                first = np.unique(codes[items][chosen], return_index=True)[1]
                places = np.sort(columns[chosen[first]])
                rank = int(np.argmax(self.match[row, places]))
                if rank < top:
                    hits[rank] += 1
        return np.cumsum(hits) / (draws * len(rows))


def _ids(ranking: Ranking) -> tuple[np.ndarray, np.ndarray]:
    """Integer ids: unknown queries and distractors match nobody (-1 and -2)."""
    keys = []
    for crops, missing in ((ranking.query, "-1"), (ranking.gallery, "-2")):
        scope = crops.table[crops.scope].astype(str) + "/" if crops.scope else ""
        names = (scope + crops.table["person"].astype(str)).to_numpy(dtype=str)
        keys.append(np.where(crops.table["person"].isna(), f"?{missing}", names))
    codes = np.unique(np.concatenate(keys), return_inverse=True)[1]
    return codes[: len(keys[0])], codes[len(keys[0]) :]
