"""Reading files in a process of its own, for a process that has a database open.

A process that closes any descriptor of a file loses all its POSIX locks on that file. SQLite's
locks are such locks: a process that opens and closes a database's file beside its connections has
lost them, and the next program takes the database for unused. ``read_outside`` lets a child
process open the files and takes their bytes from a pipe, so the locks stay.

The child runs this file as a program, so only the standard library is imported here, and little
of it: the child starts in a few hundredths of a second.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import IO

    Read = Callable[[], tuple[bytes, bool]]

CHUNK = 1 << 18  # bytes that are handed over together
HEAD = 5  # bytes before each chunk: its length, and what it is
MORE, LAST, FAILED = 0, 1, 2  # a file goes on; ends here; cannot be read: errno for a length


def read_outside(paths: Sequence[str | os.PathLike[str]]) -> Iterator[tuple[int, Read]]:
    """Give for each file its row in ``paths`` and a function that reads it on, in order.

    The function returns up to ``CHUNK`` bytes and whether they are the file's last; call it until
    they are. A file that is not there is empty.

    Raises OSError where a file cannot be read, or the child process does not start or ends early.
    """
    from functools import partial
    from subprocess import DEVNULL, PIPE, Popen
    from typing import cast

    if not paths:
        return
    program = [sys.executable, "-I", "-S", __file__]
    with Popen(program, CHUNK, stdin=PIPE, stdout=PIPE, stderr=DEVNULL) as child:
        to_child, from_child = cast("IO[bytes]", child.stdin), cast("IO[bytes]", child.stdout)
        try:
            with to_child:
                to_child.write(b"\0".join(os.fsencode(path) for path in paths))
            for row in range(len(paths)):
                yield row, partial(_received, from_child)
        finally:
            child.kill()


def _received(pipe: IO[bytes]) -> tuple[bytes, bool]:
    head = pipe.read(HEAD)
    if len(head) < HEAD:
        raise OSError(0, "the process that reads it ended early")
    length, kind = int.from_bytes(head[:-1], "big"), head[-1]
    if kind == FAILED:
        raise OSError(length, os.strerror(length))
    content = pipe.read(length)
    if len(content) < length:
        raise OSError(0, "the process that reads it ended early")
    return content, kind == LAST


def _send(pipe: IO[bytes], content: bytes, kind: int) -> None:
    pipe.write(len(content).to_bytes(HEAD - 1, "big") + bytes([kind]))
    pipe.write(content)


def _send_file(pipe: IO[bytes], path: bytes) -> None:
    try:
        with open(path, "rb", buffering=0) as file:
            content = file.read(CHUNK)
            while following := file.read(CHUNK):
                _send(pipe, content, MORE)
                content = following
            _send(pipe, content, LAST)
    except FileNotFoundError:  # another process has just removed it
        _send(pipe, b"", LAST)
    except OSError as error:
        pipe.write((error.errno or 0).to_bytes(HEAD - 1, "big") + bytes([FAILED]))


if __name__ == "__main__":
    with open(1, "wb", buffering=CHUNK) as out:
        for one in sys.stdin.buffer.read().split(b"\0"):
            _send_file(out, one)
