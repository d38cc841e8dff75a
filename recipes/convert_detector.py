"""Make the shipped detector out of the published RTMDet-nano.

    python recipes/convert_detector.py PUBLISHED src/sameplayer/tracks/detection/rtmdet_nano.onnx

The published graph (OpenMMLab, Apache-2.0; sha256 4720eda1...9ddc3d2) takes normalised pictures,
blue first, and suppresses overlapping boxes itself, of at most 100. The shipped one takes uint8 RGB
pictures (n, height, width, 3), sides multiples of 32, and gives a row for each cell: ``scores``
(n, cells, 1) from 0 to 1 and ``boxes`` (n, cells, 4) as left, top, right, bottom. The weights are
the same.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MEAN = (123.675, 116.28, 103.53)  # red, green, blue
DEVIATION = (58.395, 57.12, 57.375)
SCORES, BOXES = "y.24", "y.28"  # of the published graph, before its suppression


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("published", type=Path)
    parser.add_argument("shipped", type=Path)
    options = parser.parse_args()
    cut = options.shipped.with_suffix(".cut")
    onnx.utils.extract_model(
        str(options.published), str(cut), ["input"], [SCORES, BOXES], check_model=False
    )
    model = onnx.load(str(cut))
    cut.unlink()
    red_first(model)
    take_pixels(model)
    name_outputs(model)
    onnx.checker.check_model(model)
    onnx.save(model, str(options.shipped))


def red_first(model: onnx.ModelProto) -> None:
    """Turn round the colours of the first convolution's weights."""
    first = next(node for node in model.graph.node if node.op_type == "Conv")
    weights = next(one for one in model.graph.initializer if one.name == first.input[1])
    turned = np.ascontiguousarray(numpy_helper.to_array(weights)[:, ::-1])
    weights.CopyFrom(numpy_helper.from_array(turned, weights.name))


def take_pixels(model: onnx.ModelProto) -> None:
    """Put the conversion of uint8 pictures in front of the graph."""
    graph = model.graph
    shape = (1, 3, 1, 1)
    for name, values in (("mean", MEAN), ("deviation", DEVIATION)):
        array = np.array(values, np.float32).reshape(shape)
        graph.initializer.append(numpy_helper.from_array(array, name))
    nodes = [
        helper.make_node("Transpose", ["pictures"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["values", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "deviation"], ["input"]),
    ]
    for place, node in enumerate(nodes):
        graph.node.insert(place, node)
    sides = ["pictures", "height", "width", 3]
    pictures = helper.make_tensor_value_info("pictures", TensorProto.UINT8, sides)
    del graph.input[:]
    graph.input.append(pictures)


def name_outputs(model: onnx.ModelProto) -> None:
    graph = model.graph
    for old, new, width in ((SCORES, "scores", 1), (BOXES, "boxes", 4)):
        graph.node.append(helper.make_node("Identity", [old], [new]))
        graph.output.append(
            helper.make_tensor_value_info(new, TensorProto.FLOAT, ["pictures", "cells", width])
        )
    del graph.output[:2]


if __name__ == "__main__":
    main()
