"""Score-CAM against the common implementation, and how faithful maps are in the drawn league.

    python benchmarks/explain.py --speed          ViT-B/16, random weights; several minutes
    python benchmarks/explain.py --encoder RUN    pictures of persons that it never saw

The first prints time and correlation with pytorch-grad-cam's ScoreCAM, one map of a letterboxed
crop. The second prints, for the trained encoder and an untrained one, mean areas of the deletion
and insertion curves and the share of the map on player, number and the player in front, with the
area that those cover, over pairs of one person; and what fewer passes change.
"""

from __future__ import annotations

import argparse
import platform
import time

import numpy as np
import torch
from pytorch_grad_cam import ScoreCAM
from torch.nn import functional

from sameplayer.data.synthetic import draw_crop
from sameplayer.encoder.encoder import Encoder, create_encoder, load_encoder
from sameplayer.maps.deletion import faithfulness, shares
from sameplayer.maps.gradients import grad_cam, legrad
from sameplayer.maps.method import MapSettings
from sameplayer.maps.score_cam import explain, score_cam

WAYS: dict[str, dict] = {
    "random map": {"method": "random"},
    "Grad-CAM": {"method": "grad-cam"},
    "LeGrad": {"method": "legrad"},
    "Score-CAM, all channels": {"coarse": 1},
    "half size": {"coarse": 2},
    "half size, 32 groups": {"coarse": 2, "clusters": 32},
    "half size, 32 strongest": {"coarse": 2, "channels": 32},
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
        print(f"{name:<28}{taken:>8.1f} s  x {base / taken:>5.1f}  {passes} passes, "
              f"correlation {alike:.4f}", flush=True)  # fmt: skip
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
            why = explain(encoder, a.picture, b.picture, **settings)
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
        print(f"| {name} | {mean[0]:.3f} | {mean[1]:.3f} | {mean[2]:.1%} | {mean[3]:.1%} "
              f"| {mean[4]:.1%} | {np.mean(alike):.3f} | {taken:.2f} |", flush=True)  # fmt: skip
    print(f"| share of the area | | | {mean[5]:.1%} | {mean[6]:.1%} | {mean[7]:.1%} | | |")


WAYS_FIRST = ("Score-CAM, all channels", WAYS["Score-CAM, all channels"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--architecture", default="vit_base_patch16_224")
    parser.add_argument("--encoder", help="run folder or saved encoder")
    parser.add_argument("--pairs", type=int, default=30)
    options = parser.parse_args()
    if options.speed:
        speed(options.architecture)
    if options.encoder:
        trained = load_encoder(options.encoder)
        print("trained")
        faithful(trained, options.pairs)
        print("untrained")
        preset = "small" if trained.spec.architecture == "sameplayer_small" else None
        faithful(create_encoder(preset or trained.spec.architecture, pretrained=False,
                                height=trained.spec.height, width=trained.spec.width),
                 options.pairs)  # fmt: skip


if __name__ == "__main__":
    main()
