"""Scores of a ranking: mAP, CMC, mINP, precision and recall at k, and whether two differ.

A small test set moves by points: every mAP comes with the interval that the choice of queries
leaves, and ``compare`` tests two rankings on the same queries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sameplayer.data.crops import identities
from sameplayer.errors import RankingError
from sameplayer.evaluation.protocols import PROTOCOLS, MatchRanks
from sameplayer.ranking.ranking import Ranking


@dataclass(frozen=True)
class Scores:
    """Scores of one ranking, fractions of 1.

    cmc             protocol -> (100,) share of queries with a match among the first k
    at              k -> (precision, recall) of the first k, mean over the queries with a match
    per_query_ap    (m,) average precision, NaN without a match
    interval        95 % bootstrap interval of mAP over the queries
    """

    mAP: float
    mINP: float
    cmc: dict[str, np.ndarray]
    at: dict[int, tuple[float, float]]
    per_query_ap: np.ndarray
    interval: tuple[float, float]
    queries: int
    gallery: int
    skipped: int
    rerank: str
    fingerprint: str

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
        for name, which in (("precision", 0), ("recall", 1)):
            shown = "".join(f"{100 * both[which]:>8.2f}" for both in self.at.values())
            lines.append(f"{name:<12}{shown}")
        lines.append(
            f"{self.queries} queries ({self.skipped} without a match left out), {self.gallery} "
            f"gallery pictures, re-ranking {self.rerank}, encoder {self.fingerprint}"
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
            "precision": {str(k): both[0] for k, both in self.at.items()},
            "recall": {str(k): both[1] for k, both in self.at.items()},
            "queries": self.queries,
            "queries_without_match": self.skipped,
            "gallery": self.gallery,
            "rerank": self.rerank,
            "encoder": self.fingerprint,
        }


def evaluate(ranking: Ranking) -> Scores:
    """Score a ranking; missing cameras count as 0 for queries and 1 for the gallery."""
    query_ids, gallery_ids = _ids(ranking)
    cameras = (
        ranking.query.table["camera"].fillna("0").to_numpy(dtype=str),
        ranking.gallery.table["camera"].fillna("1").to_numpy(dtype=str),
    )
    ranks = MatchRanks(ranking.distance, query_ids, gallery_ids, *cameras)
    precision = ranks.average_precision()
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
        ranks.mean_inverse_negative_penalty(),
        {protocol: ranks.cmc(protocol, 100) for protocol in PROTOCOLS},
        {k: ranks.precision_recall(k) for k in (1, 5, 10)},
        precision,
        (float(low), float(high)),
        len(query_ids),
        len(gallery_ids),
        int(np.isnan(precision).sum()),
        ranking.rerank,
        ranking.fingerprint,
    )


@dataclass(frozen=True)
class Comparison:
    """How two rankings of the same queries differ in mAP: second less first, fractions of 1.

    interval    95 % bootstrap interval of the difference
    p_value     share of random sign changes of the queries' differences that give one as large
    """

    difference: float
    interval: tuple[float, float]
    p_value: float
    queries: int

    def table(self) -> str:
        low, high = (100 * end for end in self.interval)
        verdict = "differ" if self.p_value < 0.05 else "cannot be told apart"
        return (
            f"mAP {100 * self.difference:+.2f} points (95 % interval {low:+.1f} to {high:+.1f}), "
            f"p = {self.p_value:.3f} over {self.queries} queries: the two {verdict}"
        )


def compare(first: Scores, second: Scores, *, draws: int = 10_000, seed: int = 0) -> Comparison:
    """Test two rankings of the same queries in pairs, by average precision.

    Raises RankingError when the two are not of the same queries.
    """
    a, b = first.per_query_ap, second.per_query_ap
    if a.shape != b.shape or (np.isnan(a) != np.isnan(b)).any():
        raise RankingError(
            f"Scores of {len(a)} and {len(b)} queries are not of the same queries; rank the same "
            "table with both."
        )
    gain = (b - a)[~np.isnan(a)]
    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, len(gain), (draws, len(gain)))
    low, high = np.percentile(gain[chosen].mean(axis=1), [2.5, 97.5])
    signs = rng.choice((-1.0, 1.0), (draws, len(gain)))
    as_large = np.abs((signs * gain).mean(axis=1)) >= abs(gain.mean()) - 1e-12
    p_value = (as_large.sum() + 1) / (draws + 1)
    return Comparison(float(gain.mean()), (float(low), float(high)), float(p_value), len(gain))


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
    ranks = MatchRanks(distance, query_ids, gallery_ids, query_cameras, gallery_cameras)
    return ranks.average_precision()


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
    ranks = MatchRanks(distance, query_ids, gallery_ids, query_cameras, gallery_cameras)
    return ranks.cmc(protocol, top, draws, seed)


def _ids(ranking: Ranking) -> tuple[np.ndarray, np.ndarray]:
    """Integer ids; unknown queries (-1), unknown items and distractors (-2) match nobody."""
    query, gallery = identities(ranking.query, ranking.gallery)
    nobody = (gallery < 0) | (ranking.gallery.table["role"] == "distractor").to_numpy()
    return query, np.where(nobody, -2, gallery)
