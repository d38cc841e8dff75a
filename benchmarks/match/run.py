"""From video to a log: ours beside the tracker alone and GTA-Link, on the same boxes and tracklets.

    python benchmarks/match/run.py draw OUT [--seeds 101 102 103] [--seconds 60]
    python benchmarks/match/run.py drawn OUT [--seeds 101 102 103] [--boxes given] [--rows ours ...]
    python benchmarks/match/run.py tune OUT [--seeds 1 2]          GTA-Link's two thresholds
    python benchmarks/match/run.py soccer SHARED OUT [--boxes detected]

``draw`` draws the matches that are not in OUT yet, one a seed. Seeds 101, 102 and 103 are for
scoring: no setting of ours or of GTA-Link was chosen on them; 1 to 99 are for choosing. ``drawn``
prints a line a match and row, and at the end the means. Every row is a process of its own; its
seconds are wall time for a minute of the match (all cameras), with reading the video, and its
memory is the process's peak. All rows look at FPS frames a second, and the truth is of these
frames. GTA-Link has a feature of every STRIDE-th box of a tracklet, by the encoder that ours uses;
ours has at most 16 of a tracklet.

Columns: HOTA, AssA, IDF1; purity of identities; identities a person; of the appearances of players
with a number, those rightly named at 95 % precision; wrong names of the sure ones; calibration
error; a player in two places at once; seconds a minute; MB. ``named`` and what follows is of
appearances, ``-`` where a row gives no names.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from gta import gta_link, settings_at
from pair import pair_labels, pair_scores

from sameplayer.data.video.frames import open_video
from sameplayer.encoder.load import load_encoder
from sameplayer.evaluation.logs.naming_scores import score_log
from sameplayer.evaluation.logs.tracking_scores import find_overlaps, match_boxes, score_tracking
from sameplayer.identity.log.player_log import PlayerLog
from sameplayer.synthetic.match import draw_match
from sameplayer.tracks.camera import cameras_of
from sameplayer.tracks.stream import find_tracklets
from sameplayer.tracks.tracklets import Tracklets

SCORING, TUNING = (101, 102, 103), (1, 2)
FPS = 5.0
STRIDE = 2  # of a tracklet's boxes, each second one has a feature for GTA-Link
TUNED = (0.7, 0.5)  # eps and merge that ``tune`` found best
GRID = [(eps, merge) for eps in (0.5, 0.6, 0.7) for merge in (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)]
SHOWN = (
    "hota",
    "assa",
    "idf1",
    "purity",
    "identities_a_person",
    "named_at_95",
    "wrong",
    "calibration",
    "twice",
    "seconds",
    "megabytes",
)


def match_files(folder: Path) -> dict[str, Any]:
    """Return what a drawn match gives: cameras, cuts by camera, and the paths of the rest."""
    facts = json.loads((folder / "facts.json").read_text())
    videos = [folder / f"{name}.mp4" for name in facts["offset_s"]]
    cuts = pd.read_csv(folder / "cuts.csv")
    return {
        "cameras": cameras_of(videos, list(facts["offset_s"].values())),
        "cuts": {
            name: cuts.loc[cuts["camera"] == name, "time_s"].to_numpy()
            for name in facts["offset_s"]
        },
        "boxes": _sampled_boxes(folder, facts),
        "roster": folder / "roster.csv",
        "seconds": facts["frames"] / facts["fps"],
    }


def sampled(facts: dict[str, Any]) -> np.ndarray:
    """Return the frames that are looked at: the first of each part of 1 / FPS seconds."""
    frames = np.arange(1, facts["frames"] + 1)
    parts = ((frames - 1) / facts["fps"] * FPS + 1e-6).astype(int)
    return frames[np.unique(parts, return_index=True)[1]]


def _sampled_boxes(folder: Path, facts: dict[str, Any]) -> Path:
    path = folder / f"boxes_{FPS:g}.csv"
    boxes = pd.read_csv(folder / "boxes.csv")
    boxes[boxes["frame"].isin(sampled(facts))].to_csv(path, index=False)
    return path


def truth_of(folder: Path) -> pd.DataFrame:
    """Return the truth of the frames that are looked at."""
    facts = json.loads((folder / "facts.json").read_text())
    truth = pd.read_csv(folder / "truth.csv", dtype={"number": str}, keep_default_na=False)
    return truth[truth["frame"].isin(sampled(facts))].reset_index(drop=True)


def tracklets_of(match: dict[str, Any], boxes: str) -> Tracklets:
    given = match["boxes"] if boxes == "given" else None
    return find_tracklets(match["cameras"], given, fps=FPS, cuts=match["cuts"])


def features_of(tracklets: Tracklets, folder: Path) -> tuple[np.ndarray, np.ndarray, float]:
    """Return (m,) rows with a feature, (m, d) unit rows, and the seconds that ``folder`` saved.

    Two rows of GTA-Link ask for the same features; the second one reads them, and is charged.
    """
    place = np.arange(len(tracklets.table))
    rows = place[
        (place - np.repeat(tracklets.starts[:-1], np.diff(tracklets.starts))) % STRIDE == 0
    ]
    sides = tracklets.table.iloc[rows][["frame", "left", "top", "width", "height"]].to_numpy(float)
    path = folder / f"features_{hashlib.sha256(sides.tobytes()).hexdigest()[:12]}.npz"
    if path.is_file():
        with np.load(path) as kept:
            return rows, kept["features"], float(kept["seconds"])
    begin = time.perf_counter()
    features = _embed(tracklets, rows)
    np.savez(path, features=features, seconds=time.perf_counter() - begin)
    return rows, features, 0.0


def _embed(tracklets: Tracklets, chosen: np.ndarray) -> np.ndarray:
    encoder, rows, table = load_encoder(), [], tracklets.table.iloc[chosen].reset_index(drop=True)
    for camera in tracklets.cameras:
        own = table[table["camera"] == camera.name].sort_values("frame")
        video = open_video(camera.video)
        for frame, boxes in own.groupby("frame"):
            picture = video.read(int(frame))
            crops = [_cut(picture, box) for box in boxes.itertuples()]
            rows.append((boxes.index.to_numpy(), encoder.embed(crops)))
    if not rows:
        return np.zeros((0, encoder.row_width), np.float32)
    order = np.argsort(np.concatenate([index for index, _ in rows]))
    return np.concatenate([features for _, features in rows])[order]


def _cut(picture: np.ndarray, box: Any) -> np.ndarray:
    high, wide = picture.shape[:2]
    left, top = int(np.clip(box.left, 0, wide - 2)), int(np.clip(box.top, 0, high - 2))
    right = int(np.clip(np.ceil(box.left + box.width), left + 2, wide))
    bottom = int(np.clip(np.ceil(box.top + box.height), top + 2, high))
    return np.ascontiguousarray(picture[top:bottom, left:right])


def ours(match: dict[str, Any], boxes: str, *, roster: bool) -> PlayerLog:
    """The one call of what is measured, with its default settings."""
    from sameplayer.identity.pipeline import LogConfig, identify_players

    return identify_players(
        [camera.video for camera in match["cameras"]],
        match["boxes"] if boxes == "given" else None,
        match["roster"] if roster else None,
        offsets=[camera.offset_s for camera in match["cameras"]],
        cuts=match["cuts"],
        config=LogConfig(fps=FPS),
    )


def tracker_row(match: dict[str, Any], boxes: str, truth: pd.DataFrame) -> dict[str, float]:
    table = tracklets_of(match, boxes).table
    return score_tracking(truth, table.assign(identity=table["tracklet"])).as_dict()


def perfect_row(match: dict[str, Any], boxes: str, truth: pd.DataFrame) -> dict[str, float]:
    """The tracker's tracklets, each under the person whom it mostly shows: no linking is better."""
    table = tracklets_of(match, boxes).table.reset_index(drop=True)
    table = table.assign(identity=table["tracklet"])
    matched = match_boxes(find_overlaps(truth, table), len(truth))
    seen = np.flatnonzero(matched >= 0)
    shows = pd.DataFrame(
        {
            "tracklet": table["tracklet"].to_numpy()[matched[seen]],
            "person": truth["person"].to_numpy()[seen],
        }
    )
    person = shows.groupby("tracklet")["person"].agg(lambda own: own.mode().iloc[0])
    who = [person.get(one, f"nobody {one}") for one in table["tracklet"]]
    return score_tracking(truth, table.assign(identity=who)).as_dict()


