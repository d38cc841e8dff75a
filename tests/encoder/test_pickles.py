"""A pickle is read as data: what it describes is told, and nothing of it is run."""

from __future__ import annotations

import argparse
import datetime
import io
import pickle
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sameplayer.encoder.storage import pickles
from sameplayer.encoder.storage.pickles import Made, Name, read_pickle

PLAIN = {
    "numbers": [0, 1, -1, 255, 70_000, 2**40, -(2**80), 0.5, float("inf")],
    "words": ["", "a", "é" * 300, b"", b"x" * 300],
    "none": [None, True, False, (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    "inside": {"a": {"b": [{}]}, 3: "number", None: "none"},
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_are_read_as_pickle_reads_them(protocol: int) -> None:
    values = {k: v for k, v in PLAIN.items() if protocol > 2 or k != "words"}
    shared = [values, values]
    found = read_pickle(io.BytesIO(pickle.dumps(shared, protocol)))
    assert found == shared
    assert found[0] is found[1]


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_dictionaries_of_python_are_dictionaries(protocol: int) -> None:
    given = [OrderedDict(a=1), Counter("aab")]
    assert read_pickle(io.BytesIO(pickle.dumps(given, protocol))) == [{"a": 1}, {"a": 2, "b": 1}]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (np.float64(0.5), "numpy._core.multiarray.scalar"),
        (np.zeros(3), "numpy._core.multiarray._reconstruct"),
        (argparse.Namespace(lr=0.1), "argparse.Namespace"),
        (datetime.datetime(2026, 1, 1), "datetime.datetime"),
        (defaultdict(list), "collections.defaultdict"),
        (Path("/x"), "pathlib.PosixPath"),
    ],
)
def test_an_object_is_told_by_its_class_and_not_made(value: Any, kind: str) -> None:
    found = read_pickle(io.BytesIO(pickle.dumps({"x": value}, 2)))["x"]
    assert isinstance(found, Made)
    assert found.kind() == kind
    assert read_pickle(io.BytesIO(pickle.dumps(argparse.Namespace, 4))) == Name(
        "argparse.Namespace"
    )


TOUCH = b"V%s\n"  # a unicode literal
ATTACKS = {
    "global and reduce": b"cos\nsystem\n(" + TOUCH + b"tR.",
    "stack global": b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93(" + TOUCH + b"tR.",
    "inst": b"(" + TOUCH + b"ios\nsystem\n.",
    "obj": b"(cos\nsystem\n" + TOUCH + b"o.",
    "newobj": b"\x80\x02cos\nsystem\n(" + TOUCH + b"t\x81.",
    "newobj with names": b"\x80\x04cos\nsystem\n(" + TOUCH + b"t}\x92.",
    "build with a state": b"cos\nsystem\n(tR}V__setstate__\ncos\nsystem\nsb" + TOUCH + b"b.",
    "slots of a class": b"ccollections\nOrderedDict\n(N}V__reduce__\ncos\nsystem\nstb.",
    "memory": b"cos\nsystem\np0\n0g0\n(" + TOUCH + b"tR.",
    "items of a call": b"(lcos\nsystem\n(" + TOUCH + b"tRa.",
    "copy_reg": b"ccopy_reg\n_reconstructor\n(cos\nsystem\nc__builtin__\nobject\n" + TOUCH + b"tR.",
    "eval": b"cbuiltins\neval\n(" + TOUCH + b"tR.",
    "getattr": b"cbuiltins\ngetattr\n(cos\n__dict__\nVsystem\ntR(" + TOUCH + b"tR.",
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_no_attack_runs_or_imports_anything(
    attack: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> None:
        raise AssertionError(f"run: {args}")

    target = tmp_path / "run"
    stream = io.BytesIO(attack.replace(b"%s", f"touch {target}".encode()))
    with monkeypatch.context() as patch:
        for place in ("os.system", "builtins.eval", "builtins.__import__"):
            patch.setattr(place, refuse)
        found = read_pickle(stream)
    assert found is not None
    assert not target.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b".",
        b"\x80\x02",
        b"\x80\x02}",
        b"0.",
        b"\x80\x02]e.",
        b"h\x05.",
        b"\x82\x01.",
        b"\x97.",
        b"\x80\x02K\x01K\x02s.",
        b"X\xff\xff\xff\xffabc.",
        b"\x8d" + b"\xff" * 8 + b".",
        b"\x8a\xff.",
        b"no pickle at all",
        b"cno newline",
    ],
    ids=repr,
)
def test_a_damaged_pickle_is_a_value_error(content: bytes) -> None:
    with pytest.raises(
        ValueError,
        match=r"damaged|no end|step|bytes|opcode|newline|pickle|size|not enough|exhausted",
    ):
        read_pickle(io.BytesIO(content))


def test_steps_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickles, "MOST_STEPS", 1000)
    with pytest.raises(ValueError, match="more than 1000 steps"):
        read_pickle(io.BytesIO(b"\x80\x02" + b"}0" * 1000 + b"N."))


def test_deep_nesting_overflows_nothing() -> None:
    deep = b"\x80\x02)" + b"\x85" * 50_000  # a tuple in a tuple in ...
    assert read_pickle(io.BytesIO(deep + b".")) is not None
    assert read_pickle(io.BytesIO(b"\x80\x02}" + deep[2:] + b"Ns.")) == {}  # as a key: not hashed
