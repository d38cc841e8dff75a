"""What was seen in a video, kept in parts of a minute, so that a stopped run can go on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import quote

import numpy as np

from sameplayer.common.files import load_arrays, save_arrays
from sameplayer.errors import DataError
from sameplayer.tracks.boxes import Boxes
from sameplayer.tracks.tracking.appearance_cues import CUE

PART_S = 60.0  # seconds of video a part


@dataclass(frozen=True, eq=False)
class Seen:
    """What was seen in some frames of one video.

    frame        (k,) int64: the frames that were decoded
    change       (k,) how much of the view is another than in the frame before, from 0 to 1
    shift        (k, 2) pixels across and down by which things moved since then with the camera
    last         (h, w, 3) uint8: thumbnail of the last frame, to go on with
    box_frame, xywh, score, track    (n, ...) as in Boxes
    cue          (n, CUE) float16: how each box looks; nan where its frame was not decoded
    """

    frame: np.ndarray
    change: np.ndarray
    shift: np.ndarray
    last: np.ndarray
    box_frame: np.ndarray
    xywh: np.ndarray
    score: np.ndarray
    track: np.ndarray
    cue: np.ndarray

    def boxes(self) -> Boxes:
        return Boxes(self.box_frame, self.xywh, self.score, self.track)


NOTHING = Seen(
    np.zeros(0, np.int64),
    np.zeros(0),
    np.zeros((0, 2)),
    np.zeros((0, 0, 3), np.uint8),
    np.zeros(0, np.int64),
    np.zeros((0, 4)),
    np.zeros(0),
    np.zeros(0, np.int64),
    np.zeros((0, CUE), np.float16),
)


def _refuse_misfits(seen: Seen) -> None:
    """Raise DataError where arrays have not the types and shapes that they should have."""
    frames, boxes = len(seen.frame), len(seen.boxes())
    for field in fields(Seen):
        found, wanted = getattr(seen, field.name), getattr(NOTHING, field.name)
        count = frames if field.name in ("frame", "change", "shift") else boxes
        shape = found.shape if field.name == "last" else (count, *wanted.shape[1:])
        fits = found.dtype == wanted.dtype and found.ndim == wanted.ndim and found.shape == shape
        if not fits:
            raise DataError(f"{field.name} is {found.dtype} of shape {found.shape}.")


def joined(parts: Sequence[Seen]) -> Seen:
    """Return what was seen in all parts, in their order."""
    columns = {
        field.name: np.concatenate([getattr(part, field.name) for part in (NOTHING, *parts)])
        for field in fields(Seen)
        if field.name != "last"
    }
    return Seen(**columns, last=parts[-1].last if parts else NOTHING.last)


class PartFolder:
    """The parts of one camera's video: whole files, each with the settings that it holds for.

    folder      of the match, or None: nothing is kept
    settings    what the parts depend on; those of other settings are not read
    """

    def __init__(self, folder: Path | None, camera: str, settings: dict[str, object]) -> None:
        self.path = None if folder is None else part_folder(folder, camera)
        self.settings = json.dumps(settings, sort_keys=True)

    def read(self, number: int) -> Seen | None:
        """Return a part that is there, whole, and of these settings; else None."""
        if self.path is None:
            return None
        kept = load_arrays(self._path(number), self.settings)
        if kept is None or set(kept) != {field.name for field in fields(Seen)}:
            return None
        seen = Seen(**kept)
        try:
            _refuse_misfits(seen)
        except (DataError, ValueError):
            return None
        return seen

    def write(self, number: int, seen: Seen) -> None:
        """Keep a part; DataError where it cannot be written."""
        if self.path is not None:
            arrays = {field.name: getattr(seen, field.name) for field in fields(Seen)}
            save_arrays(self._path(number), arrays, self.settings)

    def _path(self, number: int) -> Path:
        assert self.path is not None
        return self.path / f"part-{number:05d}.safetensors"


def part_folder(folder: Path, camera: str) -> Path:
    """Return the folder of a camera's parts: one step below ``folder``, whatever its name."""
    name = quote(camera, safe=" ")
    return folder / (name if name.strip(". ") == name else name.replace(".", "%2E") + "%20")
