"""Scores: identity within its scope, distractors, cameras, and whether two rankings differ."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sameplayer.data.crops import Crops
from sameplayer.data.layouts.sources import read_source
from sameplayer.encoder.embed import embed
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.encoder.load import create_encoder
from sameplayer.errors import DataError, RankingError
from sameplayer.evaluation import compare, evaluate, mean_average_precision
from sameplayer.evaluation.scores import Comparison
from sameplayer.ranking import RankConfig, expand_queries, rank
from sameplayer.ranking.jersey_term import with_numbers
from tests.ranking.drawn import persons


def perfect(names: list[str], spare: list[dict[str, object]], **settings: object) -> Embeddings:
    """A query and a gallery picture of each person, alike, and spare gallery rows."""
    rows: list[dict[str, object]] = [
        {"image": f"{role}{i}.png", "person": name, "role": role}
        for role in ("query", "gallery")
        for i, name in enumerate(names)
    ]
    rows += [{"image": f"spare{i}.png", "role": "gallery", **row} for i, row in enumerate(spare)]
    features = np.eye(len(names) + len(spare), dtype=np.float32)
    vectors = np.concatenate([features[: len(names)], features])
    return Embeddings(vectors, Crops(pd.DataFrame(rows), Path(), **settings), "none")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "names",
    [
        [str(i) for i in range(20)],
        [str(i) for i in range(10, 30)],
        [f"player_{i}" for i in range(20)],
        ["1/2", "1/3", "a/b/c", "nan", "None"],
    ],
)
@pytest.mark.parametrize("role", ["gallery", "distractor"])
def test_pictures_of_nobody_leave_perfect_scores_perfect(names: list[str], role: str) -> None:
    nobody = [{"person": None, "role": role}, {"person": None, "role": role}]
    scores = evaluate(rank(perfect(names, nobody)))
    assert (scores.mAP, scores.skipped, scores.queries) == (1.0, 0, len(names))


def test_a_distractor_with_a_name_matches_nobody() -> None:
    named = perfect(["a", "b"], [{"person": "a", "role": "distractor"}])
    assert evaluate(rank(named)).mAP == 1.0
    alone = named.where(named.crops.table["role"].ne("gallery").to_numpy())
    with pytest.raises(RankingError, match="nothing to score"):
        evaluate(rank(alone))


def test_a_person_of_another_scope_is_another_person() -> None:
    rows = [
        ("query", "1", "a"),
        ("gallery", "1", "b"),
        ("gallery", "2", "a"),
        ("gallery", "1", "a"),
    ]
    table = pd.DataFrame(
        [
            {"image": f"{i}.png", "role": role, "person": person, "sequence": sequence}
            for i, (role, person, sequence) in enumerate(rows)
        ]
    )
    vectors = np.array([[1, 0], [1, 0], [0.8, 0.6], [0.6, 0.8]], np.float32)
    assert evaluate(rank(Embeddings(vectors, Crops(table, Path(), "sequence"), "none"))).mAP == 0.5
    assert evaluate(rank(Embeddings(vectors, Crops(table, Path()), "none"))).mAP > 0.5


@pytest.mark.parametrize("scope", ["sequence", "game"])
def test_a_scope_whose_column_is_missing_or_has_gaps_is_refused(scope: str) -> None:
    with pytest.raises(DataError, match=f"column '{scope}' is empty in 4 of 4 rows"):
        perfect(["a", "b"], [], scope=scope)
    table = perfect(["a", "b"], []).crops.table.assign(**{scope: ["1", None, "1", "1"]})
    with pytest.raises(DataError, match=r"in 1 of 4 rows, such as row 1, query1\.png"):
        Crops(table, Path(), scope)


def test_nothing_to_score_is_an_error() -> None:
    one = np.zeros(1)
    with pytest.raises(RankingError, match="nothing to score"):
        mean_average_precision(np.ones((1, 1)), np.array([1]), np.array([2]), one, one)


def test_a_query_is_ranked_within_its_scope_only(volleyball: Path) -> None:
    crops = read_source(volleyball / "data_reid", scope="sequence").of_split("test")
    ranking = rank(embed(create_encoder("small", pretrained=False), crops))
    assert (np.isfinite(ranking.distance).sum(axis=1) == 108).all()
    scores = evaluate(ranking)
    assert scores.skipped == 0
    assert scores.queries == 24


def test_foreign_gallery_is_refused(league: Crops) -> None:
    test = league.of_split("test")
    one, other = (embed(create_encoder("small", pretrained=False, seed=s), test) for s in (1, 2))
    with pytest.raises(RankingError, match="encoder"):
        rank(one, other)


def with_cameras(query: str | None, gallery: str | None) -> Embeddings:
    rows = persons(count=3)
    camera = rows.crops.table["role"].map({"query": query, "gallery": gallery})
    return replace(rows, crops=replace(rows.crops, table=rows.crops.table.assign(camera=camera)))


def test_one_camera_alone_is_said_to_be_the_reason_with_what_to_do() -> None:
    with pytest.raises(RankingError, match=r"own camera \(7\).*leave the column camera empty"):
        evaluate(rank(with_cameras("7", "7")))
    for cameras in (("7", "8"), (None, None), ("7", None)):
        assert evaluate(rank(with_cameras(*cameras))).skipped == 0


@pytest.mark.parametrize("name", ["0", "1", "-1", "nan", "A"])
def test_the_name_of_a_camera_decides_nothing(name: str) -> None:
    """An unknown camera is no query's own, whatever that one is called."""
    rows = persons(count=3)
    camera = rows.crops.table["role"].map({"query": name, "gallery": name})
    camera = camera.where(np.arange(len(camera)) % 3 != 2)  # some of both are unknown
    some = replace(rows.crops, table=rows.crops.table.assign(camera=camera))
    scores = evaluate(rank(replace(rows, crops=some))).table()
    renamed = replace(rows.crops, table=some.table.assign(camera=camera.replace(name, "left")))
    assert scores == evaluate(rank(replace(rows, crops=renamed))).table()
    for cameras in ((name, None), (None, name)):
        assert evaluate(rank(with_cameras(*cameras))).skipped == 0


