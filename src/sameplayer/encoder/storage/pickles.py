"""Pickles as data: what a pickle describes, without a line of it being run.

Nothing is imported and nothing called: a class or function is its ``Name``, and what would be a
call or an object is a ``Made``, which says by whom and of what. So any checkpoint can be looked
into, whatever objects lie beside its weights.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any

MOST_STEPS = 2_000_000  # some 20 s; a checkpoint of a large ViT and its optimizer takes 50,000
KEYS = (str, int, float, bytes, type(None))  # others are not hashed, which could go deep


@dataclass(frozen=True)
class Name:
    """A class or function that a pickle names: ``collections.OrderedDict``."""

    path: str


@dataclass(eq=False)
class Made:
    """What a pickle would make: maker and arguments, then the state and the items given to it."""

    maker: Any
    args: Any
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)

    def kind(self) -> str:
        """Return the name of its class or of the function that would make it."""
        maker, args = self.maker, self.args
        rebuilt = isinstance(maker, Name) and maker.path.split(".")[0] in ("copyreg", "copy_reg")
        if rebuilt and isinstance(args, tuple) and args:
            maker = args[0]
        if isinstance(maker, Persistent) and maker.key[:1] == ("module",):  # before torch 1.6
            maker = maker.key[1]
        return maker.path if isinstance(maker, Name) else "an unknown object"


@dataclass(frozen=True)
class Persistent:
    """What lies outside the pickle, by what the pickle says of it."""

    key: Any


DICTS = {"collections.OrderedDict", "collections.Counter", "builtins.dict", "__builtin__.dict"}
CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": list,
}
LITERALS = {
    "INT",
    "BININT",
    "BININT1",
    "BININT2",
    "LONG",
    "LONG1",
    "LONG4",
    "FLOAT",
    "BINFLOAT",
    "STRING",
    "BINSTRING",
    "SHORT_BINSTRING",
    "UNICODE",
    "SHORT_BINUNICODE",
    "BINUNICODE",
    "BINUNICODE8",
    "BINBYTES",
    "SHORT_BINBYTES",
    "BINBYTES8",
    "BYTEARRAY8",
}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def read_pickle(stream: IO[bytes]) -> Any:
    """Return what the pickle at a stream's position describes; the stream then stands behind it.

    Sets are lists. Raises ValueError for what is no pickle, a damaged one, or one of too many
    steps.
    """
    reader = _Reader()
    try:
        for step, (code, arg, _) in enumerate(pickletools.genops(stream)):
            if step > MOST_STEPS:
                raise ValueError(f"more than {MOST_STEPS} steps")
            if code.name == "STOP":
                return reader.stack.pop()
            reader.take(code.name, arg)
    except (IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"damaged ({type(error).__name__})") from error
    raise ValueError("no end")


class _Reader:
    """The stack and the memory of a pickle that is being read."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memory: dict[int, Any] = {}

    def take(self, code: str, arg: Any) -> None:
        """Do one step; IndexError, KeyError and the like where the pickle is damaged."""
        if code in LITERALS:
            self.stack.append(arg)
        elif code in CONSTANTS:
            self.stack.append(CONSTANTS[code]())
        elif code in TUPLES:
            self.stack[-TUPLES[code] :] = [tuple(self._last(TUPLES[code]))]
        elif code in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memory[arg] = self.stack[-1]
        elif code in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self.memory[arg])
        elif code not in ("PROTO", "FRAME"):
            step = getattr(self, f"_{code.lower()}", None)
            if step is None:
                raise ValueError(f"a step {code}, which no checkpoint takes")
            step(arg) if code in ("GLOBAL", "INST", "PERSID") else step()

    def _last(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise IndexError(count)
        return self.stack[-count:]

    def _marked(self) -> list[Any]:
        items, self.stack = self.stack, self.below.pop()
        return items

    def _mark(self) -> None:
        self.below.append(self.stack)
        self.stack = []

    def _pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self._marked()

    def _pop_mark(self) -> None:
        self._marked()

    def _dup(self) -> None:
        self.stack.append(self.stack[-1])

    def _memoize(self) -> None:
        self.memory[len(self.memory)] = self.stack[-1]

    def _tuple(self) -> None:
        items = self._marked()
        self.stack.append(tuple(items))

    def _list(self) -> None:
        items = self._marked()
        self.stack.append(items)

    _frozenset = _list

    def _dict(self) -> None:
        items = self._marked()
        self.stack.append({})
        self._put(items)

    def _append(self) -> None:
        self._add([self.stack.pop()])

    def _appends(self) -> None:
        self._add(self._marked())

    _additems = _appends

    def _setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._put([key, value])

    def _setitems(self) -> None:
        self._put(self._marked())

    def _add(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)

    def _put(self, items: list[Any]) -> None:
        target = self.stack[-1]
        target = target.items if isinstance(target, Made) else target
        if not isinstance(target, dict):
            raise TypeError("items of no dictionary")
        pairs = zip(items[::2], items[1::2], strict=True)
        target.update((key, value) for key, value in pairs if isinstance(key, KEYS))

    def _global(self, arg: str) -> None:
        self.stack.append(Name(arg.replace(" ", ".")))

    def _stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(Name(f"{module!s:.200}.{name!s:.200}"))

    def _made(self, maker: Any, args: Any) -> None:
        if isinstance(maker, Name) and maker.path in DICTS:
            self.stack.append({})
            given = args[0] if isinstance(args, tuple) and args else []
            pairs = [*given.items()] if isinstance(given, dict) else given
            pairs = pairs if isinstance(pairs, list) else []
            self._put([part for pair in pairs for part in pair])
        else:
            self.stack.append(Made(maker, args))

    def _reduce(self) -> None:
        args, maker = self.stack.pop(), self.stack.pop()
        self._made(maker, args)

    _newobj = _reduce

    def _newobj_ex(self) -> None:
        self.stack.pop()
        self._reduce()

    def _inst(self, arg: str) -> None:
        args = tuple(self._marked())
        self._made(Name(arg.replace(" ", ".")), args)

    def _obj(self) -> None:
        maker, *args = self._marked()
        self._made(maker, tuple(args))

    def _build(self) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], Made):
            self.stack[-1].state = state

    def _persid(self, arg: str) -> None:
        self.stack.append(Persistent(arg))

    def _binpersid(self) -> None:
        self.stack.append(Persistent(self.stack.pop()))
