"""Our ONNX files: a graph, and a record of what it is, signed by a digest of every byte.

A file is checked before onnxruntime sees any of it: it must hold our record, of this format, and
be unchanged since it was written; it must need no other file and no operators but ONNX's own.
Only as much of protobuf is read as that takes, so neither ``onnx`` nor ``protobuf`` is needed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sameplayer.errors import MissingFile, WeightsError

FORMAT = 1
RECORD = "sameplayer"  # the key of the record among the file's metadata
UNSIGNED = "0" * 64
LARGEST = 2**31 - 1  # bytes, as protobuf allows
DOMAINS = ("", "ai.onnx")
OPSET = 18

# message -> field -> message that it holds, as onnx.proto numbers them: wherever tensors can be
NESTED: dict[str, dict[int, str]] = {
    "model": {7: "graph", 8: "opset", 14: "entry", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "function": {7: "node", 9: "opset", 11: "attribute"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
    "opset": {},
    "entry": {},
}
EXTERNAL_DATA, DATA_LOCATION, NODE_DOMAIN, OPSET_DOMAIN = 13, 14, 7, 1


@dataclass(frozen=True, eq=False)
class GraphFile:
    """A checked file: its record, and its bytes for onnxruntime."""

    record: dict[str, Any]
    content: bytes


@dataclass
class _Found:
    """What a walk through a file meets."""

    entries: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    external: bool = False
    domains: set[str] = field(default_factory=set)


def sign(content: bytes) -> bytes:
    """Return a serialised model, whose record says ``UNSIGNED``, with its digest in the record."""
    start, end = _walk(content).entries[RECORD.encode()]
    digest = hashlib.sha256(content).hexdigest().encode()
    return content[:start] + content[start:end].replace(UNSIGNED.encode(), digest) + content[end:]


def read_graph_file(path: str | Path, kind: str) -> GraphFile:
    """Read and check a file of ours.

    kind    what it must hold, such as "encoder"

    Raises MissingFile, and WeightsError for a file that is damaged, was changed, is not ours, is of
    another format or kind, or wants other files or operators.
    """
    path = Path(path)
    content = _read(path)
    try:
        found = _walk(content)
        place = found.entries.get(RECORD.encode())
        record = None if place is None else json.loads(content[slice(*place)])
    except (ValueError, IndexError, KeyError, RecursionError) as error:
        raise WeightsError(
            f"{path}: not an ONNX file, or a damaged one ({type(error).__name__}: {error}). Copy "
            "or export it again."
        ) from error
    if place is None or not isinstance(record, dict):
        raise WeightsError(
            f"{path}: not an ONNX file that sameplayer wrote: it holds no record of ours. Write "
            f"one with: {_command(kind)}"
        )
    _check_record(path, record, kind)
    start, end = place
    _check_digest(path, (content[:start], content[start:end], content[end:]), record)
    _check_contents(path, found)
    return GraphFile(record, content)


def _command(kind: str) -> str:
    source = {"encoder": "ENCODER"}.get(kind, kind)
    return f"sameplayer export {source} --out FILE.onnx"


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST:
            raise WeightsError(f"{path}: over 2 GiB; an ONNX file of ours is smaller.")
        return path.read_bytes()
    except FileNotFoundError:
        raise MissingFile(f"{path}: no such file.") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}).") from error


def _check_record(path: Path, record: dict[str, Any], kind: str) -> None:
    if record.get("format") != FORMAT:
        raise WeightsError(
            f"{path}: of format {record.get('format')!r}; this version of sameplayer reads format "
            f"{FORMAT}. Export it again: {_command(kind)}"
        )
    if record.get("kind") != kind:
        raise WeightsError(f"{path}: holds {record.get('kind')!r}; expected {kind!r}.")


def _check_digest(path: Path, parts: tuple[bytes, bytes, bytes], record: dict[str, Any]) -> None:
    said = str(record.get("digest"))
    before, text, after = parts
    digest = hashlib.sha256(before)
    digest.update(text.replace(said.encode(), UNSIGNED.encode()))
    digest.update(after)
    if digest.hexdigest() != said:
        raise WeightsError(
            f"{path}: graph, weights or record were changed after it was written, or it is "
            f"damaged: expected digest {said[:16]}, found {digest.hexdigest()[:16]}. Copy or "
            "export it again."
        )


def _check_contents(path: Path, found: _Found) -> None:
    if found.external:
        raise WeightsError(f"{path}: keeps weights in other files, which are never read.")
    others = sorted(found.domains - set(DOMAINS))
    if others:
        raise WeightsError(
            f"{path}: wants operators of {', '.join(map(repr, others))}; expected ONNX's own alone."
        )


def _walk(content: bytes) -> _Found:
    """Look through a serialised ModelProto. Raises ValueError or IndexError for another file."""
    found = _Found()
    if not content:
        raise ValueError("0 bytes")
    waiting = [("model", 0, len(content))]
    while waiting:
        kind, start, end = waiting.pop()
        for number, value in _fields(content, start, end):
            inner = NESTED[kind].get(number)
            if isinstance(value, tuple) and inner == "entry":
                _remember(content, value, found)
            elif isinstance(value, tuple) and inner is not None:
                waiting.append((inner, *value))
            elif kind == "tensor" and number in (EXTERNAL_DATA, DATA_LOCATION):
                found.external |= value != 0
            elif (kind, number) in (("node", NODE_DOMAIN), ("opset", OPSET_DOMAIN)):
                found.domains.add(content[slice(*_span(value))].decode())
    return found


def _remember(content: bytes, place: tuple[int, int], found: _Found) -> None:
    """Note where the value of a metadata entry lies."""
    entry = {number: _span(value) for number, value in _fields(content, *place)}
    key = content[slice(*entry[1])]
    if key in found.entries:
        raise ValueError(f"two records named {key!r}")
    found.entries[key] = entry[2]


def _span(value: int | tuple[int, int]) -> tuple[int, int]:
    if isinstance(value, int):
        raise ValueError("a number where text belongs")
    return value


def _fields(content: bytes, place: int, end: int) -> Iterator[tuple[int, int | tuple[int, int]]]:
    """Yield (number, value) of a message's fields: a whole number, or from where to where."""
    while place < end:
        tag, place = _varint(content, place)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, place = _varint(content, place)
            yield number, value
        elif wire in (1, 5):
            place += 8 if wire == 1 else 4
        elif wire == 2:
            length, place = _varint(content, place)
            yield number, (place, place + length)
            place += length
        else:
            raise ValueError(f"wire type {wire} at byte {place}")
    if place != end:
        raise ValueError(f"a field ends at byte {place}, after its message at {end}")


def _varint(content: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = content[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise ValueError(f"a number without end at byte {place}")
