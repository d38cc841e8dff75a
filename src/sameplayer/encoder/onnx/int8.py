"""An encoder as an ONNX file whose products are of 8-bit whole numbers, ranges set by real crops.

Weights are rounded a channel, values by the ranges that calibrating crops gave: a row depends on
its picture alone. Products of two computed values, as in attention, stay float32.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sameplayer.data.crops import Crops
from sameplayer.data.images.picture import Picture
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.onnx.export import (
    NEEDS,
    check_name,
    encoder_content,
    encoder_record,
    serialise,
    silence,
    write_graph,
)
from sameplayer.encoder.runtime.engines import INT8
from sameplayer.encoder.runtime.onnx_session import INPUT, Device, OnnxSession
from sameplayer.errors import DataError, WeightsError, import_extra

CALIBRATING, COMPARED, FEWEST = 64, 64, 8  # crops
PASS = 4
ROUNDED = ("Conv", "Gemm", "MatMul")
LEAST_COSINE = 0.98  # of the median compared crop, between its rows in int8 and in float32


@dataclass(frozen=True)
class Int8File:
    """What was written.

    path           the file
    bytes          its size
    columns        of a row
    calibrating    how many crops set the ranges
    compared       how many others were compared with float32
    cosine         of their rows in both formats, the median
    least          the least of them
    fingerprint    of the file: another than the encoder's
    """

    path: Path
    bytes: int
    columns: int
    calibrating: int
    compared: int
    cosine: float
    least: float
    fingerprint: str

    def __str__(self) -> str:
        return (
            f"{self.path}: {self.bytes / 1e6:.1f} MB, rows of {self.columns}; ranges of "
            f"{self.calibrating} crops; cosine to float32 {self.cosine:.4f} (least "
            f"{self.least:.4f}) on {self.compared} others"
        )


def export_int8(encoder: Encoder, crops: Crops, out: str | Path, *, seed: int = 0) -> Int8File:
    """Write an encoder as one ONNX file that computes in int8, which ``load_encoder`` reads.

    crops    pictures like those that will be embedded, not those on which it is scored: up to 64,
             drawn by the seed, set the ranges; as many others are compared with float32

    It takes and gives what ``export_encoder``'s file does, and has a fingerprint of its own: its
    rows are not mixed with the encoder's.

    Raises MissingExtra without the extra ``onnx``, SettingError for another ending, DataError for
    fewer than 8 crops or one that cannot be read, WeightsError for a network that cannot be
    exported or whose rows differ too much in int8. Nothing is written then.
    """
    check_name(out)
    quantization = import_extra("onnxruntime.quantization", "onnx", NEEDS)
    calibrating, others = _drawn(encoder, crops, seed)
    plain = encoder_content(encoder)
    rounded = _rounded(quantization, plain, calibrating)
    text = f"{encoder.fingerprint()} {hashlib.sha256(rounded.SerializeToString()).hexdigest()}"
    fingerprint = hashlib.sha256(text.encode()).hexdigest()[:16]
    record = encoder_record(encoder) | {"precision": INT8, "fingerprint": fingerprint}
    content = serialise(rounded, record | {"rounded_from": encoder.fingerprint()})
    cosines = (_rows(plain, others) * _rows(content, others)).sum(axis=1)
    middle = float(np.median(cosines))
    if not middle >= LEAST_COSINE:
        raise WeightsError(
            f"{encoder.spec.architecture}: in int8 half of {len(others)} crops' rows have a cosine "
            f"below {middle:.3f} to float32's; expected at least {LEAST_COSINE}. Nothing was "
            "written. Calibrate with more crops like those you embed, or stay with fp32 or bf16."
        )
    write_graph(out, content)
    sizes = len(calibrating), len(others)
    least = float(cosines.min())
    return Int8File(Path(out), len(content), encoder.row_width, *sizes, middle, least, fingerprint)


class _Passes:
    """Calibrating pictures, as onnxruntime asks for them."""

    def __init__(self, pictures: np.ndarray) -> None:
        self._parts: Iterator[np.ndarray] = iter(_parted(pictures))

    def get_next(self) -> dict[str, np.ndarray] | None:
        found = next(self._parts, None)
        return None if found is None else {INPUT: found}


def _drawn(encoder: Encoder, crops: Crops, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return fitted pictures (n, h, w, 3) that calibrate, and others that are compared."""
    if len(crops) < FEWEST:
        raise DataError(
            f"{crops.root}: {len(crops)} crops; expected at least {FEWEST}, half of them for the "
            f"ranges of int8 ({CALIBRATING + COMPARED} are enough)."
        )
    rows = np.random.default_rng(seed).permutation(len(crops))[: CALIBRATING + COMPARED]
    pictures: list[Picture] = [encoder.prepare(crops.read(int(row))) for row in rows]
    half = len(rows) // 2
    return np.stack(pictures[:half]), np.stack(pictures[half:])


def _rounded(quantization: Any, plain: bytes, pictures: np.ndarray) -> Any:
    """Return the model whose layers with fixed weights are rounded, as ONNX's own operators."""
    onnx = import_extra("onnx", "onnx", NEEDS)
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "plain.onnx", Path(folder) / "int8.onnx"
        before.write_bytes(plain)
        try:
            with silence():
                quantization.quantize_static(
                    before,
                    after,
                    _Passes(pictures),
                    per_channel=True,
                    op_types_to_quantize=list(ROUNDED),
                    nodes_to_exclude=_without_weights(onnx.load_from_string(plain).graph),
                    activation_type=quantization.QuantType.QUInt8,
                    weight_type=quantization.QuantType.QInt8,
                )
                model = onnx.load(after)
        except Exception as error:  # onnxruntime's and onnx's errors have no common root
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise WeightsError(f"It cannot be rounded to int8 ({lines[0]}).") from error
    for place in reversed(range(len(model.opset_import))):
        if model.opset_import[place].domain not in ("", "ai.onnx"):
            del model.opset_import[place]  # named by the tool, used by no node
    return model


def _without_weights(graph: Any) -> list[str]:
    """Return the names of products of two computed values."""
    fixed = {one.name for one in graph.initializer}
    return [
        node.name
        for node in graph.node
        if node.op_type in ROUNDED and not fixed.intersection(node.input)
    ]


def _rows(content: bytes, pictures: np.ndarray) -> np.ndarray:
    session = OnnxSession(content, Device("cpu"), "the exported graph", "encoder")
    return np.concatenate([session.run(part) for part in _parted(pictures)])


def _parted(pictures: np.ndarray) -> Sequence[np.ndarray]:
    return np.split(pictures, range(PASS, len(pictures), PASS))
