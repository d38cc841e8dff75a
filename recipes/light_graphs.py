"""Write the graphs by which the shipped networks run on a CPU without torch.

    python recipes/light_graphs.py [person] [person_large] [shirt_reader]

Each network becomes an ONNX graph beside its weights, of the same name: pictures uint8 that have
the network's input size in, what the network gives out. A graph holds no weights: its initializers
have the names of torch's state dict, and ``encoder/runtime/light_graph.py`` fills them from the
.safetensors file. So new weights of the same network need no new graph. Nothing is folded that a
weight takes part in, and that every weight is left to be filled is checked. Needs the extras
``train`` and ``onnx``; takes a minute a network.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from sameplayer.encoder import create_encoder
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.light_encoder import KIND
from sameplayer.encoder.networks.locations import SHIPPED
from sameplayer.encoder.onnx.export import serialise, silence
from sameplayer.encoder.runtime.light_graph import STEM
from sameplayer.encoder.runtime.onnx_session import INPUT, OPSET, OUTPUT
from sameplayer.numbers.network.crop_canvas import HIGH, WIDE
from sameplayer.numbers.network.model import ShirtNetwork, network_of
from sameplayer.numbers.network.shirt_reader import GRAPH, WEIGHTS, read_reader
from sameplayer.numbers.network.shirt_reader import KIND as READER


class FeatureGraph(nn.Module):
    """Prepared pictures uint8 (n, h, w, 3) to an encoder's raw features (n, d)."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.network = encoder.model.to(memory_format=torch.contiguous_format)
        mean, std = encoder.mean_and_std()
        self.register_buffer("normal_mean", mean.clone())
        self.register_buffer("normal_std", std.clone())

    def forward(self, pictures: Tensor) -> Tensor:
        images = pictures.permute(0, 3, 1, 2).float() / 255.0
        features: Tensor = self.network((images - self.normal_mean) / self.normal_std)
        return features


class ReaderGraph(nn.Module):
    """Canvases uint8 (n, HIGH, WIDE, 3) to the number reader's log-probabilities (n, 102)."""

    def __init__(self, network: ShirtNetwork) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.contiguous_format)

    def forward(self, canvases: Tensor) -> Tensor:
        rows: Tensor = self.network(canvases.permute(0, 3, 1, 2).float())
        return rows.float()


def shirt_reader() -> tuple[Path, nn.Module, tuple[int, int], dict[str, Any]]:
    """Return file, module, input size and record of the number reader."""
    network = network_of(read_reader(WEIGHTS)[0])
    names = [(name, list(value.shape)) for name, value in network.state_dict().items()]
    return GRAPH, ReaderGraph(network), (HIGH, WIDE), {"kind": READER, "names": names}


def person(name: str) -> tuple[Path, nn.Module, tuple[int, int], dict[str, Any]]:
    """Return file, module, input size and record of a shipped encoder."""
    encoder = create_encoder(name, pretrained=True)
    record = {"kind": KIND, "columns": encoder.feature_width, **asdict(encoder.spec)}
    path = (SHIPPED / encoder.spec.weights.split()[-1]).with_suffix(".onnx")
    return path, FeatureGraph(encoder), (encoder.spec.height, encoder.spec.width), record


def graph_without_weights(
    module: nn.Module, size: tuple[int, int], record: Mapping[str, Any]
) -> bytes:
    """Return an ONNX graph of a module whose ``network`` holds the weights."""
    example = torch.zeros((2, *size, 3), dtype=torch.uint8)
    with silence(), torch.no_grad():
        program: Any = torch.onnx.export(
            module.eval(),
            (example,),
            dynamo=True,
            optimize=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
            verbose=False,
        )
    model = program.model_proto
    left = {name for name in module.state_dict() if name.startswith(STEM)}
    for tensor in model.graph.initializer:
        if tensor.name in left:
            left.remove(tensor.name)
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value="weights")
    left = {name for name in left if not name.endswith("num_batches_tracked")}  # never used
    if left:
        raise SystemExit(f"These weights are in no initializer: {sorted(left)[:5]}")
    for node in model.graph.node:
        node.name = ""
    del model.functions[:]
    return serialise(model, record)


NETWORKS: dict[str, Callable[[], tuple[Path, nn.Module, tuple[int, int], dict[str, Any]]]] = {
    "person": lambda: person("person"),
    "person_large": lambda: person("person-large"),
    "shirt_reader": shirt_reader,
}


def main() -> None:
    for name in sys.argv[1:] or NETWORKS:
        path, module, size, record = NETWORKS[name]()
        content = graph_without_weights(module, size, record)
        path.write_bytes(content)
        print(f"{path}: {len(content) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