def test_hidden_persons_are_said_to_be_the_reason() -> None:
    rows = persons(count=3)
    table = rows.crops.table.assign(person=None)
    hidden = replace(rows, crops=replace(rows.crops, table=table))
    with pytest.raises(RankingError, match="hidden identities"):
        evaluate(rank(hidden))


def test_json_holds_every_setting_that_decided_the_scores() -> None:
    rows = expand_queries(persons(), 2, alpha=3)
    table = rows.crops.table.assign(read_number="7", read_number_probability=0.5)
    rows = replace(rows, crops=replace(rows.crops, table=table))
    ranking = with_numbers(rank(rows, rerank=RankConfig("hard", k1=7, k2=3)), 0.5)
    record = json.loads(json.dumps(evaluate(ranking).json()))
    decided = {
        "rerank": "hard",
        "k1": 7,
        "k2": 3,
        "lambda": 0.5,
        "number_weight": 0.5,
        "query_expansion": {"k": 2, "alpha": 3},
        "approximate": False,
        "encoder": "encoder 1",
        "queries": 12,
        "gallery": 48,
    }
    assert {name: record[name] for name in decided} == decided
    plain = evaluate(rank(persons())).json()
    assert plain["rerank"] == "none"
    assert not {"k1", "k2", "lambda"} & set(plain)


def test_scores_can_be_compared_for_identity() -> None:
    scores = evaluate(rank(persons()))
    assert scores == scores
    assert scores != evaluate(rank(persons()))


@given(st.integers(0, 1000))
def test_comparison_of_a_ranking_with_itself_finds_no_difference(seed: int) -> None:
    scores = evaluate(rank(persons(seed=seed)))
    same = compare(scores, scores, draws=200)
    assert same.difference == 0
    assert same.p_value == 1


def test_comparison_needs_the_same_queries() -> None:
    with pytest.raises(RankingError, match="not of the same queries"):
        compare(evaluate(rank(persons())), evaluate(rank(persons(count=9))))


@pytest.mark.parametrize(
    ("p_value", "shown"), [(1e-4, "p < 0.001"), (0.001, "p = 0.001"), (0.0416, "p = 0.042")]
)
def test_a_small_p_value_is_never_shown_as_zero(p_value: float, shown: str) -> None:
    comparison = Comparison(0.1, (0.05, 0.15), p_value, 99)
    assert comparison.p_text == shown
    assert f" {shown} over 99 queries: the two differ" in comparison.table()


def test_results_show_themselves_in_a_line_and_in_a_notebook() -> None:
    ranking = rank(persons())
    scores = evaluate(ranking)
    assert repr(ranking) == "Ranking(12 queries x 48 gallery pictures, re-ranking none)"
    assert repr(scores).startswith(f"Scores(mAP {scores.mAP:.3f}, rank-1 {scores.rank1:.3f}, 12 q")
    assert scores.rank1 == scores.cmc["market1501"][0]
    assert scores._repr_html_() == f"<pre>{scores.table()}</pre>"
    assert repr(compare(scores, scores)) == "Comparison(+0.0000 mAP, p = 1.000, 12 queries)"
