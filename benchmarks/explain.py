"""Score-CAM against the common implementation, and how faithful maps are, drawn and real.

    python benchmarks/explain.py --speed          ViT-B/16, random weights; several minutes
    python benchmarks/explain.py --encoder RUN    pictures of persons that it never saw
    python benchmarks/explain.py --real across.csv --encoder person person-large NAME=RUN ...

The first prints time and correlation with pytorch-grad-cam's ScoreCAM, one map of a letterboxed
crop. The second prints, for the trained encoder and an untrained one, mean areas of the deletion
and insertion curves and the share of the map on player, number and the player in front, with the
area that those cover, over pairs of one person; and what fewer passes change.

The third takes pairs of one person from a crop table, such as those of benchmarks/real/crops.py:
a query and a gallery picture each. It prints by how much the usual map beats a random map and the
middle of the picture, as the area below the insertion curve less that below the deletion curve,
with the 95 % interval over persons, for both kinds of hiding; and the share of maps that pass
their own test. A RUN "random:PRESET" stands for random weights.
"""

from __future__ import annotations

import argparse
import platform
import time

import numpy as np
import torch
from pytorch_grad_cam import ScoreCAM
from torch.nn import functional

from sameplayer.common.statistics import cluster_bootstrap_interval
from sameplayer.data.crops import Crops
from sameplayer.data.layouts.sources import read_source
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import create_encoder, load_encoder
from sameplayer.maps.deletion import BLANKS, faithfulness, middle_map, random_map, shares
from sameplayer.maps.explanation import explain
from sameplayer.maps.gradients import grad_cam, legrad
from sameplayer.maps.method import MapSettings
from sameplayer.maps.score_cam import score_cam
from sameplayer.synthetic.league import draw_crop

WAYS: dict[str, dict] = {
    "contributions": {"method": "contributions"},
    "random map": {"method": "random"},
    "Grad-CAM": {"method": "grad-cam"},
    "LeGrad": {"method": "legrad"},
    "Score-CAM, all channels": {"method": "score-cam", "coarse": 1, "clusters": None},
    "half size": {"method": "score-cam", "coarse": 2, "clusters": None},
    "half size, 32 groups": {"method": "score-cam", "coarse": 2, "clusters": 32},
    "half size, 32 strongest": {
        "method": "score-cam",
        "coarse": 2,
        "channels": 32,
        "clusters": None,
    },
}


def speed(architecture: str) -> None:
    encoder = create_encoder(architecture, pretrained=False)
    encoder.model.eval()
    pictures = [encoder.prepare(draw_crop(3, frame).picture) for frame in (0, 4)]
    images = encoder.normalise(torch.from_numpy(np.stack(pictures)))
    with torch.no_grad():
        target = functional.normalize(encoder.features(images), dim=1)[1]
    rows, columns = encoder.model.patch_embed.grid_size

    def common() -> np.ndarray:
        cam = ScoreCAM(
            encoder.model,
            [encoder.model.blocks[-1].norm1],
            reshape_transform=lambda t: t[:, 1:].transpose(1, 2).unflatten(2, (rows, columns)),
        )
        return cam(images[:1], [lambda row: functional.normalize(row, dim=0) @ target])[0]

    ours = {
        "all channels, half size": {"coarse": 2},
        "128 groups": {"clusters": 128, "coarse": 1},
        "128 groups, half size": {"clusters": 128, "coarse": 2},
        "32 groups, half size": {"clusters": 32, "coarse": 2},
        "128 strongest, half size": {"channels": 128, "coarse": 2},
    }
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, {architecture}, one map")
    began = time.perf_counter()
    expected = common()
    base = time.perf_counter() - began
    print(f"{'pytorch-grad-cam, ScoreCAM':<28}{base:>8.1f} s", flush=True)
    for name, settings in ours.items():
        began = time.perf_counter()
        made = score_cam(encoder, images[0], target, MapSettings(**settings))
        found, passes = made.values, made.facts["passes"]
        taken = time.perf_counter() - began
        alike = np.corrcoef(found.ravel(), expected.ravel())[0, 1]
        print(
            f"{name:<28}{taken:>8.1f} s  x {base / taken:>5.1f}  {passes} passes, "
            f"correlation {alike:.4f}",
            flush=True,
        )
    for name, gradient_map in (("Grad-CAM", grad_cam), ("LeGrad", legrad)):
        began = time.perf_counter()
        gradient_map(encoder, images[0], target)
        print(f"{name:<28}{time.perf_counter() - began:>8.1f} s")


