"""Batches: distinct persons, one scope, as many pictures as can be placed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sameplayer.data.batches.pairs import batches_per_epoch, draw_batches
from sameplayer.errors import SettingError, TrainingError

counts_strategy = st.lists(st.integers(2, 9), min_size=4, max_size=14)


@settings(max_examples=80, deadline=None)
@given(counts=counts_strategy, pairs=st.integers(2, 4), seed=st.integers(0, 99))
def test_a_batch_never_holds_a_person_twice_and_places_all_it_can(
    counts: list[int], pairs: int, seed: int
) -> None:
    persons = np.repeat(np.arange(len(counts)), counts)
    persons = np.random.default_rng(seed).permutation(persons)
    batches = draw_batches(persons, np.zeros_like(persons), pairs, np.random.default_rng(seed))
    anchors = np.concatenate([batch[:, 0] for batch in batches])
    assert len(set(anchors)) == len(anchors)
    for batch in batches:
        assert batch.shape == (pairs, 2)
        assert len(set(persons[batch[:, 0]])) == pairs
        assert (persons[batch[:, 0]] == persons[batch[:, 1]]).all()
        assert (batch[:, 0] != batch[:, 1]).all()
    most = max(
        k for k in range(sum(counts) // pairs + 1) if np.minimum(counts, k).sum() >= k * pairs
    )
    assert len(batches) == most == batches_per_epoch(np.array(counts), pairs)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 99))
def test_a_batch_stays_within_one_scope(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scopes = np.repeat([0, 1, 2], [30, 30, 6])
    persons = np.concatenate(
        [rng.integers(0, 6, 30), 10 + rng.integers(0, 6, 30), np.repeat([20, 21, 22], 2)]
    )
    for batch in draw_batches(persons, scopes, 5, rng):
        assert len(np.unique(scopes[batch])) == 1


def test_unknown_persons_and_single_pictures_are_never_drawn() -> None:
    persons = np.array([0, 0, 1, 1, 2, -1, -1, 3, 3])
    batches = draw_batches(persons, np.zeros(9, int), 3, np.random.default_rng(0))
    assert set(np.unique(np.concatenate(batches))) <= {0, 1, 2, 3, 7, 8}


@pytest.mark.parametrize("persons", [[0, 0, 0], []])
def test_fewer_than_two_persons_cannot_be_trained_on(persons: list[int]) -> None:
    rows = np.array(persons, int)
    with pytest.raises(TrainingError, match="at least 2 such persons"):
        draw_batches(rows, np.zeros_like(rows), 3, np.random.default_rng(0))


def test_more_pairs_than_persons_says_how_many_there_are() -> None:
    rows = np.array([0, 0, 1, 1])
    with pytest.raises(SettingError, match="pairs is 3; expected 2 or fewer"):
        draw_batches(rows, np.zeros_like(rows), 3, np.random.default_rng(0))


def test_nearest_batches_are_neighbours_and_use_every_picture() -> None:
    persons = np.repeat(np.arange(12), 4)
    points = np.repeat(np.arange(3.0), 4)[:, None]  # three groups of four persons
    batches = draw_batches(persons, np.zeros(48, int), 4, np.random.default_rng(1), points)
    assert len(batches) == 12
    anchors = np.concatenate([batch[:, 0] for batch in batches])
    assert sorted(anchors) == list(range(48))
    same = [len(set(persons[batch[:, 0]] // 4)) == 1 for batch in batches]
    assert np.mean(same) > 0.7


def test_positives_and_order_follow_the_seed() -> None:
    persons = np.repeat(np.arange(8), 5)
    one, same, other = (
        np.stack(draw_batches(persons, persons * 0, 4, np.random.default_rng(s))) for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
