"""Linking: which tracklets show one person.

Average linkage on log-odds, with hard limits: clusters of people who were seen at the same time in
one camera, of two teams or with two numbers are never joined, and a cluster's number and team are
computed anew at every merge. Appearance counts by its mean over the pairs of two clusters: the
pairs of one tracklet have correlated errors, which a sum would count once for every pair. Number
and team count once per cluster (``attributes``). Place is summed, not averaged, over the pairs that
two cameras show at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sameplayer.errors import DataError, SettingError
from sameplayer.identity.evidence.attributes import attribute_evidence, attribute_odds
from sameplayer.identity.evidence.evidence import Evidence
from sameplayer.identity.linking.cluster_fit import NEVER, ClusterFit
from sameplayer.identity.linking.clusters import Clusters, connected_groups

DENSE = 8000
ROUNDS = 5  # of refining and merging
REFINE_ROUNDS = 10
MARGIN = 0.1  # least gain of a move, in log-odds
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
    cannot_link: np.ndarray | None = None,
    must_link: np.ndarray | None = None,
    move: bool = True,
) -> np.ndarray:
    """Return labels (n,) int64 from 0: the tracklets of one label show one person.

    prior_log_odds    added to every pair of clusters; over 0 joins more
    cannot_link       (m, 2) pairs of tracklets that are two persons
    must_link         (m, 2) pairs that are one person, whatever the evidence
    move              afterwards, single tracklets go where they fit better

    Labels count clusters by their first tracklet. Over DENSE tracklets, those whose team is sure
    are linked team by team first. Raises SettingError for a prior that is no number, DataError for
    pairs that name no tracklet, and for must-link pairs that cannot-link ones forbid.
    """
    if not np.isfinite(prior_log_odds):
        raise SettingError("prior_log_odds", prior_log_odds, "a finite number")
    count = len(evidence)
    joins = _pairs(must_link, count, "must_link")
    blocks = _pairs(cannot_link, count, "cannot_link")
    labels = connected_groups(joins, count)
    clash = np.flatnonzero(labels[blocks[:, 0]] == labels[blocks[:, 1]])
    if len(clash):
        first, second = blocks[clash[0]]
        raise DataError(f"Tracklets {first} and {second} are in both must_link and cannot_link.")
    if count > DENSE:
        labels = _by_team(evidence, labels, blocks, prior_log_odds)
    labels = ordered(Clusters(evidence, labels, blocks).agglomerate(prior_log_odds))
    if not move or not count:
        return labels
    groups = connected_groups(joins, count)
    held = np.bincount(groups)[groups] > 1
    fit = ClusterFit(evidence, labels, blocks)
    for _ in range(ROUNDS):
        if not _refine(fit, prior_log_odds, held):
            break
        fit.relabel(ordered(fit.labels))
        merged = ordered(Clusters.of_fit(fit).agglomerate(prior_log_odds))
        if len(fit) == merged.max() + 1:
            break
        fit.relabel(merged)
    return fit.labels


def _refine(fit: ClusterFit, prior: float, held: np.ndarray) -> bool:
    """Move single tracklets to the cluster that they fit better, or alone; return if any moved.

    held    (n,) bool: these stay where they are

    The objective is the sum of what every tracklet has for being in its cluster. In a round each
    cluster takes part in one move at most, so that every gain is as computed; a round that does
    not raise the objective is taken back and is the last.
    """
    changed = False
    odds = fit.support() + np.float32(prior)
    value = _objective(odds, fit.labels)
    for _ in range(REFINE_ROUNDS):
        moves = _wanted(odds, fit.labels, held)
        if not moves:
            break
        before = fit.labels.copy()
        fit.grow(max(0, max(to for _, to in moves) + 1 - len(fit)))
        for row, to in moves:
            fit.move(row, to)
        odds = fit.support() + np.float32(prior)
        raised = _objective(odds, fit.labels)
        if raised <= value:
            for row, _ in moves:
                fit.move(row, int(before[row]))
            break
        value, changed = raised, True
    return changed


def _wanted(odds: np.ndarray, labels: np.ndarray, held: np.ndarray) -> list[tuple[int, int]]:
    """Return (tracklet, cluster) of the moves that gain most; a new cluster counts on from k."""
    rows, count = np.arange(len(labels)), odds.shape[1]
    alone = np.bincount(labels, minlength=count)[labels] == 1
    now = np.where(alone, 0, odds[rows, labels])
    others = odds.copy()
    others[rows, labels] = NEVER
    target, best = others.argmax(axis=1), others.max(axis=1)
    gain = np.maximum(best, 0) - now
    gain[held] = NEVER
    touched: set[int] = set()
    moves, new = [], count
    for row in np.argsort(-gain, kind="stable"):
        if gain[row] <= MARGIN:
            break
        to = int(target[row]) if best[row] > 0 else new
        if touched & {int(labels[row]), to}:
            continue
        touched |= {int(labels[row]), to}
        moves.append((int(row), to))
        new += to == new
    return moves


def _objective(odds: np.ndarray, labels: np.ndarray) -> float:
    own = odds[np.arange(len(labels)), labels].astype(np.float64)
    own[np.bincount(labels)[labels] == 1] = 0
    return float(own.sum())


def relink(
    evidence: Evidence,
    labels: np.ndarray,
    chosen: np.ndarray,
    *,
    prior_log_odds: float = 0.0,
    cannot_link: np.ndarray | None = None,
    must_link: np.ndarray | None = None,
) -> np.ndarray:
    """Link only the chosen tracklets (n,) bool again, as ``affected_tracklets`` gives.

    labels    (n,) of the run before: all other tracklets stay together as they are

    Must-link and cannot-link pairs count where both tracklets are chosen; the others held before.
    Raises as ``link``.
    """
    rows = np.flatnonzero(chosen)
    where = np.full(len(labels), -1)
    where[rows] = np.arange(len(rows))
    pairs = []
    for name, given in (("must_link", must_link), ("cannot_link", cannot_link)):
        own = where[_pairs(given, len(labels), name)]
        pairs.append(own[(own >= 0).all(axis=1)])
    found = link(
        _part(evidence, rows),
        prior_log_odds=prior_log_odds,
        must_link=pairs[0],
        cannot_link=pairs[1],
    )
    again = labels.copy()
    again[rows] = found + int(labels.max(initial=-1)) + 1
    return ordered(again)


def pair_odds(evidence: Evidence, i: int, j: int, prior_log_odds: float = 0.0) -> PairOdds:
    """Return what each kind of evidence says of tracklets i and j being one person."""
    shares = attribute_evidence(evidence, np.array([i, j])).probabilities()
    odds = attribute_odds(shares.rows(np.array([0])), shares.rows(np.array([1])))
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

    A must-link group goes where all its tracklets are; the others wait for the next step.
    """
    labels = labels.copy()
    shares = attribute_evidence(evidence).summed(labels, int(labels.max()) + 1).probabilities().team
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
