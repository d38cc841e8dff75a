"""Scores of a ranking: mAP, CMC, mINP, precision and recall at k, and whether two differ.

A small test set moves by points: every mAP comes with the interval that the choice of queries
leaves, and ``compare`` tests two rankings on the same queries.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.common.notebook import NotebookTable
from sameplayer.common.statistics import bootstrap_interval, sign_flip_p_value
from sameplayer.data.crops import identities
from sameplayer.errors import RankingError, refuse_other_types
from sameplayer.evaluation.protocols import PROTOCOLS, MatchRanks, Protocol
from sameplayer.ranking.ranking import Ranking


@dataclass(frozen=True, eq=False, repr=False)
class Scores(NotebookTable):
    """Scores of one ranking, fractions of 1.

    cmc             protocol -> (100,) share of queries with a match among the first k
    at              k -> (precision, recall) of the first k, mean over the queries with a match
    per_query_ap    (m,) average precision, NaN without a match
    interval        95 % bootstrap interval of mAP over the queries
    skipped         how many queries have no match and are left out of every mean
    facts           every setting that decided the ranking, as in ``Ranking.facts``
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
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def rank1(self) -> float:
        """Share of queries whose first gallery picture is right (market1501)."""
        return float(self.cmc["market1501"][0])

    def __repr__(self) -> str:
        return (
            f"Scores(mAP {self.mAP:.3f}, rank-1 {self.rank1:.3f}, {self.queries} queries, "
            f"{self.gallery} gallery pictures)"
        )

    def table(self) -> str:
        """Return the scores as lines of text, in per cent."""
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
        """Return the scores and what decided them (k1, k2, lambda ...) as what JSON can hold."""
        decided = {name.replace(" ", "_"): value for name, value in self.facts.items()}
        return decided | {
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
    """Score a ranking by all PROTOCOLS; an unknown camera is no query's own.

    Raises RankingError where no query has a match that counts.

    >>> from sameplayer.ranking import rank
    >>> from sameplayer.data import Crops
    >>> from sameplayer.encoder import Embeddings
    >>> facts = {"image": list("abcd"), "person": list("1122"), "role": ["query", "gallery"] * 2}
    >>> rows = np.array([[1, 0], [0.8, 0.6], [0, 1], [0.6, 0.8]], np.float32)
    >>> embeddings = Embeddings(rows, Crops(pd.DataFrame(facts), "pictures"), "an encoder")
    >>> evaluate(rank(embeddings)).mAP
    1.0
    """
    refuse_other_types(
        "evaluate", "Rank embeddings first: evaluate(rank(embeddings)).", ranking=(ranking, Ranking)
    )
    ids, cameras = match_ids(ranking), match_cameras(ranking)
    ranks = MatchRanks(ranking.distance, *ids, *cameras)
    precision = ranks.average_precision()
    scored = precision[~np.isnan(precision)]
    if len(scored) == 0:
        raise RankingError(_why_nothing_matches(ranking, *ids))
    return Scores(
        float(scored.mean()),
        ranks.mean_inverse_negative_penalty(),
        {protocol: ranks.cmc(protocol, 100) for protocol in PROTOCOLS},
        {k: ranks.precision_recall(k) for k in (1, 5, 10)},
        precision,
        bootstrap_interval(scored, 1000, np.random.default_rng(0)),
        len(ids[0]),
        len(ids[1]),
        int(np.isnan(precision).sum()),
        ranking.rerank,
        ranking.fingerprint,
        ranking.facts,
    )


def ranking_map(ranking: Ranking) -> float:
    """Return the mAP that ``evaluate`` gives, alone: without curves and interval.

    Raises RankingError where no query has a match that counts.
    """
    ids = match_ids(ranking)
    precision = average_precision(ranking.distance, *ids, *match_cameras(ranking))
    scored = precision[~np.isnan(precision)]
    if len(scored) == 0:
        raise RankingError(_why_nothing_matches(ranking, *ids))
    return float(scored.mean())


def match_ids(ranking: Ranking) -> tuple[np.ndarray, np.ndarray]:
    """Ids of queries (m,) and gallery (n,), equal for one person of one scope.

    Unknown queries (-1), unknown gallery pictures and distractors (-2) match nobody.
    """
    query, gallery = identities(ranking.query, ranking.gallery)
    nobody = (gallery < 0) | (ranking.gallery.table["role"] == "distractor").to_numpy()
    return query, np.where(nobody, -2, gallery)


def match_cameras(ranking: Ranking) -> tuple[np.ndarray, np.ndarray]:
    """Cameras of queries (m,) and gallery (n,) as integers: equal numbers are one camera.

    Missing ones are -1 for queries and -2 for the gallery: an unknown camera is no query's own.
    """
    query, gallery = ranking.query.table["camera"], ranking.gallery.table["camera"]
    codes = pd.factorize(pd.concat([query, gallery]))[0].astype(np.int64)
    asked, held = codes[: len(query)], codes[len(query) :]
    return asked, np.where(held < 0, -2, held)


@dataclass(frozen=True, repr=False)
class Comparison(NotebookTable):
    """How two rankings of the same queries differ in mAP: second less first, fractions of 1.

    interval    95 % bootstrap interval of the difference
    p_value     share of random sign changes of the queries' differences that give one as large
    """

    difference: float
    interval: tuple[float, float]
    p_value: float
    queries: int

    def __repr__(self) -> str:
        return f"Comparison({self.difference:+.4f} mAP, {self.p_text}, {self.queries} queries)"

    @property
    def p_text(self) -> str:
        """The p-value as it is shown: "p = 0.042", or "p < 0.001"."""
        return "p < 0.001" if self.p_value < 0.001 else f"p = {self.p_value:.3f}"

    def table(self) -> str:
        """Return one line of text, in points of per cent."""
        low, high = (100 * end for end in self.interval)
        verdict = "differ" if self.p_value < 0.05 else "cannot be told apart"
        return (
            f"mAP {100 * self.difference:+.2f} points (95 % interval {low:+.1f} to {high:+.1f}), "
            f"{self.p_text} over {self.queries} queries: the two {verdict}"
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
    interval = bootstrap_interval(gain, draws, rng)
    p_value = sign_flip_p_value(gain, draws, rng)
    return Comparison(float(gain.mean()), interval, p_value, len(gain))


def average_precision(
    distance: np.ndarray,
    query_ids: np.ndarray,
    gallery_ids: np.ndarray,
    query_cameras: np.ndarray,
    gallery_cameras: np.ndarray,
) -> np.ndarray:
    """Return (m,) average precision, NaN for a query without a match; arguments of ``MatchRanks``.

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
    """Return mAP over the queries with a match, in [0, 1]; arguments of ``MatchRanks``.

    Raises RankingError where no query has a match.

    >>> persons, cameras = (np.array([7]), np.array([8, 7])), (np.array([0]), np.array([1, 1]))
    >>> mean_average_precision(np.array([[0.1, 0.2]]), *persons, *cameras)
    0.5
    """
    values = average_precision(distance, query_ids, gallery_ids, query_cameras, gallery_cameras)
    if np.isnan(values).all():
        raise RankingError("No query has a match in the gallery; there is nothing to score.")
    return float(np.nanmean(values))


def cmc(
    distance: np.ndarray,
    query_ids: np.ndarray,
    gallery_ids: np.ndarray,
    query_cameras: np.ndarray,
    gallery_cameras: np.ndarray,
    protocol: str | Protocol,
    top: int = 100,
    *,
    draws: int = 10,
    seed: int = 0,
) -> np.ndarray:
    """Return (top,) cumulative match shares: entry k - 1 is rank k; arguments of ``MatchRanks``.

    protocol       a name of PROTOCOLS, or an own function like those of PROTOCOLS
    draws, seed    of "cuhk03", which draws one picture a person

    >>> persons, cameras = (np.array([7]), np.array([8, 7])), (np.array([0]), np.array([1, 1]))
    >>> cmc(np.array([[0.1, 0.2]]), *persons, *cameras, "market1501", top=2).tolist()
    [0.0, 1.0]
    """
    ranks = MatchRanks(distance, query_ids, gallery_ids, query_cameras, gallery_cameras)
    return ranks.cmc(protocol, top, draws, seed)


def _why_nothing_matches(ranking: Ranking, query_ids: np.ndarray, gallery_ids: np.ndarray) -> str:
    cameras = ranking.query.table["camera"].dropna().unique()
    nothing = f"None of the {len(query_ids)} queries has a match, so there is nothing to score: "
    same = (query_ids[:, None] == gallery_ids) & np.isfinite(ranking.distance)
    if same.any():
        return (
            f"{nothing}every gallery picture of a query's person is from the query's own camera "
            f"({', '.join(sorted(cameras)[:5])}), and such pictures do not count. "
            "Expected several cameras; where the pictures are from different moments of one "
            "camera, leave the column camera empty."
        )
    return (
        f"{nothing}expected gallery pictures of the queries' persons (hidden identities can be "
        "ranked and submitted, not scored)."
    )
