"""Pictures ahead of need: all, in order, never more than the window, and errors where they are."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from sameplayer.data.images.picture import Picture
from sameplayer.encoder.embed import AHEAD, batches_ahead
from sameplayer.errors import DataError


def picture_of(row: int) -> Picture:
    return np.full((2, 1, 3), row % 256, np.uint8)


@pytest.mark.parametrize(("count", "size"), [(1, 4), (4, 4), (5, 4), (37, 4), (9, 1)])
def test_every_picture_comes_once_in_order(count: int, size: int) -> None:
    waits: list[float] = []
    batches = list(batches_ahead(picture_of, count, size, waits))
    assert [int(one[0, 0, 0]) for batch in batches for one in batch] == list(range(count))
    assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
    assert len(waits) == len(batches)
    assert min(waits) >= 0


def test_no_more_is_made_than_the_window_holds_and_so_much_is() -> None:
    made: list[int] = []
    full = threading.Event()
    size = 4

    def prepare(row: int) -> Picture:
        made.append(row)
        if len(made) == (AHEAD + 1) * size:
            full.set()
        return picture_of(row)

    batches = batches_ahead(prepare, 1000, size, [])
    next(batches)
    assert full.wait(20), "the window is filled while the first batch is worked on"
    assert max(made) < (AHEAD + 1) * size
    next(batches)
    assert max(made) < (AHEAD + 2) * size
    batches.close()


def test_an_error_comes_with_its_batch_and_ends_the_reading() -> None:
    made: list[int] = []

    def prepare(row: int) -> Picture:
        made.append(row)
        if row == 9:
            raise DataError("row 9 is broken")
        return picture_of(row)

    batches = batches_ahead(prepare, 10_000, 4, [])
    assert len(next(batches)) == len(next(batches)) == 4
    with pytest.raises(DataError, match="row 9 is broken"):
        next(batches)
    assert len(made) < 10_000
