"""Pictures read, decoded and fitted ahead of need, in threads, within a bound of memory."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from sameplayer.data.images.picture import Picture

AHEAD = 3  # batches that wait or are made while the network works on another


def batches_ahead(
    prepare: Callable[[int], Picture], count: int, batch_size: int, waits: list[float]
) -> Iterator[list[Picture]]:
    """Yield the pictures 0 to ``count`` - 1 in batches; at most ``AHEAD`` further ones are held.

    prepare    from a number to the picture that the network takes; called from many threads
    waits      gets the seconds that each batch was waited for

    Raises what ``prepare`` raises, at the first batch that it concerns.
    """
    window: deque[Future[Picture]] = deque()
    upcoming = iter(range(count))
    pool = ThreadPoolExecutor(os.cpu_count())

    def fill(size: int) -> None:
        while len(window) < size and (row := next(upcoming, None)) is not None:
            window.append(pool.submit(prepare, row))

    try:
        for start in range(0, count, batch_size):
            fill((AHEAD + 1) * batch_size)
            began = time.perf_counter()
            batch = [window.popleft().result() for _ in range(min(batch_size, count - start))]
            waits.append(time.perf_counter() - began)
            fill(AHEAD * batch_size)
            yield batch
    finally:
        pool.shutdown(cancel_futures=True)
