"""Processes that decode pictures of callers, within a bound of time and memory for each picture."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import numpy as np

from sameplayer.data.images.picture import Picture
from sameplayer.errors import DataError
from sameplayer.serve.http.http_errors import Refused, stopping
from sameplayer.serve.http.limits import Limits
from sameplayer.serve.images import decoding

MEMORY = 256 << 20  # bytes that a decoder may take for any picture
MEMORY_PER_PIXEL = 16  # and for each pixel that one may have: 16-bit RGBA and a copy of it


STARTING = 60.0  # seconds in which a process must be ready
GRACE = 2.0  # seconds after its time in which it must have ended itself
OUTSIDE = (signal.SIGTERM, signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGTERM))


class Decoders:
    """Decoders that wait for pictures; one is started where all are busy. Threads share it."""

    def __init__(self, limits: Limits) -> None:
        self._seconds = limits.decode_seconds
        self._memory = MEMORY + MEMORY_PER_PIXEL * limits.picture_pixels
        self._lock = threading.Lock()
        self._idle: list[Decoder] = []
        self._busy: set[Decoder] = set()
        self._closed = False

    def decode(self, name: str, content: bytes) -> Picture:
        """Decode a picture file to RGB, uint8 (height, width, 3).

        Raises DataError as ``data.images.decode_content`` does, and Refused: 422 where it takes
        too much time or memory, 503 once the decoders are closed.
        """
        one = self._take()
        try:
            return one.decode(name, content)
        except EOFError:
            raise self._ended(name, one, one.end()) from None
        except DataError:
            raise
        except BaseException:  # what is left of its answer would be taken for the next one's
            one.end()
            raise
        finally:
            with self._lock:
                self._busy.discard(one)
                if self._closed:
                    one.end()
                elif not one.ended:
                    self._idle.append(one)

    def close(self) -> None:
        """End all decoders, also those at work; pictures are refused from now on."""
        with self._lock:
            self._closed = True
            for one in self._busy:
                one.kill()  # the thread that waits for it ends it
            while self._idle:
                self._idle.pop().end()

    def _take(self) -> Decoder:
        with self._lock:
            if self._closed:
                raise stopping()
            while self._idle:
                one = self._idle.pop()
                if one.works():
                    break
                one.end()
            else:
                one = Decoder(self._seconds, self._memory)
            self._busy.add(one)
            return one

    def _ended(self, name: str, one: Decoder, status: int) -> Refused:
        if self._closed:
            return stopping()
        if -status in OUTSIDE:
            return Refused(
                503,
                f"{name}: the process that decoded it was ended",
                hint="send it again",
                headers={"Retry-After": "5"},
            )
        late = one.late or status == -getattr(signal, "SIGALRM", 0)
        most = f"{self._seconds:g} s" if late else f"{self._memory >> 20} MB of memory"
        return Refused(
            422,
            f"{name}: decoding it takes too much {'time' if late else 'memory'}",
            expected=f"at most {most}",
            hint="save it again as an ordinary JPEG",
        )


class Decoder:
    """One process that decodes, a picture at a time; a signal of the terminal does not reach it."""

    def __init__(self, seconds: float, memory: int) -> None:
        paths = os.pathsep.join(one or str(Path.cwd()) for one in sys.path)
        self._seconds = seconds
        self.ended = self.late = False
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", decoding.__name__, str(seconds), str(memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={
                **os.environ,
                "PYTHONPATH": paths,
                "OMP_NUM_THREADS": "1",
                "OPENCV_LOG_LEVEL": "OFF",
            },
        )
        self._ready = False

    def works(self) -> bool:
        """Tell whether the process runs."""
        return self._process.poll() is None

    def decode(self, name: str, content: bytes) -> Picture:
        """Decode a picture; DataError as its reader says, EOFError where the process ended."""
        if not self._ready:
            with self._within(STARTING):
                self._start()
        with self._within(self._seconds + GRACE):
            return self._decode(name.encode(), content)

    def _decode(self, said: bytes, content: bytes) -> Picture:
        try:
            for part in (decoding.ASK.pack(len(said), len(content)), said, content):
                self._input.write(part)
            self._input.flush()
            failed, high, wide = decoding.ANSWER.unpack(self._read(decoding.ANSWER.size))
            if failed:
                raise DataError(bytes(self._read(high)).decode())
            pixels = np.frombuffer(self._read(high * wide * 3), np.uint8)
        except OSError as error:
            raise EOFError from error
        return pixels.reshape(high, wide, 3)

    def kill(self) -> None:
        """Kill the process: whoever waits for it gets EOFError."""
        self._process.kill()

    def end(self) -> int:
        """End the process, and close what leads to it; return its status."""
        self.ended = True
        self.kill()
        with self._process:
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()
        return self._process.wait()

    @contextmanager
    def _within(self, seconds: float) -> Iterator[None]:
        """Kill the process after so many seconds: one that hangs does not end itself."""
        timer = threading.Timer(seconds, self._too_late)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _too_late(self) -> None:
        self.late = True
        self.kill()

    def _start(self) -> None:
        try:
            self._ready = bytes(self._read(len(decoding.READY))) == decoding.READY
        except EOFError:
            if self._process.wait() < 0:  # somebody ended it
                raise
            raise RuntimeError("the process that decodes pictures cannot be started") from None

    @property
    def _input(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    def _read(self, length: int) -> bytearray:
        assert self._process.stdout is not None
        found = bytearray(length)
        view = memoryview(found)
        while view:
            count = self._process.stdout.readinto(view)  # type: ignore[attr-defined]
            if not count:
                raise EOFError
            view = view[count:]
        return found
