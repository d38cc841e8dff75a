"""The tensors of a file that ``torch.save`` wrote, of the zip form and of that before torch 1.6.

The pickle in it is read as data (``pickles.py``): nothing in the file is run.
"""

from __future__ import annotations

import io
import mmap
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sameplayer.encoder.storage.pickles import Made, Name, Persistent, read_pickle
from sameplayer.errors import WeightsError

MAGIC = 0x1950A86A20F9469CFC6C  # the first of the pickles of a file before torch 1.6
LARGEST_PICKLE = 1 << 28
MOST_NAMES, DEEPEST = 500_000, 8
DTYPES = {
    "Float": torch.float32,
    "Double": torch.float64,
    "Half": torch.float16,
    "Long": torch.int64,
    "BFloat16": torch.bfloat16,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
}
PLAIN = ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor")
WRAPPED = ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state")
TYPED = "torch._tensor._rebuild_from_type_v2"
Bytes = Callable[[str, int], bytearray]


@dataclass(frozen=True)
class Storage:
    """A storage that a pickle names: where it lies in the file, its type and its length."""

    key: str
    dtype: torch.dtype
    length: int


@dataclass
class Found:
    """What was found in a checkpoint, by dotted names.

    tensors    plain ones
    modules    whole modules: their classes
    unread     numpy arrays and tensors of other kinds: what would make them
    about      what the whole is, in a few words
    """

    tensors: dict[str, Tensor] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    about: str = ""


def read_torch(path: Path) -> Found:
    """Read a file of ``torch.save``. Raises ValueError for a damaged one, WeightsError for others.

    Dictionaries within dictionaries have their keys joined by dots: ``state_dict.conv1.weight``.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return _of_zip(archive, path)
    with path.open("rb") as stream:
        start = stream.read(16)
    if start[:2] == b"PK":
        raise ValueError("its end is missing; copy or download it again")
    if start[:1] != b"\x80":
        raise ValueError(f"it begins with {start!r}" if start else "empty")
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        return _of_old(whole, path)


def _of_zip(archive: zipfile.ZipFile, path: Path) -> Found:
    names = {info.filename: info for info in archive.infolist()}
    pickle = next((name for name in names if name.split("/")[1:] == ["data.pkl"]), None)
    stem = (pickle or "").removesuffix("data.pkl")
    if pickle is None or f"{stem}constants.pkl" in names:
        raise WeightsError(f"{path}: {_what_zip(names)}")
    if any(info.compress_type != zipfile.ZIP_STORED for info in names.values()):
        raise ValueError("compressed, which torch.save does not do; unpack and save it again")
    if names[pickle].file_size > LARGEST_PICKLE:
        raise ValueError(f"a pickle of {names[pickle].file_size} bytes")
    order = f"{stem}byteorder"
    if order in names and archive.read(order).strip() == b"big":
        raise ValueError("written on a big-endian machine; save it again on another one")
    left = path.stat().st_size  # entries may lie one upon the other: no more is read than there is

    def of_key(key: str, size: int) -> bytearray:
        nonlocal left
        info = names[f"{stem}data/{key}"]
        left -= info.file_size
        if info.file_size != size or left < 0:
            raise ValueError(f"storage {key} of {info.file_size} bytes instead of {size}")
        return bytearray(archive.read(info))

    return _gathered(read_pickle(io.BytesIO(archive.read(pickle))), of_key)


def _what_zip(names: dict[str, Any]) -> str:
    some = ", ".join(sorted(names)[:3])
    if any(name.split("/")[1:2] == ["constants.pkl"] for name in names):
        return (
            "a TorchScript archive, which is a program with its weights; expected the weights "
            "alone. With torch: torch.save(torch.jit.load(FILE).state_dict(), 'weights.pth')."
        )
    if all(name.endswith(".npy") for name in names):
        return f"a file of numpy arrays ({some}); expected a state dict of torch. {RECIPE_NUMPY}"
    return f"a zip archive of other files ({some}); unpack it, and name the file of weights in it."


RECIPE_NUMPY = (
    "With torch: torch.save({name: torch.from_numpy(array) for name, array in ARRAYS.items()}, "
    "'weights.pth')."
)


def _of_old(whole: mmap.mmap, path: Path) -> Found:
    """Read the form before torch 1.6: pickles one after the other, then the storages."""
    first = read_pickle(whole)  # type: ignore[arg-type]
    if first != MAGIC:  # a plain pickle, such as detectron2's
        return _gathered(first, _no_bytes)
    _, system, state, keys = (read_pickle(whole) for _ in range(4))  # type: ignore[arg-type]
    if not isinstance(keys, list) or (isinstance(system, dict) and not system.get("little_endian")):
        raise ValueError("written on a big-endian machine, or damaged")
    kinds = {one.key: one for one in _storages(state)}
    places: dict[str, tuple[int, int]] = {}
    at = whole.tell()
    for key in keys:
        (length,) = struct.unpack("<q", whole[at : at + 8])
        size = length * kinds[key].dtype.itemsize
        if size < 0 or at + 8 + size > len(whole):
            raise ValueError("its end is missing; copy it again")
        places[key] = at + 8, size
        at += 8 + size

    def of_key(key: str, size: int) -> bytearray:
        begin, held = places[key]
        if held != size:
            raise ValueError(f"storage {key} of {held} bytes instead of {size}")
        return bytearray(whole[begin : begin + size])

    return _gathered(state, of_key)


def _no_bytes(key: str, size: int) -> bytearray:
    raise ValueError(f"a storage {key} without a place")


def _storages(root: Any) -> Iterator[Storage]:
    """Yield the storages that a pickle names anywhere, each as often as it is named."""
    waiting, seen = [root], set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, (str, bytes, int, float)):
            continue
        seen.add(id(value))
        if isinstance(value, Persistent) and value.key[:1] == ("storage",):
            yield storage_of(value)
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, (list, tuple)):
            waiting += value
        elif isinstance(value, Made):
            waiting += [value.args, value.state, *value.items.values()]


def storage_of(value: Any) -> Storage:
    """Return the storage that a pickle's reference means; ValueError where it means none."""
    key = value.key if isinstance(value, Persistent) else None
    if not isinstance(key, tuple) or len(key) < 5 or key[0] != "storage":
        raise ValueError("a tensor without a storage")
    kind = key[1].path.split(".")[-1] if isinstance(key[1], Name) else ""
    dtype = DTYPES.get(kind.removesuffix("Storage"))
    if dtype is None or type(key[4]) is not int or key[4] < 0 or key[5:] not in ((), (None,)):
        raise ValueError(f"a storage of a type that is not read ({kind or 'unknown'})")
    return Storage(str(key[2]), dtype, key[4])


