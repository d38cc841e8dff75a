"""What a few steps on footage without labels teach `person`, scored on labelled pictures.

    python benchmarks/real/tracks.py SHARED OUT [--seeds 1 2 3] [--lr 3e-5]

SHARED holds data/soccer_two_cameras and data/volleyball; OUT gets pictures and runs. Each run goes
once through its tracks, 8 pairs a batch; who is who in what is scored was never seen:

    left       tracks of the left soccer camera; scored within the right one, moments 3 s apart
    both       tracks of both soccer cameras, unlinked; scored from one camera to the other
    volleyball 1+2, 3+4    clips of one match; scored on the other's: first frame to the last two

A track of the soccer cameras is a labelled person within one camera: what a tracker without a
mistake would give. Scores are mAP of the network alone, and joined with the colour histogram in
equal shares, without mirrored pictures, which halves the time.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pandas as pd
import torch
from real.crops import across, cut, soccer_labels, within

from sameplayer import TrainConfig, embed, evaluate, load_encoder, rank, read_source, train
from sameplayer.data.crops import Crops
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.encoder.encoder import Encoder
from sameplayer.evaluation.resampling import bootstrap_interval

START = "person"
CONFIG = TrainConfig(
    preset=START, pairs=8, epochs=1, warmup_epochs=0.2, pairs_from="tracks", validate="none",
    device="cpu",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Trial:
    """Footage to learn from, how its tracks are thinned, and labelled pictures to score on."""

    learn: Crops
    gap: int
    test: Crops


def main() -> None:
    shown = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=shown)
    parser.add_argument("shared", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--lr", type=float, default=3e-5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name, trial in trials(options.shared / "data", options.out).items():
        before = aps(load_encoder(START), trial.test)
        after = []
        for seed in options.seeds:
            config = replace(
                CONFIG, lr=options.lr, lr_end=options.lr / 10, seed=seed, track_gap=trial.gap
            )
            run = options.out / f"{name}-{options.lr:g}-{seed}"
            after.append(aps(train(trial.learn, run, config), trial.test))
        for kind in ("network", "with colour"):
            scores = [scored[kind] for scored in after]
            print(f"{name}, {kind}: {told(trial.test, before[kind], scores)}", flush=True)


def trials(data: Path, out: Path) -> dict[str, Trial]:
    """Return what is learnt from and scored on; crops of the soccer videos are cut below out."""
    soccer = cut(soccer_labels(), data / "soccer_two_cameras", out)
    clips = read_source(data / "volleyball" / "clips")
    halves = [
        clips.where(clips.table["sequence"].isin([f"clip{a}", f"clip{b}"]).to_numpy())
        for a, b in ((1, 2), (3, 4))
    ]
    return {
        "left": Trial(_where(soccer, "camera", "left"), 20,
                      _where(within(soccer), "sequence", "right in right")),
        "both": Trial(soccer, 30, across(soccer)),
        "volleyball 1+2": Trial(halves[0], 1, _ends(halves[1])),
        "volleyball 3+4": Trial(halves[1], 1, _ends(halves[0])),
    }  # fmt: skip


def _where(crops: Crops, column: str, value: str) -> Crops:
    return crops.where((crops.table[column] == value).to_numpy())


def _ends(clips: Crops) -> Crops:
    """Return the first frame, of the queries, and the last two of ten: the others look like it."""
    frame = clips.table["frame"].astype(int)
    return clips.where(((frame == 1) | (frame >= 9)).to_numpy())


def aps(encoder: Encoder, test: Crops) -> dict[str, np.ndarray]:
    """Return the average precision of each query, of the network alone and with colour."""
    network = embed(encoder.with_views(colour=0.0, mirror=False), test)
    rows = np.concatenate([network.vectors, colours(test)], axis=1) * 0.5**0.5
    joined = Embeddings(rows, test, network.fingerprint)
    both = {"network": network, "with colour": joined}
    return {kind: evaluate(rank(rows)).per_query_ap for kind, rows in both.items()}


@cache
def colours(test: Crops) -> np.ndarray:
    return embed(load_encoder("colour"), test).vectors


def told(test: Crops, before: np.ndarray, after: list[np.ndarray]) -> str:
    """Return mAP before and after, and the gain with an interval over persons and seeds' spread.

    Pictures of one person rise and fall together, so persons are drawn, not queries.
    """
    gains = [100 * float(np.nanmean(scores - before)) for scores in after]
    each = pd.Series(100 * (np.mean(after, axis=0) - before))
    of_persons = each.groupby(test.select("query").persons()).mean().dropna().to_numpy()
    low, high = bootstrap_interval(of_persons, 1000, np.random.default_rng(0))
    spread = f", spread {stdev(gains):.1f} over {len(gains)} seeds" if len(gains) > 1 else ""
    return (
        f"mAP {100 * np.nanmean(before):.1f} -> {100 * np.nanmean(after):.1f}, gain "
        f"{mean(gains):+.1f} (95 % over {len(of_persons)} persons {low:+.1f} to {high:+.1f}"
        f"{spread})"
    )


if __name__ == "__main__":
    main()
