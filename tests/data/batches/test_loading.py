"""Batches of pictures depend on seed, step and pair alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from sameplayer.data.batches.loading import PairLoader
from sameplayer.data.crops import Crops
from sameplayer.data.images.picture import letterbox_to
from sameplayer.errors import TrainingError

ROWS = [np.array([[0, 1], [6, 7], [12, 13], [18, 19]]) + step for step in range(3)]


def prepare(picture: np.ndarray) -> np.ndarray:
    return letterbox_to(picture, 32, 16)


@pytest.fixture
def loader(league: Crops) -> Iterator[PairLoader]:
    made = PairLoader(league, prepare, "strong", 1.0)
    yield made
    made.close()


def test_anchors_come_first_then_positives(league: Crops) -> None:
    made = PairLoader(league, prepare, "none", 0.0)
    batches = list(made.batches(ROWS, 1, 0))
    made.close()
    assert [tuple(batch.pictures.shape) for batch in batches] == [(8, 32, 16, 3)] * 3
    expected = np.stack([prepare(league.read(int(row))) for row in ROWS[2].T.ravel()])
    np.testing.assert_array_equal(batches[2].pictures.numpy(), expected)


def test_a_share_and_a_later_start_draw_the_same(loader: PairLoader) -> None:
    whole = [batch.pictures.numpy() for batch in loader.batches(ROWS, 1, 0)]
    second_half = [rows[2:] for rows in ROWS[1:]]
    shares = [batch.pictures.numpy() for batch in loader.batches(second_half, 1, 1, first_pair=2)]
    for share, batch in zip(shares, whole[1:], strict=True):
        np.testing.assert_array_equal(share, batch[[2, 3, 6, 7]])
    other = next(loader.batches(ROWS, 2, 0)).pictures.numpy()
    assert (other != whole[0]).any()


def test_what_is_kept_is_what_was_decoded(league: Crops) -> None:
    reads = []

    def counted(picture: np.ndarray) -> np.ndarray:
        reads.append(1)
        return prepare(picture)

    kept, small = (PairLoader(league, counted, "none", size) for size in (1.0, 3 * 1536e-9))
    first, second = (next(kept.batches(ROWS, 1, 0)).pictures for _ in range(2))
    assert (first == second).all()
    assert len(set(reads)) == 1
    kept.close()
    reads.clear()
    for _ in range(2):
        list(small.batches(ROWS[:1], 1, 0))
    small.close()
    assert len(reads) == 8 + 5  # three pictures of 1536 bytes fit


@pytest.mark.parametrize(
    ("own", "text"),
    [
        (lambda anchor, positive, rng: anchor, "must return"),
        (lambda anchor, positive, rng: (anchor, positive[:5]), r"shape \(5, 16, 3\)"),
        (lambda anchor, positive, rng: (anchor / 255, positive), "float64"),
    ],
)
def test_an_own_augmentation_returns_two_pictures(league: Crops, own, text: str) -> None:  # type: ignore[no-untyped-def]
    made = PairLoader(league, prepare, own, 1.0)
    with pytest.raises(TrainingError, match=text):
        next(made.batches(ROWS, 1, 0))
    made.close()


def test_frames_of_a_video_are_read_in_their_order_and_once(
    league: Crops, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    def told(self: Crops, row: int) -> np.ndarray:
        read.append(row)
        return np.full((8, 4, 3), row, np.uint8)

    monkeypatch.setattr(Crops, "read", told)
    names = ["still.png", *(f"match.mp4#{frame}" for frame in range(1, 9))]
    crops = replace(league.where(range(9)), table=league.where(range(9)).table.assign(image=names))
    for memory, ahead in ((1.0, [1, 2, 3, 4, 5, 6, 7, 8]), (4e-6, [1, 2]), (0.0, [1])):
        read.clear()
        made = PairLoader(crops, prepare, "none", memory)
        made.keep_frames()
        assert read == ahead
        list(made.batches([np.array([[2, 1], [1, 2]])], 1, 0))
        made.close()
        assert len(read) == len(ahead) + (0 if memory else 4)
