"""Shirt numbers move a ranking: the same draw nearer, others apart, none nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sameplayer.data.crops import Crops
from sameplayer.errors import DataError, SettingError
from sameplayer.ranking import Ranking, rank
from sameplayer.ranking.jersey_term import contradiction, with_numbers
from tests.ranking.drawn import persons


def numbered(crops: Crops, numbers: list[str | None], likely: object = 0.9) -> Crops:
    table = crops.table.assign(read_number=numbers, read_number_probability=likely)
    return replace(crops, table=table)


def small_ranking() -> Ranking:
    return rank(persons(count=3, pictures=2))


def test_read_numbers_move_the_ranking() -> None:
    ranking = small_ranking()
    told = replace(
        ranking,
        query=numbered(ranking.query, ["4", "7", None]),
        gallery=numbered(ranking.gallery, ["4", "14", None]),
    )
    moved = with_numbers(told, 0.5)
    added = moved.distance - ranking.distance
    np.testing.assert_allclose(added[0], [-0.405, 0.405, 0], atol=1e-6)
    np.testing.assert_allclose(added[1], [0.405, 0.405, 0], atol=1e-6)
    np.testing.assert_allclose(added[2], 0, atol=1e-6)
    assert moved.facts == {"rerank": "none", "number weight": 0.5}


def test_contradiction_weighs_all_numbers_that_it_may_be() -> None:
    shares = np.array([[0.6, 0.1, 0.3]])
    assert contradiction(shares, shares)[0, 0] == pytest.approx(0.49 - 2 * (0.36 + 0.01))


def test_tables_without_numbers_and_bad_weights_are_refused() -> None:
    ranking = small_ranking()
    with pytest.raises(DataError, match="read numbers first"):
        with_numbers(ranking, 0.5)
    for weight in (-1, float("nan"), float("inf")):
        with pytest.raises(SettingError, match="number_weight"):
            with_numbers(ranking, weight)
    damaged = numbered(ranking.gallery, ["4", "4", "4"], ["0.9", "much", None])
    with pytest.raises(DataError, match="Row 1"):
        with_numbers(replace(ranking, query=damaged, gallery=damaged), 0.5)
