"""An encoder that an ONNX file holds: it embeds by a runtime, and torch is not imported."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sameplayer.data.images.picture import Picture
from sameplayer.encoder.calibration import is_number
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.networks.colour import COLOURS
from sameplayer.encoder.networks.spec import EncoderSpec
from sameplayer.encoder.runtime.engines import FILE_ENGINE, FP32, computed_in, passes, pick_engine
from sameplayer.encoder.runtime.onnx_session import Device, OnnxSession, onnx_device, read_content
from sameplayer.encoder.runtime.openvino_session import OpenVinoSession, openvino_device
from sameplayer.errors import ConfigError, WeightsError

if TYPE_CHECKING:
    import torch
    from torch import nn


class OnnxEncoder(Encoder):
    """What ``load_encoder`` gives for a file that ``export_encoder`` wrote.

    It embeds like the encoder that was exported, and has its spec and fingerprint. What needs the
    torch network, such as training, maps, soups or other views, raises WeightsError.
    """

    def __init__(self, path: str | Path, device: str = "auto", engine: str = FILE_ENGINE) -> None:
        self.path = Path(path)
        self.engine = pick_engine(engine, str(path), is_file=True)
        self._open(self._pick_device(device))

    def _pick_device(self, name: str) -> Device:
        return onnx_device(name) if self.engine == FILE_ENGINE else openvino_device(name)

    def _open(self, device: Device) -> None:
        content = read_content(self.path)
        self._session = SESSIONS[self.engine](content, device, str(self.path), "encoder")
        self._device = device
        record = self._session.record
        self.spec, scale = _spec(self.path, record)
        self.log_scale = np.float64(scale)  # type: ignore[assignment]  # no parameter: nothing is trained
        self._fingerprint = str(record["fingerprint"])
        self._width = int(record["columns"])
        self._stored = str(record.get("precision", FP32))
        columns = self._session.columns((self.spec.height, self.spec.width))
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
    def device(self) -> Device:  # type: ignore[override]  # there is no torch to have one
        return self._device

    @property
    def feature_width(self) -> int:
        """Number of columns of the network's features."""
        return self._width - (COLOURS if self.spec.colour else 0)

    def to(self, device: str | torch.device) -> Encoder:
        """Run on another device, of those that the engine knows, and return self."""
        where = self._pick_device(str(device))
        if where != self._device:
            self._open(where)
        return self

    def unit_rows(self, prepared: Sequence[Picture], precision: str = "fp32") -> np.ndarray:
        """Return unit rows (b, d) float32 of prepared pictures (h, w, 3) uint8: one batch."""
        kind, parts = self.computed_in(precision), passes(prepared, self._device.type)
        return np.concatenate([self._session.run(part, kind) for part in parts])

    def computed_in(self, precision: str = FP32) -> str:
        """Return the number format of rows for a precision; SettingError for one it cannot."""
        return computed_in(self.engine, precision, self._stored)

    def fingerprint(self) -> str:
        """Return that of the encoder which was exported: 16 hex digits."""
        return self._fingerprint

    def __deepcopy__(self, memo: dict[int, Any]) -> OnnxEncoder:
        return self  # nothing in it changes but the device


class Session(Protocol):
    """What runs an ONNX file."""

    record: dict[str, Any]

    def columns(self, size: tuple[int, int]) -> list[Any]: ...
    def run(self, pictures: np.ndarray, precision: str) -> np.ndarray: ...


# (bytes of a checked file, device, its name, its kind) -> what runs it
SESSIONS: dict[str, Callable[[bytes, Device, str, str], Session]] = {
    "onnxruntime": OnnxSession,
    "openvino": OpenVinoSession,
}


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
