"""Many pictures of one person: expansion, pooling, several queries as one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sameplayer.data.crops import Crops
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.errors import RankingError, SettingError
from sameplayer.evaluation import compare, evaluate
from sameplayer.ranking import augment_gallery, expand_queries, pool_tracks, rank
from sameplayer.ranking.expansion import multi_query
from tests.ranking.drawn import persons


def with_columns(rows: Embeddings, scope: str | None = None, **columns: object) -> Embeddings:
    crops = rows.crops
    table = crops.table.assign(**columns)  # type: ignore[arg-type]
    return replace(rows, crops=Crops(table, crops.root, scope))


def test_expansion_raises_map_of_noisy_pictures() -> None:
    noisy = persons(count=40, pictures=8, noise=0.8)
    plain = evaluate(rank(noisy))
    expanded = evaluate(rank(expand_queries(noisy, 3, alpha=3)))
    both = evaluate(rank(augment_gallery(expand_queries(noisy, 3, alpha=3), 3, alpha=3)))
    assert expanded.mAP > plain.mAP
    assert both.mAP > expanded.mAP
    assert compare(plain, both).p_value < 0.05


def test_average_expansion_is_the_mean_of_query_and_neighbours() -> None:
    rows = persons()
    made = expand_queries(rows, 2).vectors[0]
    gallery = np.flatnonzero(rows.crops.table["role"] == "gallery")
    near = gallery[np.argsort(-rows.vectors[gallery] @ rows.vectors[0])[:2]]
    mean = rows.vectors[[0, *near]].mean(axis=0)
    np.testing.assert_allclose(made, mean / np.linalg.norm(mean), atol=1e-6)
    for bad in ({"k": 0}, {"alpha": -1.0}, {"alpha": float("nan")}):
        with pytest.raises(SettingError, match=next(iter(bad))):
            expand_queries(rows, **bad)  # type: ignore[arg-type]


def test_both_expansions_stand_in_the_facts() -> None:
    facts = augment_gallery(expand_queries(persons(), 3, alpha=2), 4).facts
    assert facts["query expansion"] == {"k": 3, "alpha": 2}
    assert facts["gallery augmentation"] == {"k": 4, "alpha": 0.0}


def test_expansion_stays_within_the_identity_scope() -> None:
    rows = persons()
    scoped = with_columns(rows, "sequence")
    alone = scoped.where(np.flatnonzero(rows.crops.table["sequence"] == "0"))
    np.testing.assert_allclose(
        expand_queries(scoped, 4).vectors[: len(alone)], expand_queries(alone, 4).vectors, atol=1e-6
    )


def test_tracks_are_pooled_to_unit_rows() -> None:
    rows = persons()
    pooled = pool_tracks(rows, ("person", "role"))
    assert len(pooled) == 24
    np.testing.assert_allclose(np.linalg.norm(pooled.vectors, axis=1), 1, atol=1e-6)
    heavy = np.ones(len(rows))
    heavy[3] = 1e9
    weighted = pool_tracks(rows, ("person", "role"), heavy)
    np.testing.assert_allclose(weighted.vectors[1], rows.vectors[3], atol=1e-6)
    assert weighted.crops.table["image"].iat[1] == "3.png"
    with pytest.raises(SettingError, match="by is track; expected columns of the table: image"):
        pool_tracks(rows, ("track",))
    with pytest.raises(RankingError, match="60 weights"):
        pool_tracks(rows, weights=np.zeros(60))


def test_tracks_of_one_name_in_two_scopes_stay_apart() -> None:
    rows = with_columns(persons(), game=["a", "b"] * 30, person="1")
    assert len(pool_tracks(rows, ("person", "role"))) == 2
    assert len(pool_tracks(with_columns(rows, "game"), ("person", "role"))) == 4


def two_queries_a_person() -> Embeddings:
    return with_columns(persons(pictures=6), role=["query", "query", *["gallery"] * 4] * 12)


def test_queries_of_one_person_become_one_row() -> None:
    ranking = rank(two_queries_a_person())
    for how, reduce in (("mean", np.mean), ("min", np.min)):
        merged = multi_query(ranking, how=how)
        assert merged.distance.shape == (12, 48)
        np.testing.assert_allclose(merged.distance[0], reduce(ranking.distance[:2], axis=0))
        assert merged.facts["multi-query"] == how
    with pytest.raises(SettingError, match="how is 'max'; expected mean or min"):
        multi_query(ranking, how="max")
    with pytest.raises(SettingError, match="by is shirt"):
        multi_query(ranking, ("shirt",))


def test_unknown_queries_stay_alone_when_others_are_merged() -> None:
    rows = two_queries_a_person()
    person = rows.crops.table["person"].where(rows.crops.table["person"].astype(int) > 1, pd.NA)
    ranking = rank(with_columns(rows, person=person))
    merged = multi_query(ranking)
    assert merged.distance.shape == (4 + 10, 48)
    np.testing.assert_array_equal(merged.distance[:4], ranking.distance[:4])
    assert merged.query.table["image"].tolist()[:5] == [
        "0.png",
        "1.png",
        "6.png",
        "7.png",
        "12.png",
    ]


def test_queries_of_one_person_from_two_cameras_are_two_questions() -> None:
    rows = with_columns(two_queries_a_person(), camera=["1", "2"] * 36)
    assert len(multi_query(rank(rows)).distance) == 24
    assert len(multi_query(rank(rows), ("person",)).distance) == 12


@pytest.mark.parametrize("name", ["0", "-1", "left"])
def test_an_unknown_camera_is_another_than_every_named_one(name: str) -> None:
    rows = with_columns(two_queries_a_person(), camera=[name, None] * 36)
    assert len(multi_query(rank(rows)).distance) == 24
