"""Batches of tracks: distinct ones, known to differ as far as can be, positives far in time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from sameplayer.data.batches.pairs import batches_per_epoch, draw_track_batches
from sameplayer.data.tracks import CannotLinks
from sameplayer.errors import SettingError, TrainingError


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
