"""Pictures a second in training: ours against a plain loop, tall against square, in turns.

python benchmarks/training.py [--architecture vit_base_patch16_224] [--pairs 4] [--steps 3]

The plain loop does as the 2022 code did: it decodes each time, letterboxes into the square, passes
anchors and positives separately and waits for its pictures. Random weights; --device cuda measures
a GPU (add --precision bf16 and more pairs).
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

from sameplayer.data.batches import draw_batches
from sameplayer.data.crops import Crops
from sameplayer.data.images import letterbox_to
from sameplayer.data.loading import PairBatch, PairLoader
from sameplayer.data.sources import read_source
from sameplayer.data.synthetic import draw_league
from sameplayer.encoder.encoder import Encoder, create_encoder
from sameplayer.training.info_nce import backward, info_nce

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
    encoder: Encoder, batches: Iterator[PairBatch], optimiser: object, half: torch.dtype | None
) -> Step:
    def features(images: torch.Tensor) -> torch.Tensor:
        with torch.autocast(images.device.type, half, enabled=half is not None):
            return encoder.model(images)

    def step() -> None:
        images = encoder.normalise(next(batches).pictures)
        optimiser.zero_grad()
        backward(features, images, lambda q, g: info_nce(q, g, encoder.log_scale, 0.1))
        optimiser.step()

    return step


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--architecture", default="vit_base_patch16_224")
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    options = parser.parse_args()
    half = torch.bfloat16 if options.precision == "bf16" else None
    with tempfile.TemporaryDirectory() as folder:
        league = draw_league(Path(folder) / "league", 24, 1, test_persons=2, challenge_persons=2)
        crops = read_source(league).select("train")
        times = measure(crops, options, half)
    pictures = 2 * options.pairs
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"{options.architecture}, {options.pairs} pairs, {options.precision}, {options.device}")
    base = statistics.median(times["plain loop, square 224"])
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"{name:<28}{pictures / median:>8.2f} pictures/s  x {base / median:.2f}")


def measure(
    crops: Crops, options: argparse.Namespace, half: torch.dtype | None
) -> dict[str, list[float]]:
    rng = np.random.default_rng(1)
    plan = [b for _ in range(9) for b in draw_batches(crops.persons(), crops.scopes(),
                                                      options.pairs, rng)]  # fmt: skip
    steps: dict[str, Step] = {}
    loaders = []
    for name, width in (("plain loop, square 224", 224), ("ours, square 224", 224),
                        ("ours, tall 224 x 112", 112)):  # fmt: skip
        encoder = create_encoder(options.architecture, pretrained=False, height=224, width=width)
        encoder.to(options.device).model.train()
        learned = [*encoder.model.parameters(), encoder.log_scale]
        optimiser = torch.optim.AdamW(learned, lr=1e-5)
        if name.startswith("plain"):
            steps[name] = plain_step(encoder, crops, iter(plan), optimiser)
            continue
        loader = PairLoader(crops, encoder.prepare, "none", 1.0)
        loaders.append(loader)
        steps[name] = our_step(encoder, loader.batches(plan, 1, 0), optimiser, half)
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(options.steps + 1):
        for name, step in steps.items():
            began = time.perf_counter()
            step()
            if options.device != "cpu":
                torch.cuda.synchronize()
            if turn:  # the first of each warms up
                times[name].append(time.perf_counter() - began)
    waited = sum(loader.waited_s for loader in loaders)
    spent = sum(sum(taken) for name, taken in times.items() if name.startswith("ours"))
    print(
        f"share of our time spent waiting for pictures, first step included: {waited / spent:.1%}"
    )
    for loader in loaders:
        loader.close()
    return times


if __name__ == "__main__":
    main()
