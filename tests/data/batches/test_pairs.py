"""Batches: distinct persons, one scope, as many pictures as can be placed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from sameplayer.data.batches.pairs import batches_per_epoch, draw_batches, draw_track_batches
from sameplayer.data.tracks import CannotLinks
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


def blocks(*sizes: int) -> CannotLinks:
    """Footages of so many tracks, all of a footage seen together."""
    of = np.repeat(np.arange(len(sizes)), sizes)
    return CannotLinks(csr_array((of[:, None] == of) & ~np.eye(len(of), dtype=bool)))


def draw(
    counts: list[int], known: CannotLinks, pairs: int, seed: int = 1, points: object = None
) -> tuple[np.ndarray, list[np.ndarray]]:
    tracks = np.repeat(np.arange(len(counts)), counts)
    frames = np.concatenate([np.arange(count) for count in counts]).astype(float)
    rng = np.random.default_rng(seed)
    return tracks, draw_track_batches(tracks, frames, known, pairs, rng, points)  # type: ignore[arg-type]


@given(
    counts=st.lists(st.integers(2, 7), min_size=6, max_size=12),
    pairs=st.integers(2, 6),
    seed=st.integers(0, 99),
)
def test_a_batch_holds_no_track_twice_and_an_epoch_all_it_can(
    counts: list[int], pairs: int, seed: int
) -> None:
    known = blocks(len(counts) - 4, 4)
    tracks, batches = draw(counts, known, pairs, seed)
    assert len(batches) == batches_per_epoch(np.array(counts), pairs)
    for batch in batches:
        assert batch.shape == (pairs, 2)
        assert len(set(tracks[batch[:, 0]])) == pairs
        assert (tracks[batch[:, 0]] == tracks[batch[:, 1]]).all()
        assert (batch[:, 0] != batch[:, 1]).all()
    anchors = np.concatenate(batches)[:, 0]
    assert len(set(anchors)) == len(anchors)


def test_a_batch_is_of_one_moment_while_one_has_enough_tracks() -> None:
    known = blocks(8, 8, 8)
    tracks, batches = draw([9] * 24, known, 6)
    whole = [known.among(tracks[batch[:, 0]]).sum() == 30 for batch in batches]
    assert np.mean(whole) > 0.7  # at an epoch's end what is left must be used


def test_a_batch_of_several_moments_holds_each_as_a_whole() -> None:
    known = blocks(5, 5, 5)
    tracks, batches = draw([6] * 15, known, 10)
    known_of = [known.among(tracks[batch[:, 0]]).sum() for batch in batches]
    assert np.median(known_of) == 2 * 5 * 4


def test_positives_are_drawn_by_their_distance_in_time() -> None:
    _, batches = draw([200] * 4, blocks(4), 4)
    pairs = np.concatenate(batches)
    apart = np.abs(pairs[:, 0] - pairs[:, 1])
    at_random = np.abs(np.subtract.outer(np.arange(200), np.arange(200))).sum() / (200 * 199)
    assert apart.mean() > at_random * 1.3
    assert (apart < 3).mean() < 0.01


def test_of_equally_well_known_tracks_the_nearest_come_in() -> None:
    points = np.repeat(np.arange(3.0), 4)[:, None]
    tracks, batches = draw([5] * 12, blocks(12), 4, points=points)
    alike = [len(set(tracks[batch[:, 0]] // 4)) == 1 for batch in batches]
    assert np.mean(alike) > 0.6


def test_an_epoch_follows_its_seed() -> None:
    one, same, other = (np.stack(draw([5] * 9, blocks(5, 4), 4, seed)[1]) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_too_few_tracks_are_refused() -> None:
    with pytest.raises(SettingError, match="pairs is 5; expected 4 or fewer"):
        draw([3] * 4, blocks(4), 5)
    with pytest.raises(TrainingError, match="at least 2"):
        draw([3], blocks(1), 2)
