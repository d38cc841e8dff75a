"""What a worker process does before and around its tasks: threads, errors, its parent's end."""

from __future__ import annotations

import os
import pickle
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from threadpoolctl import threadpool_limits

from sameplayer.errors import DataError


def end_with_parent(parent: int) -> None:
    """End this process as soon as its parent is gone: it would wait for ever."""
    threading.Thread(target=_exit_with, args=(parent,), daemon=True).start()


def _exit_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def portable(error: Exception) -> Exception:
    """Return an error that can be sent to another process, with a note of where it was raised."""
    words = f"In a worker:\n{''.join(traceback.format_exception(error))}"
    with suppress(Exception):  # it cannot be pickled, or not be made again
        if type(pickle.loads(pickle.dumps(error))) is type(error):
            error.add_note(words)
            return error
    return RuntimeError(words)


def worker_lost(name: str, times: int) -> DataError:
    """Return the error for a task at which workers died so many times."""
    return DataError(
        f"{name}: its worker died {times} times. It may have run out of memory: use fewer workers "
        "or smaller blocks. Finished parts are kept; run the same command again. In a script, "
        'the call must stand under: if __name__ == "__main__":'
    )


def limit_process(threads: int) -> None:
    """Keep this process to so many threads, in libraries loaded now or later."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = str(threads)
    threadpool_limits(threads)


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Keep this process to so many threads, and give it back as many as before."""
    import torch
    from numba import config, get_num_threads, set_num_threads

    before = torch.get_num_threads(), get_num_threads()
    with threadpool_limits(threads):
        torch.set_num_threads(threads)
        set_num_threads(min(threads, config.NUMBA_NUM_THREADS))
        try:
            yield
        finally:
            torch.set_num_threads(before[0])
            set_num_threads(before[1])
