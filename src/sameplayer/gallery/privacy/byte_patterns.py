"""Looking for bytes that must be gone, in every file of a folder, by keyed fingerprints of them.

What is looked for is personal data itself. ``Traces`` holds of each piece no more than a keyed
digest, its length and 32 bits that tell where to look closer, so that a search which was stopped
can be finished later without keeping what was to be forgotten.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sameplayer.errors import DataError
from sameplayer.gallery.privacy.file_reading import CHUNK, read_outside

if TYPE_CHECKING:
    from sameplayer.gallery.privacy.file_reading import Read

PIECE = 64  # bytes of a vector or a file that are looked for together
PIECES = 8  # pieces of one vector or file, spread over it
VARIED = 12  # different bytes that a piece has at least: others stand everywhere
WORD = 8  # bytes that decide where to look closer
TABLE = 20  # bits that decide first
SHORT = 4  # a name of fewer bytes is found everywhere by chance
AROUND = 24  # bytes before and after a place by which it is known to be a kept row's
SAID = b"\xff\xda"  # in a JPEG: what follows is the picture, what is before is alike in all


@dataclass(frozen=True)
class Place:
    """Where something was found: file, offset, and what it is.

    content          the bytes
    before, after    up to ``AROUND`` bytes on either side, fewer at an end of the file
    """

    file: Path
    offset: int
    what: str
    content: bytes
    before: bytes
    after: bytes


@dataclass(frozen=True, eq=False)
class Traces:
    """Pieces to look for.

    key        of the digests
    kinds      what each piece is: name, picture id, vector, picture
    lengths    of each piece, in bytes
    marks      32 bits of each piece's first bytes
    digests    keyed digest of each piece
    """

    key: bytes
    kinds: tuple[str, ...]
    lengths: tuple[int, ...]
    marks: tuple[int, ...]
    digests: tuple[str, ...]

    def record(self) -> dict[str, list[object]]:
        """Return what can be kept: no piece can be made from it."""
        rows = zip(self.kinds, self.lengths, self.marks, self.digests, strict=True)
        return {"pieces": [list(row) for row in rows]}


def traces_of(key: bytes, pieces: Iterable[tuple[str, bytes]]) -> Traces:
    """Return the fingerprints of pieces, given as (what, bytes)."""
    wanted = sorted({(what, piece) for what, piece in pieces if len(piece) >= SHORT})
    multiplier = _multiplier(key)
    return Traces(
        key,
        tuple(what for what, _ in wanted),
        tuple(len(piece) for _, piece in wanted),
        tuple(_mark(piece, multiplier) for _, piece in wanted),
        tuple(_digest(key, piece) for _, piece in wanted),
    )


def read_traces(key: bytes, record: dict[str, list[list[object]]], path: Path) -> Traces:
    """Return what ``Traces.record`` gave; DataError where it is damaged."""
    try:
        rows = [(str(a), int(str(b)), int(str(c)), str(d)) for a, b, c, d in record["pieces"]]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: damaged ({error}); restore it from a copy.") from error
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    return Traces(key, *columns)


def name_pieces(person: str, name: str) -> list[tuple[str, bytes]]:
    """Return how a person's name may stand in files: beside the id, alone, and within JSON."""
    escaped = json.dumps(name)[1:-1].encode()
    alone = {name.encode(), escaped}
    return [("name", piece) for piece in (person.encode() + name.encode(), *alone)]


def vector_pieces(data: bytes) -> list[tuple[str, bytes]]:
    """Return pieces of a vector's bytes that stand in no other vector by chance."""
    words = np.frombuffer(data, np.uint32)
    return _spread("vector", data, 4 * np.flatnonzero((words[:-1] != 0) & (words[1:] != 0)))


def file_pieces(content: bytes) -> list[tuple[str, bytes]]:
    """Return pieces of a picture file, past what every file of its kind begins with."""
    if len(content) < 2 * PIECE:  # no picture, and too little to be told from anything else
        return [("picture", content)] if len(set(content)) >= VARIED else []
    start = content.rfind(SAID) + 16
    return _spread("picture", content, np.arange(start, len(content), WORD))


def search(traces: Traces, files: Sequence[Path]) -> Iterator[Place]:
    """Give every place in which a piece stands, file by file.

    No file is opened in this process: see ``read_outside``. Raises DataError for a file that
    cannot be read.
    """
    finder = _Finder(traces)
    row = 0
    try:
        for row, read in read_outside(files):
            yield from finder.of_file(files[row], read)
    except OSError as error:
        raise DataError(f"{files[row]}: cannot be read ({error.strerror}).") from error