def _gathered(root: Any, of_key: Bytes) -> Found:
    """Return what lies below named keys; lists and keys that are numbers are passed over."""
    found, held = Found(about=_about(root)), dict[str, Tensor]()

    def tensor_of(value: Made) -> Tensor:
        while value.kind() in (*WRAPPED, TYPED):
            value = value.args[0] if value.kind() in WRAPPED else Made(value.args[0], value.args[2])
        storage = storage_of(value.args[0])
        if storage.key not in held:
            content = of_key(storage.key, storage.length * storage.dtype.itemsize)
            empty = torch.empty(0, dtype=storage.dtype)
            held[storage.key] = torch.frombuffer(content, dtype=storage.dtype) if content else empty
        offset, size, stride = value.args[1:4]
        return torch.as_strided(held[storage.key], size, stride, offset)

    for name, value in _leaves(root, "", DEEPEST):
        kind = value.kind()
        if kind in PLAIN or kind in WRAPPED or kind == TYPED:
            try:
                found.tensors[name] = tensor_of(value)
            except (AttributeError, IndexError, KeyError, TypeError, RuntimeError) as error:
                raise ValueError(f"{name} is damaged ({type(error).__name__})") from error
        elif isinstance(value.state, dict) and "_modules" in value.state:
            found.modules[name] = kind
        elif kind.startswith("torch._utils._rebuild") or kind.endswith("multiarray._reconstruct"):
            found.unread[name] = kind
        if len(found.tensors) > MOST_NAMES:
            raise ValueError(f"more than {MOST_NAMES} tensors")
    return found


def _about(root: Any) -> str:
    """Return what a checkpoint is in a few words: its type, and what it holds."""
    if not isinstance(root, dict):
        return _type_of(root)
    held = [f"{key!s:.60} ({_type_of(value)})" for key, value in [*root.items()][:4]]
    return f"a dictionary of {', '.join(held) or 'nothing'}{', ...' if len(root) > 4 else ''}"


def _type_of(value: Any) -> str:
    kind = "dict" if isinstance(value, dict) else type(value).__name__
    return f"{value.kind() if isinstance(value, Made) else kind:.80}"


def _leaves(root: Any, name: str, depth: int, steps: list[int] | None = None) -> Iterator[Any]:
    """Yield (dotted name, object) for what lies in dictionaries, dictionaries of others' too."""
    steps = [0] if steps is None else steps
    steps[0] += 1
    if steps[0] > MOST_NAMES:
        raise ValueError(f"more than {MOST_NAMES} values")
    inner = root.items if isinstance(root, Made) and root.items else root
    if isinstance(inner, dict) and depth:
        for key, value in inner.items():
            if isinstance(key, str) and isinstance(value, (dict, Made)):
                yield from _leaves(value, f"{name}.{key}" if name else key, depth - 1, steps)
    elif isinstance(root, Made):
        yield name, root
