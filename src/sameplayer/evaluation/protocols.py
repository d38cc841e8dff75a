"""PROTOCOLS: which gallery pictures count for a query, and at which rank its matches stand.

As Open-ReID defines them. A gallery picture of the query's person *and* camera is left out of that
query's list, and so is one at infinite distance (another identity scope). Queries without a match
are left out of every mean.
"""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from sameplayer.errors import RankingError

PROTOCOLS = {
    "allshots": "every match counts, at its rank among the wrong pictures before it",
    "market1501": "the first match counts",
    "cuhk03": "one random gallery picture a person, other cameras only, mean of ten draws",
}


Facts = tuple[np.ndarray, np.ndarray]  # ids and cameras


class MatchRanks:
    """The ranks of all matches of all queries, in flat arrays of one entry a match.

    row       (k,) the query, rising
    before    (k,) how many counted gallery pictures stand before it; equal distances: by number
    upto      (k,) how many have its distance or a smaller one
    """

    def __init__(
        self,
        distance: np.ndarray,
        query_ids: np.ndarray,
        gallery_ids: np.ndarray,
        query_cameras: np.ndarray,
        gallery_cameras: np.ndarray,
    ) -> None:
        _check(distance, (query_ids, query_cameras), (gallery_ids, gallery_cameras))
        self._query_ids, self._gallery_ids = np.asarray(query_ids), np.asarray(gallery_ids)
        same = self._query_ids[:, None] == self._gallery_ids
        camera = np.asarray(query_cameras)[:, None] == np.asarray(gallery_cameras)
        finite = np.isfinite(distance)
        match = same & ~camera & finite
        # What does not count stands behind everything, at infinity.
        counted = np.where(finite & ~(same & camera), distance, np.inf)
        self._other_camera = np.where(camera, np.inf, counted)
        self.queries = len(counted)
        self.row, column = np.nonzero(match)
        value = counted[self.row, column]
        self.total = np.bincount(self.row, minlength=self.queries)
        self.before, self.upto = self._places(counted, column, value)
        order = np.lexsort((self.before, self.row))
        starts = np.cumsum(self.total) - self.total
        self.earlier = np.empty(len(order), np.int64)
        self.earlier[order] = np.arange(len(order)) - starts[self.row[order]]
        self._value = value
        self._refuse_similarities(np.isfinite(counted).sum(axis=1))

    def _refuse_similarities(self, counted: np.ndarray) -> None:
        """Refuse a matrix in which nearly all matches are farther than all other pictures."""
        others = np.maximum(counted - self.total, 1)[self.row]
        if len(self.row) >= 20 and ((self.before - self.earlier) / others).mean() > 0.9:
            _refuse(
                "Nearly all matches are farther than nearly all other pictures: these seem to be "
                "similarities. Distances are smaller for more alike pictures; pass 1 - similarity."
            )

    def _places(
        self, counted: np.ndarray, column: np.ndarray, value: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        ordered = np.sort(counted, axis=1)
        before, upto = np.empty(len(value), np.int64), np.empty(len(value), np.int64)
        ends = np.cumsum(self.total)
        for query, end in enumerate(ends):
            part = slice(end - self.total[query], end)
            before[part] = np.searchsorted(ordered[query], value[part], "left")
            upto[part] = np.searchsorted(ordered[query], value[part], "right")
        for tied in np.flatnonzero(upto - before > 1):
            row = counted[self.row[tied], : column[tied]]
            before[tied] += np.count_nonzero(row == value[tied])
        return before, upto

    def average_precision(self) -> np.ndarray:
        """Return (m,) average precision, NaN without a match; equal distances share one rank."""
        right_upto = self.earlier + 1
        order = np.lexsort((self.before, self.row))
        # Of matches at one distance, the last one's count holds for all of them.
        for place in range(len(order) - 2, -1, -1):
            here, after = order[place], order[place + 1]
            if self.row[here] == self.row[after] and self._value[here] == self._value[after]:
                right_upto[here] = right_upto[after]
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

    def cmc(self, protocol: str, top: int, draws: int = 10, seed: int = 0) -> np.ndarray:
        """Return (top,) cumulative shares; entry k - 1 is rank k."""
        if protocol not in PROTOCOLS:
            known = ", ".join(PROTOCOLS)
            raise RankingError(f"Protocol {protocol!r} is unknown; expected one of {known}.")
        if len(self.row) == 0:
            raise RankingError("No query has a match in the gallery; there is nothing to score.")
        if protocol == "cuhk03":
            return self._single_shot(top, draws, seed)
        weight = 1 / self.total[self.row]
        wrong_before = self.before - self.earlier
        if protocol == "market1501":
            first = self.earlier == 0
            wrong_before, weight = wrong_before[first], np.ones(first.sum())
        seen = wrong_before < top
        hits = np.bincount(wrong_before[seen], weight[seen], minlength=top)
        return np.cumsum(hits) / (self.total > 0).sum()

    def _single_shot(self, top: int, draws: int, seed: int) -> np.ndarray:
        """One random picture of each person is the whole gallery, the same for like queries."""
        rng = np.random.default_rng(seed)
        codes = np.unique(self._gallery_ids, return_inverse=True)[1]
        allowed = np.isfinite(self._other_camera)
        kinds, kind = np.unique(np.packbits(allowed, axis=1), axis=0, return_inverse=True)
        hits, scored = np.zeros(top), np.zeros(self.queries, bool)
        for _ in range(draws):
            key = rng.random(len(codes))
            for number in range(len(kinds)):
                rows = np.flatnonzero(kind.ravel() == number)
                items = np.flatnonzero(allowed[rows[0]])
                chosen = items[np.lexsort((key[items], codes[items]))]
                chosen = np.sort(chosen[np.unique(codes[chosen], return_index=True)[1]])
                own = self._query_ids[rows][:, None] == self._gallery_ids[chosen]
                has = own.any(axis=1)
                rows, own = rows[has], own[has]
                scored[rows] = True
                shown = self._other_camera[np.ix_(rows, chosen)]
                place = own.argmax(axis=1)
                value = np.take_along_axis(shown, place[:, None], 1)
                tied_before = (shown == value) & (np.arange(len(chosen)) < place[:, None])
                rank = (shown < value).sum(axis=1) + tied_before.sum(axis=1)
                hits += np.bincount(rank[rank < top], minlength=top)
        return np.cumsum(hits) / max(draws * scored.sum(), 1)


def _check(distance: np.ndarray, query: Facts, gallery: Facts) -> None:
    expected, cameras = ((len(a), len(b)) for a, b in zip(query, gallery, strict=True))
    if np.shape(distance) != expected or 0 in expected:
        _refuse(
            f"Distances of shape {np.shape(distance)} do not fit {expected[0]} query ids and "
            f"{expected[1]} gallery ids; expected one row a query, one column a gallery id."
        )
    if cameras != expected:
        _refuse("Cameras and ids differ in number; expected one camera an id.")
    bad = np.argwhere(np.isnan(distance))
    if len(bad):
        _refuse(f"The distance in row {bad[0][0]}, column {bad[0][1]} is NaN.")


def _refuse(text: str) -> NoReturn:
    raise RankingError(text)