@dataclass(frozen=True, eq=False)
class _Look:
    """A table of rough marks, the exact ones in order, and room to compute in."""

    table: np.ndarray
    marks: np.ndarray
    buffers: np.ndarray


class _Finder:
    """Searches for all pieces at once: 8 bytes at every offset are looked up in a table."""

    def __init__(self, traces: Traces) -> None:
        self.traces = traces
        self.kept = max(traces.lengths, default=0) + 2 * AROUND  # bytes looked at twice
        self.multiplier = np.uint64(_multiplier(traces.key))
        self.by_mark: dict[tuple[int, int], list[int]] = {}
        for row, (length, mark) in enumerate(zip(traces.lengths, traces.marks, strict=True)):
            self.by_mark.setdefault((min(length, WORD), mark), []).append(row)
        self.looks = {size: self._look(size) for size in {size for size, _ in self.by_mark}}

    def _look(self, size: int) -> _Look:
        marks = np.array(sorted(mark for one, mark in self.by_mark if one == size), np.uint64)
        table = np.zeros(1 << TABLE, bool)
        table[marks >> np.uint64(32 - TABLE)] = True
        words = (CHUNK + self.kept) // WORD + 2
        return _Look(table, marks, np.zeros((2, words), np.uint64))

    def of_file(self, path: Path, read: Read) -> Iterator[Place]:
        start, data, done, last = 0, b"", 0, False
        while not last:
            fresh, last = read()
            data += fresh
            until = len(data) if last else len(data) - AROUND
            for at, row in self._of_bytes(data, done, until):
                end = at + self.traces.lengths[row]
                before, after = data[max(at - AROUND, 0) : at], data[end : end + AROUND]
                yield Place(path, start + at, self.traces.kinds[row], data[at:end], before, after)
            cut = max(len(data) - self.kept, 0)
            start, data, done = start + cut, data[cut:], max(until - cut, 0)

    def _of_bytes(self, data: bytes, done: int, until: int) -> Iterator[tuple[int, int]]:
        """Give (offset, piece) of what ends past ``done`` and not past ``until``."""
        padded = data + bytes(2 * WORD)
        for size, look in self.looks.items():
            for at, mark in _candidates(padded, len(data), size, self.multiplier, look):
                for row in self.by_mark[size, mark]:
                    end = at + self.traces.lengths[row]
                    if done < end <= until and (
                        _digest(self.traces.key, data[at:end]) == self.traces.digests[row]
                    ):
                        yield at, row


def _candidates(
    padded: bytes, length: int, size: int, multiplier: np.uint64, look: _Look
) -> Iterator[tuple[int, int]]:
    """Give (offset, mark) where the first bytes are those of a piece, most probably."""
    for first in range(WORD):
        words = np.frombuffer(padded, "<u8", (length + WORD - 1 - first) // WORD, first)
        found, rough = look.buffers[0][: len(words)], look.buffers[1][: len(words)]
        if size < WORD:
            words = np.bitwise_and(words, np.uint64((1 << (8 * size)) - 1), out=found)
        np.multiply(words, multiplier, out=found)
        np.right_shift(found, np.uint64(32), out=found)
        np.right_shift(found, np.uint64(32 - TABLE), out=rough)
        near = np.flatnonzero(look.table.take(rough.view(np.int64)))
        marks = found[near]
        at = np.minimum(look.marks.searchsorted(marks), len(look.marks) - 1)
        for one in near[look.marks[at] == marks]:
            yield first + WORD * int(one), int(found[one])


def _spread(what: str, data: bytes, starts: np.ndarray) -> list[tuple[str, bytes]]:
    """Return some pieces that begin at ``starts``, over all of the data."""
    pieces = []
    for part in np.array_split(starts[starts + PIECE <= len(data)], PIECES):
        for at in part[:PIECES].tolist():
            piece = data[at : at + PIECE]
            if len(set(piece)) >= VARIED:
                pieces.append((what, piece))
                break
    return pieces


def _multiplier(key: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(b"multiplier", key=key, digest_size=8).digest()) | 1


def _mark(piece: bytes, multiplier: int) -> int:
    word = int.from_bytes(piece[:WORD], "little")
    return (word * multiplier & (1 << 64) - 1) >> 32


def _digest(key: bytes, piece: bytes) -> str:
    return hashlib.blake2b(piece, key=key, digest_size=16).hexdigest()
