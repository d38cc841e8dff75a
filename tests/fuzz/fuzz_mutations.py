"""Mutations of bytes, texts, tables and JSON: plain values, so that a failure prints what it was.

A kind of mutation is a function ``(content, *numbers) -> content`` with one strategy a number.
Positions are taken modulo the content, so that every number fits every file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

Kind = tuple[Callable[..., bytes], tuple[st.SearchStrategy[Any], ...]]

PLACE = st.integers(0, 1 << 20)
HEAD = st.integers(0, 79)
LENGTH = st.integers(1, 64)
WORDS = (
    "",
    "nan",
    "inf",
    "-inf",
    "-1",
    "0",
    "-0",
    "1.5",
    "1e400",
    "-1e400",
    "1e18",
    str(2**31),
    str(2**63),
    str(2**64),
    "9" * 400,
    "9" * 5000,
    "NA",
    "None",
    "null",
    "true",
    "²",
    "٣",
    "１",
    "é",
    "😀",
    "\udcff",
    "\x00",
    "\ufeff",
    " 1",
    "1_0",
    "+1",
    "0x10",
    "1;2",
    "a,b",
    '"',
    "'",
    "\t",
    "\n",
    "\r",
    "../x",
    "/",
    "~",
    "%",
    "%(x)s",
    "#",
    "x" * 5000,
    "{}",
    "[]",
    "=1+1",
    "train",
    "gallery",
    "distractor",
    "mixed",
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    [],
    {},
    [1, "a", None],
    {"a": 1},
    "",
    "text",
    "../x",
    "²",
    "\ud800",
    "\x00",
    "1",
    "nan",
    -1,
    0,
    1,
    7,
    1.5,
    -1e-300,
    2**31,
    2**63,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    "DEEP",
    "DIGITS",
    "x" * 5000,
)
OTHERS = (
    b"",
    b"\x00" * 64,
    b"PK\x03\x04" + b"\x00" * 40,
    b"\x89PNG\r\n\x1a\n" + b"\x00" * 16,
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\xff\xd9",
    b"PAR1" + b"\x00" * 8 + b"PAR1",
    b"GIF89a\xff\xff",
    b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ",
    b"\x80\x04\x95.",
    b"RIFF\xff\xff\xff\xffWEBPVP8 ",
    b"<!doctype html><html></html>",
    b"version https://git-lfs.github.com/spec/v1\n",
    b"[]",
    b"null",
    b'{"a": 1}',
    b"a,b\n1,2\n",
    b"\n\n\n",
    b"P6 40000 40000 255\n",
    b"BM" + b"\xff" * 60,
)
FIELDS = (0, 1, 0x7F, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
ODD_WORD = st.sampled_from(WORDS)
ODD_VALUE = st.sampled_from(VALUES)


@dataclass(frozen=True)
class Mutation:
    """One change of one file: ``KINDS[kind]`` with these numbers."""

    file: str
    kind: str
    numbers: tuple[Any, ...]


def _cut(content: bytes, at: int, length: int) -> tuple[int, int]:
    first = at % max(1, len(content))
    return first, min(len(content), first + length)


def flip(content: bytes, at: int, bit: int) -> bytes:
    if not content:
        return content
    changed = bytearray(content)
    changed[at % len(content)] ^= 1 << bit
    return bytes(changed)


def overwrite(content: bytes, at: int, noise: bytes) -> bytes:
    first, _ = _cut(content, at, 1)
    return content[:first] + noise + content[first + len(noise) :]


def truncate(content: bytes, at: int) -> bytes:
    return content[: at % max(1, len(content))]


def insert(content: bytes, at: int, noise: bytes) -> bytes:
    first, _ = _cut(content, at, 1)
    return content[:first] + noise + content[first:]


def delete(content: bytes, at: int, length: int) -> bytes:
    first, stop = _cut(content, at, length)
    return content[:first] + content[stop:]


def duplicate(content: bytes, at: int, length: int) -> bytes:
    first, stop = _cut(content, at, length)
    return content[:stop] + content[first:stop] + content[stop:]


def append(content: bytes, noise: bytes, times: int) -> bytes:
    return content + noise * times


def replace_all(content: bytes, other: bytes) -> bytes:
    return other


def set_field(content: bytes, at: int, value: int, size: int, order: str) -> bytes:
    first, _ = _cut(content, at, 1)
    field = (value % (1 << 8 * size)).to_bytes(size, order)  # type: ignore[arg-type]
    return content[:first] + field + content[first + size :]


_FIELD = (
    st.sampled_from(FIELDS),
    st.sampled_from((1, 2, 4, 8)),
    st.sampled_from(("little", "big")),
)
BYTES: dict[str, Kind] = {
    "flip": (flip, (PLACE, st.integers(0, 7))),
    "overwrite": (overwrite, (PLACE, st.binary(min_size=1, max_size=16))),
    "truncate": (truncate, (PLACE,)),
    "insert": (insert, (PLACE, st.binary(min_size=1, max_size=16))),
    "delete": (delete, (PLACE, LENGTH)),
    "duplicate": (duplicate, (PLACE, LENGTH)),
    "append": (append, (st.binary(min_size=1, max_size=8), st.sampled_from((1, 40)))),
    "replace_all": (replace_all, (st.sampled_from(OTHERS),)),
    "set_field": (set_field, (PLACE, *_FIELD)),
    "set_header_field": (set_field, (HEAD, *_FIELD)),
}


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass" if "\ud800" in text else "surrogateescape")


def encode(content: bytes, name: str) -> bytes:
    """Write the text, with a letter beyond ASCII, in another encoding."""
    return (_text(content).replace("a", "é")).encode(name, "replace")


def set_number(content: bytes, which: int, word: str) -> bytes:
    """Put an odd word in the place of one number."""
    numbers = list(re.finditer(r"-?\d+(\.\d+)?", _text(content)))
    if not numbers:
        return content
    spot, text = numbers[which % len(numbers)], _text(content)
    return _bytes(text[: spot.start()] + word + text[spot.end() :])


def drop_separator(content: bytes, which: int, other: str) -> bytes:
    text = _text(content)
    spots = [at for at, sign in enumerate(text) if sign in ",;=[]:\n"]
    at = spots[which % len(spots)] if spots else 0
    return _bytes(text[:at] + other + text[at + 1 :])


def change_line(content: bytes, which: int, how: str) -> bytes:
    lines = _text(content).split("\n")
    at = which % len(lines)
    line = lines[at]
    lines[at : at + 1] = {
        "drop": [],
        "twice": [line, line],
        "blank": ["", line],
        "only": [line],
        "spaces": ["   "],
        "longer": [line + ",1,2"],
        "first": [line.split(",")[0]],
        "return": [line + "\r"],
        "header": [lines[0]],
        "quoted": ['"' + line],
    }[how]
    return _bytes(line if how == "only" else "\n".join(lines))


def set_cell(content: bytes, row: int, column: int, word: str) -> bytes:
    """Put an odd word into one cell of a table with commas; row 0 is its header."""
    lines = [line.split(",") for line in _text(content).splitlines()] or [[""]]
    cells = lines[row % len(lines)]
    cells[column % len(cells)] = word
    return _bytes("\n".join(",".join(line) for line in lines) + "\n")


def fill_column(content: bytes, column: int, word: str) -> bytes:
    lines = [line.split(",") for line in _text(content).splitlines()]
    for cells in lines[1:]:
        cells[column % len(cells)] = word
    return _bytes("\n".join(",".join(line) for line in lines) + "\n")


def drop_column(content: bytes, column: int) -> bytes:
    lines = [line.split(",") for line in _text(content).splitlines()]
    for cells in lines:
        del cells[column % len(cells)]
    return _bytes("\n".join(",".join(line) for line in lines) + "\n")


_LINES = (
    "drop",
    "twice",
    "blank",
    "only",
    "spaces",
    "longer",
    "first",
    "return",
    "header",
    "quoted",
)
_ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "latin-1", "cp037", "utf-8-sig")
TEXT: dict[str, Kind] = {
    "encode": (encode, (st.sampled_from(_ENCODINGS),)),
    "set_number": (set_number, (PLACE, ODD_WORD)),
    "drop_separator": (drop_separator, (PLACE, st.sampled_from(("", ",", ";", "\n", '"', "=")))),
    "change_line": (change_line, (st.integers(0, 40), st.sampled_from(_LINES))),
}
TABLE: dict[str, Kind] = {
    "set_cell": (set_cell, (st.integers(0, 20), st.integers(0, 20), ODD_WORD)),
    "fill_column": (fill_column, (st.integers(0, 20), ODD_WORD)),
    "drop_column": (drop_column, (st.integers(0, 20),)),
}


def nodes(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (container, key) of everything within a tree of dictionaries and lists."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in list(items):
        yield tree, key
        if isinstance(value, dict | list):
            yield from nodes(value)


def change_tree(tree: Any, which: int, how: str, value: Any) -> Any:
    """Replace, drop or rename one node of a tree, or the whole of it, in place."""
    places = list(nodes(tree)) if isinstance(tree, dict | list) else []
    if how == "root" or not places:
        return value
    container, key = places[which % len(places)]
    if how == "value":
        container[key] = value
    elif how == "drop":
        del container[key]
    elif how == "wrap":
        container[key] = [container[key]]
    elif isinstance(container, dict):
        container[str(value)] = container.pop(key) if how == "rename" else value
    else:
        container.append(value)
    return tree


def change_json(content: bytes, which: int, how: str, value: Any) -> bytes:
    """Change one value, key or the whole of a JSON text."""
    try:
        tree = change_tree(json.loads(content), which, how, value)
    except (ValueError, RecursionError):  # an earlier mutation broke it
        return content
    text = json.dumps(tree).replace('"DIGITS"', "1" * 5000)
    return text.replace('"DEEP"', "[" * 100_000 + "]" * 100_000).encode()


TREE = (
    st.integers(0, 60),
    st.sampled_from(("value", "value", "value", "drop", "rename", "add", "wrap", "root")),
)
JSON: dict[str, Kind] = {"change_json": (change_json, (*TREE, ODD_VALUE))}
