"""Pictures a second in training: ours against a plain loop, and input shapes, in turns.

    python benchmarks/training.py [--architecture vit_base_patch16_224] [--pairs 4] [--steps 3]
    python benchmarks/training.py --sweep --device cuda --precision bf16 --pairs 16 32 64 128 256

The plain loop does as the 2022 code did: it decodes each time, letterboxes into the square, passes
anchors and positives separately and waits for its pictures. Random weights. ``--compile`` adds a
compiled network. The sweep measures ViT-B/16 and ViT-L/14 alone, batch by batch: pictures a second,
share of what one large matrix product reaches in the same run, and memory with and without gradient
caching.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from sameplayer.data.batches.loading import PairBatch, PairLoader
from sameplayer.data.batches.pairs import draw_batches
from sameplayer.data.crops import Crops
from sameplayer.data.images.picture import letterbox_to
from sameplayer.data.layouts.sources import read_source
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import create_encoder
from sameplayer.synthetic.league import draw_league
from sameplayer.training.losses.info_nce import backward, info_nce

Step = Callable[[], None]


def plain_step(encoder: Encoder, crops: Crops, plan: Iterator, optimiser: object) -> Step:
    size = encoder.spec.height

    def pictures(rows: np.ndarray) -> torch.Tensor:
        made = [letterbox_to(crops.read(int(row)), size, size) for row in rows]
        return encoder.normalise(torch.from_numpy(np.stack(made)))

    def step() -> None:
        batch = next(plan)
        query = encoder.features(pictures(batch[:, 0]))
        gallery = encoder.features(pictures(batch[:, 1]))
        optimiser.zero_grad()
        info_nce(query, gallery, encoder.log_scale, 0.1).backward()
        optimiser.step()

    return step


def our_step(
    encoder: Encoder,
    batches: Iterator[PairBatch],
    optimiser: object,
    half: torch.dtype | None,
    compiled: bool,
) -> Step:
    network = torch.compile(encoder.model) if compiled else encoder.features

    def features(images: torch.Tensor) -> torch.Tensor:
        with torch.autocast(images.device.type, half, enabled=half is not None):
            return network(images)

    def step() -> None:
        images = encoder.normalise(next(batches).pictures)
        optimiser.zero_grad()
        backward(features, images, lambda q, g: info_nce(q, g, encoder.log_scale, 0.1))
        optimiser.step()

    return step


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--architecture", default="vit_base_patch16_224")
    parser.add_argument("--pairs", type=int, nargs="+", default=[4])
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--sweep", action="store_true")
    options = parser.parse_args()
    half = torch.bfloat16 if options.precision == "bf16" else None
    machine = platform.machine()
    if options.device != "cpu":
        machine = torch.cuda.get_device_name(options.device)
    print(f"{machine}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    if options.sweep:
        sweep(options, half)
        return
    pairs = options.pairs[0]
    with tempfile.TemporaryDirectory() as folder:
        league = draw_league(Path(folder) / "league", 24, 1, test_persons=2, challenge_persons=2)
        crops = read_source(league).select("train")
        times = measure(crops, options, half)
    print(f"{options.architecture}, {pairs} pairs, {options.precision}, {options.device}")
    base = statistics.median(times["plain loop, square 224"])
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"{name:<34}{2 * pairs / median:>8.2f} pictures/s  x {base / median:.2f}")


def measure(
    crops: Crops, options: argparse.Namespace, half: torch.dtype | None
) -> dict[str, list[float]]:
    rng, pairs = np.random.default_rng(1), options.pairs[0]
    plan = [b for _ in range(9) for b in draw_batches(crops.persons(), crops.scopes(), pairs, rng)]
    shapes = {
        "plain loop, square 224": (224, False, False),
        "ours, square 224": (224, False, False),
        "ours, tall 224 x 112": (112, False, False),
        "ours, square without padding": (224, True, False),
    }
    if options.compile:
        shapes["ours, tall, compiled"] = (112, False, True)
    steps: dict[str, Step] = {}
    loaders = []
    for name, (width, unpadded, compiled) in shapes.items():
        encoder = create_encoder(options.architecture, pretrained=False, height=224, width=width)
        encoder = encoder.without_padding() if unpadded else encoder
        encoder.to(options.device).model.train()
        learned = [*encoder.model.parameters(), encoder.log_scale]
        optimiser = torch.optim.AdamW(learned, lr=1e-5)
        if name.startswith("plain"):
            steps[name] = plain_step(encoder, crops, iter(plan), optimiser)
            continue
        loader = PairLoader(crops, encoder.prepare, "none", 1.0)
        loaders.append(loader)
        steps[name] = our_step(encoder, loader.batches(plan, 1, 0), optimiser, half, compiled)
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(options.steps + 1):
        for name, step in steps.items():
            taken = timed(step, options.device)
            if turn:  # the first of each warms up
                times[name].append(taken)
    waited = sum(loader.waited_s for loader in loaders)
    spent = sum(sum(taken) for name, taken in times.items() if name.startswith("ours"))
    print(
        f"share of our time spent waiting for pictures, first step included: {waited / spent:.1%}"
    )
    for loader in loaders:
        loader.close()
    return times


def sweep(options: argparse.Namespace, half: torch.dtype | None) -> None:
    device, kind = options.device, half or torch.float32
    peak = matrix_peak(device, kind)
    print(f"a matrix product of {kind} reaches {peak / 1e12:.2f} TFLOP/s")
    print("| tower | pairs | chunk | pictures/s | share of that | peak memory, GB |")
    print("|---|---|---|---|---|---|")
    for architecture in ("vit_base_patch16_224", "vit_large_patch14_224"):
        encoder = create_encoder(architecture, pretrained=False).to(device)
        learned = [*encoder.model.parameters(), encoder.log_scale]
        optimiser = torch.optim.AdamW(learned, lr=1e-5, fused=device != "cpu")
        shape = (3, encoder.spec.height, encoder.spec.width)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            encoder.model(torch.zeros(1, *shape, device=device))
        flops = 3 * counter.get_total_flops()  # forward once, backward twice as much
        for pairs in options.pairs:
            images = torch.randn(2 * pairs, *shape, device=device)
            for chunk in (None, max(pairs // 8, 1)):
                step = sweep_step(encoder, images, optimiser, half, chunk)
                try:
                    speed, memory = sweep_speed(step, device, options.steps, 2 * pairs)
                except torch.OutOfMemoryError:
                    print(f"| {architecture} | {pairs} | {chunk} | out of memory | | |")
                    continue
                share = speed * flops * (4 / 3 if chunk else 1) / peak
                print(
                    f"| {architecture} | {pairs} | {chunk or 'none'} | {speed:.1f} "
                    f"| {share:.0%} | {memory:.1f} |",
                    flush=True,
                )


def sweep_step(
    encoder: Encoder, images: torch.Tensor, optimiser: object, half: torch.dtype | None, chunk: int
) -> Step:
    def features(part: torch.Tensor) -> torch.Tensor:
        with torch.autocast(part.device.type, half, enabled=half is not None):
            return encoder.model(part)

    def step() -> None:
        optimiser.zero_grad()
        backward(features, images, lambda q, g: info_nce(q, g, encoder.log_scale, 0.1), chunk=chunk)
        optimiser.step()

    return step


def sweep_speed(step: Step, device: str, steps: int, pictures: int) -> tuple[float, float]:
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    taken = [timed(step, device) for _ in range(steps + 1)][1:]
    memory = torch.cuda.max_memory_allocated() / 1e9 if device != "cpu" else float("nan")
    return pictures / statistics.median(taken), memory


def matrix_peak(device: str, kind: torch.dtype) -> float:
    size = 8192 if device != "cpu" else 2048
    a, b = (torch.randn(size, size, device=device, dtype=kind) for _ in range(2))
    taken = min(timed(lambda: torch.matmul(a, b), device) for _ in range(5))
    return 2 * size**3 / taken


def timed(step: Step, device: str) -> float:
    began = time.perf_counter()
    step()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
