"""How well each tracklet fits each cluster, kept up to date while tracklets move."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array, csr_array

from sameplayer.identity.evidence.attributes import attribute_evidence, attribute_odds, paired_odds
from sameplayer.identity.evidence.evidence import Evidence

BLOCK = 512
NEVER = np.float32(-np.inf)


def sparse_place_odds(evidence: Evidence) -> csr_array:
    """Return (n, n) sparse log-odds of place; pairs of which place says nothing are not stored."""
    if evidence.place is None:
        return csr_array((len(evidence), len(evidence)), dtype=np.float32)
    return evidence.place


def member_rows(labels: np.ndarray, count: int) -> list[np.ndarray]:
    """Return the rows of each of ``count`` clusters, rising."""
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.searchsorted(labels[order], np.arange(1, count)))


class ClusterFit:
    """How well each of n tracklets fits each of k clusters, (n, k) each, itself left out.

    appearance    weighted sums of log-odds of appearance; ``total`` holds the clusters' weights
    clashes       number of cannot-link tracklets in each cluster
    place         sums of log-odds of place

    Building it takes O(n^2); a move takes O(n).
    """

    def __init__(
        self, evidence: Evidence, labels: np.ndarray, cannot_link: np.ndarray | None = None
    ) -> None:
        self.evidence, self.labels = evidence, labels.copy()
        count = int(labels.max(initial=-1)) + 1
        self.cannot_link = np.empty((0, 2), np.int64) if cannot_link is None else cannot_link
        self.weight = evidence.weight.astype(np.float32)
        self.attributes = attribute_evidence(evidence)
        self.total = np.bincount(labels, self.weight, count).astype(np.float32)
        self.appearance, self.clashes = _sums(evidence, self.weight, labels, count)
        for one, other in np.concatenate([self.cannot_link, self.cannot_link[:, ::-1]]):
            self.clashes[one, labels[other]] += 1
        self._places = sparse_place_odds(evidence)
        self.place = _by_cluster(self._places, labels, count)

    def __len__(self) -> int:
        """Return how many clusters there are, empty ones as well."""
        return len(self.total)

    def support(self) -> np.ndarray:
        """Return (n, k) float32: log-odds that each tracklet shows the person of each cluster.

        0 where it is alone in its cluster: as likely one as the other. Minus infinity where a hard
        limit forbids it, and for clusters without tracklets.
        """
        rows = np.arange(len(self.labels))
        others = np.broadcast_to(self.total, self.appearance.shape).copy()
        others[rows, self.labels] -= self.weight
        fit = self.appearance / np.maximum(others, 1e-6)
        size = np.bincount(self.labels, minlength=len(self))
        fit += self.place
        odds, apart = self._attribute_support()
        fit += odds
        fit[apart | (self.clashes > 0)] = NEVER
        fit[:, size == 0] = NEVER
        alone = rows[size[self.labels] == 1]
        fit[alone, self.labels[alone]] = 0
        return fit

    def move(self, row: int, to: int) -> None:
        """Put one tracklet into another cluster."""
        came = self.labels[row]
        evidence, weight = self.evidence, self.weight[row]
        appearance = weight * evidence.appearance[row]
        appearance[row] = 0
        clash = evidence.apart[row].astype(np.int32)
        ends = self.cannot_link[(self.cannot_link == row).any(axis=1)].sum(axis=1) - row
        np.add.at(clash, ends, 1)
        place = self._places[[row]].toarray()[0]
        for at, sign in ((came, -1), (to, 1)):
            self.appearance[:, at] += sign * appearance
            self.clashes[:, at] += sign * clash
            self.place[:, at] += sign * place
            self.total[at] += sign * weight
        self.labels[row] = to

    def grow(self, count: int) -> None:
        """Add empty clusters."""
        for name in ("appearance", "clashes", "place"):
            values = getattr(self, name)
            setattr(self, name, np.pad(values, ((0, 0), (0, count))))
        self.total = np.pad(self.total, (0, count))

    def relabel(self, labels: np.ndarray) -> None:
        """Take clusters that are unions of those that there are; labels (n,) from 0."""
        count = int(labels.max()) + 1
        where = np.full(len(self), -1)
        where[self.labels] = labels
        kept = np.flatnonzero(where >= 0)
        kept = kept[np.argsort(where[kept], kind="stable")]
        first = np.searchsorted(where[kept], np.arange(count))
        for name in ("appearance", "clashes", "place"):
            setattr(self, name, np.add.reduceat(getattr(self, name)[:, kept], first, axis=1))
        self.total = np.add.reduceat(self.total[kept], first)
        self.labels = labels.copy()

    def between(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean log-odds of appearance and clashes between clusters, (k, k) each."""
        appearance = np.zeros((len(self), len(self)), np.float32)
        clashes = np.zeros((len(self), len(self)), np.int32)
        for at, rows in enumerate(member_rows(self.labels, len(self))):
            appearance[at] = self.weight[rows] @ self.appearance[rows]
            clashes[at] = self.clashes[rows].sum(axis=0)
        appearance /= np.maximum(self.total[:, None] * self.total, 1e-6)
        return appearance, clashes

    def _attribute_support(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (n, k) log-odds of number and team, and where they forbid it."""
        attributes, rows = self.attributes, np.arange(len(self.labels))
        clusters = attributes.summed(self.labels, len(self))
        odds = attribute_odds(attributes.probabilities(), clusters.probabilities())
        fit, apart = odds.number + odds.team, odds.apart
        rest = clusters.rows(self.labels).without(attributes)
        own = paired_odds(attributes.probabilities(), rest.probabilities())
        fit[rows, self.labels], apart[rows, self.labels] = own.number + own.team, own.apart
        return fit, apart


def _sums(
    evidence: Evidence, weight: np.ndarray, labels: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return weighted sums of appearance, and counts of apart, by cluster; (n, k) each."""
    order = np.argsort(labels, kind="stable")
    first = np.searchsorted(labels[order], np.arange(count))
    appearance = np.empty((len(labels), count), np.float32)
    clashes = np.empty((len(labels), count), np.int32)
    for start in range(0, len(labels), BLOCK):
        own = np.arange(start, min(start + BLOCK, len(labels)))
        part = evidence.appearance[own].astype(np.float32)
        part[np.arange(len(own)), own] = 0
        part *= weight
        appearance[own] = np.add.reduceat(part[:, order], first, axis=1)
        apart = evidence.apart[own][:, order]
        clashes[own] = np.add.reduceat(apart, first, axis=1, dtype=np.int32)
    return appearance, clashes


def _by_cluster(values: csr_array, labels: np.ndarray, count: int) -> np.ndarray:
    rows = np.arange(len(labels))
    member = coo_array((np.ones(len(labels), np.float32), (rows, labels)), (len(labels), count))
    summed: np.ndarray = (values @ member.tocsr()).toarray()
    return summed
