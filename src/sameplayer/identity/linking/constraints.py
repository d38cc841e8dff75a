"""Constraints that corrections put on a run: must-link pairs, cannot-link pairs, names."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sameplayer.errors import DataError
from sameplayer.identity.evidence.evidence import Evidence
from sameplayer.identity.inputs.corrections import FIRST, Correction, check_players
from sameplayer.identity.inputs.roster import Roster
from sameplayer.identity.linking.clusters import connected_groups

Tie = tuple[int, int, tuple[int, ...]]  # two tracklets, and the rows that make them one person


@dataclass(frozen=True, eq=False)
class Constraints:
    """Corrections in the form that ``link`` and ``name_identities`` take.

    must_link      (m, 2) int64: pairs of tracklets that are one person, also by ``is`` rows of one
                   player
    cannot_link    (m, 2) int64: pairs that are two persons, also by ``is`` rows of two players
    player         tracklet -> who it is, as the correction writes it
    row            tracklet -> row of the roster; empty without a roster
    """

    must_link: np.ndarray
    cannot_link: np.ndarray
    player: dict[int, str]
    row: dict[int, int]

    def roster_rows(self, labels: np.ndarray) -> dict[int, int]:
        """Return identity -> row of the roster, for ``NamingConfig.fixed_players``."""
        return {int(labels[tracklet]): row for tracklet, row in self.row.items()}

    def groups(self, count: int) -> np.ndarray:
        """Return (count,) int64: tracklets that must be one person have equal numbers."""
        return connected_groups(self.must_link, count)

    def confirmed(self, labels: np.ndarray) -> np.ndarray:
        """Return (n,) bool: tracklets whose identity is confirmed.

        Tracklets named by ``is``, those that must be one person with them, and identities whose
        tracklets must all be one person.
        """
        groups = self.groups(len(labels))
        named = np.isin(groups, groups[list(self.player)])
        pairs = np.unique(np.stack([labels, groups], axis=1), axis=0)
        one = np.bincount(pairs[:, 0], minlength=int(labels.max(initial=-1)) + 1) == 1
        several = np.bincount(labels, minlength=len(one)) > 1
        whole: np.ndarray = (one & several)[labels]
        return named | whole

    def names(self, labels: np.ndarray) -> dict[int, str]:
        """Return identity -> name, for ``NamingConfig.fixed_names`` where there is no roster."""
        return {int(labels[tracklet]): name for tracklet, name in self.player.items()}


def build_constraints(
    corrections: Sequence[Correction],
    tracklets: np.ndarray,
    evidence: Evidence | None = None,
    roster: Roster | None = None,
) -> Constraints:
    """Return the constraints that the corrections imply.

    tracklets    (m, 2), as ``locate_corrections`` gives
    evidence     with it, people seen at the same time in one camera may not be joined

    Raises DataError naming the rows that contradict each other, the roster, or what was seen.
    """
    rows = check_players(corrections, roster)
    links: list[Tie] = []
    cannot_link: list[tuple[int, int, int]] = []
    player: dict[int, str] = {}
    first_of: dict[object, tuple[int, int]] = {}
    for row, (one, (first, second)) in enumerate(zip(corrections, tracklets, strict=True)):
        a, b = int(first), int(second)
        if one.kind == "same" and a != b:
            links.append((a, b, (row,)))
        elif one.kind == "different":
            if a == b:
                raise DataError(
                    f"Corrections, row {row + FIRST}: 'different' names one appearance twice; "
                    "expected two appearances. An appearance cannot be split by a correction."
                )
            cannot_link.append((a, b, row))
        elif one.kind == "is":
            who: object = rows.get(row, one.player)
            player[a] = one.player
            before = first_of.setdefault(who, (a, row))
            if before[0] != a:
                links.append((before[0], a, (before[1], row)))
    for name, (a, row) in first_of.items():
        for other, (b, later) in first_of.items():
            if row < later and name != other:
                cannot_link.append((a, b, later))
                _clash(corrections, tracklets, (a, b, later), links, row)
    for block in cannot_link:
        _clash(corrections, tracklets, block, links, None)
    if evidence is not None:
        _seen_apart(evidence, links)
    of = {int(tracklets[row, 0]): value for row, value in rows.items()}
    return Constraints(_ends(links), _ends(cannot_link), player, of)


def affected_tracklets(
    labels: np.ndarray, constraints: Constraints, evidence: Evidence, reach: float = 0.0
) -> np.ndarray:
    """Return (n,) bool: the tracklets to link again under the constraints.

    labels    (n,) of a run without constraints
    reach     log-odds of appearance from which an identity near a constrained one counts

    Constraints concern the identities of the tracklets that they name. A tracklet that leaves one
    can only go where it may fit, so identities whose tracklets look like theirs by more than
    ``reach`` are included; all others keep their labels.
    """
    pairs = np.concatenate([constraints.must_link, constraints.cannot_link])
    named = np.array(list(constraints.player), np.int64)
    touched = np.zeros(int(labels.max(initial=-1)) + 1, bool)
    touched[labels[np.concatenate([pairs.ravel(), named])]] = True
    rows = np.flatnonzero(touched[labels])
    if len(rows):
        near = (evidence.appearance[rows] > reach) & ~evidence.apart[rows]
        touched[labels[near.any(axis=0)]] = True
    chosen: np.ndarray = touched[labels]
    return chosen


def _ends(links: Sequence[tuple[int, int, object]]) -> np.ndarray:
    return np.array([link[:2] for link in links], np.int64).reshape(-1, 2)


def _path(links: list[Tie], start: int, end: int) -> list[int] | None:
    """Return the rows of the fewest corrections that tie two tracklets together, or None."""
    came: dict[int, tuple[int, tuple[int, ...]]] = {start: (start, ())}
    waiting = deque([start])
    while waiting:
        at = waiting.popleft()
        if at == end:
            rows: set[int] = set()
            while at != start:
                at, why = came[at]
                rows |= set(why)
            return sorted(rows)
        for a, b, why in links:
            for here, there in ((a, b), (b, a)):
                if here == at and there not in came:
                    came[there] = (at, why)
                    waiting.append(there)
    return None


def _clash(
    corrections: Sequence[Correction],
    tracklets: np.ndarray,
    block: tuple[int, int, int],
    links: list[Tie],
    also: int | None,
) -> None:
    a, b, row = block
    rows = _path(links, a, b)
    if rows is None:
        return
    every = sorted({*rows, row} | (set() if also is None else {also}))
    what = f"make tracklets {a} and {b} one person and two" if a != b else "name one person twice"
    raise DataError(
        f"Corrections, rows {_numbered(every)} contradict each other: they {what}. "
        "Delete one of these rows."
    )


def _seen_apart(evidence: Evidence, links: list[Tie]) -> None:
    groups = connected_groups(_ends(links), len(evidence))
    tied = np.flatnonzero(np.bincount(groups)[groups] > 1)
    both = (groups[tied][:, None] == groups[tied]) & evidence.apart[np.ix_(tied, tied)]
    if both.any():
        a, b = tied[np.argwhere(both)[0]]
        rows = _path(links, int(a), int(b)) or []
        raise DataError(
            f"Corrections, rows {_numbered(rows)}: they join two people seen at the same time in "
            f"one camera (tracklets {a} and {b}). Delete one of these rows."
        )


def _numbered(rows: Sequence[int]) -> str:
    return ", ".join(str(row + FIRST) for row in rows)
