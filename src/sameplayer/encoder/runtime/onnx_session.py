"""A checked ONNX file run by onnxruntime: of an encoder or of the shirt-number reader."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from sameplayer.encoder.runtime.device import pick_device
from sameplayer.encoder.runtime.engines import FP32
from sameplayer.encoder.runtime.onnx_file import RECORD, parse_record
from sameplayer.errors import SettingError, WeightsError, import_extra

INPUT, OUTPUT = "pictures", "rows"
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxSession:
    """Pictures uint8 (n, h, w, 3) of any one size to rows float32, with as many threads as torch.

    content    bytes of a file, as ``read_content`` returns
    device     where it runs, as ``onnx_device`` returns
    what       the file's name, for errors
    kind       what its record must say that it holds

    Raises MissingExtra without onnxruntime, WeightsError where onnxruntime cannot run the file,
    its record says something else, or it takes and gives something else.
    """

    def __init__(self, content: bytes, device: torch.device, what: str, kind: str) -> None:
        runtime = _runtime()
        self._what = what
        options = runtime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = torch.get_num_threads()
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


def onnx_device(name: str) -> torch.device:
    """Return the device of this name, of those that the installed onnxruntime can use.

    Raises SettingError for one that it cannot; "auto" is then the CPU.
    """
    available = _runtime().get_available_providers()
    device = pick_device(name)
    known = [kind for kind, provider in PROVIDERS.items() if provider in available]
    if device.type in known:
        return device
    if name != "auto":
        raise SettingError(
            "device",
            name,
            f"{' or '.join(known)}, which the installed onnxruntime can use; "
            "the package onnxruntime-gpu can use CUDA",
        )
    return torch.device("cpu")


def _runtime() -> Any:
    return import_extra("onnxruntime", "onnx", "An ONNX file")


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]
