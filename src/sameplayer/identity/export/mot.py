"""MOT text of a log: a file a camera, and a table of who each id is."""

from __future__ import annotations

from pathlib import Path

from sameplayer.common.cells import write_csv
from sameplayer.common.files import write_text
from sameplayer.identity.export.boxes import (
    boxes_with_identity,
    camera_files,
    identity_ids,
    rounded_sizes,
)
from sameplayer.identity.log.player_log import PlayerLog


def export_mot(log: PlayerLog, folder: Path) -> list[Path]:
    """Write tracks/CAMERA.txt and tracks/names.csv.

    A line a box: frame, id, left, top, width, height, score, -1, -1, -1, frames from 1, pixels, in
    order of frame and id. An id is one identity in every camera.
    """
    ids = identity_ids(log)
    boxes = boxes_with_identity(log)
    paths, files = [], camera_files(log, ".txt")
    for camera in log.cameras:
        own = boxes[boxes["camera"] == camera.name]
        own = own.assign(id=own["identity"].map(ids)).sort_values(["frame", "id"], kind="stable")
        columns = [own[name].tolist() for name in ("frame", "id", "score")]
        lines = [
            f"{frame},{track},{left:.2f},{top:.2f},{width:.2f},{height:.2f},{score:.4f},-1,-1,-1\n"
            for frame, track, score, (left, top, width, height) in zip(
                *columns, rounded_sizes(own).tolist(), strict=True
            )
        ]
        path = folder / "tracks" / files[camera.name]
        write_text(path, "".join(lines))
        paths.append(path)
    names = log.players()[["identity", "name", "team", "number"]]
    names.insert(0, "id", range(1, len(names) + 1))
    path = folder / "tracks" / "names.csv"
    write_csv(names, path)
    return [*paths, path]