def gta_row(
    match: dict[str, Any], boxes: str, truth: pd.DataFrame, thresholds: tuple[float, float]
) -> dict[str, float]:
    tracklets = tracklets_of(match, boxes)
    rows, features, saved = features_of(tracklets, match["boxes"].parent)
    labels = gta_link(tracklets, rows, features, settings_at(FPS / STRIDE, *thresholds))
    scores = score_tracking(truth, tracklets.table.assign(identity=labels)).as_dict()
    return scores | {"saved": saved}


def ours_row(
    match: dict[str, Any], boxes: str, truth: pd.DataFrame, *, roster: bool
) -> dict[str, float]:
    scores = score_log(ours(match, boxes, roster=roster), truth).as_dict()
    return scores | {
        "named_at_95": scores["appearances_at_95"],
        "wrong": 1 - scores["appearances_precision"],
        "calibration": scores["appearances_error"],
    }


ROWS: dict[str, Callable[[dict[str, Any], str, pd.DataFrame], dict[str, float]]] = {
    "tracker": tracker_row,
    "perfect": perfect_row,
    "gta": lambda *given: gta_row(*given, (0.6, 0.4)),
    "gta-tuned": lambda *given: gta_row(*given, TUNED),
    "ours": lambda *given: ours_row(*given, roster=True),
    "ours-no-roster": lambda *given: ours_row(*given, roster=False),
}


