"""Where a player's shoulders and hips are, by BlazePose lite.

Its weights are shipped beside this file (``recipes/convert_pose.py``); onnxruntime runs them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sameplayer.common.hashing import file_fingerprint
from sameplayer.data.images.picture import Picture
from sameplayer.encoder.runtime.onnx_session import session_options, threads
from sameplayer.errors import WeightsError, import_extra

POSE = Path(__file__).with_name("blazepose_lite.onnx")
SIDE = 256  # pixels of the network's square
ROOM = 1.25  # side of the square, in longer sides of the crop
SHOULDERS, HIPS = (11, 12), (23, 24)
PRESENT = 0.5  # probability that a person is there, from which on landmarks count


class TorsoFinder:
    """Finds the torsos of people in their crops.

    Raises MissingExtra without onnxruntime, WeightsError for weights that are missing or damaged.
    """

    def __init__(self) -> None:
        self._session = open_network(POSE, threads())
        self.fingerprint = f"blazepose-lite {file_fingerprint(POSE)}"

    def find(self, picture: Picture) -> np.ndarray | None:
        """Return the corners (4, 2) of a torso in a crop uint8 RGB (h, w, 3); None: nobody there.

        In pixels, as the picture shows them: left and right shoulder, right and left hip.
        """
        high, wide = picture.shape[:2]
        scale = SIDE / (ROOM * max(high, wide))
        shift = SIDE / 2 - scale * np.array([wide, high]) / 2
        matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        square = cv2.warpAffine(picture, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
        landmarks, present = self._session.run(
            ["Identity", "Identity_1"], {"input_1": square[None].astype(np.float32) / 255}
        )
        if not present.item() >= PRESENT:
            return None
        places = (landmarks.reshape(-1, 5)[:, :2].astype(np.float64) - shift) / scale
        left, right = sorted(places[[*SHOULDERS]].tolist())
        hip, other = sorted(places[[*HIPS]].tolist())
        return np.array([left, right, other, hip])


@cache
def open_network(path: Path, count: int) -> Any:
    """Open an ONNX file of others on the processor; readers on several threads share it.

    count    threads; 0: what onnxruntime chooses

    Raises MissingExtra without onnxruntime, WeightsError for a file that is missing or damaged.
    """
    runtime = import_extra("onnxruntime", "numbers", "Reading numbers on torsos")
    options = session_options(runtime, count)
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common root
        raise WeightsError(
            f"{path}: missing or damaged ({type(error).__name__}); install its package again."
        ) from error
