"""An encoder as one ONNX file: pictures of any size in, unit rows out, checked against torch.

The graph holds everything: fitting, normalising, the network, mirrored pictures, colours. What it
gives is compared with ``Encoder.embed`` before anything is written.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sameplayer._version import __version__
from sameplayer.common.files import whole_file
from sameplayer.data.images.picture import Picture
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import as_encoder
from sameplayer.encoder.networks.padding import patches_to_keep
from sameplayer.encoder.onnx.fit import GraphFit
from sameplayer.encoder.runtime.onnx_session import (
    FORMAT,
    INPUT,
    LARGEST,
    OPSET,
    OUTPUT,
    RECORD,
    Device,
    OnnxSession,
)
from sameplayer.errors import SettingError, WeightsError, import_extra, refuse_other_types

TOLERANCE = 1e-4
NEEDS = "Writing an ONNX file"
# height, width of what is compared: usual crops, a row, a column, wide, tall, large
SHAPES = ((1, 2), (2, 1), (37, 17), (64, 32), (128, 64), (301, 5), (3, 240), (61, 200), (720, 350))


@dataclass(frozen=True)
class ExportedFile:
    """What was written.

    path          the file
    bytes         its size
    columns       of a row
    pictures      how many were compared
    difference    largest difference of a value of their rows from torch's
    """

    path: Path
    bytes: int
    columns: int
    pictures: int
    difference: float

    def __str__(self) -> str:
        return (
            f"{self.path}: {self.bytes / 1e6:.1f} MB, rows of {self.columns}; at most "
            f"{self.difference:.1e} from torch's on {self.pictures} pictures"
        )


def export_encoder(encoder: Encoder | str | Path, out: str | Path) -> ExportedFile:
    """Write an encoder as one ONNX file, which ``load_encoder`` and onnxruntime read.

    Its input ``pictures`` is uint8 RGB (n, h, w, 3), n pictures of one size, whatever it is; its
    output ``rows`` is float32 (n, row_width), as ``Encoder.embed``. Pictures that ``prepare`` has
    fitted stay as they are, so that those of many sizes can share a pass.

    The rows of drawn pictures of several shapes must lie within ``TOLERANCE`` of the encoder's.
    An encoder without padding gives the same rows, but attends to every patch: it saves no time.

    Raises MissingExtra without the extra ``onnx``, WeightsError for a network that cannot be
    exported, is over 2 GiB, differs too much, or is an ONNX file itself, and where the file cannot
    be written; SettingError for a fit that the graph does not know.
    """
    refuse_other_types(
        "export_encoder", encoder=(encoder, (Encoder, str, Path)), out=(out, (str, Path))
    )
    encoder = as_encoder(encoder)
    check_name(out)
    content = encoder_content(encoder)
    own = _on_cpu(encoder)
    pictures = drawn_pictures(own.spec.height, own.spec.width)
    difference = largest_difference(content, "encoder", pictures, lambda one: own.embed([one]))
    refuse_difference(encoder.spec.architecture, difference, TOLERANCE)
    write_graph(out, content)
    return ExportedFile(Path(out), len(content), encoder.row_width, len(pictures), difference)


def encoder_content(encoder: Encoder) -> bytes:
    """Return an ONNX model of an encoder, not yet compared with it."""
    own = _on_cpu(encoder)
    example = torch.zeros((2, 31, 17, 3), dtype=torch.uint8)
    record = encoder_record(encoder)
    own.model.to(memory_format=torch.contiguous_format)
    return graph_bytes(EncoderGraph(own), example, record, encoder.spec.architecture)


def encoder_record(encoder: Encoder) -> dict[str, Any]:
    """Return what a file says of the encoder in it."""
    return {
        "kind": "encoder",
        "fingerprint": encoder.fingerprint(),
        "columns": encoder.row_width,
        "log_scale": encoder.log_scale.item(),
        **asdict(encoder.spec),
    }


class EncoderGraph(nn.Module):
    """Pictures uint8 (n, h, w, 3) to an encoder's unit rows (n, row_width)."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.network = encoder.model
        self.encoder = _MaskedEncoder(encoder.model, encoder.spec)
        self.encoder.mean_and_std()  # before the tracer looks, so that it meets real tensors
        self.fit = GraphFit(encoder.spec.fit, encoder.spec.height, encoder.spec.width)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.encoder.rows(self.encoder.normalise(self.fit(pictures)))


