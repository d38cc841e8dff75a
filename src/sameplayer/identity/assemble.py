"""Tracklets, identities and names as one PlayerLog."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sameplayer.identity.confidence import Sureness
from sameplayer.identity.evidence import Evidence
from sameplayer.identity.gather import Gathered
from sameplayer.identity.link import pair_odds
from sameplayer.identity.naming import Name, Names
from sameplayer.identity.player_log import APPEARANCES, BOXES, LINKS, PlayerLog

SHOWN = 60  # pairs of each kind that the log keeps: surest, least sure, likeliest not joined
DOUBT = -2.0  # log-odds of a joined pair that are told as a contradiction


def assemble(
    gathered: Gathered,
    labels: np.ndarray,
    names: Names,
    sure: Sureness,
    facts: dict[str, Any],
    threshold: float,
) -> PlayerLog:
    """Return the log of tracklets with these identities.

    labels    (n,) from 0: the identity of each tracklet
    sure      how sure each tracklet's identity is

    An appearance is as probable as its identity and, where it has a name, as that. Of two boxes of
    one person in one frame the surer one stays.
    """
    tracklets = gathered.tracklets
    appearances = tracklets.spans().reset_index(names="appearance")
    appearances = appearances.rename(columns={"boxes": "frames"})
    named = [names.names[label] for label in labels]
    given = np.array([one.name is not None or one.number is not None for one in named], bool)
    likely = sure.probability * np.where(given, [one.probability for one in named], 1.0)
    appearances["identity"] = [one.identity for one in named]
    for column in ("name", "team", "number"):
        appearances[column] = pd.array([getattr(one, column) for one in named], dtype="string")
    appearances["probability"] = np.round(likely, 4)
    appearances["sure"] = likely >= threshold
    second = [_second(names, named[row], sure, row) for row in range(len(named))]
    appearances["second"] = pd.array([name for name, _ in second], dtype="string")
    appearances["second_probability"] = np.round([share for _, share in second], 4)
    links = _links(gathered.evidence, labels)
    appearances["rests_on"] = [
        _rests_on(gathered.evidence, labels, row, one) for row, one in enumerate(named)
    ]
    boxes = _one_place(tracklets.table.rename(columns={"tracklet": "appearance"}), labels)
    facts = {**facts, "contradictions": _contradictions(links, named)}
    return PlayerLog(
        appearances[list(APPEARANCES)], boxes[list(BOXES)], links, tracklets.cameras, facts
    )


def _second(names: Names, name: Name, sure: Sureness, row: int) -> tuple[str | None, float]:
    """Return the next best: another identity for the tracklet, or another name for the identity."""
    other = int(sure.second[row])
    elsewhere = float(sure.second_probability[row])
    renamed = name.second_probability * float(sure.probability[row])
    if name.second is not None and renamed >= elsewhere:
        return name.second, renamed
    return ("somebody new" if other < 0 else names.names[other].identity), elsewhere


def _one_place(boxes: pd.DataFrame, labels: np.ndarray) -> pd.DataFrame:
    """Return the boxes with one of an identity in a frame of a camera, the surest."""
    who = labels[boxes["appearance"].to_numpy()]
    order = np.argsort(-boxes["score"].to_numpy(float), kind="stable")
    keys = pd.DataFrame({"who": who, "camera": boxes["camera"], "frame": boxes["frame"]})
    twice = keys.iloc[order].duplicated().reindex(boxes.index)
    return boxes[~twice.to_numpy(bool)].reset_index(drop=True)


def _rests_on(evidence: Evidence, labels: np.ndarray, row: int, name: Name) -> str:
    """Say what joins a tracklet to the others of its identity, and what the name rests on."""
    others = np.flatnonzero(labels == labels[row])
    others = others[others != row]
    words = []
    if len(others):
        best = others[np.argsort(-evidence.appearance[row, others], kind="stable")[:1]]
        if evidence.place is not None:
            by_place = others[np.argsort(-evidence.place[row, others], kind="stable")[:1]]
            if evidence.place[row, by_place[0]] > evidence.appearance[row, best[0]]:
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
    odds = evidence.appearance + (0 if evidence.place is None else evidence.place)
    first, second = np.triu_indices(len(labels), 1)
    joined = labels[first] == labels[second]
    flat = odds[first, second]
    chosen: dict[tuple[int, int], None] = {}
    for kept, sign in ((joined, -1), (joined, 1), (~joined & ~evidence.apart[first, second], -1)):
        rows = np.flatnonzero(kept)
        for row in rows[np.argsort(sign * flat[rows], kind="stable")[:SHOWN]]:
            chosen[int(first[row]), int(second[row])] = None
    table = []
    for a, b in chosen:
        why = pair_odds(evidence, a, b)
        table.append((a, b, why.total, why.appearance, why.number, why.team, why.place,
                      bool(labels[a] == labels[b])))  # fmt: skip
    return pd.DataFrame(table, columns=list(LINKS))


def _contradictions(links: pd.DataFrame, named: list[Name]) -> list[str]:
    """Say where two appearances of one identity speak against each other."""
    found = []
    for row in links[links["joined"]].to_dict("records"):
        kinds = [kind for kind in ("appearance", "number", "team", "place") if row[kind] <= DOUBT]
        if kinds:
            found.append(
                f"{named[row['first']].identity}: appearances {row['first']} and {row['second']} "
                f"were joined although their {' and '.join(kinds)} would rather be of two people."
            )
    return found
