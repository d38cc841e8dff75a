"""Make the shipped pose network out of BlazePose lite as converted to ONNX.

    python recipes/convert_pose.py PUBLISHED src/sameplayer/numbers/network/blazepose_lite.onnx

The published network (MediaPipe, Apache-2.0; npm @mediapipe/pose 0.5.1675469404) has its weights in
float16; tf2onnx 1.17 made them float32. The shipped graph stores them as float16 again, which
changes no value, and turns them into float32 when it is loaded.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("published", type=Path)
    parser.add_argument("shipped", type=Path)
    options = parser.parse_args()
    model = onnx.load(str(options.published))
    halve(model)
    onnx.checker.check_model(model)
    onnx.save(model, str(options.shipped))


def halve(model: onnx.ModelProto) -> None:
    """Store every weight that float16 holds exactly as such, with a conversion behind it."""
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        small = values.astype(np.float16) if values.dtype == np.float32 else values
        if small.dtype == values.dtype or values.size < 2 or not np.array_equal(small, values):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(small, f"{name}:half"))
        casts.append(helper.make_node("Cast", [f"{name}:half"], [name], to=TensorProto.FLOAT))
    for node in reversed(casts):
        model.graph.node.insert(0, node)


if __name__ == "__main__":
    main()
