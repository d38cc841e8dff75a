"""Averaged weights against the best single epoch: soups of epochs and of seeds, a moving average.

    python benchmarks/soups.py                                          the drawn league
    python benchmarks/soups.py DATA --scope sequence --weights RUN      fine-tuning from one start

Every seed trains once and once more with a moving average. The best epoch is the one with the
highest mAP on held-out training persons; scores are of the test split's persons, whom no run saw.
The seeds' last epochs are averaged as well where all start from the same weights.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import torch

from sameplayer.data.crops import Crops
from sameplayer.data.layouts.sources import read_source
from sameplayer.encoder.embed import embed
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import load_encoder
from sameplayer.encoder.soup import average_encoders
from sameplayer.evaluation.scores import evaluate
from sameplayer.ranking.ranking import rank
from sameplayer.synthetic.league import draw_league
from sameplayer.training.config import TrainConfig
from sameplayer.training.run.train import train


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--scope")
    parser.add_argument("--weights")
    parser.add_argument("--persons", type=int, default=60)
    parser.add_argument("--pairs", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--lr", type=float)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    config = TrainConfig(
        weights=options.weights,
        pairs=options.pairs,
        epochs=options.epochs,
        lr=options.lr,
        keep_epochs=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        data = options.data or draw_league(
            Path(folder) / "league", options.persons, 1, test_persons=60, challenge_persons=2
        )
        crops = read_source(data, scope=options.scope)
        test = crops.of_split("test")
        rows: dict[str, list[float]] = {}
        lasts = []
        for seed in options.seeds:
            found = variants(crops, Path(folder) / str(seed), replace(config, seed=seed))
            for name, encoder in found.items():
                rows.setdefault(name, []).append(score(encoder, test))
                print(f"seed {seed}, {name}: {rows[name][-1]:.1f}", flush=True)
            lasts.append(found["last epoch"])
        if options.weights and len(lasts) > 1:
            rows["mean of the seeds' last epochs"] = [score(average_encoders(lasts), test)]
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print("| weights | mAP % | each seed |\n|---|---|---|")
    for name, scores in rows.items():
        spread = f" ± {stdev(scores):.1f}" if len(scores) > 1 else ""
        each = ", ".join(f"{one:.1f}" for one in scores) if len(scores) > 1 else ""
        print(f"| {name} | {mean(scores):.1f}{spread} | {each} |")


def variants(crops: Crops, out: Path, config: TrainConfig) -> dict[str, Encoder]:
    train(crops, out / "run", config)
    epochs = [load_encoder(out / "run" / f"epoch-{one + 1}") for one in range(config.epochs or 1)]
    return {
        "last epoch": epochs[-1],
        "best epoch on held-out persons": load_encoder(out / "run"),
        "mean of the last 3 epochs": average_encoders(epochs[-3:]),
        "mean of the last half": average_encoders(epochs[-(len(epochs) // 2) :]),
        "moving average, 0.99": load_moving(crops, out / "ema", replace(config, ema=0.99)),
    }


def load_moving(crops: Crops, out: Path, config: TrainConfig) -> Encoder:
    train(crops, out, config)
    return load_encoder(out / "last")


def score(encoder: Encoder, test: Crops) -> float:
    return 100 * evaluate(rank(embed(encoder, test))).mAP


if __name__ == "__main__":
    main()