def faithful(encoder: Encoder, pairs: int) -> None:
    print("| map | deletion | insertion | player | number | in front | like all channels | s |")
    print("|---|---|---|---|---|---|---|---|")
    full: list[np.ndarray] = []
    ways = [WAYS_FIRST, *[item for item in WAYS.items() if item != WAYS_FIRST]]
    if not hasattr(encoder.model, "blocks"):
        ways = [item for item in ways if item[0] != "LeGrad"]
    for name, settings in ways:
        figures, alike, began = [], [], time.perf_counter()
        for pair in range(pairs):
            a, b = draw_crop(500 + pair, 0), draw_crop(500 + pair, 1 + pair % 5)
            why = explain(encoder, a.picture, b.picture, check=False, **settings)
            if name == WAYS_FIRST[0]:
                full.append(why.map_a)
            alike.append(np.corrcoef(why.map_a.ravel(), full[pair].ravel())[0, 1])
            curves = faithfulness(encoder, a.picture, b.picture, why.map_a)
            parts = {"player": a.player, "number": a.number, "front": a.occluder}
            on = shares(why.map_a, parts)
            areas = [curves.deletion_area, curves.insertion_area]
            figures.append([*areas, *(on[p][0] for p in parts), *(on[p][1] for p in parts)])
        mean = np.nanmean(figures, axis=0)
        taken = (time.perf_counter() - began) / pairs
        print(
            f"| {name} | {mean[0]:.3f} | {mean[1]:.3f} | {mean[2]:.1%} | {mean[3]:.1%} "
            f"| {mean[4]:.1%} | {np.mean(alike):.3f} | {taken:.2f} |",
            flush=True,
        )
    print(f"| share of the area | | | {mean[5]:.1%} | {mean[6]:.1%} | {mean[7]:.1%} | | |")


def real(crops: Crops, encoders: dict[str, Encoder], pairs: int, seed: int) -> None:
    asked, shown, persons = paired(crops, pairs, seed)
    print(f"{len(persons)} pairs of {len(set(persons))} persons, seed {seed}")
    print(
        "| encoder | method | hidden by | deletion | insertion | better than random "
        "| better than the middle | pass their test | ms a pair |"
    )
    print("|" + "---|" * 9)
    for name, encoder in encoders.items():
        whys, taken = [], []
        for a, b in zip(asked, shown, strict=True):
            began = time.perf_counter()
            explain(encoder, a, b, check=False)
            taken.append(time.perf_counter() - began)
            whys.append(explain(encoder, a, b))
        passed = np.mean([why.refusals[0] is None for why in whys])
        for hidden in BLANKS:
            areas = []
            for at, (a, b, why) in enumerate(zip(asked, shown, whys, strict=True)):
                shape = a.shape[:2]
                maps = (why.map_a, random_map(shape, seed + at), middle_map(shape))
                curves = [faithfulness(encoder, a, b, one, steps=10, hidden=hidden) for one in maps]
                areas.append([[one.deletion_area, one.insertion_area] for one in curves])
            found = np.array(areas)
            gain = found[:, :, 1] - found[:, :, 0]
            cells = [better(gain[:, 0] - gain[:, at], persons, seed) for at in (1, 2)]
            mean, used = found[:, 0].mean(axis=0), whys[0].facts["method"]
            print(
                f"| {name} | {used} | {hidden} | {mean[0]:.3f} | {mean[1]:.3f} "
                f"| {cells[0]} | {cells[1]} | {passed:.0%} | {1000 * np.median(taken):.0f} |",
                flush=True,
            )


def paired(crops: Crops, pairs: int, seed: int) -> tuple[list, list, np.ndarray]:
    """Draw queries, and to each a gallery picture of its person, the persons in turn."""
    rng, table = np.random.default_rng(seed), crops.table
    query, gallery = (table[table["role"] == role] for role in ("query", "gallery"))
    sides = list(query.groupby(["sequence", "person"], sort=True).groups)
    chosen = [sides[at] for at in rng.permutation(len(sides))]
    asked, shown = [], []
    for at in range(pairs):
        for rows, into in ((query, asked), (gallery, shown)):
            sequence, person = chosen[at % len(chosen)]
            own = rows[(rows["sequence"] == sequence) & (rows["person"] == person)]
            into.append(crops.read(int(rng.choice(own.index))))
    return asked, shown, np.array([str(chosen[at % len(chosen)][1]) for at in range(pairs)])


def better(gains: np.ndarray, persons: np.ndarray, seed: int) -> str:
    low, high = cluster_bootstrap_interval(gains, persons, 10_000, np.random.default_rng(seed))
    return f"{gains.mean():+.3f} ({low:+.3f} to {high:+.3f})"


def named(text: str) -> tuple[str, Encoder]:
    name, _, source = text.rpartition("=")
    kind, _, preset = source.partition(":")
    made = create_encoder(preset, pretrained=False) if kind == "random" else load_encoder(source)
    return name or source, made


WAYS_FIRST = ("Score-CAM, all channels", WAYS["Score-CAM, all channels"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--architecture", default="vit_base_patch16_224")
    parser.add_argument("--encoder", nargs="+", help="run folder, saved encoder, or NAME=RUN")
    parser.add_argument("--real", help="crop table with queries and a gallery")
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.speed:
        speed(options.architecture)
    if options.real:
        encoders = dict(map(named, options.encoder))
        real(read_source(options.real), encoders, options.pairs, options.seed)
    elif options.encoder:
        trained = load_encoder(options.encoder[0])
        print("trained")
        faithful(trained, options.pairs)
        print("untrained")
        preset = "small" if trained.spec.architecture == "sameplayer_small" else None
        faithful(
            create_encoder(
                preset or trained.spec.architecture,
                pretrained=False,
                height=trained.spec.height,
                width=trained.spec.width,
            ),
            options.pairs,
        )


if __name__ == "__main__":
    main()
