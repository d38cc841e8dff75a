"""What a few steps teach `person`, scored on labelled real pictures that it was not trained on.

    python benchmarks/real/transfer.py SHARED OUT [--learn league volleyball left both]
                                       [--seeds 1 2 3] [--lr 3e-5]

SHARED holds data/soccer_two_cameras and data/volleyball; OUT gets pictures and runs.

    league       a drawn league of 48 persons, 60 steps of 16 pairs; scored on soccer
    volleyball   tracks of the four clips, 8 pairs; scored on soccer
    left         tracks of the left soccer camera; scored within the right one: the same match and
                 mostly the same players, in other pictures
    both         tracks of both soccer cameras, unlinked; scored from one camera to the other: the
                 same pictures, but who is who across the cameras was never seen

A track of the soccer cameras is a labelled person within one camera: what a tracker without a
mistake would give. Soccer is scored across the cameras and within a camera, moments 3 s apart.
Scores are mAP of the network alone and of network and colours, without mirrored pictures.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pandas as pd
import torch
from real.crops import across, cut, soccer_labels, within

from sameplayer import TrainConfig, embed, evaluate, load_encoder, rank, read_source, train
from sameplayer.common.statistics import bootstrap_interval
from sameplayer.data.crops import Crops
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.encoder.encoder import Encoder
from sameplayer.synthetic.league import draw_league

START = "person"
BASE = TrainConfig(START, epochs=1, warmup_epochs=0.2, validate="none", device="cpu")
TRACKS = replace(BASE, pairs_from="tracks", pairs=8)


@dataclass(frozen=True, eq=False)
class Trial:
    """What is learnt from, how, and the labelled pictures that it is scored on."""

    learn: Crops
    config: TrainConfig
    tests: dict[str, Crops]


def main() -> None:
    shown = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=shown)
    parser.add_argument("shared", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--learn", nargs="+", choices=list(TRIALS), default=list(TRIALS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--lr", type=float, default=3e-5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = options.shared / "data"
    soccer = cut(soccer_labels(), data / "soccer_two_cameras", options.out)
    for name in options.learn:
        trial = TRIALS[name](data, options.out, soccer)
        before = {test: aps(load_encoder(START), crops) for test, crops in trial.tests.items()}
        after: dict[tuple[str, str], list[np.ndarray]] = {}
        for seed in options.seeds:
            config = replace(trial.config, lr=options.lr, lr_end=options.lr / 10, seed=seed)
            encoder = train(trial.learn, options.out / f"{name}-{options.lr:g}-{seed}", config)
            for test, crops in trial.tests.items():
                for kind, scores in aps(encoder, crops).items():
                    after.setdefault((test, kind), []).append(scores)
        for (test, kind), scores in after.items():
            found = told(trial.tests[test], before[test][kind], scores)
            print(f"{name}, lr {options.lr:g}, on {test}, {kind}: {found}", flush=True)


def _league(data: Path, out: Path, soccer: Crops) -> Trial:
    drawn = out / "league"
    if not drawn.exists():
        draw_league(drawn, 48, 7, test_persons=2, challenge_persons=2)
    config = replace(BASE, augment="strong")
    return Trial(read_source(drawn / "data_reid"), config, _on_soccer(soccer))


def _volleyball(data: Path, out: Path, soccer: Crops) -> Trial:
    return Trial(read_source(data / "volleyball" / "clips"), TRACKS, _on_soccer(soccer))


def _left(data: Path, out: Path, soccer: Crops) -> Trial:
    right = _where(within(soccer), "sequence", "right in right")
    return Trial(_where(soccer, "camera", "left"), replace(TRACKS, track_gap=20), {"right": right})


def _both(data: Path, out: Path, soccer: Crops) -> Trial:
    return Trial(soccer, replace(TRACKS, track_gap=30), {"across": across(soccer)})


TRIALS: dict[str, Callable[[Path, Path, Crops], Trial]] = {
    "league": _league,
    "volleyball": _volleyball,
    "left": _left,
    "both": _both,
}


def _on_soccer(soccer: Crops) -> dict[str, Crops]:
    return {"across": across(soccer), "within": within(soccer)}


def _where(crops: Crops, column: str, value: str) -> Crops:
    return crops.where((crops.table[column] == value).to_numpy())


def aps(encoder: Encoder, test: Crops) -> dict[str, np.ndarray]:
    """Return the average precision of each query, of the network alone and with colours."""
    joined = embed(encoder.with_views(mirror=False), test)
    rows = joined.vectors[:, : encoder.feature_width]
    alone = Embeddings(rows / np.linalg.norm(rows, axis=1, keepdims=True), test, "network")
    both = {"network": alone, "with colours": joined}
    return {kind: evaluate(rank(rows)).per_query_ap for kind, rows in both.items()}


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
