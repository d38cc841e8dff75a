"""Scores of a player log against the truth: how often names are right, and whether it knows.

What counts is precision before coverage: a wrong name in a log costs its reader more than a gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from sameplayer.common.notebook import NotebookTable
from sameplayer.common.statistics import expected_calibration_error, reliability_table
from sameplayer.errors import RankingError, SettingError
from sameplayer.evaluation.logs.tracking_scores import (
    TrackingScores,
    find_overlaps,
    match_boxes,
    score_tracking,
)
from sameplayer.identity.log.player_log import PlayerLog

NOBODY = "nobody"


@dataclass(frozen=True, eq=False)
class NamingScores:
    """How right the names are, of appearances or of boxes; shares from 0 to 1.

    nameable       how many there are that show a player who has a number
    named          how many have a name that the log is sure of
    precision      of those, the share that is right; 1 where there is none. A name for somebody
                   without a number, or for a box that shows nobody, is wrong
    coverage       rightly and surely named, a share of the nameable
    at_95, at_99   rightly named, a share of the nameable, over the lowest probability from which
                   95 or 99 % of the names are right
    error          calibration error of the probabilities of all names, in bins of equal mass; it
                   is over 0 by chance alone, the more so the fewer there are
    reliability    a row a bin: probability, right (both means), count
    """

    nameable: int
    named: int
    precision: float
    coverage: float
    at_95: float
    at_99: float
    error: float
    reliability: pd.DataFrame

    def as_dict(self) -> dict[str, float]:
        """Return name -> value, without the table."""
        return {name: value for name, value in vars(self).items() if name != "reliability"}


@dataclass(frozen=True, eq=False, repr=False)
class LogScores(NotebookTable):
    """A player log against the truth.

    tracking           of the log's identities
    tracklet_purity    of the matched boxes, the share that shows its appearance's main person
    appearances        names of appearances, each by the person of most of its boxes
    boxes              names of boxes
    """

    tracking: TrackingScores
    tracklet_purity: float
    appearances: NamingScores
    boxes: NamingScores

    def as_dict(self) -> dict[str, float]:
        """Return name -> value; those of names begin with ``appearances_`` and ``boxes_``."""
        scores = {**self.tracking.as_dict(), "tracklet_purity": self.tracklet_purity}
        for part, names in (("appearances", self.appearances), ("boxes", self.boxes)):
            scores |= {f"{part}_{key}": value for key, value in names.as_dict().items()}
        return scores

    def table(self) -> str:
        """Return the scores as lines of text, in per cent."""
        tracking = self.tracking
        shares = {
            "HOTA": tracking.hota,
            "DetA": tracking.deta,
            "AssA": tracking.assa,
            "IDF1": tracking.idf1,
            "purity of identities": tracking.purity,
            "purity of tracklets": self.tracklet_purity,
        }
        lines = [f"{name:<36}{100 * share:>7.1f} %" for name, share in shares.items()]
        lines.append(f"{'identities per person':<36}{tracking.identities_a_person:>7.2f}")
        lines.append(
            f"{tracking.persons} persons, {tracking.identities} identities, {tracking.twice} boxes "
            "of an identity that has another box in the frame"
        )
        for part, names in (("tracklets", self.appearances), ("boxes", self.boxes)):
            if not names.nameable and not len(names.reliability):
                continue
            shares = {
                "names that are right": names.precision,
                "rightly named": names.coverage,
                "rightly named at 95 % precision": names.at_95,
                "rightly named at 99 % precision": names.at_99,
                "calibration error": names.error,
            }
            lines.append(f"names of {part}: {names.named} of {names.nameable} named")
            lines += [f"  {name:<34}{100 * share:>7.1f} %" for name, share in shares.items()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        tracking = self.tracking
        return (
            f"LogScores(HOTA {tracking.hota:.3f}, AssA {tracking.assa:.3f}, IDF1 "
            f"{tracking.idf1:.3f}, names right {self.appearances.precision:.3f} of "
            f"{self.appearances.named})"
        )


def score_log(log: PlayerLog, truth: pd.DataFrame, iou: float = 0.5) -> LogScores:
    """Score a log.

    truth    a row a box of a person: camera, frame, left, top, width, height, person, team,
             number (empty or missing: none is known); camera and frame as in the log
    iou      overlap from which a box shows a person

    A name is right when team and number are. Where the log calls the teams otherwise than the
    truth does, its teams are put to those with which they share most boxes, one to one.
    Raises DataError for tables that do not fit, SettingError for ``iou`` outside 0 to 1.

    >>> from sameplayer.identity.log.player_log import APPEARANCES, BOXES, LINKS, PlayerLog
    >>> who = {"identity": ["white 7"], "team": ["white"], "number": ["7"]}
    >>> facts = pd.DataFrame({"appearance": [0], **who, "probability": [0.9], "sure": [True]})
    >>> box = {"frame": [1], "left": [9], "top": [9], "width": [40], "height": [90]}
    >>> boxes = pd.DataFrame({"appearance": [0], "camera": ["left"], **box})
    >>> empty = pd.DataFrame(columns=LINKS)
    >>> appearances, boxes = facts.reindex(columns=APPEARANCES), boxes.reindex(columns=BOXES)
    >>> log = PlayerLog(appearances, boxes, empty, (), {})
    >>> truth = pd.DataFrame({"camera": ["left"], **box, "person": ["a"], **who})
    >>> score_log(log, truth).tracking.idf1
    1.0
    """
    facts = log.appearances.set_index("appearance")
    boxes = log.boxes.reset_index(drop=True)
    boxes = boxes.assign(identity=facts["identity"].reindex(boxes["appearance"]).to_numpy())
    truth = truth.reset_index(drop=True)
    tracking = score_tracking(truth, boxes, iou)
    matched = match_boxes(find_overlaps(truth, boxes), len(truth), iou)
    rows = np.flatnonzero(matched >= 0)
    person = np.full(len(boxes), NOBODY, object)
    person[matched[rows]] = truth["person"].astype(str).to_numpy()[rows]
    who = _people(truth)
    main, purity = _main_person(boxes["appearance"].to_numpy(), person)
    facts = facts.assign(team=_same_teams(facts, main, who), person=main.reindex(facts.index))
    by_box = facts.reindex(boxes["appearance"]).assign(person=person)
    names = [_score_rows(table, who) for table in (facts, by_box)]
    return LogScores(tracking, purity, *names)


def score_names(
    right: np.ndarray, probability: np.ndarray, sure: np.ndarray, nameable: int
) -> NamingScores:
    """Score names: whether each is right (n,), how probable (n,), and whether it is sure (n,).

    nameable    how many should have a name, rightly named or not

    Raises RankingError for arrays that do not fit each other, SettingError for probabilities
    outside 0 to 1.
    """
    right, sure = np.asarray(right, bool), np.asarray(sure, bool)
    probability = np.asarray(probability, float)
    if not right.shape == sure.shape == probability.shape == (len(right),):
        raise RankingError(
            f"Names of shapes {right.shape}, {probability.shape}, {sure.shape}; expected (n,) each."
        )
    if not ((probability >= 0) & (probability <= 1)).all():
        raise SettingError("probability", probability[:3].tolist(), "from 0 to 1")
    of = max(1, nameable)
    table = reliability_table(probability, right, equal_mass=True)
    reliability = pd.DataFrame(table, columns=["probability", "right", "count"])
    reliability["count"] = (reliability["count"] * len(right)).round().astype(int)
    error = expected_calibration_error(probability, right, equal_mass=True) if len(right) else 0.0
    return NamingScores(
        nameable=nameable,
        named=int(sure.sum()),
        precision=float(right[sure].mean()) if sure.any() else 1.0,
        coverage=float(right[sure].sum() / of),
        at_95=_covered(right, probability, 0.95) / of,
        at_99=_covered(right, probability, 0.99) / of,
        error=error,
        reliability=reliability,
    )


def _covered(right: np.ndarray, probability: np.ndarray, precision: float) -> int:
    """Return how many are right over the lowest threshold with that precision, all ties taken."""
    order = np.argsort(-probability, kind="stable")
    sums = np.cumsum(right[order])
    last = np.flatnonzero(np.diff(probability[order], append=-1.0) != 0)
    good = [place for place in last if sums[place] >= precision * (place + 1) - 1e-9]
    return int(sums[good[-1]]) if good else 0


def _score_rows(table: pd.DataFrame, who: pd.DataFrame) -> NamingScores:
    """table: person, team, number, probability, sure; who: person -> team, number."""
    truth = who.reindex(table["person"])
    has = (truth["number"].fillna("") != "").to_numpy()
    number, team = _text(table["number"]), _text(table["team"])
    right = has & (truth["number"].to_numpy() == number) & (truth["team"].to_numpy() == team)
    named = number != ""
    sure = table["sure"].to_numpy(bool)[named]
    probability = table["probability"].to_numpy(float)[named]
    return score_names(right[named], probability, sure, int(has.sum()))


def _people(truth: pd.DataFrame) -> pd.DataFrame:
    """Return person -> team, number; the number is that of most rows that have one."""
    table = pd.DataFrame(
        {
            "person": truth["person"].astype(str),
            "team": _text(truth["team"]),
            "number": _text(truth["number"]),
        }
    )
    team = table.groupby("person")["team"].agg(lambda own: own.mode().iloc[0])
    known = table[table["number"] != ""].groupby("person")["number"]
    number = known.agg(lambda own: own.mode().iloc[0]).reindex(team.index).fillna("")
    return pd.DataFrame({"team": team, "number": number.astype(str)})


def _main_person(appearance: np.ndarray, person: np.ndarray) -> tuple[pd.Series, float]:
    """Return who most of an appearance's boxes show (NOBODY too), and the purity."""
    counts = pd.crosstab(appearance, person)
    people = counts.drop(columns=NOBODY, errors="ignore")
    total = int(people.to_numpy().sum())
    best = people.max(axis=1) if people.shape[1] else pd.Series(0, index=counts.index)
    main = counts.idxmax(axis=1).astype(str)
    return main, float(best.sum() / total) if total else 0.0


def _same_teams(facts: pd.DataFrame, main: pd.Series, who: pd.DataFrame) -> np.ndarray:
    """Return the log's teams in the truth's words."""
    team = _text(facts["team"])
    known = set(who["team"])
    if set(team) <= known | {""}:
        return team
    true = who["team"].reindex(main.reindex(facts.index)).fillna("").to_numpy()
    weight = facts["frames"].to_numpy(float)
    table = pd.crosstab(team, true, values=weight, aggfunc="sum").fillna(0)
    table = table.drop(index="", columns="", errors="ignore")
    one, two = linear_sum_assignment(-table.to_numpy())
    words = {table.index[row]: table.columns[column] for row, column in zip(one, two, strict=True)}
    return np.array([words.get(one, one) for one in team], object)


def _text(values: pd.Series) -> np.ndarray:
    """Return the values as text, without a number's decimal point; "" where there is none."""
    text = values.astype(object).where(values.notna(), "").astype(str)
    return text.str.replace(r"\.0$", "", regex=True).to_numpy(object)
