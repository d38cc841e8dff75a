"""Mutations that keep a container valid and change what is in it: tensors and columns."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import google.protobuf.message
import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from tests.fuzz.fuzz_mutations import ODD_VALUE, PLACE, TREE, Kind, change_json

Tensors = dict[str, tuple[str, list[int], bytes]]
KINDS_OF = {
    "F64": "f8",
    "F32": "f4",
    "F16": "f2",
    "I64": "i8",
    "I32": "i4",
    "I16": "i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}


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
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):  # broken already
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
        "flat": ([count], data),
        "column": ([count, 1], data),
        "row": ([1, *shape], data),
        "reversed": (shape[::-1], data),
        "no rows": ([0, *rest], b""),
        "empty": ([0], b""),
        "huge empty": ([0, 2**62], b""),
        "fewer": ([max(shape[0] - 1, 0) if shape else 0, *rest], data[: len(data) - step]),
        "more": ([(shape[0] if shape else 0) + 1, *rest], data + data[:step]),
        "scalar": ([], data[: len(data) // max(1, count)]),
        "no columns": ([*shape[:1], 0], b""),
    }[how]
    tensors[name] = (kind, *changed)
    return pack_tensors(tensors, facts)


def retype_tensor(content: bytes, which: int, kind: str) -> bytes:
    tensors, facts = _opened(content)
    if not tensors:
        return content
    name = sorted(tensors)[which % len(tensors)]
    before, shape, data = tensors[name]
    if before not in KINDS_OF:
        return content
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
    if kind not in KINDS_OF:
        return content
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


_SHAPES = (
    "flat",
    "column",
    "row",
    "reversed",
    "no rows",
    "empty",
    "huge empty",
    "fewer",
    "more",
    "scalar",
    "no columns",
)
_OUT = (float("nan"), float("inf"), -float("inf"), -1.0, 0.0, 11.0, 12.0, 13.0, 1e30, 2.0**31)
_WHICH = st.integers(0, 9)
_FACTS = ("none", "drop", "text", "text", "value", "add", "root")


def change_record(content: bytes, which: int, how: str, value: Any) -> bytes:
    """Change the record of an ONNX file of ours."""
    try:
        model = onnx.load_from_string(content)
        (entry,) = model.metadata_props
        record = json.loads(entry.value)
    except (ValueError, TypeError, google.protobuf.message.DecodeError):  # broken already
        return content
    entry.value = change_json(json.dumps(record).encode(), which, how, value).decode()
    changed: bytes = model.SerializeToString()
    return changed


GRAPH: dict[str, Kind] = {"change_record": (change_record, (*TREE, ODD_VALUE))}
TENSORS: dict[str, Kind] = {
    "reshape_tensor": (reshape_tensor, (_WHICH, st.sampled_from(_SHAPES))),
    "retype_tensor": (retype_tensor, (_WHICH, st.sampled_from((*KINDS_OF, "BF16", "F8_E4M3")))),
    "set_values": (set_values, (_WHICH, PLACE, st.sampled_from(_OUT), st.booleans())),
    "change_names": (change_names, (_WHICH, st.sampled_from(("extra", "rename", "drop")))),
    "change_facts": (change_facts, (st.integers(0, 60), st.sampled_from(_FACTS), ODD_VALUE)),
    "change_header": (change_header, (*TREE, ODD_VALUE)),
}

_COLUMNS: dict[str, Any] = {
    "lists": lambda n: pa.array([[1, 2]] * n),
    "structs": lambda n: pa.array([{"a": 1}] * n),
    "binary": lambda n: pa.array([b"\xff\x00"] * n),
    "bool": lambda n: pa.array([True] * n),
    "time": lambda n: pa.array([0] * n, pa.timestamp("ns", "UTC")),
    "null": lambda n: pa.nulls(n),
    "date": lambda n: pa.array([0] * n, pa.date32()),
    "huge": lambda n: pa.array([2**63 - 1] * n),
    "unsigned": lambda n: pa.array([2**64 - 1] * n, pa.uint64()),
    "nan": lambda n: pa.array([float("nan")] * n),
    "inf": lambda n: pa.array([float("inf")] * n),
    "negative": lambda n: pa.array([-1] * n),
    "half": lambda n: pa.array([0.5] * n),
    "category": lambda n: pa.array(["a"] * n).dictionary_encode(),
    "numbers": lambda n: pa.array([1, 2] * n)[:n].dictionary_encode(),
    "decimal": lambda n: pa.array([1] * n, pa.decimal128(30, 2)),
    "duration": lambda n: pa.array([1] * n, pa.duration("s")),
    "text": lambda n: pa.array(["1"] * n),
    "empty": lambda n: pa.array([""] * n),
    "wide": lambda n: pa.array(["x"] * n, pa.large_string()),
    "none": lambda n: pa.array([None] * n),
    "map": lambda n: pa.array([[("a", 1)]] * n, pa.map_(pa.string(), pa.int64())),
}
_TABLES = (
    "drop",
    "rename",
    "twice",
    "no rows",
    "one row",
    "rows twice",
    "no facts",
    "bad facts",
    "index",
    "no columns",
)


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
            "no rows": lambda: table.slice(0, 0),
            "one row": lambda: table.slice(0, 1),
            "rows twice": lambda: pa.concat_tables([table, table]),
            "no facts": lambda: table.replace_schema_metadata(None),
            "bad facts": lambda: table.replace_schema_metadata({b"pandas": b'{"columns": 3}'}),
            "index": lambda: table.append_column("__index_level_0__", values),
            "no columns": lambda: table.select([]),
        }[how]()
    target = io.BytesIO()
    pq.write_table(table, target)
    return target.getvalue()


PARQUET: dict[str, Kind] = {
    "change_column": (change_column, (st.integers(0, 20), st.sampled_from((*_COLUMNS, *_TABLES))))
}
INNER: dict[str, Kind] = {
    "change_inner_table": (
        change_inner_table,
        (st.integers(0, 20), st.sampled_from((*_COLUMNS, *_TABLES))),
    )
}
