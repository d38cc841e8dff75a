"""Clusters of tracklets while they are being linked: what stands between every two of them."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sameplayer.identity.evidence.attributes import attribute_evidence, attribute_odds
from sameplayer.identity.evidence.evidence import Evidence
from sameplayer.identity.linking.cluster_fit import (
    BLOCK,
    NEVER,
    ClusterFit,
    member_rows,
    sparse_place_odds,
)


def connected_groups(pairs: np.ndarray, count: int) -> np.ndarray:
    """Return labels (count,) of the groups that pairs (m, 2) tie together."""
    ties = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    labels: np.ndarray = connected_components(ties, directed=False)[1].astype(np.int64)
    return labels


class Clusters:
    """What stands between every two clusters, (k, k) float32, and merging two of them.

    appearance    weighted mean log-odds of appearance over the pairs of two clusters
    rest     number, team and place together; minus infinity where they may not be joined
    apart    bool: they may not be joined whatever their numbers and teams

    Two (k, k) arrays of float32 and one of bool are all that grows with the square.
    """

    def __init__(self, evidence: Evidence, labels: np.ndarray, cannot_link: np.ndarray) -> None:
        """Begin with clusters; labels (n,) from 0, cannot_link (m, 2) pairs of tracklets."""
        count = int(labels.max(initial=-1)) + 1
        if count == len(labels):
            order = np.argsort(labels)
            appearance, apart = evidence.appearance.astype(np.float32), evidence.apart.copy()
            if (order != np.arange(count)).any():
                appearance, apart = appearance[np.ix_(order, order)], apart[np.ix_(order, order)]
            first, second = labels[cannot_link[:, 0]], labels[cannot_link[:, 1]]
            apart[first, second] = apart[second, first] = True
        else:
            appearance, clashes = ClusterFit(evidence, labels, cannot_link).between()
            apart = clashes > 0
        self._begin(evidence, labels, appearance, apart)

    @classmethod
    def of_fit(cls, fit: ClusterFit) -> Clusters:
        """Begin with the clusters of a fit, none of them empty."""
        made = cls.__new__(cls)
        appearance, clashes = fit.between()
        made._begin(fit.evidence, fit.labels, appearance, clashes > 0)
        return made

    def _begin(
        self, evidence: Evidence, labels: np.ndarray, appearance: np.ndarray, apart: np.ndarray
    ) -> None:
        count = len(appearance)
        self.labels, self.appearance, self.apart = labels.copy(), appearance, apart
        self.members = [rows.tolist() for rows in member_rows(labels, count)]
        self.ids = np.arange(count)  # of the rows of the arrays: shrinks as clusters merge
        self.weight = np.bincount(labels, evidence.weight, count)
        self.place = sparse_place_odds(evidence)
        self.attributes = attribute_evidence(evidence).summed(labels, count)
        self.probabilities = self.attributes.probabilities()
        np.fill_diagonal(self.apart, True)
        self.rest = np.empty((count, count), np.float32)
        for start in range(0, count, BLOCK):
            chosen = np.arange(start, min(start + BLOCK, count))
            self.rest[chosen] = self._rest(chosen)

    def agglomerate(self, prior: float) -> np.ndarray:
        """Merge the two likeliest clusters until none are likelier one person than two.

        ``best`` of a row is its highest log-odds, or a bound above it where the row is stale: a
        row is looked through again only when it comes up.
        """
        if not len(self.ids):
            return self.labels
        score = self.appearance + self.rest
        partner, best = score.argmax(axis=1), score.max(axis=1)
        del score
        stale = np.zeros(len(best), bool)
        alive = np.ones(len(best), bool)
        while best.size:
            row = int(best.argmax())
            if not best[row] + prior > 0:
                break
            if stale[row]:
                score = self.appearance[row] + self.rest[row]
                partner[row], best[row], stale[row] = score.argmax(), score.max(), False
                continue
            gone = int(partner[row])
            score = self._merge(row, gone)
            alive[gone], best[gone], partner[gone] = False, NEVER, -1
            better = score > best
            stale |= (partner == row) | (partner == gone)
            best[better], partner[better], stale[better] = score[better], row, False
            partner[row], best[row], stale[row] = score.argmax(), score.max(), False
            if 2 * alive.sum() < len(alive) > BLOCK:
                kept = np.flatnonzero(alive)
                moved = np.cumsum(alive) - 1
                partner, best, stale = moved[partner[kept]], best[kept], stale[kept]
                alive = alive[kept]
                self._keep(kept)
        return self.labels

    def _merge(self, row: int, gone: int) -> np.ndarray:
        """Merge the cluster of row ``gone`` into that of ``row``; return its log-odds to all."""
        self.members[self.ids[row]] += self.members[self.ids[gone]]
        self.labels[self.members[self.ids[row]]] = self.ids[row]
        one, other = self.weight[row], self.weight[gone]
        self.weight[row] = one + other
        share = np.float32(one / (one + other))
        appearance = share * self.appearance[row] + (1 - share) * self.appearance[gone]
        self.appearance[row], self.appearance[:, row] = appearance, appearance
        for rows in (self.attributes.number, self.attributes.team, self.attributes.observed):
            rows[row] += rows[gone]
        new = self.attributes.rows(np.array([row])).probabilities()
        self.probabilities.number[row], self.probabilities.team[row] = new.number[0], new.team[0]
        self.probabilities.read[row] = new.read[0]
        self.apart[row] |= self.apart[gone]
        self.apart[row, gone] = True
        self.apart[:, row] = self.apart[row]
        self.apart[:, gone] = True
        rest = self._rest(np.array([row]))[0]
        self.rest[row], self.rest[:, row], self.rest[:, gone] = rest, rest, NEVER
        score: np.ndarray = appearance + rest
        return score

    def _rest(self, chosen: np.ndarray) -> np.ndarray:
        odds = attribute_odds(self.probabilities.rows(chosen), self.probabilities)
        rest = odds.number + odds.team
        if self.place.nnz:
            where = np.full(len(self.members), -1)
            where[self.ids] = np.arange(len(self.ids))
            for at, row in enumerate(chosen):
                seen = self.place[self.members[self.ids[row]]]
                cluster = where[self.labels[seen.indices]]
                rest[at] += np.bincount(cluster, seen.data, len(self.ids)).astype(np.float32)
        rest[odds.apart | self.apart[chosen]] = NEVER
        return rest

    def _keep(self, kept: np.ndarray) -> None:
        """Drop the rows of clusters that were merged into others."""
        self.ids, self.weight = self.ids[kept], self.weight[kept]
        self.appearance = self.appearance[np.ix_(kept, kept)]
        self.rest = self.rest[np.ix_(kept, kept)]
        self.apart = self.apart[np.ix_(kept, kept)]
        self.attributes, self.probabilities = (
            self.attributes.rows(kept),
            self.probabilities.rows(kept),
        )
