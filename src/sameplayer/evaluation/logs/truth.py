"""The true boxes of a match, as ``score_log`` takes them, from files of boxes with track ids."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sameplayer.data.tabular.read_table import read_table
from sameplayer.errors import DataError
from sameplayer.identity.log.player_log import PlayerLog
from sameplayer.tracks.boxes import Boxes
from sameplayer.tracks.detection.box_files import read_boxes, refuse_one_camera

NAMES = {"track": ("id", "track_id", "person"), "team": ("club",), "number": ("shirt number",)}


def read_truth(
    files: Sequence[str | Path], log: PlayerLog, names: str | Path | None = None
) -> pd.DataFrame:
    """Return the true boxes of a log's cameras in the frames that the log was made from.

    files    boxes with a track id, in any format that ``read_boxes`` reads: a file per camera of
             the log, in order, or one with a column camera. One track id is one person, in all
             frames of all cameras
    names    table with the columns track, team and number; None: team and number are taken from
             the boxes, where those have them

    Columns: camera, frame, left, top, width, height, person, team, number; team and number are ""
    where unknown. Raises MissingFile, and DataError for files that do not fit the log, boxes
    without a track id, and a damaged table.
    """
    cameras = [camera.name for camera in log.cameras]
    if len(files) not in (1, len(cameras)):
        raise DataError(
            f"{len(files)} files of true boxes for a log of {len(cameras)} cameras; expected a "
            "file per camera, or one with a column camera."
        )
    if len(files) == 1 and len(cameras) > 1:
        refuse_one_camera(files[0], cameras)
    paths = [Path(files[0])] * len(cameras) if len(files) == 1 else list(map(Path, files))
    known = None if names is None else _read_names(Path(names))
    parts = [
        _rows(read_boxes(path, camera=camera if len(files) < len(cameras) else None), path, known)
        for path, camera in zip(paths, cameras, strict=True)
    ]
    tables = [
        part[_was_sampled(log, camera, part["frame"].to_numpy())].assign(camera=camera)
        for part, camera in zip(parts, cameras, strict=True)
    ]
    truth = pd.concat(tables, ignore_index=True)
    if truth.empty:
        raise DataError(f"{paths[0]}: no box is in a frame that the log was made from.")
    return truth


def _rows(boxes: Boxes, path: Path, known: dict[int, tuple[str, str]] | None) -> pd.DataFrame:
    if (boxes.track < 0).any():
        raise DataError(
            f"{path}: {int((boxes.track < 0).sum())} boxes have no track id; expected one that "
            "says which person each true box shows."
        )
    table = pd.DataFrame(boxes.xywh, columns=["left", "top", "width", "height"])
    table.insert(0, "frame", boxes.frame)
    table["person"] = boxes.track
    if known is None:
        known = {
            int(track): (boxes.teams.get(track, ""), boxes.numbers.get(track, ""))
            for track in np.unique(boxes.track)
        }
    for place, name in enumerate(("team", "number")):
        table[name] = [known.get(track, ("", ""))[place] for track in boxes.track.tolist()]
    return table


def _read_names(path: Path) -> dict[int, tuple[str, str]]:
    """Return track -> team, number."""
    read = read_table(path, NAMES, needed=("track", "number"), what="table of names")
    table = read.table.reindex(columns=list(NAMES)).astype("string").fillna("")
    known = {}
    for row, (track, team, number) in zip(read.rows, table.itertuples(index=False), strict=True):
        try:
            known[int(track)] = (team.strip(), number.strip())
        except ValueError:
            raise DataError(
                f"{path}, row {row}: expected a whole track id, found {track!r}."
            ) from None
    return known


def _was_sampled(log: PlayerLog, camera: str, frames: np.ndarray) -> np.ndarray:
    """Return whether each frame is one that the log was made from: every n-th of a camera."""
    own = np.unique(log.boxes.loc[log.boxes["camera"] == camera, "frame"].to_numpy(np.int64))
    if len(own) < 2:
        return np.isin(frames, own) if len(own) else np.ones(len(frames), bool)
    step = int(np.gcd.reduce(np.diff(own)))
    return np.asarray((frames - own[0]) % step == 0)
