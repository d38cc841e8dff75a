"""From videos to the crops of a pilot: a few of each tracklet, in a crop table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sameplayer.data.crops import Crops
from sameplayer.errors import DataError
from sameplayer.identity.evidence.samples import MARGIN, choose_boxes
from sameplayer.pilot.config import PilotConfig
from sameplayer.tracks.camera import cameras_of
from sameplayer.tracks.stream import find_tracklets


def crops_of_videos(
    videos: Sequence[str | Path],
    config: PilotConfig,
    *,
    boxes: str | Path | None = None,
    folder: str | Path | None = None,
    progress: Callable[[float, float], None] | None = None,
) -> Crops:
    """Return the clearest boxes of every tracklet of some videos as a crop table.

    boxes       of the people, a file as ``find_tracklets`` takes it; None: the detector finds them
    folder      where parts are kept, so that a stopped run goes on
    progress    called with (done, all) seconds

    ``image`` is a frame of a video, ``track`` a tracklet, ``camera`` the video; a box gets the
    margin that encoders are used to. Raises DataError where nobody is found.
    """
    cameras = cameras_of(videos)
    tracklets = find_tracklets(
        cameras, boxes, fps=config.fps, detector=config.detector, folder=folder, progress=progress
    )
    table = tracklets.table.iloc[choose_boxes(tracklets)]
    if not len(table):
        raise DataError(
            "Nobody was found in the videos; expected people in some frame. Choose another "
            "detector, or give boxes."
        )
    paths = {one.name: one.video.resolve() for one in cameras}
    more = MARGIN * table["height"].to_numpy()
    return Crops(
        pd.DataFrame(
            {
                "image": [
                    f"{paths[camera]}#{frame}"
                    for camera, frame in zip(table["camera"], table["frame"], strict=True)
                ],
                "camera": table["camera"].to_numpy(),
                "frame": table["frame"].to_numpy(),
                "track": table["tracklet"].astype(str).to_numpy(),
                "left": table["left"].to_numpy() - more,
                "top": table["top"].to_numpy() - more,
                "width": table["width"].to_numpy() + 2 * more,
                "height": table["height"].to_numpy() + 2 * more,
            }
        ),
        Path(np.atleast_1d(list(paths.values()))[0]).parent,
        None,
        "table",
    )