class _MaskedEncoder(Encoder):
    """Patches of padding stay, unseen: what a graph computes has the same size for all pictures."""

    def features(self, images: Tensor) -> Tensor:
        if not self.spec.drop_padding:
            return super().features(images)
        model: Any = self.model
        # timm's own forward offers no place between positions and blocks, hence its private part
        tokens = model.norm_pre(model._pos_embed(model.patch_embed(images)))
        kept = patches_to_keep(model, images, self.padding)
        ones = torch.ones_like(kept[:, :1]).expand(-1, model.num_prefix_tokens)
        mask = torch.cat([ones, kept], dim=1)[:, None, None]
        for block in model.blocks:
            tokens = block(tokens, attn_mask=mask)
        features: Tensor = model.forward_head(model.norm(tokens))
        return features


def graph_bytes(module: nn.Module, example: Tensor, record: Mapping[str, Any], what: str) -> bytes:
    """Return an ONNX model of a module whose forward takes uint8 pictures (n, h, w, 3).

    example    pictures to trace it with, n, h and w over 1
    record     what a session gives back as its record; its "kind" says what the file holds
    what       the network's name, for errors

    Raises MissingExtra, and WeightsError where torch cannot export the module.
    """
    for needed in ("onnx", "onnxscript", "onnxruntime"):
        import_extra(needed, "onnx", NEEDS)
    if sum(value.nbytes for value in module.state_dict().values()) > LARGEST:
        raise WeightsError(
            f"{what}: weights of over 2 GiB, which one ONNX file cannot hold. Use the saved "
            "encoder, or a smaller network."
        )
    free = torch.export.Dim.DYNAMIC
    try:
        with silence(), torch.no_grad():
            program: Any = torch.onnx.export(
                module.eval(),
                (example,),
                dynamo=True,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: free, 1: free, 2: free},),
                verbose=False,
            )
        return serialise(program.model_proto, record)
    except Exception as error:  # torch's tracer and exporter raise whatever a network meets
        lines = str(error).strip().splitlines() or [""]
        raise WeightsError(
            f"{what}: torch cannot export it to ONNX ({type(error).__name__}: {lines[0]})."
        ) from error


def serialise(model: Any, record: Mapping[str, Any]) -> bytes:
    """Return a model's bytes with our record, and without what the tracer noted about our code."""
    graph = model.graph
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer, *graph.value_info):
        part.doc_string = ""
        del part.metadata_props[:]
    del graph.value_info[:], graph.metadata_props[:], model.metadata_props[:]
    graph.name, graph.doc_string, model.doc_string = RECORD, "", ""
    for tensor in (*graph.input, *graph.output):
        for number, side in enumerate(tensor.type.tensor_type.shape.dim):
            if not side.dim_value:
                side.dim_param = ("n", "height", "width")[number]
    model.producer_name, model.producer_version = "sameplayer", __version__
    text = json.dumps({"format": FORMAT, **record}, sort_keys=True)
    model.metadata_props.add(key=RECORD, value=text)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def drawn_pictures(height: int, width: int) -> list[Picture]:
    """Return pictures of many shapes, noise upon a slope, and one that has the input's own."""
    rng = np.random.default_rng(1)
    pictures = []
    for high, wide in (*SHAPES, (height, width)):
        slope = np.linspace(0, 160, high * wide).reshape(high, wide, 1)
        noise = rng.integers(0, 96, (high, wide, 3))
        pictures.append((slope + noise).astype(np.uint8))
    return pictures


def largest_difference(
    content: bytes,
    kind: str,
    pictures: Sequence[Picture],
    expected: Callable[[Picture], np.ndarray],
) -> float:
    """Return the largest difference between what a graph gives and what is expected."""
    session = OnnxSession(content, Device("cpu"), "the exported graph", kind)
    found = [session.run(one[None]) for one in pictures]
    wanted = [expected(one) for one in pictures]
    return float(max(np.abs(a - b).max() for a, b in zip(found, wanted, strict=True)))


def refuse_difference(what: str, difference: float, tolerance: float) -> None:
    """Raise WeightsError where a graph differs by more than allowed, or gives no numbers."""
    if not difference <= tolerance:
        raise WeightsError(
            f"{what}: its ONNX graph gives values {difference:.1e} from torch's; expected at most "
            f"{tolerance:.0e}. Nothing was written."
        )


def check_name(out: str | Path) -> None:
    """Raise SettingError unless the file's name says that it is ONNX."""
    if Path(out).suffix != ".onnx":
        raise SettingError("out", str(out), "a file whose name ends in .onnx")


def write_graph(out: str | Path, content: bytes) -> None:
    """Write the file, whole or not at all; WeightsError where that fails."""
    with whole_file(out, WeightsError) as partial:
        partial.write_bytes(content)


def _on_cpu(encoder: Encoder) -> Encoder:
    """Return a copy on the CPU: tracing puts other tensors into a network's places for a while."""
    model = encoder.model  # a file's has none, and says so
    return Encoder(copy.deepcopy(model).cpu(), encoder.spec, encoder.log_scale.item())


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Keep the exporter's progress and warnings from the user's terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
