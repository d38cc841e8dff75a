"""An ONNX file run by OpenVINO: compiled for passes of one size, which is what makes it fast."""

from __future__ import annotations

import os
from threading import Lock
from typing import Any

import numpy as np
import torch

from sameplayer.encoder.runtime.device import pick_device
from sameplayer.encoder.runtime.engines import BF16, FP32, INT8
from sameplayer.encoder.runtime.inference import CPU_PASS
from sameplayer.errors import SettingError, WeightsError, import_extra

HINTS = {FP32: "f32", BF16: "bf16", INT8: "f32"}  # int8 is in the graph; this is for the rest
INPUT = "pictures"


class OpenVinoSession:
    """A checked graph, for pictures of one size; each form is compiled when first needed.

    content    the bytes of the file
    size       height and width of the pictures
    what       names the file in errors

    Raises MissingExtra without the extra ``openvino``, WeightsError for a graph that cannot be
    compiled.
    """

    def __init__(
        self, content: bytes, size: tuple[int, int], device: torch.device, what: str
    ) -> None:
        self._runtime: Any = import_extra("openvino", "openvino", "The engine openvino")
        self._content, self._size, self._what = content, size, what
        self._compiled: dict[tuple[int, str], Any] = {}
        self._lock = Lock()

    def columns(self) -> list[Any]:
        """Return the sides of a row that the graph gives, without the first."""
        shape = self._form(1, FP32).output(0).partial_shape
        return [side.get_length() if side.is_static else None for side in list(shape)[1:]]

    def run(self, pictures: np.ndarray, precision: str) -> np.ndarray:
        """Return rows float32 of at most ``CPU_PASS`` pictures uint8 (n, h, w, 3).

        A pass that is filled to a quarter or more is filled up with black pictures, so that its
        rows do not depend on how many it holds; fewer are computed one by one.
        """
        count = len(pictures)
        if count * 4 < CPU_PASS:
            return np.concatenate([self._infer(one[None], precision) for one in pictures])
        filled = np.zeros((CPU_PASS, *pictures.shape[1:]), np.uint8)
        filled[:count] = pictures
        return self._infer(filled, precision)[:count]

    def _infer(self, pictures: np.ndarray, precision: str) -> np.ndarray:
        form = self._form(len(pictures), precision)
        try:
            request = form.create_infer_request()
            rows: np.ndarray = request.infer({INPUT: pictures})[form.output(0)].copy()
        except Exception as error:  # OpenVINO's errors are plain RuntimeErrors
            raise WeightsError(f"{self._what}: OpenVINO stopped ({_line(error)}).") from error
        return rows

    def _form(self, count: int, precision: str) -> Any:
        """Return the graph compiled for passes of ``count`` pictures."""
        with self._lock:
            key = (count, precision)
            if key not in self._compiled:
                self._compiled[key] = self._compile(count, precision)
            return self._compiled[key]

    def _compile(self, count: int, precision: str) -> Any:
        settings = {
            "INFERENCE_PRECISION_HINT": HINTS[precision],
            "INFERENCE_NUM_THREADS": min(torch.get_num_threads(), os.cpu_count() or 1),
            "PERFORMANCE_HINT": "LATENCY",
        }
        try:
            core = self._runtime.Core()
            model = core.read_model(self._content)
            model.reshape({INPUT: [count, *self._size, 3]})
            return core.compile_model(model, "CPU", settings)
        except Exception as error:  # OpenVINO's errors are plain RuntimeErrors
            raise WeightsError(f"{self._what}: OpenVINO cannot run it ({_line(error)}).") from error


def openvino_device(name: str) -> torch.device:
    """Return the CPU, on which alone OpenVINO is used; SettingError for another device's name."""
    if name == "auto" or pick_device(name).type == "cpu":
        return torch.device("cpu")
    raise SettingError("device", name, "cpu or auto with the engine openvino")


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1][:300]
