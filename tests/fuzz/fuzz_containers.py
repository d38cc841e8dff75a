"""Mutations that keep a container valid and change what is in it: tensors, columns, members."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from fuzz_mutations import (
    BYTES,
    JSON,
    ODD_VALUE,
    PLACE,
    TREE,
    WORDS,
    Kind,
    change_json,
    change_tree,
)
from hypothesis import strategies as st

Tensors = dict[str, tuple[str, list[int], bytes]]
KINDS_OF = {"F64": "f8", "F32": "f4", "F16": "f2", "I64": "i8", "I32": "i4", "I16": "i2",
            "I8": "i1", "U8": "u1", "BOOL": "?"}  # fmt: skip


def unpack_tensors(content: bytes) -> tuple[Tensors, dict[str, str] | None]:
    """Take a valid safetensors file apart: name -> (kind, shape, bytes), and its metadata."""
    size = int.from_bytes(content[:8], "little")
    header, body = json.loads(content[8 : 8 + size]), content[8 + size :]
    facts = header.pop("__metadata__", None)
    return {
        name: (one["dtype"], one["shape"], body[slice(*one["data_offsets"])])
        for name, one in header.items()
    }, facts


def pack_tensors(tensors: Tensors, facts: dict[str, str] | None) -> bytes:
    header: dict[str, Any] = {} if facts is None else {"__metadata__": facts}
    at = 0
    for name, (kind, shape, data) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values())


def _opened(content: bytes) -> tuple[Tensors, dict[str, str] | None]:
    try:
        return unpack_tensors(content)
    except (ValueError, KeyError, TypeError, AttributeError):  # an earlier mutation broke it
        return {}, None


def reshape_tensor(content: bytes, which: int, how: str) -> bytes:
    tensors, facts = _opened(content)
    if not tensors:
        return content
    name = sorted(tensors)[which % len(tensors)]
    kind, shape, data = tensors[name]
    count, step = int(np.prod(shape)), len(data) // max(1, shape[0] if shape else 1)
    rest = shape[1:]
    changed = {
        "flat": ([count], data), "column": ([count, 1], data), "row": ([1, *shape], data),
        "reversed": (shape[::-1], data), "no rows": ([0, *rest], b""), "empty": ([0], b""),
        "huge empty": ([0, 2**62], b""), "fewer": ([max(shape[0] - 1, 0) if shape else 0, *rest],
                                                   data[: len(data) - step]),
        "more": ([(shape[0] if shape else 0) + 1, *rest], data + data[:step]),
        "scalar": ([], data[: len(data) // max(1, count)]), "no columns": ([*shape[:1], 0], b""),
    }[how]  # fmt: skip
    tensors[name] = (kind, *changed)
    return pack_tensors(tensors, facts)


def retype_tensor(content: bytes, which: int, kind: str) -> bytes:
    tensors, facts = _opened(content)
    if not tensors:
        return content
    name = sorted(tensors)[which % len(tensors)]
    before, shape, data = tensors[name]
    if kind in ("BF16", "F8_E4M3"):
        half = np.zeros(int(np.prod(shape)), "u2" if kind == "BF16" else "u1")
        tensors[name] = kind, shape, half.tobytes()
    else:
        with np.errstate(all="ignore"):
            values = np.frombuffer(data, KINDS_OF[before]).astype(KINDS_OF[kind])
        tensors[name] = kind, shape, values.tobytes()
    return pack_tensors(tensors, facts)


def set_values(content: bytes, which: int, at: int, value: float, whole: bool) -> bytes:
    """Put a value out of range into one place of a tensor, or into all."""
    tensors, facts = _opened(content)
    if not tensors:
        return content
    name = sorted(tensors)[which % len(tensors)]
    kind, shape, data = tensors[name]
    values = np.frombuffer(data, KINDS_OF[kind]).copy()
    if not np.issubdtype(values.dtype, np.floating):
        limits = np.iinfo(values.dtype) if values.dtype != bool else np.iinfo(np.uint8)
        value = int(np.clip(np.nan_to_num(value), limits.min, limits.max))
    with np.errstate(all="ignore"):
        values[slice(None) if whole else slice(at % max(1, len(values)), None)][:1] = value
        if whole:
            values[:] = np.array(value).astype(values.dtype)
    tensors[name] = kind, shape, values.tobytes()
    return pack_tensors(tensors, facts)


def change_names(content: bytes, which: int, how: str) -> bytes:
    tensors, facts = _opened(content)
    if not tensors:
        return content
    name = sorted(tensors)[which % len(tensors)]
    if how == "extra":
        tensors["extra"] = tensors[name]
    else:
        taken = tensors.pop(name)
        tensors |= {"renamed": taken} if how == "rename" else {}
    return pack_tensors(tensors, facts)


def change_facts(content: bytes, which: int, how: str, value: Any) -> bytes:
    """Change one entry of the metadata: drop it, another text, or a change within its JSON."""
    tensors, facts = _opened(content)
    if not facts:
        return content
    name = sorted(facts)[which % len(facts)]
    if how == "none":
        return pack_tensors(tensors, None)
    if how == "drop":
        del facts[name]
    elif how == "text":
        facts[name] = value if isinstance(value, str) else str(value)
    else:
        facts[name] = change_json(facts[name].encode(), which, how, value).decode()
    return pack_tensors(tensors, facts)


def change_header(content: bytes, which: int, how: str, value: Any) -> bytes:
    """Change the JSON header, with its length put right."""
    size = int.from_bytes(content[:8], "little")
    header = change_json(content[8 : 8 + size], which, how, value)
    return struct.pack("<Q", len(header)) + header + content[8 + size :]


def change_inner_table(content: bytes, column: int, how: str) -> bytes:
    """Change the Parquet table that an embeddings file holds."""
    tensors, facts = _opened(content)
    if "table" not in tensors:
        return content
    table = change_column(tensors["table"][2], column, how)
    return pack_tensors({**tensors, "table": ("U8", [len(table)], table)}, facts)


_SHAPES = ("flat", "column", "row", "reversed", "no rows", "empty", "huge empty", "fewer", "more",
           "scalar", "no columns")  # fmt: skip
_OUT = (float("nan"), float("inf"), -float("inf"), -1.0, 0.0, 11.0, 12.0, 13.0, 1e30, 2.0**31)
_WHICH = st.integers(0, 9)
_FACTS = ("none", "drop", "text", "text", "value", "add", "root")
TENSORS: dict[str, Kind] = {
    "reshape_tensor": (reshape_tensor, (_WHICH, st.sampled_from(_SHAPES))),
    "retype_tensor": (retype_tensor, (_WHICH, st.sampled_from((*KINDS_OF, "BF16", "F8_E4M3")))),
    "set_values": (set_values, (_WHICH, PLACE, st.sampled_from(_OUT), st.booleans())),
    "change_names": (change_names, (_WHICH, st.sampled_from(("extra", "rename", "drop")))),
    "change_facts": (change_facts, (st.integers(0, 60), st.sampled_from(_FACTS), ODD_VALUE)),
    "change_header": (change_header, (*TREE, ODD_VALUE)),
}

_COLUMNS: dict[str, Any] = {
    "lists": lambda n: pa.array([[1, 2]] * n), "structs": lambda n: pa.array([{"a": 1}] * n),
    "binary": lambda n: pa.array([b"\xff\x00"] * n), "bool": lambda n: pa.array([True] * n),
    "time": lambda n: pa.array([0] * n, pa.timestamp("ns", "UTC")), "null": lambda n: pa.nulls(n),
    "date": lambda n: pa.array([0] * n, pa.date32()), "huge": lambda n: pa.array([2**63 - 1] * n),
    "unsigned": lambda n: pa.array([2**64 - 1] * n, pa.uint64()),
    "nan": lambda n: pa.array([float("nan")] * n), "inf": lambda n: pa.array([float("inf")] * n),
    "negative": lambda n: pa.array([-1] * n), "half": lambda n: pa.array([0.5] * n),
    "category": lambda n: pa.array(["a"] * n).dictionary_encode(),
    "numbers": lambda n: pa.array([1, 2] * n)[:n].dictionary_encode(),
    "decimal": lambda n: pa.array([1] * n, pa.decimal128(30, 2)),
    "duration": lambda n: pa.array([1] * n, pa.duration("s")),
    "text": lambda n: pa.array(["1"] * n), "empty": lambda n: pa.array([""] * n),
    "wide": lambda n: pa.array(["x"] * n, pa.large_string()),
    "none": lambda n: pa.array([None] * n),
    "map": lambda n: pa.array([[("a", 1)]] * n, pa.map_(pa.string(), pa.int64())),
}  # fmt: skip
_TABLES = ("drop", "rename", "twice", "no rows", "one row", "rows twice", "no facts", "bad facts",
           "index", "no columns")  # fmt: skip


def change_column(content: bytes, column: int, how: str) -> bytes:
    """Give one column of a Parquet file another type, or change the table's columns and rows."""
    try:
        table = pq.read_table(io.BytesIO(content))
    except (pa.ArrowException, OSError):
        return content
    if not table.column_names:
        return content
    at = column % len(table.column_names)
    name, values = table.column_names[at], table.column(at)
    if how in _COLUMNS:
        table = table.set_column(at, name, _COLUMNS[how](len(table)))
    else:
        table = {
            "drop": lambda: table.remove_column(at),
            "rename": lambda: table.set_column(at, "renamed", values),
            "twice": lambda: table.append_column(name, values),
            "no rows": lambda: table.slice(0, 0), "one row": lambda: table.slice(0, 1),
            "rows twice": lambda: pa.concat_tables([table, table]),
            "no facts": lambda: table.replace_schema_metadata(None),
            "bad facts": lambda: table.replace_schema_metadata(
                {b"pandas": b'{"index_columns": 3}'}
            ),
            "index": lambda: table.append_column("__index_level_0__", values),
            "no columns": lambda: table.select([]),
        }[how]()  # fmt: skip
    target = io.BytesIO()
    pq.write_table(table, target)
    return target.getvalue()


