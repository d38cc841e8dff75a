"""A small encoder with mirrored pictures and colours, its ONNX file, and models made by hand."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.networks.spec import EncoderSpec
from sameplayer.encoder.onnx.export import export_encoder
from sameplayer.encoder.runtime.onnx_session import FORMAT, RECORD


class TinyNetwork(nn.Module):
    """Images (b, 3, h, w) to features (b, 8)."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Conv2d(3, 6, 5, 3)
        self.head = nn.Linear(6, 8)

    def forward(self, images: Tensor) -> Tensor:
        maps: Tensor = self.look(images).relu()
        features: Tensor = self.head(maps.mean((2, 3)))
        return features


def encoder_of(network: nn.Module) -> Encoder:
    return Encoder.of(network, 24, 16, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), name="tiny")


@cache
def tiny_encoder() -> Encoder:
    torch.manual_seed(1)
    return encoder_of(TinyNetwork()).with_views(mirror=True, colour=0.3, colour_region="middle")


@cache
def tiny_file() -> bytes:
    """The small encoder as an ONNX file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tiny.onnx"
        export_encoder(tiny_encoder(), path)
        return path.read_bytes()


def signed(model: onnx.ModelProto, **record: Any) -> bytes:
    """A model with a record of ours."""
    del model.metadata_props[:]
    text = json.dumps({"format": FORMAT, "kind": "encoder", **record})
    model.metadata_props.add(key=RECORD, value=text)
    content: bytes = model.SerializeToString()
    return content


def record_of(content: bytes) -> dict[str, Any]:
    (entry,) = onnx.load_from_string(content).metadata_props
    record: dict[str, Any] = json.loads(entry.value)
    return record


def resigned(content: bytes, **changes: Any) -> bytes:
    """A file whose record was changed."""
    record = record_of(content) | changes
    return signed(onnx.load_from_string(content), **record)


def plain_model() -> onnx.ModelProto:
    """Pictures to the mean of their values, times a weight: rows of three columns."""
    pictures = helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", "h", "w", 3])
    rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", 3])
    nodes = [
        helper.make_node("Cast", ["pictures"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["values", "sides"], ["means"], keepdims=0),
        helper.make_node("Mul", ["means", "weight"], ["rows"]),
    ]
    weights = [
        numpy_helper.from_array(torch.tensor([1, 2]).numpy(), "sides"),
        numpy_helper.from_array(torch.tensor([1.0, 2.0, 3.0]).numpy(), "weight"),
    ]
    graph = helper.make_graph(nodes, "plain", [pictures], [rows], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def spec_record() -> dict[str, Any]:
    """The record of an encoder whose graph is ``plain_model``."""
    spec = EncoderSpec("plain", 4, 4, (0.0,) * 3, (1.0,) * 3, own_module=True)
    return asdict(spec) | {"log_scale": 1.0, "columns": 3, "fingerprint": "0" * 16}
