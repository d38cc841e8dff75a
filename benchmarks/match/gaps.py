"""Real movement: how pure tracklets are, and who is known again after a gap, without pictures.

    python benchmarks/match/gaps.py SPORTSMOT [--half score] [--camera known] [--seed 0]
    python benchmarks/match/gaps.py SPORTSMOT --half choose --tracker margin=2 margin=4 gap=0.5

SPORTSMOT holds a folder a sequence with gt/gt.txt, such as the validation part of SportsMOT (its
licence allows measuring, not use in a product). Boxes are thinned to 5 frames a second, moved and
resized by 5 % of their height, and dropped as by a detector: one in ten, and those of which a
nearer one covers more than 60 %. Half of each sport's videos are for choosing settings, the others
for scoring. How far the camera turned is taken from the median way of all people from one frame to
the next at 25 frames a second (``--camera known``: a stand-in for what pictures tell), or not told
(``unknown``).

Printed are the purity of the own tracker's tracklets and how many a person has; of tracklets whose
person was seen up to 4 s before, how often the likeliest of all tracklets that ended in these 4 s
is of the same person, by the length of the gap: the nearest in body heights, and by place and time
as the log weighs them; and AssA and purity after linking by looks that are drawn (8 numbers a
person, as much noise as difference, no teams and no numbers), without place and with it.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from sameplayer.common.boxes import shared_area
from sameplayer.identity.evidence.collect import seen_together
from sameplayer.identity.evidence.evidence import Evidence
from sameplayer.identity.evidence.place.gaps import gap_odds
from sameplayer.identity.linking.link import link
from sameplayer.numbers.reader import NUMBERS
from sameplayer.tracks.boxes import Boxes
from sameplayer.tracks.camera import Camera
from sameplayer.tracks.tracking.tracker import TrackerConfig, track
from sameplayer.tracks.tracklets import CAMERA_COLUMNS, TRACKLET_COLUMNS, Tracklets

RATE, STEP = 25, 5
JITTER, DROPPED, COVERED = 0.05, 0.1, 0.6
LENGTHS = (0.0, 0.5, 1.0, 2.0, 4.0)
DIMENSIONS = 8
VIDEOS = {
    "choose": {
        "basketball": ("v_00HRwkvvjtQ", "v_5ekaksddqrc"),
        "volleyball": ("v_0kUtTtmLaJA", "v_9MHDmAMxO5I"),
        "soccer": ("v_2QhNRucNC7E", "v_ITo3sCnpw_k", "v_i2_L4qquVg0"),
    },
    "score": {
        "basketball": ("v_4r8QL_wglzQ", "v_BgwzTUxJaeU"),
        "volleyball": ("v_4-EmEtrturE", "v_cC2mHWqMcjk"),
        "soccer": ("v_G-vNjfx1GGc", "v_dw7LOz17Omg"),
    },
}


@dataclass(frozen=True, eq=False)
class Sequence:
    """Found boxes of a sequence: who is in each, and how far the camera turned at its frame."""

    boxes: Boxes
    person: np.ndarray
    turned: np.ndarray
    times: np.ndarray


def read(folder: Path, seed: int) -> Sequence:
    names = ["frame", "person", "left", "top", "width", "height"]
    table = pd.read_csv(folder / "gt" / "gt.txt", header=None, skipinitialspace=True)
    table = table.iloc[:, :6].set_axis(names, axis=1)
    table = table.sort_values(["frame", "person"], kind="stable")
    turned = _turned(table)
    table = table[(table["frame"] - 1) % STEP == 0]
    rng = np.random.default_rng(seed)
    kept = [_found(own, rng) for _, own in table.groupby("frame")]
    table = table[np.concatenate(kept)]
    xywh = table[["left", "top", "width", "height"]].to_numpy(float)
    middle = xywh[:, :2] + xywh[:, 2:] / 2
    middle += rng.normal(0, JITTER, middle.shape) * xywh[:, 3:]
    size = xywh[:, 2:] * np.exp(rng.normal(0, JITTER, middle.shape))
    count, frame = len(table), table["frame"].to_numpy(np.int64)
    boxes = Boxes(
        frame,
        np.concatenate([middle - size / 2, size], axis=1),
        np.full(count, 0.9),
        np.full(count, -1, np.int64),
    )
    times = np.arange(len(turned)) / RATE
    return Sequence(boxes, table["person"].to_numpy(), turned[frame - 1], times)


def _turned(table: pd.DataFrame) -> np.ndarray:
    """Return (frames, 2) pixels by which most people moved since the first frame."""
    feet = pd.DataFrame(
        {
            "frame": table["frame"],
            "person": table["person"],
            "x": table["left"] + table["width"] / 2,
            "y": table["top"] + table["height"],
        }
    )
    both = feet.merge(feet.assign(frame=feet["frame"] + 1), on=["frame", "person"])
    ways = pd.DataFrame({"x": both["x_x"] - both["x_y"], "y": both["y_x"] - both["y_y"]})
    middle = ways.groupby(both["frame"]).median()
    moved = np.zeros((int(table["frame"].max()), 2))
    moved[middle.index - 1] = middle
    return np.cumsum(moved, axis=0)


def _found(people: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    xywh = people[["left", "top", "width", "height"]].to_numpy(float)
    covered = shared_area(xywh[:, None], xywh[None]) / xywh[:, 2:].prod(axis=1)[:, None]
    feet = xywh[:, 1] + xywh[:, 3]
    hidden = (covered * (feet[None] > feet[:, None])).max(axis=1) > COVERED
    return ~hidden & (rng.random(len(xywh)) >= DROPPED)


def tracked(
    one: Sequence, camera: str, config: TrackerConfig | None
) -> tuple[Tracklets, np.ndarray]:
    """Return the tracklets and (rows,) who is in each box."""
    boxes, turned = one.boxes, one.turned if camera == "known" else np.zeros_like(one.turned)
    xywh = np.concatenate([boxes.xywh[:, :2] - turned, boxes.xywh[:, 2:]], axis=1)
    still = Boxes(boxes.frame, xywh, boxes.score, boxes.track)
    ids = track(still, one.times, np.zeros(len(one.times), int), None, config)
    kept = np.lexsort((boxes.frame, ids))[np.count_nonzero(ids < 0) :]
    frame = boxes.frame[kept]
    columns = [ids[kept], "a", 0, frame, one.times[frame - 1], *boxes.xywh[kept].T, 0.9]
    table = pd.DataFrame(dict(zip(TRACKLET_COLUMNS, columns, strict=True)))
    table[list(CAMERA_COLUMNS)] = turned[kept]
    return Tracklets(table, (Camera("a", Path("a.mp4")),)), one.person[kept]


def shown(ids: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Return (tracklets, persons) boxes of each person in each tracklet."""
    counts = np.zeros((int(ids.max()) + 1, int(person.max()) + 1))
    np.add.at(counts, (ids, person), 1)
    return counts