def run_row(name: str, folder: Path, boxes: str) -> dict[str, float]:
    """Return a row's scores, computed in a process of its own, with its time and memory."""
    seconds, begin = match_files(folder)["seconds"], time.perf_counter()
    command = [sys.executable, __file__, "row", str(folder), "--rows", name, "--boxes", boxes]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    said = child.stdout.read() if child.stdout else ""
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{name} on {folder} failed.")
    scores = json.loads(said.splitlines()[-1])
    spent = (time.perf_counter() - begin + scores.get("saved", 0.0)) / seconds * 60
    return scores | {"seconds": spent, "megabytes": usage.ru_maxrss / 1024}


def print_row(name: str, folder: Path, boxes: str) -> None:
    match = match_files(folder)
    print(json.dumps(ROWS[name](match, boxes, truth_of(folder)), default=float))


def draw(out: Path, seeds: list[int], seconds: float) -> None:
    for seed in seeds:
        if not (out / f"match{seed}").exists():
            draw_match(out / f"match{seed}", seed, seconds=seconds)
            print(f"match{seed} drawn", flush=True)


def drawn(out: Path, seeds: list[int], kinds: list[str], names: list[str]) -> None:
    found = []
    print(f"{'seed':<6}{'boxes':<10}{'row':<16}" + "".join(f"{one[:10]:>12}" for one in SHOWN))
    for seed in seeds:
        for kind in kinds:
            for name in names:
                scores = run_row(name, out / f"match{seed}", kind)
                found.append({"seed": str(seed), "boxes": kind, "row": name, **scores})
                print(_line(found[-1]), flush=True)
    means = pd.DataFrame(found).groupby(["boxes", "row"], sort=False).mean(numeric_only=True)
    for (kind, name), scores in means.iterrows():
        print(_line({"seed": "mean", "boxes": kind, "row": name, **scores.to_dict()}))
    (out / "scores.json").write_text(json.dumps(found, indent=1))


def _line(scores: dict[str, Any]) -> str:
    shown = [scores.get(name, np.nan) for name in SHOWN]
    cells = "".join(f"{'-':>12}" if np.isnan(value) else f"{value:>12.3f}" for value in shown)
    return f"{scores['seed']:<6}{scores['boxes']:<10}{scores['row']:<16}{cells}"


def tune(out: Path, seeds: list[int], boxes: str) -> None:
    """Print HOTA and AssA of GTA-Link's thresholds, the best mean AssA last."""
    found = []
    for seed in seeds:
        match = match_files(out / f"match{seed}")
        truth, tracklets = truth_of(out / f"match{seed}"), tracklets_of(match, boxes)
        rows, features, _ = features_of(tracklets, out / f"match{seed}")
        for eps, merge in GRID:
            settings = settings_at(FPS / STRIDE, eps, merge)
            labels = gta_link(tracklets, rows, features, settings)
            scores = score_tracking(truth, tracklets.table.assign(identity=labels))
            found.append((eps, merge, scores.hota, scores.assa, scores.idf1, scores.purity))
    table = pd.DataFrame(found, columns=["eps", "merge", "hota", "assa", "idf1", "purity"])
    print(table.groupby(["eps", "merge"]).mean().sort_values("assa").round(3).to_string())


def soccer(shared: Path, out: Path, boxes: str) -> None:
    """Print who of those whom both cameras show is one identity in both, and wrong merges."""
    folder = shared / "data" / "soccer_two_cameras"
    videos = [folder / "left_camera.mp4", folder / "right_camera.mp4"]
    labels = pair_labels()
    match: dict[str, Any] = {
        "cameras": cameras_of(videos, [0.0, 0.18]),
        "cuts": {"left_camera": np.empty(0), "right_camera": np.empty(0)},
        "boxes": out / "soccer_boxes.csv",
        "roster": None,
    }
    if boxes == "given":
        given = labels[["camera", "frame", "left", "top", "width", "height"]].assign(score=1.0)
        out.mkdir(parents=True, exist_ok=True)
        given.to_csv(match["boxes"], index=False)
    begin = time.perf_counter()
    log = ours(match, boxes, roster=False)
    spent = time.perf_counter() - begin
    print(json.dumps(pair_scores(log, labels) | {"seconds": round(spent, 1)}, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("draw", "drawn", "row", "tune", "soccer"))
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--boxes", nargs="+", choices=("given", "detected"))
    parser.add_argument("--rows", nargs="+", choices=tuple(ROWS), default=list(ROWS))
    said = parser.parse_args()
    seeds = said.seeds or list(TUNING if said.what == "tune" else SCORING)
    if said.what == "draw":
        draw(said.folders[0], seeds, said.seconds)
    elif said.what == "drawn":
        drawn(said.folders[0], seeds, said.boxes or ["given"], said.rows)
    elif said.what == "row":
        print_row(said.rows[0], said.folders[0], said.boxes[0])
    elif said.what == "tune":
        tune(said.folders[0], seeds, (said.boxes or ["given"])[0])
    else:
        soccer(said.folders[0], said.folders[1], (said.boxes or ["detected"])[0])


if __name__ == "__main__":
    main()
