"""Mutations of the names in a folder, and the folder itself: what lies where."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.fuzz_archives import STATE, ZIP
from tests.fuzz.fuzz_containers import GRAPH, INNER, PARQUET, TENSORS
from tests.fuzz.fuzz_mutations import BYTES, JSON, ODD_WORD, TABLE, TEXT, Kind, Mutation


@dataclass(frozen=True)
class Link:
    """A symbolic link in a folder."""

    to: str


Files = Mapping[str, bytes | Link | None]  # path -> content; None: a folder
Renamer = Callable[..., str]


def change_field(name: str, which: int, word: str) -> str:
    """Put an odd word in the place of one run of digits or letters of a path."""
    fields = list(re.finditer(r"[^\W\d_]+|\d+|[-_./]", name))
    spot = fields[which % len(fields)]
    return name[: spot.start()] + word + name[spot.end() :]


def drop_field(name: str, which: int) -> str:
    fields = re.split(r"([-_./])", name)
    del fields[which % len(fields)]
    return "".join(fields)


def add_field(name: str, which: int, word: str) -> str:
    fields = re.split(r"([-_./])", name)
    return "".join([*fields[: which % len(fields)], word, *fields[which % len(fields) :]])


def change_case(name: str) -> str:
    return name.upper()


NAMES: dict[str, tuple[Renamer, tuple[st.SearchStrategy[Any], ...]]] = {
    "change_field": (change_field, (st.integers(0, 30), ODD_WORD)),
    "drop_field": (drop_field, (st.integers(0, 30),)),
    "add_field": (add_field, (st.integers(0, 30), ODD_WORD)),
    "change_case": (change_case, ()),
}
_ODD_FILES = (
    "Thumbs.db",
    ".hidden.png",
    "0.png",
    "²_1_1.png",
    "a.csv",
    "folder.png",
    "x/y/z.png",
    "__MACOSX/1_1_1.png",
    "empty",
    "query",
    "persons.csv",
    "seqinfo.ini",
)
FOLDER: dict[str, tuple[st.SearchStrategy[Any], ...]] = {
    "remove": (),
    "to_folder": (),
    "to_link": (st.sampled_from((".", "nowhere", "/", "/dev/null")),),
    "add_file": (st.sampled_from(_ODD_FILES), st.sampled_from((b"", b"x,y\n1,2\n"))),
    "add_folder": (st.sampled_from(_ODD_FILES),),
}
CONTENTS: dict[str, Kind] = (
    BYTES | TEXT | TABLE | JSON | TENSORS | GRAPH | PARQUET | INNER | STATE | ZIP
)


def mutate(files: Files, mutation: Mutation) -> dict[str, bytes | Link | None]:
    """Return the folder with one mutation made."""
    changed, name = dict(files), mutation.file
    if mutation.kind in CONTENTS:
        content = changed.get(name)
        if isinstance(content, bytes):
            changed[name] = CONTENTS[mutation.kind][0](content, *mutation.numbers)
    elif mutation.kind in NAMES:
        if name in changed:
            content = changed.pop(name)
            changed[NAMES[mutation.kind][0](name, *mutation.numbers)] = content
    else:
        _change_folder(changed, name, mutation.kind, *mutation.numbers)
    return changed


def _change_folder(
    changed: dict[str, bytes | Link | None], name: str, kind: str, *numbers: Any
) -> None:
    if kind == "remove":
        changed.pop(name, None)
    elif kind == "to_folder":
        changed[name] = None
    elif kind == "to_link":
        changed[name] = Link(numbers[0])
    else:
        beside = "/".join([*name.split("/")[:-1], numbers[0]])
        changed.setdefault(beside, numbers[1] if kind == "add_file" else None)


def write_files(folder: Path, files: Files) -> Path:
    """Write a folder; names that no file can have are shortened or left out."""
    for name, content in files.items():
        parts = [_possible(part) for part in name.split("/")]
        path = folder.joinpath(*(part for part in parts if part))
        if os.path.lexists(path) or not _make_folder(folder, path.parent):
            continue
        if content is None:
            path.mkdir()
        elif isinstance(content, Link):
            path.symlink_to(content.to)
        else:
            path.write_bytes(content)
    return folder


def _make_folder(top: Path, folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return folder.resolve().is_relative_to(top.resolve())


def _possible(part: str) -> str:
    part = part.replace("\x00", "")
    while len(part.encode("utf-8", "surrogateescape")) > 255:
        part = part[: len(part) * 2 // 3]
    return "" if part in (".", "..") else part


def read_files(folder: Path) -> dict[str, bytes | Link | None]:
    """Return what lies in a folder, as ``write_files`` takes it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
