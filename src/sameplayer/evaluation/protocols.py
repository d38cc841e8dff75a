"""PROTOCOLS: which gallery pictures count for a query, and at which rank its matches stand.

As Open-ReID defines them. A gallery picture of the query's person *and* camera is left out of that
query's list, and so is one at infinite distance (another identity scope). Queries without a match
are left out of every mean.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import numpy as np

from sameplayer.errors import RankingError, SettingError


class MatchRanks:
    """The ranks of all matches of all queries, in flat arrays of one entry a match.

    distance                        (m, n), smaller is closer; +inf: does not count
    query_ids, gallery_ids          (m,) and (n,), equal for one person
    query_cameras, gallery_cameras  (m,) and (n,)

    row        (k,) the query of each match, rising
    before     (k,) how many counted gallery pictures stand before it; equal distances: by number
    upto       (k,) how many have its distance or a smaller one
    earlier    (k,) how many matches of the same query stand before it
    total      (m,) how many matches each query has

    Raises RankingError for arrays that do not fit each other, NaN, and similarities by mistake.
    """

    def __init__(
        self,
        distance: np.ndarray,
        query_ids: np.ndarray,
        gallery_ids: np.ndarray,
        query_cameras: np.ndarray,
        gallery_cameras: np.ndarray,
    ) -> None:
        self.distance = np.asarray(distance)
        names = query_ids, gallery_ids, query_cameras, gallery_cameras
        self.query_ids, self.gallery_ids, *cameras = (np.asarray(part) for part in names)
        self.query_cameras, self.gallery_cameras = cameras
        _check(self.distance, (self.query_ids, cameras[0]), (self.gallery_ids, cameras[1]))
        self.queries = len(self.distance)
        counted = np.zeros(self.queries, np.int64)
        parts = [self._stand(query, counted) for query in range(self.queries)]
        self.total = np.array([len(part[0]) for part in parts])
        self.row = np.repeat(np.arange(self.queries), self.total)
        self.value, self.before, self.upto = map(np.concatenate, zip(*parts, strict=True))
        order = np.lexsort((self.before, self.row))
        starts = np.cumsum(self.total) - self.total
        self.earlier = np.empty(len(order), np.int64)
        self.earlier[order] = np.arange(len(order)) - starts[self.row[order]]
        self._refuse_similarities(counted)

    def _stand(self, query: int, counted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return value, before and upto of one query's matches; write how many pictures count."""
        distance = self.distance[query]
        finite = np.isfinite(distance)
        if not finite.all() and np.isnan(distance).any():
            bad = np.isnan(distance).argmax()
            _refuse(f"The distance in row {query}, column {bad} is NaN.")
        same = self.gallery_ids == self.query_ids[query]
        own_camera = same & (self.gallery_cameras == self.query_cameras[query])
        counts = finite & ~own_camera
        ordered = np.sort(distance[counts])
        counted[query] = len(ordered)
        column = np.flatnonzero(same & counts)
        value = distance[column]
        before = np.searchsorted(ordered, value, "left")
        upto = np.searchsorted(ordered, value, "right")
        for tied in np.flatnonzero(upto - before > 1):
            earlier = distance[: column[tied]] == value[tied]
            before[tied] += np.count_nonzero(earlier & counts[: column[tied]])
        return value, before, upto

    def _refuse_similarities(self, counted: np.ndarray) -> None:
        """Refuse a matrix in which nearly all matches are farther than all other pictures."""
        others = np.maximum(counted - self.total, 1)[self.row]
        if len(self.row) >= 20 and ((self.before - self.earlier) / others).mean() > 0.9:
            _refuse(
                "Nearly all matches are farther than nearly all other pictures: these seem to be "
                "similarities. Distances are smaller for more alike pictures; pass 1 - similarity."
            )

    def average_precision(self) -> np.ndarray:
        """Return (m,) average precision, NaN without a match; equal distances share one rank."""
        order = np.lexsort((self.before, self.row))
        key = np.stack([self.row[order], self.value[order]])
        tie = np.cumsum((np.diff(key, axis=1, prepend=np.nan) != 0).any(axis=0)) - 1
        # Of matches at one distance, the last one's count holds for all of them.
        last = np.flatnonzero(np.diff(tie, append=-1))
        right_upto = np.empty(len(order), np.int64)
        right_upto[order] = (self.earlier[order] + 1)[last][tie]
        summed = np.bincount(self.row, right_upto / self.upto, minlength=self.queries)
        return np.where(self.total > 0, summed / np.maximum(self.total, 1), np.nan)

    def mean_inverse_negative_penalty(self) -> float:
        """Return mINP: matches over the rank of the last one, mean over queries with a match."""
        hardest = np.zeros(self.queries, np.int64)
        np.maximum.at(hardest, self.row, self.before + 1)
        valid = self.total > 0
        return float((self.total[valid] / hardest[valid]).mean())

    def precision_recall(self, k: int) -> tuple[float, float]:
        """Return the means of precision and recall among the first ``k``."""
        within = np.bincount(self.row[self.before < k], minlength=self.queries)
        valid = self.total > 0
        precision = (within[valid] / k).mean()
        return float(precision), float((within[valid] / self.total[valid]).mean())

    def cmc(self, protocol: str | Protocol, top: int, draws: int = 10, seed: int = 0) -> np.ndarray:
        """Return (top,) cumulative shares; entry k - 1 is rank k.

        protocol    a name of PROTOCOLS, or an own function like those of PROTOCOLS

        Raises RankingError where no query has a match, SettingError for an unknown protocol.
        """
        if not callable(protocol) and protocol not in PROTOCOLS:
            raise SettingError("protocol", repr(protocol), f"one of {', '.join(PROTOCOLS)}")
        if top < 1 or draws < 1:
            name, value = ("top", top) if top < 1 else ("draws", draws)
            raise SettingError(name, value, "1 or more")
        if len(self.row) == 0:
            raise RankingError("No query has a match in the gallery; there is nothing to score.")
        chosen = protocol if callable(protocol) else PROTOCOLS[protocol]
        return chosen(self, top, draws, seed)


