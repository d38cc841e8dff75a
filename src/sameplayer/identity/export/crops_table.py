"""Crops of each known player of a log, as a crop table to train on or to enrol."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from sameplayer.data.crops import Crops, write_crops
from sameplayer.errors import DataError, SettingError
from sameplayer.identity.export.boxes import boxes_with_identity
from sameplayer.identity.log.player_log import PlayerLog


def player_crops(
    log: PlayerLog, out: str | Path, *, sure_only: bool = True, most: int = 16
) -> Crops:
    """Write the crops of each known player as a crop table (.csv or .parquet), and return it.

    Known is who has a name or a number. "white unknown 3" is somebody else in every log, and may
    be a player who has a number elsewhere in this one, so such identities are left out. The white 9
    of another match may be somebody else, too: a number without a name is a person of this match.

    sure_only    leave out the appearances that are not sure
    most         crops of one appearance, spread over its time

    A row a crop: image is a frame of a camera's video such as match.mp4#12, with the box in it;
    person is the name, within the whole set, or such as "white 9 of week2/left"; game the match, by
    the first video and its folder; sequence an appearance; role "train"; and camera, frame, team,
    number. Raises DataError where no crop is left or the table cannot be
    written, SettingError.
    """
    if most < 1:
        raise SettingError("most", most, "1 or more")
    out = Path(out)
    boxes = boxes_with_identity(log)
    boxes = boxes[boxes["sure"].astype(bool)] if sure_only else boxes
    if not len(boxes):
        raise DataError("The log has no appearance that is sure; expected one or more to take.")
    boxes = boxes[boxes["name"].notna() | boxes["number"].notna()]
    if not len(boxes):
        raise DataError(
            "Nobody in the log has a name or a number; expected one player or more whose crops can "
            "be taken. Give a roster, or say who people are with corrections."
        )
    boxes = boxes.sort_values(["appearance", "frame"], kind="stable", ignore_index=True)
    chosen = boxes.iloc[_spread(boxes["appearance"].to_numpy(), most)]
    folder = out.parent.resolve()
    match = _match(log)
    videos = {one.name: os.path.relpath(one.video.resolve(), folder) for one in log.cameras}
    table = pd.DataFrame(
        {
            "image": [
                f"{videos[camera]}#{frame}"
                for camera, frame in zip(chosen["camera"], chosen["frame"], strict=True)
            ],
            "person": chosen["name"].fillna(chosen["identity"] + f" of {match}"),
            "role": "train",
            "sequence": chosen["appearance"].astype(str),
            "frame": chosen["frame"],
            "camera": chosen["camera"],
            "game": match,
            "team": chosen["team"],
            "number": chosen["number"],
            **{name: chosen[name] for name in ("left", "top", "width", "height")},
        }
    )
    crops = Crops(table, folder, None, "table")
    write_crops(crops, out)
    return crops


def _match(log: PlayerLog) -> str:
    """Return what tells a match from others: its first camera, after the folder of the video."""
    first = log.cameras[0]
    folder = first.video.resolve().parent.name
    return f"{folder}/{first.name}" if folder else first.name


def _spread(ids: np.ndarray, most: int) -> np.ndarray:
    """Return the rows of at most so many of each id, evenly over its rows; ids are in order."""
    starts = np.flatnonzero(np.diff(ids, prepend=-1))
    ends = np.append(starts[1:], len(ids))
    rows = [
        np.linspace(start, end - 1, min(most, end - start)).round().astype(int)
        for start, end in zip(starts, ends, strict=True)
    ]
    return np.concatenate(rows)
