"""For whom: scores by group, with intervals, and a test of each group against all others.

The persons are what is drawn and shuffled, not their pictures: ten pictures of one person say less
than one picture of each of ten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.common.notebook import NotebookTable
from sameplayer.common.statistics import cluster_bootstrap_interval, permutation_p_value
from sameplayer.errors import SettingError, did_you_mean
from sameplayer.evaluation.protocols import MatchRanks
from sameplayer.evaluation.scores import match_cameras, match_ids
from sameplayer.ranking.ranking import Ranking

UNKNOWN = "unknown"
MOST_VALUES = 10  # a column of numbers with more different ones is cut into thirds
FALSE_MATCHES = 0.01  # share of all wrong pairs that the common threshold lets through
LEAST_PERSONS = 5


@dataclass(frozen=True)
class GroupScore:
    """Scores of the queries of one group, fractions of 1; NaN where there is nothing to score.

    queries, persons    those with a match
    mAP, interval       mean average precision; 95 %, persons drawn anew
    top1                share of queries whose first match stands at rank 1 (market1501)
    difference          mAP less that of all other queries of the column
    p_value             share of random exchanges of persons between the group and all others that
                        give a difference as large; NaN where either has too few persons
    p_holm              the same, corrected for all groups that were tested (Holm, 1979)
    false_matches       share of the group's wrong pairs that are closer than a distance that one in
                        a hundred of all wrong pairs is; over 0.01: more easily taken for others
    small               fewer persons than can be judged
    """

    column: str
    group: str
    queries: int
    persons: int
    mAP: float
    interval: tuple[float, float]
    top1: float
    difference: float
    p_value: float
    p_holm: float
    false_matches: float
    small: bool


@dataclass(frozen=True, repr=False)
class GroupScores(NotebookTable):
    """What ``scores_by_group`` found: one entry a column and group.

    least_persons    below this a group is printed, but not tested
    """

    groups: tuple[GroupScore, ...]
    least_persons: int

    def __repr__(self) -> str:
        return f"GroupScores({', '.join(f'{group.column} {group.group}' for group in self.groups)})"

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each group, with the columns of ``GroupScore``."""
        rows = [asdict(group) for group in self.groups]
        for row in rows:
            row["low"], row["high"] = row.pop("interval")
        return pd.DataFrame(rows)

    def table(self) -> str:
        """Return the scores as lines of text, in per cent and points."""
        names = [f"{group.column} {group.group}" for group in self.groups]
        width = max(map(len, names)) + 2
        head = (
            f"{'group':<{width}}{'queries':>8}{'persons':>9}{'mAP %':>8}{'95 % interval':>16}"
            f"{'top-1 %':>9}{'false %':>9}{'to others':>11}{'p':>8}{'p (Holm)':>10}"
        )
        lines = [head]
        lines += [
            f"{name:<{width}}{_line(group)}" for name, group in zip(names, self.groups, strict=True)
        ]
        if any(group.small for group in self.groups):
            lines.append(f"* fewer than {self.least_persons} persons: too few to judge, not tested")
        return "\n".join(lines)

    def json(self) -> list[dict[str, Any]]:
        """Return the entries as what JSON can hold; what is not known is null."""
        return [
            {name: _known(value) for name, value in asdict(group).items()} for group in self.groups
        ]


def scores_by_group(
    ranking: Ranking,
    by: Sequence[str],
    *,
    least_persons: int = LEAST_PERSONS,
    draws: int = 10_000,
    seed: int = 0,
) -> GroupScores:
    """Score the queries of each group apart, and test each against all others.

    by               columns of the queries' table. An empty cell is the group "unknown"; a column
                     of numbers with more than ten different ones is cut into thirds
    least_persons    a group of fewer, or one that leaves fewer, is scored but not tested
    draws, seed      of the bootstrap and of the permutations

    A person whose queries are in several groups counts as one person in each. Raises SettingError
    for a column that is not there or is empty in all queries, and RankingError for distances that
    cannot be scored.
    """
    if least_persons < 1 or draws < 1:
        name, value = ("draws", draws) if draws < 1 else ("least_persons", least_persons)
        raise SettingError(name, value, "1 or more")
    scored = _Scored(ranking, least_persons, draws, seed)
    columns = [_groups(ranking.query.table, name) for name in dict.fromkeys(by)]
    tested = [group for column in columns for group in scored.column(column)]
    return GroupScores(tuple(_holm(tested)), least_persons)


def check_columns(queries: pd.DataFrame, by: Sequence[str]) -> None:
    """Raise SettingError for a column that is not there or is empty in all queries."""
    for name in by:
        _groups(queries, name)


