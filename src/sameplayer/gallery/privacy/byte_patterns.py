"""Looking for bytes that must be gone, by keyed fingerprints of them.

What is looked for is personal data itself. ``Traces`` holds of each piece no more than a keyed
digest, its length and a few bits that tell where to look closer, so that a search which was stopped
can be finished later without keeping what was to be forgotten.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from sameplayer.errors import DataError

PIECE = 64  # bytes of a vector or a file that are looked for together
PIECES = 8  # pieces of one vector or file, spread over it
VARIED = 12  # different bytes that a piece has at least: others stand everywhere
WORD = 4  # bytes that decide where to look closer
BITS = 20  # of their keyed hash, which are looked up in a table
SHORT = 4  # a name of fewer bytes is found everywhere by chance
CHUNK = 1 << 18  # bytes that are read together
SCAN = b"\xff\xda"  # in a JPEG: what follows is the picture, what is before is alike in all


class Piece(NamedTuple):
    """A piece to look for: what it is, its length, a hash of its first bytes, its digest."""

    what: str
    length: int
    mark: int
    digest: str


@dataclass(frozen=True, eq=False)
class Traces:
    """Pieces to look for, and the key of their digests."""

    key: bytes
    pieces: tuple[Piece, ...]


def traces_of(key: bytes, pieces: Iterable[tuple[str, bytes]]) -> Traces:
    """Return the fingerprints of pieces, given as (what, bytes)."""
    wanted = sorted({(what, piece) for what, piece in pieces if len(piece) >= SHORT})
    return Traces(
        key,
        tuple(
            Piece(what, len(piece), int(_marks(piece[:WORD], key)[0]), _digest(key, piece))
            for what, piece in wanted
        ),
    )


def read_traces(key: bytes, pieces: Iterable[Iterable[object]], path: Path) -> Traces:
    """Return the fingerprints that a file kept; DataError where they are damaged."""
    try:
        rows = [(str(a), int(str(b)), int(str(c)), str(d)) for a, b, c, d in pieces]
        if not all(length > 0 and 0 <= mark < 1 << BITS for _, length, mark, _ in rows):
            raise ValueError("a piece that no search can have")
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: damaged ({error}); restore it from a copy.") from error
    return Traces(key, tuple(Piece(*row) for row in rows))


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
    start = content.rfind(SCAN) + 16
    return _spread("picture", content, np.arange(start, len(content), 8))


def find_pieces(traces: Traces, file: IO[bytes]) -> Iterator[tuple[int, Piece]]:
    """Give each place in which a piece stands, once: offset and piece."""
    by_mark: dict[int, list[Piece]] = {}
    for piece in traces.pieces:
        by_mark.setdefault(piece.mark, []).append(piece)
    table = np.zeros(1 << BITS, bool)
    table[list(by_mark)] = True
    overlap = max((piece.length for piece in traces.pieces), default=1) - 1
    start, before = 0, b""
    while fresh := file.read(CHUNK):
        data = before + fresh
        for first in range(WORD):
            marks = _marks(memoryview(data)[first:], traces.key)
            for row in np.flatnonzero(table[marks]).tolist():
                at = first + WORD * row
                for piece in by_mark[int(marks[row])]:
                    end = at + piece.length
                    # What ends within the bytes of before was found with them.
                    if len(before) < end <= len(data) and (
                        _digest(traces.key, data[at:end]) == piece.digest
                    ):
                        yield start + at, piece
        before = data[max(len(data) - overlap, 0) :]
        start += len(data) - len(before)


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


def _marks(data: bytes | memoryview, key: bytes) -> np.ndarray:
    """Return ``BITS`` bits of a keyed hash of every whole word."""
    multiplier = int.from_bytes(hashlib.blake2b(b"multiplier", key=key, digest_size=4).digest()) | 1
    words = np.frombuffer(data, "<u4", len(data) // WORD)
    return words * np.uint32(multiplier) >> np.uint32(32 - BITS)


def _digest(key: bytes, piece: bytes) -> str:
    return hashlib.blake2b(piece, key=key, digest_size=16).hexdigest()
