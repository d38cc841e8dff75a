"""Every reader of files against mutated files: it reads them, or says what is wrong with them.

Whatever lies in a file, nothing but our own errors comes out, no reader hangs, and none takes much
memory. What is read is used as well, so that a value which breaks later is found too. The mutations
are the same in every run; ``again`` repeats one by hand.
"""

from __future__ import annotations

import resource
import shutil
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from sameplayer.errors import SameplayerError
from tests.fuzz.fuzz_mutations import Mutation
from tests.fuzz.fuzz_names import Files, mutate, write_files
from tests.fuzz.fuzz_readers import READERS

MUTATIONS = 2000
CHANGED = 0.5
SECONDS = 120  # the first ranking compiles its kernels
MEMORY = 4 << 30
pytestmark = pytest.mark.filterwarnings("ignore")


@contextmanager
def bounded() -> Iterator[None]:
    """Turn a hang, a giant array and a number cast from NaN into errors."""

    def stop(_: int, __: FrameType | None) -> None:
        raise TimeoutError(f"no answer within {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, hard))
    signal.alarm(SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "invalid value encountered in cast")
            yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def mutated(files: Files, mutations: list[Mutation]) -> Files:
    for mutation in mutations:
        files = mutate(files, mutation)
    return files


def again(name: str, mutations: list[Mutation], folder: Path) -> None:
    """Write a mutated folder and use it, to look at a failure by hand."""
    READERS[name].use(write_files(folder, mutated(READERS[name].files(), mutations)))


@pytest.mark.parametrize("name", READERS)
def test_what_is_not_mutated_is_read(name: str, tmp_path: Path) -> None:
    with bounded():
        READERS[name].use(write_files(tmp_path, READERS[name].files()))


@pytest.mark.parametrize("name", READERS)
def test_mutated_files_raise_nothing_but_our_own_errors(name: str, tmp_path: Path) -> None:
    reader, numbers = READERS[name], count()
    valid, changed = reader.files(), 0

    @settings(
        max_examples=reader.mutations,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(mutations=reader.strategy())
    def read(mutations: list[Mutation]) -> None:
        nonlocal changed
        files = mutated(valid, mutations)
        changed += files != valid
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        try:
            with bounded(), suppress(SameplayerError):
                reader.use(write_files(folder, files))
        except Exception as error:
            error.add_note(f"reader {name!r}; repeat: again({name!r}, {mutations!r}, Path('new'))")
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    read()
    assert next(numbers) >= reader.mutations
    assert changed >= CHANGED * reader.mutations


def test_at_least_two_thousand_mutations_are_tried() -> None:
    assert sum(reader.mutations for reader in READERS.values()) >= MUTATIONS
