"""How pure tracklets are, and into how many pieces people fall: own tracker against libraries.

    python benchmarks/tracker.py SHARED [KEPT]

SHARED holds data/soccer_two_cameras and data/volleyball; KEPT is a folder in which found boxes are
kept between runs. All trackers get the same boxes. A tracklet's box is a person's where it overlaps
his hand-made box by half or more; purity is the share of such boxes that are of their tracklet's
main person, pieces the tracklets a person, mixed the tracklets with boxes of two people or more.

    drawn     people on a drawn pitch, seen by a drawn camera: the settings were chosen on them
    hand      soccer: the 840 hand-made boxes themselves, 2.5 a second
    found     soccer: boxes of the shipped detector, judged by the hand-made ones
    clips     volleyball: four clips of ten frames, their boxes, and every second frame of them
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from sameplayer.common.boxes import overlaps
from sameplayer.common.hashing import file_fingerprint
from sameplayer.data.images.picture import Picture
from sameplayer.data.video.frames import open_video
from sameplayer.tracks.boxes import Boxes
from sameplayer.tracks.camera import cameras_of
from sameplayer.tracks.detection.detectors import RtmDet
from sameplayer.tracks.tracking.appearance_cues import colour_cues
from sameplayer.tracks.tracking.registry import Tracker, UpdatedTracker
from sameplayer.tracks.tracking.tracker import track
from sameplayer.tracks.video.checkpoint import PartFolder, Seen
from sameplayer.tracks.video.detect_pass import sampled_frames, scan

HERE = Path(__file__).parent
HALF = 0.5  # overlap from which a box is a person's


@dataclass(frozen=True, eq=False)
class Case:
    """Boxes to be tracked, and hand-made ones (frame, xywh, person) to judge them by."""

    name: str
    boxes: Boxes
    times: np.ndarray
    cues: np.ndarray | None
    truth: pd.DataFrame


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path)
    parser.add_argument("kept", type=Path, nargs="?")
    parser.add_argument("--only", default="", help="cases whose names begin so")
    parser.add_argument(
        "--detector", action="store_true", help="people found and seconds a frame by tile, instead"
    )
    options = parser.parse_args()
    if options.detector:
        return print_detector(options.shared)
    found: dict[str, list[Case]] = {}
    for case in cases(options.shared, options.kept, options.only):
        found.setdefault(case.name, []).append(case)
    print(f"{'boxes':<22}{'tracker':<14}{'purity':>8}{'mixed':>7}{'pieces':>8}{'left out':>10}")
    for name, group in found.items():
        for tracker, make in trackers().items():
            counts = np.sum([judge(case, make()) for case in group], axis=0)
            print(f"{name:<22}{tracker:<14}{row(counts)}")
    return None


def trackers() -> dict[str, Callable[[], Tracker]]:
    """Return the own tracker, and those of the package trackers with their own settings."""
    import trackers as package

    def bare(boxes: Boxes, times: np.ndarray, shots: np.ndarray, _: object = None) -> np.ndarray:
        return track(boxes, times, shots, None)

    return {
        "own": lambda: track,
        "own, no looks": lambda: bare,
        "ByteTrack": lambda: UpdatedTracker(package.ByteTrackTracker()),
        "OC-SORT": lambda: UpdatedTracker(package.OCSORTTracker()),
        "BoT-SORT": lambda: UpdatedTracker(package.BoTSORTTracker(enable_cmc=False)),
        "C-BIoU": lambda: UpdatedTracker(package.CBIoUTracker()),
    }


def judge(case: Case, tracker: Tracker) -> np.ndarray:
    """Return counts: pure boxes, judged boxes, mixed tracklets, pieces, people, left out."""
    shots = np.zeros(len(case.times), np.int64)
    ids = tracker(case.boxes, case.times, shots, case.cues)
    pairs = []
    left_out = 0
    for frame, people in case.truth.groupby("frame"):
        rows = np.flatnonzero(case.boxes.frame == frame)
        hand = people[["left", "top", "width", "height"]].to_numpy(float)
        share, _ = overlaps(hand, case.boxes.xywh[rows])
        which, box = linear_sum_assignment(-share)
        fits = share[which, box] >= HALF
        tracklet = ids[rows[box[fits]]]
        left_out += int((tracklet < 0).sum())
        pairs += zip(people["person"].to_numpy()[which[fits]], tracklet, strict=True)
    table = pd.DataFrame(pairs, columns=["person", "tracklet"]).query("tracklet >= 0")
    boxes = table.groupby(["tracklet", "person"]).size()
    best = boxes.groupby("tracklet").max()
    mixed = int((boxes.groupby("tracklet").size() > 1).sum())
    pieces = int(table.groupby("person")["tracklet"].nunique().sum())
    return np.array(
        [best.sum(), boxes.sum(), mixed, pieces, case.truth["person"].nunique(), left_out]
    )


def row(counts: np.ndarray) -> str:
    pure, judged, mixed, pieces, people, left_out = counts
    return (
        f"{100 * pure / max(judged, 1):>8.1f}{mixed:>7}{pieces / people:>8.2f}"
        f"{100 * left_out / max(judged + left_out, 1):>9.1f} %"
    )


def cases(shared: Path, kept: Path | None, only: str) -> Iterator[Case]:
    makers: dict[str, Callable[[], Iterator[Case]]] = {
        "drawn": drawn_cases,
        "hand": lambda: hand_cases(shared),
        "found": lambda: found_cases(shared, kept),
        "clips": lambda: clip_cases(shared),
    }
    for name, make in makers.items():
        if name.startswith(only):
            yield from make()


def drawn_cases() -> Iterator[Case]:
    for fps in (5, 25):
        for seed in range(4):
            yield drawn_case(seed, fps)


def drawn_case(seed: int, fps: int, people: int = 22, seconds: float = 30.0) -> Case:
    """Draw people who run about a pitch: boxes with noise, hidden people, false boxes, looks."""
    rng = np.random.default_rng(seed)
    steps = int(seconds * 25)
    place = rng.uniform([5, 5], [50, 60], (people, 2))
    speed = rng.normal(0, 2, (people, 2))
    aim = rng.uniform([5, 5], [50, 60], (people, 2))
    team = np.arange(people) % 2
    kit = rng.dirichlet(np.full(12, 0.3), 2)
    frames, rows, score, cues, who = [], [], [], [], []
    truth = []
    for step in range(steps):
        again = rng.random(people) < 0.01
        aim[again] = rng.uniform([5, 5], [50, 60], (int(again.sum()), 2))
        pull = (aim - place) / np.maximum(np.linalg.norm(aim - place, axis=1), 3)[:, None] * 5
        speed += ((pull - speed) * 0.8 + rng.normal(0, 12, (people, 2))) * 0.04
        place = place + speed * 0.04
        if step % (25 // fps):
            continue
        depth = 40 + place[:, 1]  # metres from a camera 12 m high
        focal = 2600.0
        height = focal * 1.8 / depth
        middle = 1536 + focal * (place[:, 0] - 27) / depth
        feet = 200 + focal * 12 / depth
        width = height * rng.uniform(0.3, 0.5, people)
        exact = np.stack([middle - width / 2, feet - height, width, height], axis=1)
        inside = (middle > 0) & (middle < 3072)
        _, covered = overlaps(exact, exact)
        nearer = depth[:, None] > depth[None]
        hidden = (covered * nearer).max(axis=1)
        seen = inside & (rng.random(people) > 0.03 + 0.9 * (hidden > 0.6))
        noise = rng.normal(0, 0.04, (people, 4)) * height[:, None]
        boxes = exact + noise * [1, 0.7, 0.7, 1]
        truth += [(step + 1, *exact[one], str(one)) for one in np.flatnonzero(seen)]
        look = kit[team] * rng.gamma(8, 1 / 8, (people, 12))
        near = np.argmax(covered * nearer, axis=1)
        look = np.where((hidden > 0.3)[:, None], (look + kit[team[near]]) / 2, look)
        false = rng.poisson(0.3)
        other = np.stack(
            [
                rng.uniform(0, 3000, false),
                rng.uniform(300, 800, false),
                np.full(false, 30.0),
                np.full(false, 80.0),
            ],
            axis=1,
        )
        rows += [boxes[seen], other]
        score += [rng.beta(8, 2, seen.sum()).clip(0.3), rng.uniform(0.3, 0.6, false)]
        cues += [look[seen] / look[seen].sum(1, keepdims=True), rng.dirichlet(np.ones(12), false)]
        frames += [step + 1] * (int(seen.sum()) + false)
        who.append(seen)
    found = Boxes(
        np.array(frames),
        np.concatenate(rows),
        np.concatenate(score),
        np.full(len(frames), -1, np.int64),
    )
    columns = ["frame", "left", "top", "width", "height", "person"]
    times = np.arange(steps) / 25
    name = f"drawn, {fps} fps"
    return Case(name, found, times, np.concatenate(cues), pd.DataFrame(truth, columns=columns))


def hand_cases(shared: Path) -> Iterator[Case]:
    for _, labels, video in soccer(shared):
        boxes = boxes_in_table(labels)
        numbers = np.unique(boxes.frame).tolist()
        cues = np.concatenate(
            [
                colour_cues(frame.picture, boxes.xywh[boxes.frame == frame.number])
                for frame in open_video(video).pick(numbers)
            ]
        )
        yield Case("hand, 2.5 fps", boxes, open_video(video).times, cues, labels)


def found_cases(shared: Path, kept: Path | None) -> Iterator[Case]:
    for _, labels, path in soccer(shared):
        video = open_video(path)
        for tile, rates in ((640, (5,)), (1024, (25, 5))):
            seen = found_boxes(path, tile, rates[0], kept)
            for fps in rates:
                used = (seen.box_frame - 1) % (25 // fps) == 0
                boxes = Boxes(
                    *(
                        column[used]
                        for column in (seen.box_frame, seen.xywh, seen.score, seen.track)
                    )
                )
                name = f"found, {tile}, {fps} fps"
                yield Case(name, boxes, video.times, seen.cue[used], labels)


def found_boxes(path: Path, tile: int, fps: float, kept: Path | None) -> Seen:
    video, detector = open_video(path), RtmDet(tile)
    facts: dict[str, object] = {"video": file_fingerprint(path), "fps": fps, "tile": tile}
    folder = PartFolder(
        kept and kept / str(tile), path.stem, facts | {"detector": detector.fingerprint}
    )
    numbers = sampled_frames(video.times, fps, None)
    return scan(video, numbers, detector, folder, lambda _: None)


def soccer(shared: Path) -> Iterator[tuple[str, pd.DataFrame, Path]]:
    table = pd.read_csv(HERE / "real" / "soccer_two_cameras.csv")
    for camera in ("left", "right"):
        (one,) = cameras_of([shared / "data" / "soccer_two_cameras" / f"{camera}_camera.mp4"])
        yield (
            camera,
            table[table["camera"] == camera].sort_values("frame", kind="stable"),
            one.video,
        )


def clip_cases(shared: Path) -> Iterator[Case]:
    columns = ["frame", "person", "left", "top", "width", "height"]
    for step in (1, 2):
        for clip in sorted((shared / "data" / "volleyball" / "clips").glob("clip*")):
            table = pd.read_csv(clip / "gt" / "gt.txt", header=None).iloc[:, :6]
            table = table.set_axis(columns, axis=1).sort_values("frame", kind="stable")
            table = table[(table["frame"] - 1) % step == 0]
            yield Case(
                f"clips, {25 / step:g} fps", boxes_in_table(table), np.arange(10) / 25, None, table
            )


def boxes_in_table(table: pd.DataFrame) -> Boxes:
    xywh = table[["left", "top", "width", "height"]].to_numpy(float)
    count = len(table)
    return Boxes(table["frame"].to_numpy(), xywh, np.ones(count), np.full(count, -1, np.int64))


def print_detector(shared: Path) -> None:
    """Print by tile: labelled people found in every fourth labelled frame, boxes, and seconds."""
    frames: list[tuple[Picture, np.ndarray]] = []
    for _, table, path in soccer(shared):
        for frame in open_video(path).pick(sorted(table["frame"].unique())[::4]):
            own = table[table["frame"] == frame.number]
            frames.append((frame.picture, own[["left", "top", "width", "height"]].to_numpy(float)))
    for tile in (None, 1664, 1280, 1024, 800, 640):
        detector = RtmDet(tile)
        detector(frames[0][0])
        met, count = [], 0
        begin, busy = time.perf_counter(), time.process_time()
        for picture, truth in frames:
            xywh, score = detector(picture)
            met.append(overlaps(truth, xywh)[0].max(axis=1, initial=0))
            count += len(score)
        spent, busy = time.perf_counter() - begin, time.process_time() - busy
        share = np.concatenate(met)
        print(
            f"tile {tile!s:>5}: {(share >= 0.5).mean():.1%} found at overlap 0.5, "
            f"{(share >= 0.7).mean():.1%} at 0.7, of {len(share)}; {count / len(frames):.1f} boxes "
            f"a frame; {spent / len(frames):.2f} s, {busy / len(frames):.2f} s of one core"
        )


if __name__ == "__main__":
    sys.exit(main())
