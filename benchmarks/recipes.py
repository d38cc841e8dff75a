"""Which recipe trains best: losses, negatives, augmentation, input shape, with three seeds each.

    python benchmarks/recipes.py                        the drawn league
    python benchmarks/recipes.py DATA --scope sequence  a data set with a test split

Every recipe changes one setting of the first. Scores are of the test split's persons, whom no run
saw. Prints mean and standard deviation over the seeds, and how many seeds beat the first recipe's
run of the same seed.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import torch

from sameplayer.data.layouts.sources import read_source
from sameplayer.encoder.embed import embed
from sameplayer.evaluation.scores import evaluate
from sameplayer.ranking.ranking import rank
from sameplayer.synthetic.league import draw_league
from sameplayer.training.config import TrainConfig
from sameplayer.training.run.train import train

RECIPES: dict[str, dict] = {
    "InfoNCE, random, 2022, tall": {},
    "identity loss": {"loss": "identity"},
    "InfoNCE + identity": {"loss": "info-nce+identity"},
    "triplet loss": {"loss": "triplet"},
    "InfoNCE + triplet": {"loss": "info-nce+triplet"},
    "team-mate batches": {"negatives": "team"},
    "nearest-person batches": {"negatives": "nearest"},
    "no augmentation": {"augment": "none"},
    "2023 augmentation": {"augment": "2023"},
    "strong augmentation": {"augment": "strong"},
    "letterboxed square": {"height": 128, "width": 128},
    "moving average, 0.99": {"ema": 0.99},
}
# A ViT from scratch that learns on two cores: 6 blocks of 64 columns, patches of 16.
VITS: dict[str, dict] = {
    "ViT, letterboxed square": {"height": 128, "width": 128},
    "ViT, tall": {"height": 128, "width": 64},
    "ViT, square without padding": {"height": 128, "width": 128, "drop_padding": True},
}
VIT = {"preset": "test_vit", "pretrained": False, "lr": 1e-3, "augment": "2022"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--scope")
    parser.add_argument("--persons", type=int, default=60)
    parser.add_argument("--pairs", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--only", nargs="+", help="recipes whose names hold one of these words")
    parser.add_argument("--vit", action="store_true", help="input shapes of a small ViT instead")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    recipes = {name: {**VIT, **change} for name, change in VITS.items()} if options.vit else RECIPES
    if options.only:
        recipes = {n: c for n, c in recipes.items() if any(word in n for word in options.only)}
    with tempfile.TemporaryDirectory() as folder:
        data = options.data or draw_league(
            Path(folder) / "league", options.persons, 1, test_persons=60, challenge_persons=2
        )
        crops = read_source(data, scope=options.scope)
        test = crops.of_split("test")
        base = TrainConfig("small", pairs=options.pairs, epochs=options.epochs, validate="none")
        if base.negatives == "random" and crops.table["team"].isna().all():
            recipes = {n: c for n, c in recipes.items() if c.get("negatives") != "team"}
        rows: dict[str, list[tuple[float, float, float]]] = {}
        for seed in options.seeds:
            for name, change in recipes.items():
                began = time.monotonic()
                config = replace(base, seed=seed, **change)
                embedded = embed(train(crops, Path(folder) / f"{name} {seed}", config), test)
                taken = time.monotonic() - began
                scores = [evaluate(rank(embedded, rerank=r)).mAP for r in ("none", "k-reciprocal")]
                rows.setdefault(name, []).append((100 * scores[0], 100 * scores[1], taken))
                print(
                    f"seed {seed}, {name}: {scores[0]:.4f} {scores[1]:.4f} {taken:.0f} s",
                    flush=True,
                )
    print_table(rows)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


def print_table(rows: dict[str, list[tuple[float, float, float]]]) -> None:
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print("| recipe | mAP % | each seed | re-ranked | better than the first | s a run |")
    print("|---|---|---|---|---|---|")
    first = next(iter(rows.values()))
    for name, runs in rows.items():
        plain, reranked, seconds = zip(*runs, strict=True)
        spread = f" ± {stdev(plain):.1f}" if len(runs) > 1 else ""
        each = ", ".join(f"{score:.1f}" for score in plain)
        wins = sum(a[0] > b[0] for a, b in zip(runs, first, strict=True))
        better = f"{mean(plain) - mean(f[0] for f in first):+.1f}, {wins} of {len(runs)}"
        print(
            f"| {name} | {mean(plain):.1f}{spread} | {each} | {mean(reranked):.1f} "
            f"| {better if runs is not first else ''} | {mean(seconds):.0f} |"
        )


if __name__ == "__main__":
    main()
