"""What was made last is kept, and made once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sameplayer.common.cache import Latest


def test_the_latest_things_are_kept_and_errors_are_forgotten() -> None:
    latest: Latest[int] = Latest(2)
    assert [latest.get(key, lambda key=key: key) for key in (1, 2, 3)] == [1, 2, 3]
    assert latest.get(3, lambda: 0) == 3
    assert latest.get(1, lambda: 0) == 0
    with pytest.raises(ZeroDivisionError):
        latest.get(9, lambda: 1 // 0)
    assert latest.get(9, lambda: 5) == 5


def test_threads_that_ask_at_once_wait_for_one_of_them() -> None:
    latest, made = Latest(1), []

    def make() -> int:
        made.append(1)
        time.sleep(0.02)
        return 7

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: latest.get("it", make), range(50))) == {7}
    assert len(made) == 1
