"""An ONNX file beside torch: speed and size. ``embedding.py`` has the other engines, and int8.

Run: python benchmarks/onnx_speed.py speed ENCODER [batch ...]   # a preset; no weights: random ones
     python benchmarks/onnx_speed.py reader CROPS [CROPS ...]    # the shirt-number reader
Speeds alternate between torch and the file in one process, pictures fitted by OpenCV for both, so
that a busy machine slows both alike; the ratio is the median of the rounds', with the least and the
largest. With one thread the processor's time counts, with more the wall's. The reader's speed is
that of pictures one by one, as they come, of 60 drawn from all tables.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from sameplayer.data.layouts.sources import read_source
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.light_encoder import torch_form
from sameplayer.encoder.load import create_encoder, load_encoder
from sameplayer.encoder.networks.presets import PRESETS
from sameplayer.encoder.onnx.export import drawn_pictures, export_encoder
from sameplayer.numbers.network.onnx_export import export_reader
from sameplayer.numbers.network.onnx_reader import OnnxReader
from sameplayer.numbers.network.shirt_reader import ShirtReader
from sameplayer.numbers.reader import NumberReader

ROUNDS = 9
PASS = 16


def encoder_named(name: str) -> Encoder:
    """Return an encoder whose weights are here, or one of random weights: as fast."""
    preset = PRESETS.get(name)
    here = preset is not None and (preset.shipped or preset.architecture.startswith("sameplayer"))
    return torch_form(load_encoder(name)) if here else create_encoder(name, pretrained=False)


def speed(name: str, batches: tuple[int, ...]) -> None:
    encoder = encoder_named(name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "encoder.onnx"
        print(export_encoder(encoder, path))
        print(
            f"{'threads':>7}{'batch':>7}{'torch ms':>10}{'ONNX ms':>10}{'ratio':>8}  least-largest"
        )
        for threads in (1, 2):
            torch.set_num_threads(threads)
            both = (encoder, load_encoder(path))
            clock = time.process_time if threads == 1 else time.perf_counter
            for batch in batches:
                row = side_by_side(both, batch, clock)
                print(f"{threads:>7}{batch:>7}{row}", flush=True)


def side_by_side(both: tuple[Encoder, Encoder], batch: int, clock: Callable[[], float]) -> str:
    """Return milliseconds a picture of both, and torch's time as a multiple of the file's."""
    pictures = [drawn_pictures(160, 60)[-1]] * batch
    prepared = [both[0].prepare(picture) for picture in pictures]
    spent = []
    for _ in range(ROUNDS + 1):
        row = []
        for encoder in both:
            began = clock()
            encoder.unit_rows(prepared)
            row.append((clock() - began) / batch * 1000)
        spent.append(row)
    times = np.array(spent[1:])
    ratios = times[:, 0] / times[:, 1]
    torch_ms, onnx_ms = np.median(times, axis=0)
    return (
        f"{torch_ms:>10.1f}{onnx_ms:>10.1f}{np.median(ratios):>8.2f}"
        f"  {ratios.min():.2f}-{ratios.max():.2f}"
    )


def reader(tables: list[Path]) -> None:
    """Compare what both readers read of whole tables, and their speed on a sample."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    ours = ShirtReader(engine="torch")
    with tempfile.TemporaryDirectory() as folder:
        print(export_reader(ours, Path(folder) / "reader.onnx"))
        file = OnnxReader(Path(folder) / "reader.onnx")
    pictures = []
    for path in tables:
        crops = read_source(path)
        found = [crops.read(row) for row in range(len(crops))]
        print(f"{path.name}: {same_readings(ours.read(found), file.read(found))}", flush=True)
        pictures += found
    chosen = np.random.default_rng(1).choice(len(pictures), min(60, len(pictures)), replace=False)
    spent = np.array(
        [read_times((ours, file), [pictures[row] for row in chosen]) for _ in range(ROUNDS + 1)][1:]
    )
    ratios = spent[:, 0] / spent[:, 1]
    print(
        "torch {:.1f}, ONNX {:.1f} ms a picture;".format(*np.median(spent, axis=0)),
        f"ratio {np.median(ratios):.2f} ({ratios.min():.2f}-{ratios.max():.2f})",
    )


def same_readings(rows: np.ndarray, other: np.ndarray) -> str:
    """Return how far two readers' log-probabilities (n, columns) lie apart."""
    named, otherwise = (
        (one.argmax(axis=1), np.exp(one.max(axis=1)) >= 0.5) for one in (rows, other)
    )
    same = (named[0] == otherwise[0]) & (named[1] == otherwise[1])
    off = np.abs(np.exp(rows) - np.exp(other)).max(axis=1)
    return (
        f"{same.sum()} of {len(rows)} pictures have the same answer at probability 0.5; largest "
        f"difference of a log-probability {np.abs(rows - other).max():.4f}, of a probability "
        f"{off.max():.4f} (median {np.median(off):.6f})"
    )


def read_times(readers: tuple[NumberReader, ...], pictures: list[np.ndarray]) -> list[float]:
    """Return each reader's milliseconds a picture, one by one."""
    row = []
    for one in readers:
        began = time.process_time()
        for picture in pictures:
            one.read([picture])
        row.append((time.process_time() - began) / len(pictures) * 1000)
    return row


if __name__ == "__main__":
    if sys.argv[1] == "reader":
        reader([Path(word) for word in sys.argv[2:]])
    else:
        speed(sys.argv[2], tuple(map(int, sys.argv[3:])) or (1, 64))
