"""The integer program that gives names: at most one place at a time a player."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from sameplayer.errors import DataError

SECONDS = 60.0
UNLIKELY = 0.1
"""Probability of a name at which giving it is worth as much as giving none."""


def co_visible_identities(labels: np.ndarray, spans: pd.DataFrame) -> list[frozenset[int]]:
    """Return the largest sets of identities that are seen at one moment, in whatever cameras."""
    start = spans["start_s"].to_numpy(float)
    end = spans["end_s"].to_numpy(float)
    found: set[frozenset[int]] = set()
    order = np.argsort(start, kind="stable")
    present: list[int] = []
    for row in order:
        present = [one for one in present if end[one] > start[row]]
        present.append(int(row))
        found.add(frozenset(int(labels[one]) for one in present))
    return list(found)


def assign_players(
    probabilities: np.ndarray,
    allowed: np.ndarray,
    apart: np.ndarray,
    crowd: tuple[list[frozenset[int]], np.ndarray, int],
    fixed_players: Mapping[int, int],
) -> tuple[np.ndarray, bool]:
    """Return (k,) the player of each identity, -1: unknown, and whether no choice is better.

    The best choice that was found in SECONDS is not surely the best.

    probabilities    (k, p)
    allowed          (k, p) bool: the names that may be given
    apart            (k, k) bool: identities that cannot be one person
    crowd            sets of identities seen at one moment, (p,) teams of players, and how many of
                     a team are on the field at most
    fixed_players    identity -> player that must be chosen

    The sum of log(probability / UNLIKELY) over the names that are given is as high as can be.
    Raises DataError where what is fixed cannot hold together, and where SECONDS were too few to
    find any choice.
    """
    who, names = np.nonzero(allowed)
    chosen = np.full(len(probabilities), -1)
    if not len(who):
        return chosen, True
    gain = np.log(np.maximum(probabilities[who, names], 1e-9) / UNLIKELY)
    must = np.array(
        [fixed_players.get(int(one)) == name for one, name in zip(who, names, strict=True)]
    )
    rows = _one_each(who) + _one_place(who, names, apart)
    limits = [1.0] * len(rows)
    extra, sizes, hidden = _field(who, names, crowd)
    size = len(who) + hidden
    matrix = _matrix([*rows, *extra], size)
    cost = np.concatenate([-gain, np.zeros(hidden)])
    low = np.concatenate([must.astype(float), np.zeros(hidden)])
    done = milp(
        cost,
        constraints=LinearConstraint(matrix, -np.inf, np.array([*limits, *sizes])),
        bounds=Bounds(low, np.ones(size)),
        integrality=np.concatenate([np.ones(len(who)), np.zeros(hidden)]),
        options={"time_limit": SECONDS},
    )
    if done.x is None and (done.status == OUT_OF_TIME or not fixed_players):  # no names always hold
        raise DataError(
            f"No names were found in {SECONDS:g} s for {len(probabilities)} identities and "
            f"{probabilities.shape[1]} players ({done.message}). Split the match "
            "into shorter videos, or name some of the players with corrections."
        )
    if done.x is None:
        raise DataError(
            "The names that corrections give cannot hold together: somebody would be in two places "
            "at once, or too many of a team on the field. Look at the corrections of kind 'is'."
        )
    taken = np.flatnonzero(done.x[: len(who)] > 0.5)
    chosen[who[taken]] = names[taken]
    return chosen, done.status == BEST


def settle_probabilities(
    probabilities: np.ndarray, chosen: np.ndarray, apart: np.ndarray, sure: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return (k, p) probabilities once others hold names, and (k,) names that are sure enough.

    Where somebody else surely is a player, one who is seen elsewhere at the same time is not.
    """
    found = probabilities.copy()
    for identity in np.flatnonzero(chosen >= 0):
        player, sureness = chosen[identity], probabilities[identity, chosen[identity]]
        rivals = apart[identity] & (chosen != player) & (probabilities[:, player] <= sureness)
        found[rivals, player] *= 1 - sureness
    stranger = np.maximum(1 - probabilities.sum(axis=1, keepdims=True), 0)
    found /= np.maximum(found.sum(axis=1, keepdims=True) + stranger, 1e-9)
    kept = np.array(
        [
            player if player >= 0 and found[one, player] >= sure else -1
            for one, player in enumerate(chosen)
        ],
        np.int64,
    )
    return found, kept


BEST, OUT_OF_TIME = 0, 1  # of scipy's status
Row = list[tuple[int, float]]


def _one_each(who: np.ndarray) -> list[Row]:
    return [[(int(at), 1.0) for at in np.flatnonzero(who == one)] for one in np.unique(who)]


def _one_place(who: np.ndarray, names: np.ndarray, apart: np.ndarray) -> list[Row]:
    """Rows of candidates for one name that are apart from each other, as few as a greedy finds."""
    rows: list[Row] = []
    for name in np.unique(names):
        own = np.flatnonzero(names == name)
        left = apart[np.ix_(who[own], who[own])].copy()
        while left.any():
            first, second = np.argwhere(left)[0]
            group = [int(first), int(second)]
            for other in range(len(own)):
                if other not in group and apart[who[own[other]], who[own[group]]].all():
                    group.append(other)
            left[np.ix_(group, group)] = False
            rows.append([(int(own[at]), 1.0) for at in group])
    return rows


def _field(
    who: np.ndarray, names: np.ndarray, crowd: tuple[list[frozenset[int]], np.ndarray, int]
) -> tuple[list[Row], list[float], int]:
    """Rows for moments at which more of a team could be named than play.

    A player whom two cameras show counts once: a further variable says whether he is there.
    """
    moments, teams, most = crowd
    rows: list[Row] = []
    limits: list[float] = []
    hidden, seen = 0, set()
    for moment in moments:
        here = np.flatnonzero(np.isin(who, list(moment)))
        for team in set(teams[names[here]]):
            own = here[teams[names[here]] == team]
            players = np.unique(names[own])
            key = tuple(own.tolist())
            if len(players) <= most or key in seen:
                continue
            seen.add(key)
            there: Row = []
            for player in players:
                at = len(who) + hidden
                hidden += 1
                there.append((at, 1.0))
                for one in own[names[own] == player]:
                    rows.append([(int(one), 1.0), (at, -1.0)])
                    limits.append(0.0)
            rows.append(there)
            limits.append(float(most))
    return rows, limits, hidden


def _matrix(rows: list[Row], size: int) -> coo_array:
    entries = [(row, at, value) for row, line in enumerate(rows) for at, value in line]
    at = np.array([(row, column) for row, column, _ in entries])
    values = np.array([value for *_, value in entries])
    return coo_array((values, (at[:, 0], at[:, 1])), shape=(len(rows), size))