PARQUET: dict[str, Kind] = {
    "change_column": (change_column, (st.integers(0, 20), st.sampled_from((*_COLUMNS, *_TABLES))))
}
INNER: dict[str, Kind] = {
    "change_inner_table": (
        change_inner_table, (st.integers(0, 20), st.sampled_from((*_COLUMNS, *_TABLES))),
    )
}  # fmt: skip


class _Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("code in a pickle was run",)


_STATES: dict[str, Any] = {
    "none": None, "text": "x", "minus": -1, "huge": 2**63, "nan": float("nan"), "list": [],
    "dict": {}, "bool": True, "half": 1.5, "scalar": torch.tensor(1.0), "no rows": torch.zeros(0),
    "other shape": torch.zeros(3, 7), "complex": torch.zeros(2, dtype=torch.complex64),
    "int8": torch.ones(4, dtype=torch.int8), "sparse": torch.eye(3).to_sparse(),
    "nan tensor": torch.full((4,), float("nan")), "meta": torch.zeros(3, device="meta"),
    "giant view": torch.zeros(1).expand(1 << 20, 1 << 20), "json": "[1, {}]", "bytes": b"x",
}  # fmt: skip


def change_state(content: bytes, which: int, how: str, name: str) -> bytes:
    """Change one value of what torch.save wrote, numbers and tensors alike."""
    try:
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

_MEMBERS = ("../x", "/x", "a/../../x", "C:\\x", "..\\x", "", ".", "a", "a/", "a/b", "A", "x" * 300,
            "é", "\x00", "a\x00b", "con", "a\nb", *WORDS[:12])  # fmt: skip


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
    return content[:first] + (value % (1 << 8 * size)).to_bytes(size, "little") + content[
        first + size :
    ]  # fmt: skip


_MODES = (0, 0o100644, 0o040755, 0o120777, 0o020666, 0o010644, 0o100000)
_FIELDS = st.sampled_from((0, 1, 2, 8, 9, 12, 14, 97, 99, 0x7FFFFFFF, 0xFFFFFFFF))
ZIP: dict[str, Kind] = {
    "add_member": (
        add_member,
        (st.sampled_from(_MEMBERS), st.sampled_from(_MODES), st.sampled_from((0, 8, 12, 14)),
         st.booleans()),
    ),
    "change_member": (
        change_member, (st.integers(0, 5), st.integers(0, 44), _FIELDS, st.sampled_from((1, 2, 4))),
    ),
}  # fmt: skip
ALL = BYTES | JSON | TENSORS | PARQUET | INNER | STATE | ZIP
