"""Pickles as data: what a pickle describes, without a line of it being run.

Python's own ``pickle`` reads it, but no class or function is imported: each is its ``Name``, and
what would be a call or an object is a ``Made``, which says by whom and of what. So any checkpoint
can be looked into, whatever objects lie beside its weights.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any

MOST_STEPS = 2_000_000  # some 20 s; a checkpoint of a large ViT and its optimizer takes 50,000
KEYS = (str, int, float, bytes, type(None))  # others are not hashed, which could go deep
DICTS = {"collections.OrderedDict", "collections.Counter", "builtins.dict", "__builtin__.dict"}


class _Callable:
    """What a pickle may call, and give a state: it makes a ``Made``, or a dictionary."""

    def __call__(self, *args: Any) -> Any:
        if not isinstance(self, Name) or self.path not in DICTS:
            return Made(self, args)
        found, given = Pairs(), args[0] if args else []
        for key, value in given.items() if isinstance(given, dict) else given:
            found[key] = value
        return found

    def __setstate__(self, state: Any) -> None:
        pass


@dataclass(frozen=True)
class Name(_Callable):
    """A class or function that a pickle names: ``collections.OrderedDict``."""

    path: str


@dataclass(frozen=True)
class Persistent(_Callable):
    """What lies outside the pickle, by what the pickle says of it."""

    key: Any


class Pairs(dict[Any, Any]):
    """A dictionary that passes over keys which are not of KEYS."""

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, KEYS):
            super().__setitem__(key, value)

    def __setstate__(self, state: Any) -> None:
        pass


@dataclass(eq=False)
class Made(_Callable):
    """What a pickle would make: maker and arguments, then the state and the items given to it."""

    maker: Any
    args: tuple[Any, ...]
    state: Any = None
    items: Pairs = field(default_factory=Pairs)

    def kind(self) -> str:
        """Return the name of its class or of the function that would make it."""
        maker = self.maker
        rebuilt = isinstance(maker, Name) and maker.path.split(".")[0] in ("copyreg", "copy_reg")
        if rebuilt and self.args:
            maker = self.args[0]
        if isinstance(maker, Persistent) and maker.key[:1] == ("module",):  # before torch 1.6
            maker = maker.key[1]
        return maker.path if isinstance(maker, Name) else "an unknown object"

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items[key] = value

    def extend(self, items: Any) -> None:
        """Pass over the items of a list or a set."""

    append = extend


def read_pickle(stream: IO[bytes]) -> Any:
    """Return what the pickle at a stream's position describes; the stream then stands behind it.

    Sets are lists. Raises ValueError for what is no pickle, a damaged one, or one of too many
    steps.
    """
    try:
        return _Reader(stream).load()
    except (
        pickle.UnpicklingError,
        EOFError,
        IndexError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
    ) as error:
        raise ValueError(f"damaged ({type(error).__name__})") from error


class _Steps(dict[int, Callable[[Any], None]]):
    """The steps of a pickle by their codes, of which so many may be taken."""

    taken = 0

    def __getitem__(self, code: int) -> Callable[[Any], None]:
        self.taken += 1
        if self.taken > MOST_STEPS:
            raise ValueError(f"more than {MOST_STEPS} steps")
        return super().__getitem__(code)


class _Reader(pickle._Unpickler):
    """Python's reader of pickles, which names what it would import and counts its steps."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream, encoding="latin1")
        steps = _Steps(USUAL)
        for code, step in OTHERWISE.items():
            if step is None:
                del steps[code[0]]
            else:
                steps[code[0]] = step
        self.dispatch = steps  # type: ignore[misc]  # of this reader alone: it counts

    def find_class(self, module: str, name: str) -> Name:
        return Name(f"{module:.200}.{name:.200}")

    def persistent_load(self, pid: Any) -> Persistent:
        return Persistent(pid)


def _empty_dict(reader: Any) -> None:
    reader.append(Pairs())


def _dict(reader: Any) -> None:
    items, found = reader.pop_mark(), Pairs()
    for key, value in zip(items[::2], items[1::2], strict=True):
        found[key] = value
    reader.append(found)


def _newobj_ex(reader: Any) -> None:
    reader.stack.pop()
    reader.load_reduce()


USUAL: dict[int, Callable[[Any], None]] = pickle._Unpickler.dispatch
OTHERWISE: dict[bytes, Callable[[Any], None] | None] = {
    pickle.EMPTY_DICT: _empty_dict,
    pickle.DICT: _dict,
    pickle.EMPTY_SET: USUAL[pickle.EMPTY_LIST[0]],
    pickle.ADDITEMS: USUAL[pickle.APPENDS[0]],
    pickle.FROZENSET: USUAL[pickle.LIST[0]],
    pickle.NEWOBJ: USUAL[pickle.REDUCE[0]],
    pickle.NEWOBJ_EX: _newobj_ex,
    pickle.BYTEARRAY8: USUAL[pickle.BINBYTES8[0]],  # takes memory only for bytes that are there
    **dict.fromkeys(
        (pickle.EXT1, pickle.EXT2, pickle.EXT4)
    ),  # could give what a program registered
}
"""Steps that are taken in another way than Python's, and those that are not taken."""
