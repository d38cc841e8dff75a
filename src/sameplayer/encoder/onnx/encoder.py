"""An encoder that an ONNX file holds: it embeds by a runtime, without its torch network."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from sameplayer.data.images.picture import Picture
from sameplayer.encoder.calibration import is_number
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.networks.build import EncoderSpec
from sameplayer.encoder.networks.colour import COLOURS
from sameplayer.encoder.runtime.device import pick_device
from sameplayer.encoder.runtime.engines import FILE_ENGINE, FP32, computed_in, pick_engine
from sameplayer.encoder.runtime.inference import passes
from sameplayer.encoder.runtime.onnx_file import GraphFile, read_graph_file
from sameplayer.encoder.runtime.openvino_session import OpenVinoSession, openvino_device
from sameplayer.errors import ConfigError, SettingError, WeightsError, import_extra

INPUT, OUTPUT = "pictures", "rows"
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxEncoder(Encoder):
    """What ``load_encoder`` gives for a file that ``export_encoder`` wrote.

    It embeds like the encoder that was exported, and has its spec and fingerprint. What needs the
    torch network, such as training, maps, soups or other views, raises WeightsError.
    """

    def __init__(self, path: str | Path, device: str = "auto", engine: str = FILE_ENGINE) -> None:
        self.path = Path(path)
        self.engine = pick_engine(engine, str(path), is_file=True)
        file = read_graph_file(self.path, "encoder")
        self.spec, scale = _spec(self.path, file.record)
        self.log_scale = nn.Parameter(torch.tensor(scale))
        self._fingerprint = str(file.record["fingerprint"])
        self._width = int(file.record["columns"])
        self._stored = str(file.record.get("precision", FP32))
        self._open(file, self._place(device))

    def _place(self, device: str) -> torch.device:
        return onnx_device(device) if self.engine == FILE_ENGINE else openvino_device(device)

    def _open(self, file: GraphFile, device: torch.device) -> None:
        size = (self.spec.height, self.spec.width)
        self._session = SESSIONS[self.engine](file.content, size, device, str(self.path))
        self._device = device
        columns = self._session.columns()
        if columns != [self._width]:
            raise WeightsError(
                f"{self.path}: gives rows of {columns} columns; its record says {self._width} "
                "columns."
            )

    @property
    def model(self) -> nn.Module:  # type: ignore[override]  # there is none to set
        raise WeightsError(
            f"{self.path}: an ONNX file holds no torch network, which training, maps, soups, "
            "calibrating, saving and changed views need. Use the encoder that it was exported from."
        )

    @property
    def device(self) -> torch.device:
        return self._device

    @property
    def feature_width(self) -> int:
        """Number of columns of the network's features."""
        return self._width - (COLOURS if self.spec.colour else 0)

    def to(self, device: str | torch.device) -> Encoder:
        """Run on another device, of those that the engine knows, and return self."""
        where = self._place(str(device))
        if where != self._device:
            self._open(read_graph_file(self.path, "encoder"), where)
        return self

    def unit_rows(self, prepared: Sequence[Picture], precision: str = "fp32") -> np.ndarray:
        """Return unit rows (b, d) float32 of prepared pictures (h, w, 3) uint8: one batch."""
        kind, parts = self.computed_in(precision), passes(prepared, self._device)
        return np.concatenate([self._session.run(part, kind) for part in parts])

    def computed_in(self, precision: str = FP32) -> str:
        """Return the number format of rows for a precision; SettingError for one it cannot."""
        return computed_in(self.engine, precision, self._stored)

    def fingerprint(self) -> str:
        """Return that of the encoder which was exported: 16 hex digits."""
        return self._fingerprint

    def __deepcopy__(self, memo: dict[int, Any]) -> OnnxEncoder:
        return self  # nothing in it changes but the device


