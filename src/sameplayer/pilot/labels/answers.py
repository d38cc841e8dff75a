"""answers.csv: what people said of pairs, one line an answer, on disk before it counts.

The last line of a pair is the one that counts. Lines are only ever added, under a lock, so two
people may answer at once, and a stop in the middle of a line loses that line alone.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from sameplayer.errors import DataError, MissingFile

ANSWERS = ("yes", "no", "unsure")
HEAD = "pair,answer\n"
FILE = "answers.csv"

Answer = tuple[str, str]


def append_answers(folder: Path, rows: Sequence[Answer]) -> None:
    """Add lines to answers.csv; when this returns they are on disk.

    Raises DataError for what cannot be written; then none of the lines is there.
    """
    path = folder / FILE
    text = "".join(f"{pair},{answer}\n" for pair, answer in rows).encode()
    try:
        with open(path, "a+b") as file:
            _lock(file)
            end = _whole_lines(file)
            try:
                file.truncate(end)
                file.write((HEAD.encode() if end == 0 else b"") + text)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                file.truncate(end)
                raise
    except OSError as error:
        raise DataError(
            f"{path}: the answer cannot be written ({error.strerror or error}); it was not kept. "
            "Make room or the folder writable, then answer again."
        ) from error


def read_answers(path: Path, known: Iterable[str]) -> list[Answer]:
    """Return the answers of a file, oldest first: columns pair and answer (yes, no, unsure).

    known    the pairs there are

    A last line without its end is left out. Raises MissingFile, and DataError naming the line for
    an unknown pair or answer.
    """
    if not path.is_file():
        raise MissingFile(f"{path}: no such file; expected a .csv with the columns pair,answer.")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text in UTF-8 ({error}).") from error
    lines = list(csv.reader(io.StringIO(text[: text.rfind("\n") + 1])))
    if lines and lines[0] != HEAD.strip().split(","):
        raise DataError(
            f"{path}: begins with {','.join(lines[0])[:80]!r}; expected {HEAD.strip()!r}."
        )
    there = set(known)
    return [_checked(path, number, line, there) for number, line in enumerate(lines[1:], 2) if line]


def _checked(path: Path, number: int, line: list[str], known: set[str]) -> Answer:
    if len(line) != 2:
        raise DataError(f"{path}: line {number} has {len(line)} cells; expected pair,answer.")
    pair, answer = (cell.strip() for cell in line)
    if pair not in known:
        raise DataError(
            f"{path}: line {number} names the pair {pair[:40]!r}, which this pilot has not. Are "
            "these the answers of another pilot?"
        )
    return pair, checked_answer(answer, f"{path}: line {number}")


def checked_answer(answer: str, where: str) -> str:
    """Return an answer, or raise DataError, beginning with ``where``, for none of ANSWERS."""
    if answer not in ANSWERS:
        raise DataError(f"{where}: the answer {answer[:40]!r}; expected {', '.join(ANSWERS)}.")
    return answer


def _lock(file: io.BufferedRandom) -> None:
    """Wait until nobody else writes; closing the file ends it. Where there is no flock, go on."""
    try:
        import fcntl
    except ImportError:
        return
    fcntl.flock(file, fcntl.LOCK_EX)


def _whole_lines(file: io.BufferedRandom) -> int:
    """Return the length of a file up to the end of its last whole line."""
    file.seek(0)
    return file.read().rfind(b"\n") + 1
