"""An ONNX file run by OpenVINO: compiled for passes of one size, which is what makes it fast."""

from __future__ import annotations

import os
from threading import Lock
from typing import Any

import numpy as np

from sameplayer.encoder.runtime.engines import BF16, CPU_PASS, FP32, INT8
from sameplayer.encoder.runtime.onnx_session import INPUT, RECORD, Device, parse_record, threads
from sameplayer.errors import SettingError, WeightsError, import_extra

HINTS = {FP32: "f32", BF16: "bf16", INT8: "f32"}  # int8 is in the graph; this is for the rest


class OpenVinoSession:
    """A checked graph; the form for each size of pictures is compiled when first needed.

    content    bytes of the file
    what       the file's name, for errors
    kind       what its record must say that it holds

    Raises MissingExtra without the extra ``openvino``, WeightsError for a graph that cannot be
    compiled.
    """

    def __init__(self, content: bytes, device: Device, what: str, kind: str) -> None:
        self._runtime: Any = import_extra("openvino", "openvino", "The engine openvino")
        self._content, self._what = content, what
        self._compiled: dict[tuple[tuple[int, ...], str], Any] = {}
        self._lock = Lock()
        try:
            model = self._runtime.Core().read_model(content)
            path = ["framework", RECORD]
            text = model.get_rt_info(path).value if model.has_rt_info(path) else None
        except Exception as error:  # OpenVINO's errors are plain RuntimeErrors
            raise self._refused(error) from error
        self.record = parse_record(text, what, kind)

    def columns(self, size: tuple[int, int]) -> list[Any]:
        """Return the sides of a row that the graph gives, without the first."""
        shape = self._form((1, *size, 3), FP32).output(0).partial_shape
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
        form = self._form(pictures.shape, precision)
        try:
            request = form.create_infer_request()
            rows: np.ndarray = request.infer({INPUT: pictures})[form.output(0)].copy()
        except Exception as error:  # OpenVINO's errors are plain RuntimeErrors
            raise WeightsError(f"{self._what}: OpenVINO stopped ({_line(error)}).") from error
        return rows

    def _form(self, shape: tuple[int, ...], precision: str) -> Any:
        """Return the graph compiled for passes of a shape (n, h, w, 3)."""
        with self._lock:
            key = (shape, precision)
            if key not in self._compiled:
                self._compiled[key] = self._compile(shape, precision)
            return self._compiled[key]

    def _compile(self, shape: tuple[int, ...], precision: str) -> Any:
        settings = {
            "INFERENCE_PRECISION_HINT": HINTS[precision],
            "INFERENCE_NUM_THREADS": min(threads(), os.cpu_count() or 1),
            "PERFORMANCE_HINT": "LATENCY",
        }
        try:
            core = self._runtime.Core()
            model = core.read_model(self._content)
            model.reshape({INPUT: list(shape)})
            return core.compile_model(model, "CPU", settings)
        except Exception as error:  # OpenVINO's errors are plain RuntimeErrors
            raise self._refused(error) from error

    def _refused(self, error: Exception) -> WeightsError:
        return WeightsError(
            f"{self._what}: not an ONNX file, or a damaged one: OpenVINO cannot run it "
            f"({_line(error)}). Copy or export it again."
        )


def openvino_device(name: str) -> Device:
    """Return the CPU, on which alone OpenVINO is used; SettingError for another device's name."""
    if name in ("auto", "cpu"):
        return Device("cpu")
    raise SettingError("device", name, "cpu or auto with the engine openvino")


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1][:300]
