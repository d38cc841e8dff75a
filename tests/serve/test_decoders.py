"""Decoding of callers' pictures: in a process of its own, within time and memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from sameplayer.data.images.picture import decode_content
from sameplayer.errors import DataError
from sameplayer.serve.http.http_errors import Refused
from sameplayer.serve.http.limits import Limits
from sameplayer.serve.images import decoders as module
from sameplayer.serve.images.decoders import Decoders
from tests.serve.conftest import picture


@pytest.fixture
def decoders() -> Iterator[Decoders]:
    made = Decoders(Limits())
    yield made
    made.close()


def test_pictures_are_the_same_and_one_process_decodes_many(decoders: Decoders) -> None:
    for seed, kind in enumerate((".jpg", ".png", ".webp")):
        content = picture(seed, kind=kind)
        np.testing.assert_array_equal(decoders.decode("x", content), decode_content("x", content))
    first = decoders._idle[0]
    with pytest.raises(DataError, match="picture 7: truncated or damaged"):
        decoders.decode("picture 7", picture()[:-40])
    assert decoders.decode("x", picture()).shape == (80, 40, 3)
    assert decoders._idle == [first]


def test_a_picture_that_takes_too_long_ends_its_process_and_nothing_else() -> None:
    decoders = Decoders(Limits(decode_seconds=0.01))
    large = picture(0, 4000, 4000, ".png")
    with pytest.raises(Refused) as refused:
        decoders.decode("x", large)
    assert (refused.value.status_code, decoders._idle) == (422, [])
    assert refused.value.said["what"] == "x: decoding it takes too much time"
    assert refused.value.said["expected"] == "at most 0.01 s"
    decoders._seconds = 20
    assert decoders.decode("x", large).shape == (4000, 4000, 3)
    decoders.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only there a process can bound its memory")
def test_a_picture_that_takes_too_much_memory_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(module, "MEMORY_PER_PIXEL", 0)
    monkeypatch.setattr(module, "MEMORY", 20 << 20)
    decoders = Decoders(Limits())
    with pytest.raises((DataError, Refused), match=r"memory|damaged"):
        decoders.decode("x", picture(0, 4000, 4000, ".png"))
    assert decoders.decode("x", picture()).shape == (80, 40, 3)
    decoders.close()


def test_a_process_that_ended_while_it_waited_is_replaced(decoders: Decoders) -> None:
    decoders.decode("x", picture())
    (one,) = decoders._idle
    one.kill()
    one._process.wait()
    assert decoders.decode("x", picture()).shape == (80, 40, 3)


def test_a_stop_ends_a_process_at_work_and_refuses_what_comes_later(decoders: Decoders) -> None:
    decoders.decode("x", picture())
    (one,) = decoders._idle
    os.kill(one._process.pid, signal.SIGSTOP)
    said: list[Refused] = []

    def decode() -> None:
        with pytest.raises(Refused) as refused:
            decoders.decode("x", picture())
        said.append(refused.value)

    thread = threading.Thread(target=decode)
    thread.start()
    while not decoders._busy:
        time.sleep(0.001)
    decoders.close()
    thread.join(20)
    assert [one.status_code for one in said] == [503]
    assert one._process.returncode == -signal.SIGKILL
    with pytest.raises(Refused, match="stopping"):
        decoders.decode("x", picture())


@pytest.mark.skipif(os.name != "posix", reason="only there a process can be stopped")
def test_a_process_that_hangs_is_ended_from_outside(monkeypatch) -> None:
    monkeypatch.setattr(module, "GRACE", 0.1)
    decoders = Decoders(Limits(decode_seconds=1))
    decoders.decode("x", picture())
    os.kill(decoders._idle[0]._process.pid, signal.SIGSTOP)
    with pytest.raises(Refused, match="takes too much time"):
        decoders.decode("x", picture())
    assert decoders.decode("x", picture()).shape == (80, 40, 3)
    decoders.close()


def test_an_answer_that_was_not_read_is_nobody_elses(decoders: Decoders, monkeypatch) -> None:
    decoders.decode("x", picture())
    with monkeypatch.context() as patched:
        patched.setattr(module.Decoder, "_read", _no_memory)
        with pytest.raises(MemoryError):
            decoders.decode("x", picture(0, 60, 60))
    assert decoders.decode("x", picture()).shape == (80, 40, 3)


def _no_memory(*_: object) -> None:
    raise MemoryError


def test_a_process_that_is_ended_at_work_is_worth_another_try(decoders: Decoders) -> None:
    decoders.decode("x", picture())
    process = decoders._idle[0]._process
    os.kill(process.pid, signal.SIGSTOP)
    timer = threading.Timer(0.2, _end, [process.pid])
    timer.start()
    with pytest.raises(Refused) as refused:
        decoders.decode("x", picture())
    assert (refused.value.status_code, refused.value.said["hint"]) == (503, "send it again")


def _end(process: int) -> None:
    os.kill(process, signal.SIGTERM)
    os.kill(process, signal.SIGCONT)


def test_the_process_ends_with_its_input_and_loads_no_network() -> None:
    code = (
        "import sys\nimport sameplayer.serve.images.decoding as it\nit.main(9, 1 << 30)\n"
        "sys.exit(bool({'torch', 'fastapi', 'pydantic', 'sqlite3'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], input=b"", capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, b"+")
