"""A shipped network on a CPU: an ONNX graph without weights, filled with those of safetensors.

So the weights lie in the package once, for torch's network and for onnxruntime. The graphs are
written by ``recipes/light_graphs.py``; their initializers have the names of torch's state dict.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from sameplayer.encoder.runtime.onnx_session import Device, OnnxSession
from sameplayer.errors import WeightsError

STEM = "network."  # before the names in a graph


class LightGraph:
    """Pictures uint8 (n, h, w, 3) of the network's input size to rows float32.

    path       the graph (.onnx), shipped
    kind       what its record must say that it holds
    weights    name in the state dict -> values

    Raises MissingExtra without onnxruntime, WeightsError for a graph that is missing or does not
    take these weights.
    """

    def __init__(self, path: Path, kind: str, weights: Mapping[str, np.ndarray]) -> None:
        try:
            content = path.read_bytes()
        except OSError:
            raise WeightsError(
                f"{path}: missing, but part of the package; install sameplayer again."
            ) from None
        filled = {STEM + name: value for name, value in weights.items()}
        self._session = OnnxSession(content, Device("cpu"), str(path), kind, filled)
        self.record: dict[str, Any] = self._session.record
        self.run = self._session.run

    @property
    def device(self) -> Any:
        """The CPU: ``torch.device`` where torch is loaded, else what stands for it without."""
        torch: Any = sys.modules.get("torch")
        return torch.device("cpu") if torch else Device("cpu")


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """Return the tensors of a safetensors file, floating-point ones as float32.

    Raises WeightsError for a file that is damaged or something else.
    """
    try:
        with safe_open(path, framework="np") as file:
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except Exception as error:  # its errors have no common root
        raise WeightsError(
            f"{path}: damaged ({type(error).__name__}); install sameplayer again."
        ) from error
    return {
        name: value.astype(np.float32) if value.dtype.kind == "f" else value
        for name, value in found.items()
    }