def assa(ids: np.ndarray, person: np.ndarray) -> tuple[float, float]:
    """Return how well identities and persons cover each other, by box, and the purity."""
    counts = shown(ids, person)
    union = counts.sum(axis=0) + counts.sum(axis=1, keepdims=True) - counts
    covered = counts * counts / np.maximum(union, 1)
    return covered.sum() / counts.sum(), counts.max(axis=1).sum() / counts.sum()


def known_again(tracklets: Tracklets, person: np.ndarray, odds: np.ndarray) -> pd.DataFrame:
    """Return a row a tracklet whose person was seen shortly before: the gap, and who is right."""
    table, starts = tracklets.table, tracklets.starts
    first, last = table.iloc[starts[:-1]], table.iloc[starts[1:] - 1]
    feet = [
        np.column_stack([own["left"] + own["width"] / 2, own["top"] + own["height"]])
        - own[list(CAMERA_COLUMNS)].to_numpy()
        for own in (first, last)
    ]
    gap = first["time_s"].to_numpy() - last["time_s"].to_numpy()[:, None]
    away = np.linalg.norm(feet[0][None] - feet[1][:, None], axis=2) / first["height"].to_numpy()
    rows = []
    for at, own in enumerate(person):
        before = np.flatnonzero((gap[:, at] > 0) & (gap[:, at] < LENGTHS[-1]))
        his = before[person[before] == own]
        if len(his):
            nearest = before[away[before, at].argmin()]
            likeliest = before[odds[before, at].argmax()]
            rows.append((gap[his, at].min(), *(person[[nearest, likeliest]] == own)))
    return pd.DataFrame(rows, columns=["gap", "nearest", "ours"])


