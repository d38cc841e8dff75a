"""The exported shirt-number reader, and a reader's graph made by hand."""

from __future__ import annotations

from functools import cache
from typing import Any

import onnx
from onnx import helper

from sameplayer.numbers.network.shirt_reader import ShirtReader
from tests.encoder.onnx_files import plain_model, signed


@cache
def shirt_reader() -> ShirtReader:
    return ShirtReader()


def plain_reader() -> onnx.ModelProto:
    """Pictures to probabilities of two numbers and of none, by their mean value."""
    model = plain_model()
    model.graph.node[-1].output[0] = "scores"
    model.graph.node.append(helper.make_node("LogSoftmax", ["scores"], ["rows"], axis=1))
    return model


def plain_file(**changes: Any) -> bytes:
    facts = {"kind": "shirt", "candidates": ["7", "10"], "doubt": 0.0, "temperature": 1.0}
    return signed(plain_reader(), **(facts | changes))
