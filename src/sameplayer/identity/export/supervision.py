"""The CSV of supervision's CSVSink: a row a box, for programs that work with its Detections."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from sameplayer.common.cells import write_csv
from sameplayer.identity.export.boxes import (
    boxes_with_identity,
    camera_files,
    identity_ids,
    rounded_corners,
)
from sameplayer.identity.log.player_log import PlayerLog


def export_supervision(log: PlayerLog, folder: Path) -> list[Path]:
    """Write supervision/CAMERA.csv: the columns of CSVSink, then frame_index and who it is.

    Corners are in pixels; class_id is 0, a person; tracker_id is one identity in every camera;
    frame_index counts from 0, as ``enumerate`` over the frames of a video does.
    """
    ids, boxes = identity_ids(log), boxes_with_identity(log)
    paths, files = [], camera_files(log, ".csv")
    for camera in log.cameras:
        own = boxes[boxes["camera"] == camera.name].sort_values(["frame", "appearance"])
        table = pd.DataFrame(rounded_corners(own), columns=["x_min", "y_min", "x_max", "y_max"])
        table["class_id"] = 0
        table["confidence"] = own["score"].round(4).to_numpy()
        table["tracker_id"] = own["identity"].map(ids).to_numpy()
        table["frame_index"] = own["frame"].to_numpy() - 1
        for name in ("identity", "name", "number", "sure", "team"):
            table[name] = own[name].to_numpy()
        path = folder / "supervision" / files[camera.name]
        write_csv(table, path)
        paths.append(path)
    return paths
