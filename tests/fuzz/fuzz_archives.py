"""Mutations of archives: what torch.save wrote, and zip files."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from tests.fuzz.fuzz_mutations import TREE, WORDS, Kind, change_tree


class _Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("code in a pickle was run",)


_STATES: dict[str, Any] = {
    "none": None,
    "text": "x",
    "minus": -1,
    "huge": 2**63,
    "nan": float("nan"),
    "list": [],
    "dict": {},
    "bool": True,
    "half": 1.5,
    "scalar": torch.tensor(1.0),
    "no rows": torch.zeros(0),
    "other shape": torch.zeros(3, 7),
    "complex": torch.zeros(2, dtype=torch.complex64),
    "int8": torch.ones(4, dtype=torch.int8),
    "sparse": torch.eye(3).to_sparse(),
    "nan tensor": torch.full((4,), float("nan")),
    "meta": torch.zeros(3, device="meta"),
    "giant view": torch.zeros(1).expand(1 << 20, 1 << 20),
    "json": "[1, {}]",
    "bytes": b"x",
}


_SCALARS = [np._core.multiarray.scalar, np.dtype, np.dtypes.Float64DType]


def change_state(content: bytes, which: int, how: str, name: str) -> bytes:
    """Change one value of what torch.save wrote, numbers and tensors alike."""
    try:
        with torch.serialization.safe_globals(_SCALARS):
            state = torch.load(io.BytesIO(content), weights_only=True)
    except Exception:  # an earlier mutation broke it, and torch raises of everything
        return content
    return _saved(change_tree(state, which, how, _STATES[name]))


def change_pickle(content: bytes, how: str) -> bytes:
    state: Any = {"a": torch.zeros(2)}
    if how == "code":
        return _saved({"state_dict": _Code()})
    if how == "plain pickle":
        return pickle.dumps({"a": np.zeros(2)})
    if how == "legacy":
        return _saved(state, _use_new_zipfile_serialization=False)
    return _saved({"list": [1], "keys": {1: torch.zeros(2)}, "tensor": torch.zeros(2)}[how])


def _saved(state: Any, **settings: Any) -> bytes:
    target = io.BytesIO()
    torch.save(state, target, **settings)
    return target.getvalue()


_PICKLES = ("code", "plain pickle", "legacy", "list", "keys", "tensor")
STATE: dict[str, Kind] = {
    "change_state": (change_state, (st.integers(0, 200), TREE[1], st.sampled_from(tuple(_STATES)))),
    "change_pickle": (change_pickle, (st.sampled_from(_PICKLES),)),
}

_MEMBERS = (
    "../x",
    "/x",
    "a/../../x",
    "C:\\x",
    "..\\x",
    "",
    ".",
    "a",
    "a/",
    "a/b",
    "A",
    "x" * 300,
    "é",
    "\x00",
    "a\x00b",
    "con",
    "a\nb",
    *WORDS[:12],
)


def add_member(content: bytes, name: str, mode: int, method: int, twice: bool) -> bytes:
    """Add a member with a hostile name, mode or method to a zip archive."""
    target = io.BytesIO(content)
    try:
        with zipfile.ZipFile(target, "a") as archive:
            member = zipfile.ZipInfo("placeholder")
            member.filename = name or "/"
            member.external_attr = mode << 16
            member.compress_type = method
            for _ in range(1 + twice):
                archive.writestr(member, b"../../x")
    except (zipfile.BadZipFile, OSError, ValueError, struct.error, NotImplementedError):
        return content
    return target.getvalue()


def change_member(content: bytes, entry: int, at: int, value: int, size: int) -> bytes:
    """Set a field in the central directory of a zip archive: sizes, method, flags, offsets."""
    spots = [spot for spot in range(len(content)) if content.startswith(b"PK\x01\x02", spot)]
    spots += [spot for spot in range(len(content)) if content.startswith(b"PK\x05\x06", spot)]
    if not spots:
        return content
    first = spots[entry % len(spots)] + 4 + at
    return (
        content[:first]
        + (value % (1 << 8 * size)).to_bytes(size, "little")
        + content[first + size :]
    )


_MODES = (0, 0o100644, 0o040755, 0o120777, 0o020666, 0o010644, 0o100000)
_FIELDS = st.sampled_from((0, 1, 2, 8, 9, 12, 14, 97, 99, 0x7FFFFFFF, 0xFFFFFFFF))
ZIP: dict[str, Kind] = {
    "add_member": (
        add_member,
        (
            st.sampled_from(_MEMBERS),
            st.sampled_from(_MODES),
            st.sampled_from((0, 8, 12, 14)),
            st.booleans(),
        ),
    ),
    "change_member": (
        change_member,
        (st.integers(0, 5), st.integers(0, 44), _FIELDS, st.sampled_from((1, 2, 4))),
    ),
}
