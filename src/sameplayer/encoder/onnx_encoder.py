"""An encoder that an ONNX file holds: it embeds by onnxruntime, without its torch network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from sameplayer.data.images import Picture
from sameplayer.encoder.build import EncoderSpec
from sameplayer.encoder.calibration import is_number
from sameplayer.encoder.colour import COLOURS
from sameplayer.encoder.device import pick_device
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.onnx_file import GraphFile, read_graph_file
from sameplayer.errors import ConfigError, SettingError, WeightsError, import_extra

INPUT, OUTPUT = "pictures", "rows"
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxEncoder(Encoder):
    """What ``load_encoder`` gives for a file that ``export_encoder`` wrote.

    It embeds like the encoder that was exported, and has its spec and fingerprint. What needs the
    torch network, such as training, maps, soups or other views, raises WeightsError.
    """

    def __init__(self, path: str | Path, device: str = "cpu") -> None:
        self.path = Path(path)
        file = read_graph_file(self.path, "encoder")
        self.spec, scale = _spec(self.path, file.record)
        self.log_scale = nn.Parameter(torch.tensor(scale))
        self._fingerprint = str(file.record["fingerprint"])
        self._width = int(file.record["columns"])
        self._open(file, onnx_device(device))

    def _open(self, file: GraphFile, device: torch.device) -> None:
        self._session = open_session(file.content, device, str(self.path))
        self._device = device
        (out,) = self._session.get_outputs()
        if list(out.shape[1:]) != [self._width]:
            raise WeightsError(
                f"{self.path}: gives rows of shape {out.shape}; its record says {self._width} "
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
        """Run on another device, of those that this onnxruntime knows, and return self."""
        where = onnx_device(str(device))
        if where != self._device:
            self._open(read_graph_file(self.path, "encoder"), where)
        return self

    def unit_rows(self, prepared: Sequence[Picture], precision: str = "fp32") -> np.ndarray:
        """Return unit rows (b, d) float32 of prepared pictures (h, w, 3) uint8: one batch."""
        if precision != "fp32":
            expected = "fp32; an ONNX file computes in the number format that it was written with"
            raise SettingError("precision", repr(precision), expected)
        return run_session(self._session, np.stack(prepared), str(self.path))

    def fingerprint(self) -> str:
        """Return that of the encoder which was exported: 16 hex digits."""
        return self._fingerprint

    def __deepcopy__(self, memo: dict[int, Any]) -> OnnxEncoder:
        return self  # nothing in it changes but the device


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
            "device", name, f"{' or '.join(known)}, which the installed onnxruntime can use; "
            "the package onnxruntime-gpu can use CUDA",
        )  # fmt: skip
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
