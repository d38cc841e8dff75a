"""Ranking: who is near whom, within whose scope, as a table, with all that decided it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sameplayer.data.crops import Crops
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.errors import RankingError, SettingError
from sameplayer.ranking import (
    RERANKERS,
    RankConfig,
    Ranking,
    expand_queries,
    rank,
    squared_euclidean,
)
from sameplayer.ranking.ranking import find_query
from tests.ranking.drawn import persons


def scoped(rows: Embeddings, scope: str = "sequence") -> Embeddings:
    return replace(rows, crops=replace(rows.crops, scope=scope))


def test_a_misspelt_setting_is_an_error() -> None:
    with pytest.raises(TypeError, match="memroy_gb"):
        rank(persons(), memroy_gb=3)  # type: ignore[call-arg]
    with pytest.raises(SettingError, match=r"'reciprocal'; expected one of none, k-reciprocal"):
        rank(persons(), rerank="reciprocal")


def test_a_name_is_short_for_its_default_settings() -> None:
    rows = persons()
    for name in RERANKERS:
        short, whole = rank(rows, rerank=name), rank(rows, rerank=RankConfig(name))
        np.testing.assert_array_equal(short.distance, whole.distance)
        assert short.facts == whole.facts


def test_everything_that_decided_a_ranking_stands_in_its_facts() -> None:
    config = RankConfig("k-reciprocal", k1=7, k2=3)
    facts = rank(expand_queries(persons(), 2, alpha=3), rerank=config).facts
    assert facts == {
        "query expansion": {"k": 2, "alpha": 3},
        "rerank": "k-reciprocal",
        "k1": 7,
        "k2": 3,
        "lambda": 0.3,
        "approximate": False,
    }
    assert rank(persons()).facts == {"rerank": "none"}


def test_settings_reach_the_method() -> None:
    rows = persons()
    default = rank(rows, rerank="hard").distance
    for change in ({"k1": 5}, {"k2": 2}, {"lambda_": 0.9}):
        assert (rank(rows, rerank=RankConfig("hard", **change)).distance != default).any()  # type: ignore[arg-type]


def test_an_own_function_re_ranks_each_scope_alone() -> None:
    asked = []

    def doubled(query: np.ndarray, gallery: np.ndarray, config: RankConfig) -> np.ndarray:
        asked.append((query.shape, gallery.shape, config.k1))
        return 2 * squared_euclidean(query, gallery)

    rows = scoped(persons())
    ranking = rank(rows, rerank=doubled)
    assert asked == [((4, 16), (16, 16), 20)] * 3
    assert ranking.rerank == ranking.facts["rerank"] == "doubled"
    np.testing.assert_allclose(ranking.distance, 2 * rank(rows).distance)


def test_an_own_entry_takes_settings_and_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    def mine(query, gallery, config, progress):  # type: ignore[no-untyped-def]
        progress(1, 1)
        return np.full((len(query), len(gallery)), config.k1)

    monkeypatch.setitem(RERANKERS, "mine", mine)
    told: list[tuple[int, int]] = []
    config = RankConfig("mine", k1=3)
    ranking = rank(persons(), rerank=config, progress=lambda *step: told.append(step))
    assert (ranking.distance == 3).all()
    assert ranking.distance.dtype == np.float32
    assert told == [(1, 1)]
    assert ranking.facts["k1"] == 3


@pytest.mark.parametrize("bad", [np.ones((2, 2)), np.full((12, 48), np.nan), "text"])
def test_an_own_function_that_returns_no_distances_is_named(bad: object) -> None:
    def broken(query: np.ndarray, gallery: np.ndarray, config: RankConfig) -> np.ndarray:
        return bad  # type: ignore[return-value]

    with pytest.raises(RankingError, match="Re-ranking broken returned"):
        rank(persons(), rerank=broken)


def test_the_top_of_a_query_is_a_table() -> None:
    rows = persons()
    ranking = rank(rows)
    top = ranking.top(2, 4)
    assert list(top.columns) == ["rank", "row", "image", "person", "distance", "role", "sequence"]
    assert top["rank"].tolist() == [1, 2, 3, 4]
    nearest = ranking.order()[2, :4]
    assert top["row"].tolist() == nearest.tolist()
    assert top["image"].tolist() == ranking.gallery.table["image"].iloc[nearest].tolist()
    np.testing.assert_array_equal(top["distance"], ranking.distance[2, nearest])
    assert len(ranking.top("10.png", 1000)) == 48
    assert set(rank(scoped(rows)).top(2, 1000)["sequence"]) == {"0"}
    with pytest.raises(SettingError, match="k is 0"):
        ranking.top(2, 0)


def test_a_query_is_a_row_or_a_path_or_a_part_that_fits_one() -> None:
    rows = persons(count=3)
    table = rows.crops.table.assign(image=[f"day3/{i:02d}.png" for i in range(len(rows))])
    ranking = rank(replace(rows, crops=Crops(table, rows.crops.root)))
    assert list(ranking.query.table["image"]) == ["day3/00.png", "day3/05.png", "day3/10.png"]
    assert find_query(ranking.query, 1) == find_query(ranking.query, "1") == 1
    assert find_query(ranking.query, "day3/05.png") == find_query(ranking.query, "05.p") == 1
    for bad, count in (("3", 0), (7, 0), ("day3", 3), ("nobody", 0), ("-1", 0)):
        with pytest.raises(SettingError, match=f"^query is '{bad}', which fits {count} of 3"):
            find_query(ranking.query, bad)


def test_a_whole_path_wins_over_paths_that_hold_it() -> None:
    rows = persons(count=2)
    table = rows.crops.table.assign(image=["a.png", *"bcde", "a.png.png", *"fghi"])
    ranking = rank(replace(rows, crops=Crops(table, rows.crops.root)))
    assert find_query(ranking.query, "a.png") == 0


def test_rankings_can_be_compared_for_identity_and_must_fit_their_tables() -> None:
    ranking = rank(persons())
    assert ranking == ranking
    assert ranking != rank(persons())
    with pytest.raises(RankingError, match="do not fit 12 queries and 48"):
        Ranking(ranking.distance.T, ranking.query, ranking.gallery, "none", "x")


def test_scopes_of_two_tables_are_held_together() -> None:
    rows = scoped(persons())
    role = rows.crops.table["role"]
    query = rows.where((role == "query").to_numpy(bool))
    gallery = rows.where(np.flatnonzero(role == "gallery")[::-1])  # scopes in another order
    apart, jointly = rank(query, gallery), rank(rows)
    np.testing.assert_allclose(apart.distance[:, ::-1], jointly.distance, atol=1e-6)
    with pytest.raises(RankingError, match="expected the same scope"):
        rank(query, replace(gallery, crops=replace(gallery.crops, scope=None)))


def test_nothing_to_rank_and_a_foreign_gallery_are_refused() -> None:
    rows = persons()
    with pytest.raises(RankingError, match="0 queries"):
        rank(rows.where(np.flatnonzero(rows.crops.table["role"] == "gallery")))
    with pytest.raises(RankingError, match="encoder 2"):
        rank(rows, persons(seed=2))
