"""Our ONNX files: a graph, and among its metadata a record (JSON) of what it is; onnxruntime.

Whoever wrote a file, it is refused before any runtime sees it where it is too large or names other
files to load; runtimes know no operators but those built into them.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sameplayer.encoder.runtime.engines import FP32
from sameplayer.errors import MissingFile, SettingError, WeightsError, import_extra

FORMAT = 1
RECORD = "sameplayer"  # the key of the record among the file's metadata
LARGEST = 2**31 - 1  # bytes, as protobuf allows
OPSET = 18
# A tensor in another file has an entry with the key "location", which protobuf writes after its
# length: 8, in one byte or (ending in 0) in more. No other way leads to another file.
EXTERNAL_DATA = re.compile(rb"[\x00\x08]location")
INPUT, OUTPUT = "pictures", "rows"
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


@dataclass(frozen=True)
class Device:
    """Where an ONNX file runs: as ``torch.device``, without torch."""

    type: str
    index: int | None = None

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"


def read_content(path: str | Path) -> bytes:
    """Return the bytes of an ONNX file that keeps its weights in itself.

    Raises MissingFile, and WeightsError for a file that cannot be read, is over 2 GiB or names
    other files to load.
    """
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST:
            raise WeightsError(f"{path}: over 2 GiB; an ONNX file of ours is smaller.")
        content = path.read_bytes()
    except FileNotFoundError:
        raise MissingFile(f"{path}: no such file.") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}).") from error
    if EXTERNAL_DATA.search(content):
        raise WeightsError(f"{path}: keeps weights in other files, which are never read.")
    return content


def parse_record(text: str | None, what: str, kind: str) -> dict[str, Any]:
    """Return the record that a file's metadata hold.

    text    the metadata's value under ``RECORD``; None where there is none
    what    the file's name, for errors
    kind    what the file must hold, such as "encoder"

    Raises WeightsError for a file without a record, and for one of another format or kind.
    """
    command = f"sameplayer export {'ENCODER' if kind == 'encoder' else kind} --out FILE.onnx"
    try:
        record = json.loads(text or "null")
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise WeightsError(
            f"{what}: not an ONNX file that sameplayer wrote: its metadata hold no record "
            f"{RECORD!r}. Write one with: {command}"
        )
    if record.get("format") != FORMAT:
        raise WeightsError(
            f"{what}: of format {record.get('format')!r}; this version of sameplayer reads format "
            f"{FORMAT}. Export it again: {command}"
        )
    if record.get("kind") != kind:
        raise WeightsError(f"{what}: holds {record.get('kind')!r}; expected {kind!r}.")
    return record


class OnnxSession:
    """Pictures uint8 (n, h, w, 3) of any one size to rows float32, with as many threads as torch.

    content    bytes of a file, as ``read_content`` returns
    device     where it runs, as ``onnx_device`` returns
    what       the file's name, for errors
    kind       what its record must say that it holds
    weights    of a graph that is shipped without: the initializers' names and values

    Raises MissingExtra without onnxruntime, WeightsError where onnxruntime cannot run the file,
    its record says something else, or it takes and gives something else.
    """

    def __init__(
        self,
        content: bytes,
        device: Device,
        what: str,
        kind: str,
        weights: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        runtime = _runtime()
        self._what = what
        options = session_options(runtime, threads())
        if weights:
            values = [runtime.OrtValue.ortvalue_from_numpy(one) for one in weights.values()]
            options.add_external_initializers(list(weights), values)
        place = {"device_id": device.index or 0} if device.type == "cuda" else {}
        providers = [(PROVIDERS[device.type], place)]
        try:
            self._session: Any = runtime.InferenceSession(content, options, providers=providers)
            metadata = self._session.get_modelmeta().custom_metadata_map
        except Exception as error:  # onnxruntime's errors have no common root
            raise WeightsError(
                f"{what}: not an ONNX file, or a damaged one: onnxruntime cannot run it "
                f"({_line(error)}). Copy or export it again."
            ) from error
        self.record = parse_record(metadata.get(RECORD), what, kind)
        found = [(one.name, one.type, len(one.shape)) for one in self._session.get_inputs()]
        given = [(one.name, one.type) for one in self._session.get_outputs()]
        if found != [(INPUT, "tensor(uint8)", 4)] or given != [(OUTPUT, "tensor(float)")]:
            raise WeightsError(
                f"{what}: takes {found} and gives {given}; expected {INPUT}, uint8 (n, h, w, 3), "
                f"and {OUTPUT}, float32."
            )

    def columns(self, size: tuple[int, int] | None = None) -> list[Any]:
        """Return the sides of a row that the graph gives, without the first."""
        (out,) = self._session.get_outputs()
        return list(out.shape[1:])

    def run(self, pictures: np.ndarray, precision: str = FP32) -> np.ndarray:
        """Return rows float32 of pictures uint8 (n, h, w, 3); WeightsError where it stops."""
        try:
            rows: np.ndarray = self._session.run([OUTPUT], {INPUT: pictures})[0]
        except Exception as error:  # onnxruntime's errors have no common root
            raise WeightsError(f"{self._what}: onnxruntime stopped ({_line(error)}).") from error
        if len(rows) != len(pictures):
            raise WeightsError(f"{self._what}: gave {len(rows)} rows for {len(pictures)} pictures.")
        return rows


def onnx_device(name: str) -> Device:
    """Return the device of this name: cpu, cuda or cuda:N; "auto": CUDA where it can be used.

    Raises SettingError for one that the installed onnxruntime cannot use.
    """
    available = _runtime().get_available_providers()
    known = [kind for kind, provider in PROVIDERS.items() if provider in available]
    if name == "auto":
        return Device(known[-1])
    kind, _, index = name.partition(":")
    if kind not in known or not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise SettingError(
            "device",
            name,
            f"{' or '.join(known)}, which the installed onnxruntime can use; "
            "the package onnxruntime-gpu can use CUDA",
        )
    return Device(kind, int(index) if index else None)


def session_options(runtime: Any, count: int) -> Any:
    """Return options of a quiet session of onnxruntime with so many threads, which do not spin."""
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = count
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def threads() -> int:
    """Return the number of threads: torch's where it is loaded; 0: what the runtime chooses."""
    torch: Any = sys.modules.get("torch")
    return torch.get_num_threads() if torch else int(os.environ.get("OMP_NUM_THREADS") or 0)


def _runtime() -> Any:
    return import_extra("onnxruntime", "onnx", "An ONNX file")


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]
