"""Crops a second of embedding, against the loop that one writes with timm; what a format costs.

    python benchmarks/embedding.py speed CROPS person vit-b16-openai [--threads 1 2] [--rounds 3]
    python benchmarks/embedding.py quality CALIBRATING ENCODER SCORED [SCORED ...] [--split test]
    python benchmarks/embedding.py waiting ENCODER CROPS [CROPS ...] [--video VIDEO]
    python benchmarks/embedding.py peak vit-l14-openai [--device cuda] [--batch 64 256]
    python benchmarks/embedding.py busy person [--beside 1] [--rounds 3]

``speed``: all ways in turns, in one run, from files to rows. The plain loop reads with PIL,
letterboxes into the square, normalises and passes one batch after the other. With one thread the
processor's time counts (which includes decoding in other threads), with more the wall's. The ratio
is the median of the rounds', with the least and the largest. "MB" is what the process has grown by
when a way was loaded and has made its first rows. Encoders without shipped weights have random
ones: equally fast, but their cosines are no promise for trained ones.

``quality``: mAP of ``ENCODER`` in each format, the same queries in pairs against torch's float32;
ranges of int8 from CALIBRATING, a table with none of the scored persons.

``peak``: pictures a second of prepared pictures, share of what one large matrix product reaches in
the same run and format, and memory.

``busy``: seconds for prepared pictures beside processes that keep a core each busy, with one and
with two threads that wait by spinning, as torch's do unless told otherwise, or without
(OMP_WAIT_POLICY=PASSIVE, as sameplayer sets it). A new process for every figure, in turns.
"""

from __future__ import annotations

import argparse
import copy
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from onnx_speed import encoder_named
from PIL import Image
from scipy.stats import kendalltau
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from sameplayer.data.crops import Crops
from sameplayer.data.layouts.sources import read_source
from sameplayer.encoder.embed import embed, embed_timed
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.light_encoder import torch_form
from sameplayer.encoder.load import create_encoder, load_encoder
from sameplayer.encoder.onnx.export import export_encoder
from sameplayer.encoder.onnx.int8 import export_int8
from sameplayer.evaluation.scores import compare, evaluate
from sameplayer.ranking.ranking import rank
from training import matrix_peak, timed

PASS = 16
PLAIN = "plain loop"


@dataclass(frozen=True)
class Way:
    """A way from crops to rows: an encoder, and the precision that it is asked for."""

    encoder: Encoder
    precision: str = "fp32"

    def rows(self, crops: Crops) -> np.ndarray:
        made = embed(self.encoder, crops, batch_size=PASS, precision=self.precision)
        return made.vectors