class RuntimeSession:
    """A checked graph that onnxruntime runs, whatever the pictures' size."""

    def __init__(
        self, content: bytes, size: tuple[int, int], device: torch.device, what: str
    ) -> None:
        self._session, self._what = open_session(content, device, what), what

    def columns(self) -> list[Any]:
        """Return the sides of a row that the graph gives, without the first."""
        (out,) = self._session.get_outputs()
        return list(out.shape[1:])

    def run(self, pictures: np.ndarray, precision: str = FP32) -> np.ndarray:
        """Return rows float32 of pictures uint8 (n, h, w, 3)."""
        return run_session(self._session, pictures, self._what)


class Session(Protocol):
    """What runs an ONNX file."""

    def columns(self) -> list[Any]: ...
    def run(self, pictures: np.ndarray, precision: str) -> np.ndarray: ...


# (bytes of a checked file, height and width of its input, device, its name) -> what runs it
SESSIONS: dict[str, Callable[[bytes, tuple[int, int], torch.device, str], Session]] = {
    "onnxruntime": RuntimeSession,
    "openvino": OpenVinoSession,
}


def onnx_device(name: str) -> torch.device:
    """Return the device of this name, of those that this onnxruntime can use.

    Raises SettingError for one that it cannot; "auto" is then the CPU.
    """
    runtime = _runtime()
    where = pick_device(name)
    known = [
        kind for kind, words in PROVIDERS.items() if words in runtime.get_available_providers()
    ]
    if where.type in known:
        return where
    if name != "auto":
        raise SettingError(
            "device",
            name,
            f"{' or '.join(known)}, which the installed onnxruntime can use; "
            "the package onnxruntime-gpu can use CUDA",
        )
    return torch.device("cpu")


def open_session(content: bytes, device: torch.device, what: str) -> Any:
    """Return an onnxruntime session of a checked graph, with as many threads as torch has.

    Raises WeightsError where onnxruntime cannot run it, or it takes and gives something else.
    """
    runtime = _runtime()
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = torch.get_num_threads()
    place = {"device_id": device.index or 0} if device.type == "cuda" else {}
    try:
        session: Any = runtime.InferenceSession(
            content, options, providers=[(PROVIDERS[device.type], place)]
        )
    except Exception as error:  # onnxruntime's errors have no common root
        raise WeightsError(f"{what}: onnxruntime cannot run it ({_line(error)}).") from error
    found = [(one.name, one.type, len(one.shape)) for one in session.get_inputs()]
    given = [(one.name, one.type) for one in session.get_outputs()]
    if found != [(INPUT, "tensor(uint8)", 4)] or given != [(OUTPUT, "tensor(float)")]:
        raise WeightsError(
            f"{what}: takes {found} and gives {given}; expected {INPUT}, uint8 (n, h, w, 3), and "
            f"{OUTPUT}, float32."
        )
    return session


def run_session(session: Any, pictures: np.ndarray, what: str) -> np.ndarray:
    """Return what a session gives for pictures uint8 (n, h, w, 3); WeightsError where it stops."""
    try:
        rows: np.ndarray = session.run([OUTPUT], {INPUT: pictures})[0]
    except Exception as error:  # onnxruntime's errors have no common root
        raise WeightsError(f"{what}: onnxruntime stopped ({_line(error)}).") from error
    if len(rows) != len(pictures):
        raise WeightsError(f"{what}: gave {len(rows)} rows for {len(pictures)} pictures.")
    return rows


def _runtime() -> Any:
    return import_extra("onnxruntime", "onnx", "An ONNX file")


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]


def _spec(path: Path, record: dict[str, Any]) -> tuple[EncoderSpec, float]:
    """Return spec and logarithm of the scale; WeightsError for a record without them."""
    try:
        spec = EncoderSpec.from_record(record)
        scale, columns = record["log_scale"], record["columns"]
        if not is_number(scale) or type(columns) is not int or columns < 1:
            raise TypeError("log_scale and columns are no numbers")
        if not re.fullmatch("[0-9a-f]{16}", record["fingerprint"]):
            raise ValueError("fingerprint is not 16 hex digits")
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path}: its record of the encoder is damaged ({type(error).__name__}: {error}). "
            "Export it again."
        ) from error
    return spec, float(scale)
