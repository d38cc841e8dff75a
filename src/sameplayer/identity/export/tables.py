"""Exports as text tables: MOT for trackers, and the CSV of supervision."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from sameplayer.common.cells import write_csv
from sameplayer.common.files import write_text
from sameplayer.identity.export.boxes import boxes_by_camera, rounded_corners, rounded_sizes
from sameplayer.identity.log.player_log import PlayerLog


def export_mot(log: PlayerLog, folder: Path) -> list[Path]:
    """Write tracks/CAMERA.txt and tracks/names.csv.

    One line per box: frame, id, left, top, width, height, score, -1, -1, -1; frames from 1, pixels,
    sorted by frame and id. An id is one identity in all cameras.
    """
    folder = folder / "tracks"
    paths = []
    for _, file, own in boxes_by_camera(log, "frame", "id"):
        columns = [own[name].tolist() for name in ("frame", "id", "score")]
        lines = [
            f"{frame},{track},{left:.2f},{top:.2f},{width:.2f},{height:.2f},{score:.4f},-1,-1,-1\n"
            for frame, track, score, (left, top, width, height) in zip(
                *columns, rounded_sizes(own).tolist(), strict=True
            )
        ]
        paths.append(folder / f"{file}.txt")
        write_text(paths[-1], "".join(lines))
    names = log.players()[["identity", "name", "team", "number"]]
    names.insert(0, "id", range(1, len(names) + 1))
    paths.append(folder / "names.csv")
    write_csv(names, paths[-1])
    return paths


def export_supervision(log: PlayerLog, folder: Path) -> list[Path]:
    """Write supervision/CAMERA.csv: the columns of CSVSink, then frame_index and who it is.

    Corners are in pixels; class_id is 0, a person; tracker_id is one identity in all cameras;
    frame_index counts from 0, as ``enumerate`` over the frames of a video does.
    """
    paths = []
    for _, file, own in boxes_by_camera(log, "frame", "appearance"):
        table = pd.DataFrame(rounded_corners(own), columns=["x_min", "y_min", "x_max", "y_max"])
        table["class_id"] = 0
        table["confidence"] = own["score"].round(4).to_numpy()
        table["tracker_id"] = own["id"].to_numpy()
        table["frame_index"] = own["frame"].to_numpy() - 1
        for name in ("identity", "name", "number", "sure", "team"):
            table[name] = own[name].to_numpy()
        paths.append(folder / "supervision" / f"{file}.csv")
        write_csv(table, paths[-1])
    return paths
