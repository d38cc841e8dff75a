"""Convert the published re-identification networks into the weights of `person` and `person-large`.

    python recipes/convert_person.py FOLDER OUT

FOLDER holds `person-reidentification-retail-0287/` and `-0277/` of Intel's Open Model Zoo: an
OpenVINO IR each, a graph (.xml) and its constants (.bin). OUT gets `person.safetensors` and
`person_large.safetensors`. The constants are taken in the order in which the graph uses them, in
the number format that they were published in; the affine part after the last matrix product is
folded into it, in float32. ``tests/encoder/test_person.py`` compares the result with the features
that OpenVINO gives. (In float16 throughout, 0287's unit features would differ by up to 6e-4.)
"""

from __future__ import annotations

import argparse
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from sameplayer.encoder.networks.person import WIDTHS, PersonNetwork

SOURCES = {
    "person": ("sameplayer_person", "person-reidentification-retail-0287"),
    "person_large": ("sameplayer_person_large", "person-reidentification-retail-0277"),
}
TYPES = {"f32": np.float32, "f16": np.float16}
WITH_WEIGHTS = ("Convolution", "GroupConvolution", "MatMul", "Multiply", "Add", "PReLU")


def constants(graph: Path) -> Iterator[Tensor]:
    """Yield the floating-point constants of a graph in the order of their first use."""
    root = ElementTree.parse(graph).getroot()
    blob = graph.with_suffix(".bin").read_bytes()
    layers = {layer.get("id"): layer for layer in root.iterfind("layers/layer")}
    inputs: dict[str | None, list[str | None]] = {}
    for edge in root.iterfind("edges/edge"):
        inputs.setdefault(edge.get("to-layer"), []).append(edge.get("from-layer"))
    used = set()
    for name, layer in layers.items():
        for source in inputs.get(name, []) if layer.get("type") in WITH_WEIGHTS else []:
            if layers[source].get("type") == "Convert":  # float16, widened before use
                source = inputs[source][0]
            data = layers[source].find("data")
            if layers[source].get("type") != "Const" or data is None:
                continue
            place = (data.get("offset"), data.get("size"))
            if place in used:  # one gate serves four streams
                continue
            used.add(place)
            shape = [int(side) for side in (data.get("shape") or "").split(",") if side.strip()]
            kind = TYPES[data.get("element_type") or ""]
            count = int(np.prod(shape, dtype=np.int64))
            values = np.frombuffer(blob, kind, count, int(place[0] or 0))
            yield torch.from_numpy(values.reshape(shape).copy())


def order_of_use(model: PersonNetwork) -> list[str]:
    """Return the names of the weights in the order in which the graph uses them."""
    names = list(model.state_dict())
    moved = [name for name in names if ".gate." not in name]
    for gate in (name for name in names if ".gate." in name):
        block = gate.split(".gate.")[0]
        place = max(i for i, name in enumerate(moved) if name.startswith(f"{block}.streams.0."))
        after = [name for name in moved if name.startswith(f"{block}.gate.")]
        moved.insert(place + 1 + len(after), gate)
    return moved


def convert(graph: Path, widths: tuple[int, int, int]) -> dict[str, Tensor]:
    """Return the state dict of our network with the constants of a graph."""
    model = PersonNetwork(widths)
    state = model.state_dict()
    found = list(constants(graph))
    # the first of all: the deviation of the normalisation, which the encoder's spec holds;
    # in front of the last: the affine part that is folded into the matrix product
    found, last = found[1:-5], [value.float() for value in found[-5:]]
    matrix, bias, scale, shift, slope = last
    weights = {}
    names = [name for name in order_of_use(model) if name.split(".")[0] not in ("head", "bend")]
    for name, value in zip(names, found, strict=True):
        if value.numel() != state[name].numel():
            raise SystemExit(f"{graph}: {name} wants {tuple(state[name].shape)}: {value.shape}")
        weights[name] = value.reshape(state[name].shape)
    if matrix.shape != state["head.weight"].shape:
        matrix = matrix.T
    weights["head.weight"] = matrix * scale.reshape(-1, 1)
    weights["head.bias"] = bias.flatten() * scale.flatten() + shift.flatten()
    weights["bend.weight"] = slope.flatten()
    return weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    for name, (architecture, source) in SOURCES.items():
        weights = convert(arguments.folder / source / f"{source}.xml", WIDTHS[architecture])
        target = arguments.out / f"{name}.safetensors"
        save_file(
            {k: v.contiguous() for k, v in weights.items()},
            target,
            {"source": f"{source}, Open Model Zoo, Apache-2.0"},
        )
        print(f"{target}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