Protocol = Callable[[MatchRanks, int, int, int], np.ndarray]


def allshots(ranks: MatchRanks, top: int, draws: int = 10, seed: int = 0) -> np.ndarray:
    """Every match counts, at its rank among the wrong pictures before it."""
    shares = 1 / ranks.total[ranks.row]
    return _cumulated(ranks, ranks.before - ranks.earlier, shares, top)


def market1501(ranks: MatchRanks, top: int, draws: int = 10, seed: int = 0) -> np.ndarray:
    """Score the first match of each query."""
    first = ranks.earlier == 0
    return _cumulated(ranks, ranks.before[first], np.ones(first.sum()), top)


def cuhk03(ranks: MatchRanks, top: int, draws: int = 10, seed: int = 0) -> np.ndarray:
    """One random gallery picture a person, of other cameras only; mean of ``draws``.

    The picture drawn of each person is the same for all queries that may see the same pictures.
    """
    rng = np.random.default_rng(seed)
    persons = np.unique(ranks.gallery_ids, return_inverse=True)[1]
    allowed = ranks.query_cameras[:, None] != ranks.gallery_cameras
    allowed &= np.isfinite(ranks.distance)
    kinds, kind = np.unique(np.packbits(allowed, axis=1), axis=0, return_inverse=True)
    hits, scored = np.zeros(top), np.zeros(ranks.queries, bool)
    for _ in range(draws):
        key = rng.random(len(persons))
        for number in range(len(kinds)):
            rows = np.flatnonzero(kind.ravel() == number)
            items = np.flatnonzero(allowed[rows[0]])
            if len(items) == 0:  # their own cameras saw the whole gallery
                continue
            drawn = items[np.lexsort((key[items], persons[items]))]
            drawn = np.sort(drawn[np.unique(persons[drawn], return_index=True)[1]])
            rows, rank = _drawn_ranks(ranks, rows, drawn)
            scored[rows] = True
            hits += np.bincount(rank[rank < top], minlength=top)
    return np.cumsum(hits) / max(draws * scored.sum(), 1)


def _drawn_ranks(
    ranks: MatchRanks, rows: np.ndarray, drawn: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return those of the queries ``rows`` with a match among the drawn, and its rank from 0."""
    match = ranks.query_ids[rows][:, None] == ranks.gallery_ids[drawn]
    matched = match.any(axis=1)
    rows, match = rows[matched], match[matched]
    shown = ranks.distance[np.ix_(rows, drawn)]
    right = match.argmax(axis=1)
    value = np.take_along_axis(shown, right[:, None], 1)
    tied_before = (shown == value) & (np.arange(len(drawn)) < right[:, None])
    return rows, (shown < value).sum(axis=1) + tied_before.sum(axis=1)


def _cumulated(
    ranks: MatchRanks, wrong_before: np.ndarray, shares: np.ndarray, top: int
) -> np.ndarray:
    seen = wrong_before < top
    hits = np.bincount(wrong_before[seen], shares[seen], minlength=top)
    return np.cumsum(hits) / (ranks.total > 0).sum()


PROTOCOLS: dict[str, Protocol] = {"allshots": allshots, "market1501": market1501, "cuhk03": cuhk03}
"""Name -> f(ranks, top, draws, seed) -> (top,) cumulative shares; ``evaluate`` scores by all."""


Facts = tuple[np.ndarray, np.ndarray]  # ids and cameras


def _check(distance: np.ndarray, query: Facts, gallery: Facts) -> None:
    if any(part.ndim != 1 for part in (*query, *gallery)):
        _refuse("Ids and cameras have one dimension each; expected one a row or column.")
    expected, cameras = ((len(a), len(b)) for a, b in zip(query, gallery, strict=True))
    if distance.shape != expected or 0 in expected:
        _refuse(
            f"Distances of shape {distance.shape} do not fit {expected[0]} query ids and "
            f"{expected[1]} gallery ids; expected one row a query, one column a gallery id."
        )
    if cameras != expected:
        _refuse("Cameras and ids differ in number; expected one camera an id.")
    if distance.dtype.kind not in "fiu":
        _refuse(f"Distances of kind {distance.dtype}; expected numbers.")


def _refuse(text: str) -> NoReturn:
    raise RankingError(text)
