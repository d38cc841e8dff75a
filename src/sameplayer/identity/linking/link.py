"""Linking: which tracklets show one person.

Average linkage on log-odds, with hard limits: clusters of people who were seen at the same time in
one camera, of two teams or with two numbers are never joined, and what a cluster's number and team
are is asked anew at every merge. Appearance counts by its mean over the pairs of two clusters: the
pairs of one tracklet err together, so a sum would count its error once for every pair. Number and
team count once a cluster, by the tracklets that show them (``traits``). Where two were seen at the
same moments in two cameras, the evidence of the place counts whole, not thinned by the pairs that
were never seen together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sameplayer.errors import DataError, SettingError
from sameplayer.identity.evidence.attributes import trait_odds, traits_of
from sameplayer.identity.evidence.evidence import Evidence
from sameplayer.identity.linking.cluster_fit import Fit
from sameplayer.identity.linking.clusters import Clusters, grouped
from sameplayer.identity.linking.refine import settle

DENSE = 8000
ROUNDS = 5
SURE_TEAM = 0.95


@dataclass(frozen=True)
class PairOdds:
    """Why two tracklets are taken for one person or two: log-odds, added; over 0 is one person.

    total         of all kinds and the prior
    appearance, number, team, place    what each kind adds
    apart         "" or why they are surely two: "seen at the same time", "number", "team"
    """

    total: float
    appearance: float
    number: float
    team: float
    place: float
    apart: str


def link(
    evidence: Evidence,
    *,
    prior_log_odds: float = 0.0,
    blocked: np.ndarray | None = None,
    joined: np.ndarray | None = None,
    move: bool = True,
) -> np.ndarray:
    """Return labels (n,) int64 from 0: the tracklets of one label show one person.

    prior_log_odds    added to every pair of clusters; over 0 joins more
    blocked, joined   (m, 2) pairs of tracklets that surely are two persons, or one; joined pairs
                      go before whatever the evidence says
    move              afterwards, single tracklets go where they fit better

    Labels count clusters by their first tracklet. Over DENSE tracklets, those whose team is sure
    are linked team by team first. Raises SettingError for a prior that is no number, DataError for
    pairs that name no tracklet, and for joined ones that blocked ones forbid.
    """
    if not np.isfinite(prior_log_odds):
        raise SettingError("prior_log_odds", prior_log_odds, "a finite number")
    count = len(evidence)
    joins = _pairs(joined, count, "joined")
    blocks = _pairs(blocked, count, "blocked")
    labels = grouped(joins, count)
    clash = np.flatnonzero(labels[blocks[:, 0]] == labels[blocks[:, 1]])
    if len(clash):
        first, second = blocks[clash[0]]
        raise DataError(f"Tracklets {first} and {second} are both joined and blocked.")
    if count > DENSE:
        labels = _by_team(evidence, labels, blocks, prior_log_odds)
    labels = ordered(Clusters(evidence, labels, blocks).agglomerate(prior_log_odds))
    if not move or not count:
        return labels
    groups = grouped(joins, count)
    held = np.bincount(groups)[groups] > 1
    fit = Fit(evidence, labels, blocks)
    for _ in range(ROUNDS):
        if not settle(fit, prior_log_odds, held):
            break
        fit.relabel(ordered(fit.labels))
        merged = ordered(Clusters.of_fit(fit).agglomerate(prior_log_odds))
        if len(fit) == merged.max() + 1:
            break
        fit.relabel(merged)
    return fit.labels


def relink(
    evidence: Evidence,
    labels: np.ndarray,
    chosen: np.ndarray,
    *,
    prior_log_odds: float = 0.0,
    blocked: np.ndarray | None = None,
    joined: np.ndarray | None = None,
) -> np.ndarray:
    """Link only the chosen tracklets (n,) bool again, such as ``demands.affected`` gives.

    labels    (n,) of the run before: all other tracklets stay together as they are

    Joined and blocked pairs count where both tracklets are chosen; the others held before. Raises
    as ``link``.
    """
    rows = np.flatnonzero(chosen)
    where = np.full(len(labels), -1)
    where[rows] = np.arange(len(rows))
    pairs = []
    for name, given in (("joined", joined), ("blocked", blocked)):
        own = where[_pairs(given, len(labels), name)]
        pairs.append(own[(own >= 0).all(axis=1)])
    found = link(
        _part(evidence, rows), prior_log_odds=prior_log_odds, joined=pairs[0], blocked=pairs[1]
    )
    again = labels.copy()
    again[rows] = found + int(labels.max(initial=-1)) + 1
    return ordered(again)


def pair_odds(evidence: Evidence, i: int, j: int, prior_log_odds: float = 0.0) -> PairOdds:
    """Return what each kind of evidence says of tracklets i and j being one person."""
    shares = traits_of(evidence, np.array([i, j])).shares()
    odds = trait_odds(shares.rows(np.array([0])), shares.rows(np.array([1])))
    number, team = float(odds.number[0, 0]), float(odds.team[0, 0])
    appearance = float(evidence.appearance[i, j])
    place = 0.0 if evidence.place is None else float(evidence.place[i, j])
    why = ""
    if evidence.apart[i, j]:
        why = "seen at the same time"
    elif odds.apart[0, 0]:
        why = "number" if number < team else "team"
    total = appearance + number + team + place + prior_log_odds
    return PairOdds(total, appearance, number, team, place, why)


def _pairs(pairs: np.ndarray | None, count: int, name: str) -> np.ndarray:
    if pairs is None or len(pairs) == 0:
        return np.empty((0, 2), np.int64)
    found = np.asarray(pairs)
    good = found.ndim == 2 and found.shape[1] == 2 and np.issubdtype(found.dtype, np.integer)
    if not good or found.min() < 0 or found.max() >= count:
        raise DataError(f"{name}: expected pairs (m, 2) of tracklets from 0 to {count - 1}.")
    return found.astype(np.int64)


def _by_team(
    evidence: Evidence, labels: np.ndarray, blocks: np.ndarray, prior: float
) -> np.ndarray:
    """Link the tracklets of each sure team alone; return labels of all.

    A joined group goes where all its tracklets are; the others wait for the next step.
    """
    labels = labels.copy()
    shares = traits_of(evidence).summed(labels, int(labels.max()) + 1).shares().team
    best = np.where(shares.max(axis=1) >= SURE_TEAM, shares.argmax(axis=1), -1)[labels]
    for team in range(3):
        rows = np.flatnonzero(best == team)
        if len(rows) < 2:
            continue
        where = np.full(len(labels), -1)
        where[rows] = np.arange(len(rows))
        own = where[blocks]
        own = own[(own >= 0).all(axis=1)]
        groups = np.unique(labels[rows], return_inverse=True)[1]
        found = Clusters(_part(evidence, rows), groups, own).agglomerate(prior)
        first = np.full(found.max() + 1, len(labels))
        np.minimum.at(first, found, rows)
        labels[rows] = first[found]
    return np.unique(labels, return_inverse=True)[1]


def _part(evidence: Evidence, rows: np.ndarray) -> Evidence:
    both = np.ix_(rows, rows)
    return Evidence(
        evidence.appearance[both],
        None if evidence.place is None else evidence.place[both],
        evidence.apart[both],
        evidence.number[rows],
        evidence.team[rows],
        evidence.weight[rows],
    )


def ordered(labels: np.ndarray) -> np.ndarray:
    """Return the labels renumbered by their first tracklet."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
