"""The process that decodes pictures of callers: it may be ended at any time, and nothing is lost.

It reads requests from standard input until that ends, and writes the answers to standard output.
It imports no more than decoding needs. ``serve/images/decoders.py`` is the other end.

    request    ``ASK``: lengths of the name for errors and of the file in bytes, then both
    answer     ``ANSWER``: 0, height, width, then uint8 RGB; or 1, length, 0, then a message
"""

from __future__ import annotations

import os
import signal
import struct
import sys
from pathlib import Path
from typing import BinaryIO

from sameplayer.data.images.picture import decode_content
from sameplayer.errors import DataError

ASK = struct.Struct(">IQ")
ANSWER = struct.Struct(">BII")
READY = b"+"


def main(seconds: float, memory: int) -> None:
    """Answer until the input ends.

    seconds    after which a picture ends this process, by a signal that needs no Python to run
    memory     bytes that it may take beyond those that it has now
    """
    source, target = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # libraries write warnings, which are no part of the answers
    os.dup2(nowhere, 2)
    bound_memory(memory)
    target.write(READY)
    target.flush()
    while len(head := source.read(ASK.size)) == ASK.size:
        name, content = (source.read(length) for length in ASK.unpack(head))
        _alarm(seconds)
        _answer(target, name.decode(), content, memory)


def _answer(target: BinaryIO, name: str, content: bytes, memory: int) -> None:
    answer: list[bytes | memoryview]
    try:
        pixels = decode_content(name, content)
    except (DataError, MemoryError) as error:
        more = f"{name}: decoding it takes more than {memory >> 20} MB of memory."
        said = (str(error) if isinstance(error, DataError) else more).encode()
        answer = [ANSWER.pack(1, len(said), 0), said]
    else:
        answer = [ANSWER.pack(0, *pixels.shape[:2]), pixels.data]
    _alarm(0)
    for part in answer:
        target.write(part)
    target.flush()


def bound_memory(more: int) -> None:
    """Let this process take ``more`` bytes beyond those it has, where the system can say so."""
    usage = Path("/proc/self/statm")
    if not usage.is_file():
        return
    import resource

    most = int(usage.read_text().split()[0]) * resource.getpagesize() + more
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _alarm(seconds: float) -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
