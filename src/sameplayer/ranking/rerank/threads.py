"""One thread a matrix product: several run beside each other, and their bits stay the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def one_thread_a_product() -> Iterator[None]:
    """Let NumPy multiply on one thread, so that a product has equal bits on any machine of a kind.

    It holds for the whole process until the end of the context.
    """
    with threadpool_limits(1, user_api="blas"):
        yield
