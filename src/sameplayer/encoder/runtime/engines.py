"""ENGINES: what runs an encoder's network, in which number formats, how many pictures at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sameplayer.data.images.picture import Picture
from sameplayer.errors import SettingError

FP32, BF16, INT8 = "fp32", "bf16", "int8"
FORMATS = (FP32, BF16, INT8)
CPU_PASS = 16  # pictures a pass on a CPU, where more take four times as long each
TORCH, FILE_ENGINE = "torch", "onnxruntime"  # of a saved encoder, and of an ONNX file


@dataclass(frozen=True)
class Engine:
    """What runs a network.

    precisions    number formats in which it runs a network of float32 weights
    runs          what it takes, as a part of a sentence
    """

    precisions: tuple[str, ...]
    runs: str


ENGINES: dict[str, Engine] = {
    "torch": Engine((FP32, BF16), "presets, timm models and saved encoders"),
    "onnxruntime": Engine((FP32,), "ONNX files"),
    "openvino": Engine((FP32, BF16), "ONNX files"),
}


def pick_engine(name: str | None, source: str, is_file: bool) -> str:
    """Return the engine for a source: the one named, or the usual one.

    is_file    whether the source is an ONNX file

    Raises SettingError for an unknown engine and for one that does not run such a source.
    """
    usual = FILE_ENGINE if is_file else TORCH
    if name is None:
        return usual
    if name not in ENGINES:
        raise SettingError("engine", repr(name), f"one of {', '.join(ENGINES)}")
    if is_file != (name != TORCH):
        fitting = [other for other in ENGINES if is_file == (other != TORCH)]
        expected = f"{' or '.join(fitting)} for {source}; {name} runs {ENGINES[name].runs}"
        if not is_file:
            expected += f". Write one with: sameplayer export {source} --out FILE.onnx"
        raise SettingError("engine", repr(name), expected)
    return name


def computed_in(engine: str, precision: str, stored: str = FP32) -> str:
    """Return the number format in which an engine computes when it is asked for one.

    stored    the format of the file: one of int8 is computed in int8, whichever of "fp32" (what is
              asked for where nothing is said) and "int8" is asked for

    Raises SettingError for an unknown format, and for one that the engine cannot compute in.
    """
    known = (FP32, INT8) if stored == INT8 else ENGINES[engine].precisions
    if precision in known:
        return INT8 if stored == INT8 else precision
    expected = f"one of {', '.join(known)}"
    if stored == INT8:
        expected += ": a file of int8 computes in int8"
    elif precision == INT8:
        expected += "; int8 is computed from an ONNX file that was exported in int8"
    elif precision in FORMATS:
        able = [name for name, one in ENGINES.items() if precision in one.precisions]
        expected += f" with the engine {engine}; {precision} needs {' or '.join(able)}"
    raise SettingError("precision", repr(precision), expected)


def passes(prepared: Sequence[Picture], device: str) -> Iterator[np.ndarray]:
    """Yield prepared pictures as arrays (n, h, w, 3): on a CPU at most ``CPU_PASS`` at once.

    device    its type: "cpu", "cuda", ...
    """
    at_once = CPU_PASS if device == "cpu" else max(len(prepared), 1)
    for start in range(0, len(prepared), at_once):
        yield np.stack(prepared[start : start + at_once])


def check_batch_size(batch_size: int) -> None:
    """Raise SettingError unless a batch holds one picture or more."""
    if not isinstance(batch_size, (int, np.integer)):
        found = f"of type {type(batch_size).__name__}"
        raise SettingError("batch_size", found, "a whole number, 1 or more")
    if batch_size < 1:
        raise SettingError("batch_size", batch_size, "1 or more")