@dataclass(frozen=True)
class PlainLoop:
    """As one writes it with timm: one batch after the other, nothing at the same time."""

    encoder: Encoder

    def rows(self, crops: Crops) -> np.ndarray:
        spec, model = self.encoder.spec, self.encoder.model.eval()
        mean, std = (torch.tensor(value).view(3, 1, 1) for value in (spec.mean, spec.std))
        found = []
        for start in range(0, len(crops), PASS):
            names = [crops.path(row) for row in range(start, min(start + PASS, len(crops)))]
            batch = torch.stack([(self._read(name) - mean) / std for name in names])
            with torch.no_grad():
                rows = self._features(model, batch)
            found.append(rows.numpy())
        return np.concatenate(found)

    def _features(self, model: nn.Module, batch: Tensor) -> Tensor:
        rows = nn.functional.normalize(model(batch), dim=1)
        if self.encoder.spec.mirror:
            other = nn.functional.normalize(model(batch.flip(3)), dim=1)
            rows = nn.functional.normalize(rows + other, dim=1)
        return rows

    def _read(self, path: Path) -> Tensor:
        spec, picture = self.encoder.spec, Image.open(path).convert("RGB")
        size = (spec.width, spec.height)
        if spec.fit == "stretch":
            fitted = picture.resize(size, Image.Resampling.BILINEAR)
        else:
            scale = min(size[0] / picture.width, size[1] / picture.height)
            small = picture.resize(
                (max(1, int(picture.width * scale)), max(1, int(picture.height * scale))),
                Image.Resampling.BILINEAR,
            )
            fitted = Image.new("RGB", size)
            place = ((size[0] - small.width) // 2, (size[1] - small.height) // 2)
            fitted.paste(small, place)
        return torch.from_numpy(np.asarray(fitted).copy()).permute(2, 0, 1).float() / 255


class Cast(nn.Module):
    """A network whose weights were cast to bfloat16 once."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.inner = copy.deepcopy(model).to(torch.bfloat16)

    def forward(self, images: Tensor) -> Tensor:
        return self.inner(images.bfloat16()).float()


class Tried(Encoder):
    """A network whose weights are no plain tensors any more."""

    def fingerprint(self) -> str:
        return "0" * 16


def offered(encoder: Encoder) -> dict[str, Way]:
    return {"torch fp32": Way(encoder), "torch bf16": Way(encoder, "bf16")}


def tried(encoder: Encoder, compiled: bool) -> dict[str, Way]:
    """Return what was tried and is not offered."""
    from torch.ao.quantization import quantize_dynamic

    def other(model: nn.Module) -> Way:
        return Way(Tried(model, encoder.spec, encoder.log_scale.item()))

    ways = {"[torch, weights cast to bf16]": other(Cast(encoder.model))}
    if compiled:
        ways["[torch compiled, fp32]"] = other(torch.compile(encoder.model))
    if any(isinstance(one, nn.LayerNorm) for one in encoder.model.modules()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            linear = quantize_dynamic(encoder.model.eval(), {nn.Linear}, torch.qint8)
        ways["[torch int8, dynamic]"] = other(linear)
    return ways


def file_ways(plain: Path, rounded: Path) -> dict[str, Way]:
    return {
        "onnxruntime fp32": Way(load_encoder(plain)),
        "openvino fp32": Way(load_encoder(plain, engine="openvino")),
        "openvino bf16": Way(load_encoder(plain, engine="openvino"), "bf16"),
        "onnxruntime int8": Way(load_encoder(rounded)),
        "openvino int8": Way(load_encoder(rounded, engine="openvino")),
    }


def exported(encoder: Encoder, crops: Crops, folder: Path, name: str) -> tuple[Path, Path]:
    """Write an encoder as files of float32 and of int8, once for all numbers of threads."""
    plain, rounded = folder / f"{name}.onnx", folder / f"{name}-int8.onnx"
    if not plain.exists():
        torch.set_num_threads(os.cpu_count() or 1)
        print(export_encoder(encoder, plain), export_int8(encoder, crops, rounded), sep="\n")
    return plain, rounded


def shapes_of(name: str) -> dict[str, Encoder]:
    """Return the forms in which an encoder of player crops can be used: ViTs also tall, sparse."""
    encoder = encoder_named(name)
    if encoder.spec.fit != "letterbox":
        return {"": encoder.with_views(colour=0.0)}
    high, wide = encoder.spec.height, encoder.spec.width // 2
    tall = create_encoder(name, pretrained=False, height=high, width=wide)
    shapes = {f"square {high}, ": encoder, f"tall {high} x {wide}, ": tall}
    return shapes | {"without padding, ": encoder.without_padding()}


def speed(options: argparse.Namespace) -> None:
    crops = read_source(options.crops)
    few = crops.where(np.random.default_rng(1).permutation(len(crops))[: options.pictures])
    high, wide = (
        np.median([few.read(row).shape[side] for row in range(len(few))]) for side in (0, 1)
    )
    print(f"{len(few)} crops, the median {high:.0f} x {wide:.0f}; {machine()}")
    with tempfile.TemporaryDirectory() as own:
        folder = options.files or own
        for name in options.encoders:
            for threads in options.threads:
                print(f"\n{name}, {threads} threads, load {os.getloadavg()[0]:.1f}")
                ways, grown = ways_of(name, crops, few, Path(folder), threads, options)
                in_turns(ways, grown, few, threads, options.rounds)


def ways_of(
    name: str, crops: Crops, few: Crops, folder: Path, threads: int, options: argparse.Namespace
) -> tuple[dict[str, Way | PlainLoop], dict[str, float]]:
    """Return the ways, each run once, and the megabytes that the process grew by for each."""
    shapes, grown = shapes_of(name), {}
    usual = [what for what, one in shapes.items() if not one.spec.drop_padding][-1]
    torch.set_num_threads(threads)
    ways: dict[str, Way | PlainLoop] = {PLAIN: PlainLoop(next(iter(shapes.values())))}
    for what, encoder in shapes.items():
        ways |= {what + short: way for short, way in offered(encoder).items()}
        if what != usual:
            continue
        files = exported(encoder, crops, folder, name)
        torch.set_num_threads(threads)
        more = tried(encoder, options.compile) | file_ways(*files)
        ways |= {what + short: way for short, way in more.items()}
    if options.ways:
        ways = {
            key: way
            for key, way in ways.items()
            if key == PLAIN or any(word in key for word in options.ways)
        }
    for key, way in ways.items():
        before = resident()
        way.rows(few.where(np.arange(min(PASS, len(few)))))
        grown[key] = resident() - before
    return ways, grown


def in_turns(
    ways: dict[str, Way | PlainLoop], grown: dict[str, float], few: Crops, threads: int, rounds: int
) -> None:
    clock = time.process_time if threads == 1 else time.perf_counter
    spent: dict[str, list[float]] = {name: [] for name in ways}
    rows: dict[str, np.ndarray] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            began = clock()
            rows[name] = way.rows(few)
            spent[name].append((clock() - began) / len(few))
    print("| way | crops/s | times the plain loop | least cosine to fp32 | MB |")
    print("|---|---|---|---|---|")
    for name, taken in spent.items():
        ratios = np.array(spent[PLAIN]) / np.array(taken)
        exact = rows.get(name.split(",")[0] + ", torch fp32", rows.get("torch fp32"))
        near = (exact * rows[name]).sum(axis=1).min() if name != PLAIN and exact is not None else 1
        print(
            f"| {name} | {1 / np.median(taken):.2f} | {np.median(ratios):.2f} "
            f"({ratios.min():.2f}-{ratios.max():.2f}) | {near:.4f} | {grown[name]:.0f} |",
            flush=True,
        )


def resident() -> float:
    """Return the process's megabytes in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}"


def quality(options: argparse.Namespace) -> None:
    encoder = (
        encoder_named(options.encoder)
        if not Path(options.encoder).exists()
        else torch_form(load_encoder(options.encoder))
    )
    with tempfile.TemporaryDirectory() as folder:
        learned = read_source(options.calibrating)
        learned = learned.where(learned.table["role"].eq("train").to_numpy())
        ways = {"torch fp32": Way(encoder), "torch bf16": Way(encoder, "bf16")}
        ways |= file_ways(*exported(encoder, learned, Path(folder), "encoder"))
        for path in options.scored:
            crops = read_source(path, None, options.scope)
            if options.split:
                crops = crops.of_split(options.split)
            crops = crops.where(crops.table["role"].isin(["query", "gallery"]).to_numpy())
            print(f"\n{Path(path).name}: {crops}, load {os.getloadavg()[0]:.1f}")
            compared(ways, crops)


def compared(ways: dict[str, Way], crops: Crops) -> None:
    exact, first = None, None
    for name, way in ways.items():
        made = embed(way.encoder, crops, batch_size=64, precision=way.precision)
        scores = evaluate(rank(made))
        exact, first = (made.vectors, scores) if exact is None else (exact, first)
        cosines, pair = (exact * made.vectors).sum(axis=1), compare(first, scores)
        low, high = (100 * end for end in pair.interval)
        tau = np.mean(rank_agreement(exact, made.vectors, crops))
        print(
            f"| {name} | {100 * scores.mAP:.2f} | {100 * pair.difference:+.2f} ({low:+.2f} to "
            f"{high:+.2f}) | {tau:.4f} | {np.median(cosines):.5f} | {cosines.min():.4f} |",
            flush=True,
        )


def rank_agreement(rows: np.ndarray, other: np.ndarray, crops: Crops) -> list[float]:
    """Return Kendall's tau of each query's similarities to the gallery of its scope."""
    roles, scopes = crops.table["role"].to_numpy(), crops.scopes()
    taus = []
    for query in np.flatnonzero(roles == "query"):
        gallery = np.flatnonzero((roles == "gallery") & (scopes == scopes[query]))
        taus.append(kendalltau(rows[gallery] @ rows[query], other[gallery] @ other[query])[0])
    return taus


def waiting(options: argparse.Namespace) -> None:
    encoder = load_encoder(options.encoder, engine=options.engine)
    print(f"{options.encoder}, {torch.get_num_threads()} threads, {machine()}")
    tables = {str(path): read_source(path) for path in options.crops}
    if options.video:
        tables[str(options.video)] = of_video(options.video)
    for name, crops in tables.items():
        for _ in range(options.rounds):
            _, taken = embed_timed(encoder, crops, precision=options.precision)
            after = (taken.waited_s - taken.first_s) / taken.seconds
            print(f"{Path(name).name}: {taken} (after the first batch {100 * after:.2f} %)")


def of_video(path: Path, frames: int = 100, boxes: int = 8) -> Crops:
    """Return boxes of a player's size on consecutive frames of a video."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "image": [f"{path.name}#{frame + 1}" for frame in range(frames) for _ in range(boxes)],
            "role": "train",
            "left": rng.integers(0, 1200, frames * boxes),
            "top": rng.integers(0, 600, frames * boxes),
            "width": 40,
            "height": 100,
        }
    )
    return Crops(table, path.parent)


def peak(options: argparse.Namespace) -> None:
    device = options.device
    kinds = {"fp32": torch.float32, "bf16": torch.bfloat16}
    name = machine() if device == "cpu" else torch.cuda.get_device_name(device)
    print(f"{name}, {torch.get_num_threads()} threads")
    print("| encoder | precision | batch | pictures/s | of the matrix product's | memory, GB |")
    print("|---|---|---|---|---|---|")
    for source in options.encoders:
        encoder = create_encoder(source, pretrained=False).to(device)
        spec = encoder.spec
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            encoder.features(torch.zeros(1, 3, spec.height, spec.width, device=device))
        for precision, kind in kinds.items():
            top = matrix_peak(device, kind)
            for batch in options.batch:
                pictures = [np.zeros((spec.height, spec.width, 3), np.uint8)] * batch
                once = partial(encoder.unit_rows, pictures, precision)
                taken = min([timed(once, device) for _ in range(options.rounds + 1)][1:])
                views = 2 if spec.mirror else 1
                share = views * counter.get_total_flops() * batch / taken / top
                memory = (
                    resident() / 1e3 if device == "cpu" else torch.cuda.max_memory_allocated() / 1e9
                )
                print(
                    f"| {spec.architecture} | {precision} | {batch} | {batch / taken:.2f} "
                    f"| {share:.0%} | {memory:.1f} |",
                    flush=True,
                )


def busy(options: argparse.Namespace) -> None:
    """Compare ways of waiting, each in processes of its own, beside others that work."""
    if options.once:
        encoder = load_encoder(options.encoder)
        spec = encoder.spec
        pictures = [np.zeros((spec.height, spec.width, 3), np.uint8)] * PASS * 2
        encoder.unit_rows(pictures)
        print(timed(partial(encoder.unit_rows, pictures), "cpu"))
        return
    kept = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    ways = {
        "1 thread": {"OMP_NUM_THREADS": "1"},
        "2 threads, spinning": {"OMP_NUM_THREADS": "2"},
        "2 threads, passive": {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"},
    }
    spent: dict[str, list[float]] = {name: [] for name in ways}
    again = [sys.executable, __file__, "busy", options.encoder, "--once"]
    others = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(options.beside)
    ]
    try:
        for _ in range(options.rounds):
            for name, setting in ways.items():
                made = subprocess.run(again, env=kept | setting, capture_output=True, check=True)
                spent[name].append(float(made.stdout))
    finally:
        for other in others:
            other.kill()
            other.wait()
    print(
        f"{options.encoder}, {2 * PASS} pictures, {options.beside} busy processes beside, "
        f"{machine()}, load {os.getloadavg()[0]:.1f}"
    )
    print("| way | seconds | times one thread's |")
    print("|---|---|---|")
    for name, taken in spent.items():
        ratios = np.array(taken) / np.array(spent["1 thread"])
        print(
            f"| {name} | {np.median(taken):.2f} | {np.median(ratios):.2f} "
            f"({ratios.min():.2f}-{ratios.max():.2f}) |"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    modes = parser.add_subparsers(required=True)
    made = {run: modes.add_parser(run.__name__) for run in (speed, quality, waiting, peak, busy)}
    for run, one in made.items():
        one.set_defaults(run=run)
        one.add_argument("--rounds", type=int, default=3)
    made[speed].add_argument("crops", type=Path)
    made[speed].add_argument("encoders", nargs="+")
    made[speed].add_argument("--threads", type=int, nargs="+", default=[1, 2])
    made[speed].add_argument("--pictures", type=int, default=64)
    made[speed].add_argument("--ways", nargs="+", help="only those whose name holds one of these")
    made[speed].add_argument("--compile", action="store_true")
    made[speed].add_argument("--files", type=Path, help="folder of exported files, to keep them")
    made[quality].add_argument("calibrating", type=Path)
    made[quality].add_argument("encoder")
    made[quality].add_argument("scored", type=Path, nargs="+")
    made[quality].add_argument("--scope")
    made[quality].add_argument("--split")
    made[waiting].add_argument("encoder")
    made[waiting].add_argument("crops", type=Path, nargs="*")
    made[waiting].add_argument("--video", type=Path)
    made[waiting].add_argument("--engine")
    made[waiting].add_argument("--precision", default="fp32")
    made[peak].add_argument("encoders", nargs="+")
    made[peak].add_argument("--device", default="cpu")
    made[peak].add_argument("--batch", type=int, nargs="+", default=[PASS])
    made[busy].add_argument("encoder")
    made[busy].add_argument("--beside", type=int, default=1)
    made[busy].add_argument("--once", action="store_true", help="one figure, for the above")
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
