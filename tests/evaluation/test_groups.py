"""For whom: scores by group, intervals over persons, tests against all others."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sameplayer.data.crops import Crops
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.errors import SettingError
from sameplayer.evaluation import evaluate, scores_by_group
from sameplayer.evaluation.groups import GroupScore, GroupScores
from sameplayer.ranking import Ranking, rank
from tests.ranking.drawn import persons, unit


def ranking(count: int = 60, **columns: object) -> Ranking:
    """Persons with columns told by person number."""
    embeddings = persons(count=count, noise=1.0)
    table = embeddings.crops.table
    number = table["person"].astype(int)
    for name, told in columns.items():
        table[name] = number.map(told)
    return rank(replace(embeddings, crops=Crops(table, embeddings.crops.root)))


def uneven(share: int = 2, count: int = 60, **columns: object) -> Ranking:
    """One person in ``share`` is dark, and told apart much worse."""
    embeddings = persons(count=count, noise=0.5)
    table = embeddings.crops.table
    number = table["person"].astype(int).to_numpy()
    rng = np.random.default_rng(5)
    rows = embeddings.vectors.copy()
    rows[number % share == 0] += 0.5 * rng.normal(size=(int((number % share == 0).sum()), 16))
    table["skin"] = np.where(number % share == 0, "dark", "light")
    for name, told in columns.items():
        table[name] = [told(one) for one in number]
    crops = Crops(table, embeddings.crops.root)
    return rank(Embeddings(unit(rows), crops, "uneven"))


def by_name(scores: GroupScores) -> dict[str, GroupScore]:
    return {one.group: one for one in scores.groups}


def test_groups_together_are_the_whole() -> None:
    ranked = uneven()
    whole, groups = evaluate(ranked), scores_by_group(ranked, ["skin"]).groups
    assert sum(one.queries for one in groups) == whole.queries
    weighted = sum(one.queries * one.mAP for one in groups) / whole.queries
    assert weighted == pytest.approx(whole.mAP)
    first = sum(one.queries * one.top1 for one in groups) / whole.queries
    assert first == pytest.approx(whole.cmc["market1501"][0])


def test_a_group_that_is_told_apart_worse_is_found() -> None:
    groups = by_name(scores_by_group(uneven(), ["skin"]))
    dark, light = groups["dark"], groups["light"]
    assert dark.difference == pytest.approx(dark.mAP - light.mAP)
    assert dark.difference < -0.1
    assert dark.p_value == light.p_value == dark.p_holm < 0.01
    assert dark.interval[0] < dark.mAP < dark.interval[1] < light.mAP


def test_groups_that_mean_nothing_are_seldom_found() -> None:
    found = 0
    for seed in range(25):
        rng = np.random.default_rng(seed)
        ranked = ranking(40, group=dict(enumerate(rng.permutation(np.repeat(["a", "b"], 20)))))
        found += scores_by_group(ranked, ["group"], draws=200).groups[0].p_value < 0.05
    assert found <= 4  # 1.25 of 25 by chance


def test_pictures_of_one_person_are_one_observation() -> None:
    embeddings = persons(count=12, pictures=12, noise=1.2)
    table = embeddings.crops.table
    table["role"] = np.where(table.groupby("person").cumcount() < 8, "query", "gallery")
    table["side"] = np.where(table["person"].astype(int) < 6, "a", "b")
    ranked = rank(replace(embeddings, crops=Crops(table, embeddings.crops.root)))
    group = by_name(scores_by_group(ranked, ["side"]))["a"]
    assert (group.queries, group.persons) == (48, 6)
    precision = evaluate(ranked).per_query_ap[:48].reshape(6, 8).mean(axis=1)
    rng = np.random.default_rng(0)
    drawn = precision[rng.integers(0, 6, (4000, 6))].mean(axis=1)
    assert group.interval == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.015)


def test_holm_corrects_for_every_group_that_was_tested() -> None:
    ranked = uneven(5, team=lambda one: "abcd"[one % 4])
    groups = scores_by_group(ranked, ["skin", "team"]).groups
    raw = sorted({one.group: one.p_value for one in groups if one.group != "light"}.values())
    holm = sorted({one.group: one.p_holm for one in groups if one.group != "light"}.values())
    expected = np.minimum(np.maximum.accumulate([p * (5 - i) for i, p in enumerate(raw)]), 1)
    assert holm == pytest.approx(expected)


def test_a_gap_is_the_group_unknown_and_few_persons_are_marked_not_tested() -> None:
    ranked = ranking(30, team=lambda one: None if one < 8 else "rare" if one < 11 else "usual")
    scores = scores_by_group(ranked, ["team"])
    groups = by_name(scores)
    assert list(groups) == ["rare", "usual", "unknown"]
    assert groups["unknown"].persons == 8
    assert groups["rare"].small
    assert np.isnan(groups["rare"].p_value)
    assert not np.isnan(groups["rare"].mAP)
    assert not np.isnan(groups["usual"].p_value)
    table = scores.table()
    assert "3*" in table
    assert "* fewer than 5 persons: too few to judge, not tested" in table
    assert not by_name(scores_by_group(ranked, ["team"], least_persons=3))["rare"].small


def test_a_group_without_a_query_that_has_a_match_is_empty_and_said_so() -> None:
    ranked = ranking(20, team=lambda one: "lost" if one < 6 else "found")
    distance = ranked.distance.copy()
    distance[:6] = np.inf
    scores = scores_by_group(replace(ranked, distance=distance), ["team"])
    lost = by_name(scores)["lost"]
    assert (lost.queries, lost.persons, lost.small) == (0, 0, True)
    assert np.isnan([lost.mAP, lost.top1, lost.difference, lost.p_value]).all()
    assert json.loads(json.dumps(scores.json()))[1]["mAP"] is None
    assert "lost" in scores.table()


def test_one_group_alone_has_nobody_to_differ_from() -> None:
    (group,) = scores_by_group(ranking(12, team=lambda one: "all"), ["team"]).groups
    assert np.isnan([group.difference, group.p_value, group.p_holm]).all()
    assert group.mAP > 0


def test_measures_are_cut_into_thirds_and_numbers_that_name_stay_names() -> None:
    ranked = ranking(30, girth=lambda one: 0.8 + one / 100, game=lambda one: str(one // 10))
    girth = by_name(scores_by_group(ranked, ["girth"]))
    assert list(girth) == ["1: 0.8 to 0.89", "2: 0.9 to 0.99", "3: 1 to 1.09"]
    assert {one.persons for one in girth.values()} == {10}
    assert list(by_name(scores_by_group(ranked, ["game"]))) == ["0", "1", "2"]


def test_truth_values_and_endless_numbers_are_names() -> None:
    ranked = ranking(30, keeper=lambda one: one < 12, odd=lambda one: np.inf if one < 9 else 1.5)
    assert ranked.query.table["keeper"].dtype == bool
    assert list(by_name(scores_by_group(ranked, ["keeper"]))) == ["False", "True"]
    assert list(by_name(scores_by_group(ranked, ["odd"]))) == ["1.5", "inf"]


def test_false_matches_average_to_one_in_a_hundred_and_rise_where_persons_are_alike() -> None:
    embeddings = persons(count=40, noise=0.6)
    table = embeddings.crops.table
    number = table["person"].astype(int).to_numpy()
    rows = embeddings.vectors.copy()
    rows[number < 20] += 0.3  # all of them a little alike
    table["team"] = np.where(number < 20, "alike", "apart")
    crops = Crops(table, embeddings.crops.root)
    groups = by_name(scores_by_group(rank(Embeddings(unit(rows), crops, "x")), ["team"]))
    assert groups["alike"].false_matches > 0.015 > groups["apart"].false_matches
    mean = np.mean([one.false_matches for one in groups.values()])
    assert mean == pytest.approx(0.01, abs=0.002)


def test_a_frame_holds_a_row_for_each_group() -> None:
    scores = scores_by_group(uneven(), ["skin", "sequence", "skin"])
    frame = scores.to_frame()
    assert len(frame) == len(scores.groups) == 2 + 15
    assert {"column", "group", "mAP", "low", "high", "p_holm", "small"} <= set(frame.columns)
    assert isinstance(frame, pd.DataFrame)


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("skn", r"by is 'skn'; expected one of the table's columns: .*skin.* Did you mean 'skin'"),
        ("camera", "by is 'camera'; expected a column that holds something for the queries"),
    ],
)
def test_columns_that_are_not_there_or_empty_are_refused(by: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        scores_by_group(uneven(), [by])


def test_settings_out_of_range_are_refused() -> None:
    for name in ("least_persons", "draws"):
        with pytest.raises(SettingError, match=f"{name} is 0; expected 1 or more"):
            scores_by_group(uneven(), ["skin"], **{name: 0})