def linked(person: np.ndarray, weight: np.ndarray, apart: np.ndarray, place: object) -> np.ndarray:
    """Return (n,) identities by looks drawn for the person of each tracklet, and by place."""
    rng = np.random.default_rng(len(person))
    looks = rng.normal(size=(person.max() + 1, DIMENSIONS))[person]
    looks = looks + rng.normal(size=looks.shape)
    squares = ((looks[:, None] - looks[None]) ** 2).sum(axis=2)
    odds = DIMENSIONS / 2 * np.log(2) - squares / 8  # spreads of 2 and 4 of a difference
    np.fill_diagonal(odds, 0)
    number = np.full((len(person), len(NUMBERS) + 1), -12.0)
    number[:, -1] = 0
    team = np.full((len(person), 3), 1 / 3)
    odds = odds.clip(-6, 6).astype(np.float32)
    return link(Evidence(odds, place, apart, number, team, weight))


def measure(folders: list[Path], said: argparse.Namespace, config: TrackerConfig | None) -> None:
    pure, boxes, pieces, people = 0.0, 0, 0, 0
    found, scores = [], []
    for folder in folders:
        tracklets, person = tracked(read(folder, said.seed), said.camera, config)
        ids = tracklets.table["tracklet"].to_numpy()
        counts = shown(ids, person)
        pure, boxes = pure + counts.max(axis=1).sum(), boxes + len(ids)
        pieces, people = pieces + len(tracklets), people + len(np.unique(person))
        if said.tracker:
            continue
        of, apart = counts.argmax(axis=1), seen_together(tracklets)
        place = gap_odds(tracklets.table, apart)
        found.append(known_again(tracklets, of, place.toarray()))
        weight = np.minimum(counts.sum(axis=1), 16)
        by = [linked(of, weight, apart, one)[ids] for one in (None, place)]
        scores.append([*assa(by[0], person), *assa(by[1], person)])
    print(f"  tracker: purity {100 * pure / boxes:.2f}, tracklets a person {pieces / people:.2f}")
    if not said.tracker:
        rows = pd.concat(found)
        rows["length"] = pd.cut(rows["gap"], LENGTHS)
        rates = rows.groupby("length", observed=True)[["nearest", "ours"]].mean().mul(100)
        asked = rows.groupby("length", observed=True).size().rename("asked")
        print(pd.concat([asked, rates.round(1)], axis=1).to_string())
        names = ("AssA", "purity", "AssA with place", "purity with place")
        means = 100 * np.mean(scores, axis=0)
        print("  looks: " + ", ".join(f"{n} {v:.1f}" for n, v in zip(names, means, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", choices=tuple(VIDEOS), default="score")
    parser.add_argument("--camera", choices=("known", "unknown"), default="known")
    parser.add_argument("--seed", type=int, default=0, help="of what is moved and dropped")
    parser.add_argument("--tracker", nargs="+", help="settings, each alone, such as margin=4")
    said = parser.parse_args()
    for setting in said.tracker or [None]:
        changes = dict(one.split("=") for one in setting.split(",")) if setting else {}
        config = TrackerConfig(**{name: float(value) for name, value in changes.items()})
        for sport, videos in VIDEOS[said.half].items():
            print(f"{sport}, half to {said.half}, camera {said.camera}, {setting or 'as shipped'}")
            folders = [own for one in videos for own in sorted(said.folder.glob(f"{one}_c*"))]
            measure(folders, said, config)


if __name__ == "__main__":
    main()
