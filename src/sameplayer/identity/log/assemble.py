"""Tracklets, identities and names as one PlayerLog."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sameplayer.identity.evidence.collect import CollectedEvidence
from sameplayer.identity.evidence.evidence import Evidence
from sameplayer.identity.linking.confidence import IdentityConfidence
from sameplayer.identity.linking.link import pair_odds
from sameplayer.identity.log.player_log import APPEARANCES, BOXES, LINKS, SAID, PlayerLog, clock
from sameplayer.identity.naming.naming import IdentityName, NamingResult

SHOWN = 60  # pairs of each kind that the log keeps: surest, least sure, likeliest not joined
BLOCK = 256  # rows of all pairs that are looked through at once
STEP_S = 0.04  # that a frame lasts where a camera has no other frame with boxes
DOUBT = -2.0  # log-odds from which a joined pair counts as a contradiction
AGAINST = {
    "appearance": "they look different",
    "number": "different numbers were read",
    "team": "they wear different kits",
    "place": "they stand too far apart for one person",
}


def assemble(
    collected: CollectedEvidence,
    labels: np.ndarray,
    names: NamingResult,
    sure: IdentityConfidence,
    facts: dict[str, Any],
    threshold: float,
    confirmed: np.ndarray | None = None,
) -> PlayerLog:
    """Return the log of tracklets with these identities.

    labels    (n,) from 0: the identity of each tracklet
    sure      how sure each tracklet's identity is
    confirmed    (n,) bool: tracklets whose identity corrections give; None: no corrections

    An appearance is as probable as its identity and, where it has a name, as that. The second best
    answers the same question, so that the two sum to 1 at most. Which player an identity without a
    name could be is another question, and has columns of its own. Of two boxes of one person in
    one frame the surer one stays.
    """
    tracklets = collected.tracklets
    appearances = tracklets.spans().reset_index(names="appearance")
    appearances = appearances.rename(columns={"boxes": "frames"})
    appearances["end_s"] = _ends(appearances, tracklets.table)
    named = [names.names[label] for label in labels]
    given = np.array([_has_name(one) for one in named], bool)
    likely = sure.probability * np.where(given, [one.probability for one in named], 1.0)
    appearances["identity"] = [one.identity for one in named]
    for column in ("name", "team", "number"):
        appearances[column] = pd.array([getattr(one, column) for one in named], dtype="string")
    appearances["probability"] = np.round(likely, 4)
    appearances["sure"] = likely >= threshold
    second = [_second(names, named[row], sure, row) for row in range(len(named))]
    could_be = [(None, None) if _has_name(one) else _likeliest(one) for one in named]
    for column, found in (("second", second), ("could_be", could_be)):
        appearances[column] = pd.array([name for name, _ in found], dtype="string")
        shares = np.array([share for _, share in found], float)
        appearances[f"{column}_probability"] = np.floor(shares * 1e4) / 1e4  # never over the rest
    links = _links(collected.evidence, labels)
    appearances["rests_on"] = [
        SAID
        if confirmed is not None and confirmed[row]
        else _rests_on(collected.evidence, labels, row, one)
        for row, one in enumerate(named)
    ]
    boxes = _one_place(tracklets.table.rename(columns={"tracklet": "appearance"}), labels)
    facts = {
        **facts,
        "contradictions": _contradictions(links, named, appearances["start_s"].tolist()),
    }
    return PlayerLog(
        appearances[list(APPEARANCES)], boxes[list(BOXES)], links, tracklets.cameras, facts
    )


def _second(
    names: NamingResult, name: IdentityName, sure: IdentityConfidence, row: int
) -> tuple[str | None, float]:
    """Return the next best: another identity, or for one with a name another name."""
    other = int(sure.second[row])
    elsewhere = float(sure.second_probability[row])
    renamed = name.second_probability * float(sure.probability[row])
    if _has_name(name) and name.second is not None and renamed >= elsewhere:
        return name.second, renamed
    if elsewhere <= 0:
        return None, 0.0
    return ("somebody new" if other < 0 else names.names[other].identity), elsewhere


def _ends(appearances: pd.DataFrame, boxes: pd.DataFrame) -> np.ndarray:
    """Return when each appearance ends: one of a single frame a usual step after it began."""
    ends = appearances["end_s"].to_numpy(float).copy()
    for camera, times in boxes.groupby("camera")["time_s"]:
        steps = np.diff(np.unique(times))
        step = float(np.median(steps)) if len(steps) else STEP_S
        single = ((appearances["camera"] == camera) & (appearances["frames"] == 1)).to_numpy()
        ends[single] += step
    return ends


def _has_name(name: IdentityName) -> bool:
    return name.name is not None or name.number is not None


def _likeliest(name: IdentityName) -> tuple[str | None, float | None]:
    return name.second, None if name.second is None else name.second_probability


def _one_place(boxes: pd.DataFrame, labels: np.ndarray) -> pd.DataFrame:
    """Return the boxes with one of an identity in a frame of a camera, the surest."""
    who = labels[boxes["appearance"].to_numpy()]
    order = np.argsort(-boxes["score"].to_numpy(float), kind="stable")
    keys = pd.DataFrame({"who": who, "camera": boxes["camera"], "frame": boxes["frame"]})
    twice = keys.iloc[order].duplicated().reindex(boxes.index)
    return boxes[~twice.to_numpy(bool)].reset_index(drop=True)


def _rests_on(evidence: Evidence, labels: np.ndarray, row: int, name: IdentityName) -> str:
    """Say what joins a tracklet to the others of its identity, and what the name rests on."""
    others = np.flatnonzero(labels == labels[row])
    others = others[others != row]
    words = []
    if len(others):
        best = others[[evidence.appearance[row, others].argmax()]]
        if evidence.place is not None:
            place = evidence.place[[row]].toarray()[0, others]
            by_place = others[[place.argmax()]]
            if place.max() > evidence.appearance[row, best[0]]:
                best = by_place
        odds = pair_odds(evidence, row, int(best[0]))
        words = [
            f"{kind} {value:+.1f}"
            for kind in ("appearance", "number", "team", "place")
            if abs(value := getattr(odds, kind)) >= 0.05
        ]
        words = [f"{', '.join(words) or 'prior'} (with {best[0]})"]
    else:
        words = ["tracker"]
    return "; ".join([*words, *([f"named by {', '.join(name.rests_on)}"] if name.rests_on else [])])


def _links(evidence: Evidence, labels: np.ndarray) -> pd.DataFrame:
    """Return the surest and least sure pairs that were joined, and the likeliest that were not."""
    found: list[list[np.ndarray]] = [[], [], []]
    for start in range(0, len(labels), BLOCK):
        own = slice(start, start + BLOCK)
        place = 0 if evidence.place is None else evidence.place[own].toarray()
        odds = evidence.appearance[own] + place
        later = np.arange(len(labels)) > np.arange(len(labels))[own, None]
        joined = later & (labels[own, None] == labels)
        alone = later & ~joined & ~evidence.apart[own]
        for at, (kept, cost) in enumerate(((joined, -odds), (joined, odds), (alone, -odds))):
            found[at].append(_lowest(kept, cost, start))
    chosen: dict[tuple[int, int], None] = {}
    for parts in found:
        rows = np.concatenate([np.zeros((0, 3)), *parts])
        for _, a, b in rows[np.argsort(rows[:, 0], kind="stable")[:SHOWN]]:
            chosen[int(a), int(b)] = None
    table = []
    for a, b in chosen:
        why = pair_odds(evidence, a, b)
        table.append(
            (
                a,
                b,
                why.total,
                why.appearance,
                why.number,
                why.team,
                why.place,
                bool(labels[a] == labels[b]),
            )
        )
    return pd.DataFrame(table, columns=list(LINKS))


def _lowest(kept: np.ndarray, cost: np.ndarray, start: int) -> np.ndarray:
    """Return (SHOWN or fewer, 3): cost, row and column of the pairs of least cost, in order."""
    rows, columns = np.nonzero(kept)
    costs = cost[rows, columns]
    if len(costs) > SHOWN:
        low = np.flatnonzero(costs <= np.partition(costs, SHOWN - 1)[SHOWN - 1])
        low = low[np.argsort(costs[low], kind="stable")[:SHOWN]]
        rows, columns, costs = rows[low], columns[low], costs[low]
    return np.column_stack([costs, rows + start, columns])


def _contradictions(
    links: pd.DataFrame, named: list[IdentityName], start_s: list[float]
) -> list[str]:
    """Return a sentence for each joined pair with evidence against it."""
    found = []
    for row in links[links["joined"]].to_dict("records"):
        against = [words for kind, words in AGAINST.items() if row[kind] <= DOUBT]
        if against:
            first, second = row["first"], row["second"]
            found.append(
                f"{named[first].identity}, {clock(start_s[first])} and {clock(start_s[second])} "
                f"(appearances {first} and {second}): {' and '.join(against)}. Is this one player?"
            )
    return found