class _Scored:
    """The queries of a ranking: average precision, persons, first matches, false matches."""

    def __init__(self, ranking: Ranking, least_persons: int, draws: int, seed: int) -> None:
        self.least_persons, self.draws, self.seed = least_persons, draws, seed
        ids, cameras = match_ids(ranking), match_cameras(ranking)
        ranks = MatchRanks(ranking.distance, *ids, *cameras)
        self.precision = ranks.average_precision()
        self.persons = ids[0]
        self.valid = ~np.isnan(self.precision)
        self.first = np.zeros(len(ids[0]), bool)
        self.first[ranks.row[ranks.before == 0]] = True
        self.false = _false_matches(ranking.distance, *ids)

    def column(self, groups: pd.Series) -> list[GroupScore]:
        """Return the scores of every group of a column; p_holm is not corrected yet."""
        names = sorted(set(groups), key=lambda name: (name == UNKNOWN, name))
        values = groups.to_numpy(dtype=object)
        return [self._group(str(groups.name), name, values == name) for name in names]

    def _group(self, column: str, name: str, inside: np.ndarray) -> GroupScore:
        chosen, others = inside & self.valid, ~inside & self.valid
        persons = len(np.unique(self.persons[chosen]))
        rest = len(np.unique(self.persons[others]))
        mean, interval, top1 = float("nan"), (float("nan"), float("nan")), float("nan")
        difference = p_value = float("nan")
        if chosen.any():
            precision, rng = self.precision[chosen], np.random.default_rng(self.seed)
            mean, top1 = float(precision.mean()), float(self.first[chosen].mean())
            interval = cluster_bootstrap_interval(precision, self.persons[chosen], self.draws, rng)
        if chosen.any() and others.any():
            difference = mean - float(self.precision[others].mean())
        if min(persons, rest) >= self.least_persons:
            p_value = self._p_value(inside)
        false = self.false[inside & ~np.isnan(self.false)]
        closer = float(false.mean()) if len(false) else float("nan")
        return GroupScore(
            column,
            name,
            int(chosen.sum()),
            persons,
            mean,
            interval,
            top1,
            difference,
            p_value,
            p_value,
            closer,
            persons < self.least_persons,
        )

    def _p_value(self, inside: np.ndarray) -> float:
        """Exchange persons, with all of their queries in the group or out of it."""
        pairs = np.column_stack([self.persons[self.valid], inside[self.valid]])
        units, code = np.unique(pairs, axis=0, return_inverse=True)
        code = code.ravel()
        summed, counts = np.bincount(code, self.precision[self.valid]), np.bincount(code)
        rng = np.random.default_rng(self.seed)
        return permutation_p_value(summed, counts, units[:, 1].astype(bool), self.draws, rng)


def _groups(table: pd.DataFrame, name: str) -> pd.Series:
    """Return the group of each query by a column, as text."""
    if name not in table.columns:
        columns = [str(column) for column in table.columns if table[column].notna().any()]
        expected = f"one of the table's columns: {', '.join(columns)}"
        raise SettingError("by", repr(name), expected + (did_you_mean(name, columns) or ""))
    column = table[name]
    if column.isna().all():
        raise SettingError("by", repr(name), "a column that holds something for the queries")
    numbers = (
        pd.to_numeric(column, errors="coerce").astype(float).replace([np.inf, -np.inf], np.nan)
    )
    measured = pd.api.types.is_numeric_dtype(column) or bool((numbers.dropna() % 1 != 0).any())
    measured = measured and not pd.api.types.is_bool_dtype(column)
    if measured and numbers.notna().sum() == column.notna().sum():
        if numbers.nunique() > MOST_VALUES:
            return _thirds(numbers)
        column = numbers.map(lambda value: f"{value:g}", na_action="ignore")
    return column.astype("string").fillna(UNKNOWN).astype(object).rename(name)


def _thirds(numbers: pd.Series) -> pd.Series:
    """Return thirds of a column of numbers, named after their ends."""
    parts = pd.qcut(numbers, 3, labels=False, duplicates="drop")
    names: dict[Any, str] = {}
    for place, part in enumerate(sorted(parts.dropna().unique()), start=1):
        low, high = numbers[parts == part].min(), numbers[parts == part].max()
        names[part] = f"{place}: {low:.4g} to {high:.4g}"
    return (
        parts.map(names).astype("string").fillna(UNKNOWN).astype(object).rename(str(numbers.name))
    )


def _false_matches(
    distance: np.ndarray, query_ids: np.ndarray, gallery_ids: np.ndarray
) -> np.ndarray:
    """Return (m,) the share of each query's wrong pairs that are under the common threshold."""
    known = (query_ids >= 0)[:, None] & (gallery_ids >= 0)
    wrong = known & (query_ids[:, None] != gallery_ids) & np.isfinite(distance)
    if not wrong.any():
        return np.full(len(query_ids), np.nan)
    threshold = np.quantile(distance[wrong], FALSE_MATCHES)
    under = (wrong & (distance <= threshold)).sum(axis=1)
    pairs = wrong.sum(axis=1)
    return np.where(pairs > 0, under / np.maximum(pairs, 1), np.nan)


def _holm(groups: Sequence[GroupScore]) -> list[GroupScore]:
    """Correct the p-values; a column of two groups is one test, since each is all others."""
    tests: dict[tuple[str, str], list[int]] = {}
    for place, group in enumerate(groups):
        if not np.isnan(group.p_value):
            alike = [other for other in groups if other.column == group.column and other.queries]
            key = (group.column, "" if len(alike) == 2 else group.group)
            tests.setdefault(key, []).append(place)
    corrected = list(groups)
    largest = 0.0
    rising = sorted(tests.values(), key=lambda places: groups[places[0]].p_value)
    for done, places in enumerate(rising):
        largest = max(largest, min(1.0, (len(rising) - done) * groups[places[0]].p_value))
        for place in places:
            corrected[place] = replace(groups[place], p_holm=largest)
    return corrected


def _line(group: GroupScore) -> str:
    mark = "*" if group.small else ""
    interval = ""
    if group.queries:
        interval = f"{100 * group.interval[0]:.1f} to {100 * group.interval[1]:.1f}"
    return (
        f"{group.queries:>8}{f'{group.persons}{mark}':>9}{_cell(100 * group.mAP):>8}{interval:>16}"
        f"{_cell(100 * group.top1):>9}{_cell(100 * group.false_matches, '.2f'):>9}"
        f"{_cell(100 * group.difference, '+.1f'):>11}{_cell(group.p_value, '.4f'):>8}"
        f"{_cell(group.p_holm, '.4f'):>10}"
    )


def _cell(value: float, shape: str = ".1f") -> str:
    return "-" if np.isnan(value) else format(value, shape)


def _known(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_known(end) for end in value]
    return None if isinstance(value, float) and np.isnan(value) else value
