"""How well stated probabilities held: what people answered, against what was said when asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sameplayer.common.statistics import cluster_bootstrap_interval, wilson_interval
from sameplayer.gallery.core.gallery import GalleryCore
from sameplayer.gallery.store.base import Cursor

EDGES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
FEWEST = 30  # answers before a warning is given
DRAWS = 2000

Interval = tuple[float, float]


@dataclass(frozen=True)
class Stated:
    """Answers whose stated probability lay between two bounds.

    low, high    the bounds
    stated       mean of what was stated
    found        share that held
    interval     95 %, of the share: Wilson's, which counts a person once
    answers      how many
    """

    low: float
    high: float
    stated: float
    found: float
    interval: Interval
    answers: int


@dataclass(frozen=True)
class Reliability:
    """Stated probabilities against what people said.

    best          of the likeliest person: bands of what was stated, and how often it was that one
    nobody        of nobody: how often it was somebody who was not in the gallery when asked
    best_off, nobody_off    mean of found - stated, with its 95 % interval over persons; None: no
                  answers
    known         share of the questions that were about a person in the gallery, with its 95 %
                  interval; None: no answers
    assumed       the share that the gallery assumes (setting ``known``)
    answered      questions that people answered and for which probabilities were stated
    waiting       questions that wait
    warnings      what is off, in words
    """

    best: tuple[Stated, ...]
    nobody: tuple[Stated, ...]
    best_off: tuple[float, Interval] | None
    nobody_off: tuple[float, Interval] | None
    known: tuple[float, Interval] | None
    assumed: float
    answered: int
    waiting: int
    warnings: tuple[str, ...]


def reliability(gallery: GalleryCore, seed: int = 0) -> Reliability:
    """Compare what was stated of each kept question, when it was asked, with people's word of it.

    Counted are confirmed questions, those of nobody, and those whose likeliest person was rejected.
    Somebody who came into the gallery after the question was asked was nobody then. Questions of
    one person depend on each other, so intervals are over persons. The shares hold for questions
    like those that were answered: answer all, or some at random; the queue's first ones are the
    hardest.
    """
    with gallery.database.read() as cursor:
        said = _answers(cursor)
        row = cursor.one("SELECT COUNT(*) FROM question WHERE state IN ('open', 'skipped')")
    told = [one for one in said if one.known is not None]
    best = _table([(one.best, one.right, one.who) for one in said])
    nobody = _table([(one.nobody, not one.known, one.who) for one in told])
    best_off = _off([(one.best, one.right, one.who) for one in said], seed)
    nobody_off = _off([(one.nobody, not one.known, one.who) for one in told], seed)
    known = None
    if told:
        values = np.array([bool(one.known) for one in told], float)
        known = (float(values.mean()), _share_interval(values, [one.who for one in told]))
    assumed, waiting = gallery.refresh_settings().known, int(row[0]) if row else 0
    warnings = (
        *_warn_off("the likeliest person", best_off, len(said)),
        *_warn_off("nobody", nobody_off, len(told)),
        *_warn_known(known, assumed, len(told)),
    )
    return Reliability(
        best, nobody, best_off, nobody_off, known, assumed, len(told), waiting, warnings
    )


@dataclass(frozen=True)
class _Said:
    """One answer of people, and what was stated.

    right    whether it is the likeliest person
    known    whether it is somebody who was in the gallery; None: people said only who it is not
    who      the person it is, or the question, where nobody knows
    """

    best: float
    nobody: float
    right: bool
    known: bool | None
    who: str


def _answers(cursor: Cursor) -> list[_Said]:
    sql = "SELECT id, created, CASE WHEN state = 'merged' THEN merged_into END FROM person"
    persons = {row[0]: row[1:] for row in cursor.rows(sql)}
    apart: dict[str, set[str]] = {}
    for question, person in cursor.rows(
        "SELECT picture.question, apart.person FROM apart JOIN picture "
        "ON picture.id = apart.picture WHERE picture.question IS NOT NULL"
    ):
        apart.setdefault(question, set()).add(person)
    found = []
    for key, state, asked, answer, detail in cursor.rows(
        "SELECT question.id, question.state, question.asked, question.answer, event.detail "
        "FROM question JOIN event ON event.seq = question.revision "
        "WHERE question.answer IS NOT NULL AND question.state <> 'removed' ORDER BY question.id"
    ):
        stated = json.loads(answer)
        likeliest = max(stated["persons"].items(), key=lambda one: one[1], default=("", 0.0))
        top = _now(persons, likeliest[0])
        chances = (likeliest[1], stated["nobody"])
        if state == "nobody":
            found.append(_Said(*chances, right=False, known=False, who=key))
        elif state == "answered":
            who = _now(persons, _given_to(json.loads(detail or "{}")))
            if who is not None:  # else forgotten since
                known = persons[who][0] <= asked
                found.append(_Said(*chances, right=who == top, known=known, who=who))
        elif top is not None and top in apart.get(key, ()):
            found.append(_Said(*chances, right=False, known=None, who=key))
    return found


def _given_to(detail: dict[str, Any]) -> str:
    """Return who got the pictures in an event, a confirmation or one that was done again."""
    for table, _, column, *values in detail.get("changed", ()):
        if (table, column) == ("picture", "person") and values[1] is not None:
            return str(values[1])
    return str(detail.get("person", ""))


def _now(persons: dict[str, tuple], key: str) -> str | None:
    """Return who a person is now, after merges; None where the person was forgotten."""
    while key in persons and persons[key][1] is not None:
        key = persons[key][1]
    return key if key in persons else None


Cases = Sequence[tuple[float, bool, str]]  # stated, whether it held, and of whom


def _table(cases: Cases) -> tuple[Stated, ...]:
    stated = np.array([one[0] for one in cases])
    held = np.array([one[1] for one in cases], float)
    place = np.clip(np.searchsorted(EDGES, stated, "right") - 1, 0, len(EDGES) - 2)
    table = []
    for at in np.unique(place):
        rows = np.flatnonzero(place == at)
        interval = _share_interval(held[rows], [cases[int(row)][2] for row in rows])
        table.append(
            Stated(
                EDGES[at],
                EDGES[at + 1],
                float(stated[rows].mean()),
                float(held[rows].mean()),
                interval,
                len(rows),
            )
        )
    return tuple(table)


def _off(cases: Cases, seed: int) -> tuple[float, Interval] | None:
    if not cases:
        return None
    off = np.array([float(held) - stated for stated, held, _ in cases])
    who = np.array([one[2] for one in cases])
    interval = cluster_bootstrap_interval(off, who, DRAWS, np.random.default_rng(seed))
    return float(off.mean()), interval


def _share_interval(values: np.ndarray, who: Sequence[str]) -> Interval:
    """Return Wilson's 95 % interval of a share (Wilson, 1927), as if each person answered once."""
    return wilson_interval(float(values.mean()), len(set(who)))


def _warn_off(what: str, off: tuple[float, Interval] | None, answers: int) -> list[str]:
    if off is None or answers < FEWEST or off[1][0] <= 0 <= off[1][1]:
        return []
    word = "less" if off[0] < 0 else "more"
    return [
        f"The stated probabilities of {what} are off: it held {abs(off[0]):.2f} {word} often than "
        f"stated (95 % {off[1][0]:+.2f} to {off[1][1]:+.2f}, {answers} answers). Calibrate again."
    ]


def _warn_known(known: tuple[float, Interval] | None, assumed: float, answers: int) -> list[str]:
    if known is None or answers < FEWEST or known[1][0] <= assumed <= known[1][1]:
        return []
    return [
        f"Of {answers} answered questions {known[0]:.0%} were about persons in the gallery (95 % "
        f"{known[1][0]:.0%} to {known[1][1]:.0%}), but {assumed:.0%} is assumed. Set known."
    ]
