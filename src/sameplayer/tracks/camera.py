"""A camera of a match: its video, and when it begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sameplayer.common.names import control_character
from sameplayer.errors import DataError, MissingFile, SettingError

LATEST = 1e8  # seconds


@dataclass(frozen=True)
class Camera:
    """One camera of a match.

    name        told apart from every other camera of the match by it
    video       its file
    offset_s    seconds from the start of the match's time to the first frame of the video
    """

    name: str
    video: Path
    offset_s: float = 0.0


def cameras_of(
    videos: str | Path | Sequence[str | Path], offsets: float | Sequence[float] = ()
) -> tuple[Camera, ...]:
    """Return the videos as the cameras of one match, each named after its file.

    videos     a file a camera; one file alone is a match of one camera
    offsets    seconds, a video; empty: all begin at the same time

    Raises MissingFile, DataError for no video, a folder, two of one name, or a name with a control
    character, SettingError for what are no videos, and for offsets that are not one finite number a
    video.
    """
    paths = [Path(video) for video in _each(videos)]
    offsets = [offsets] if isinstance(offsets, int | float) else list(offsets)
    names = [path.stem for path in paths]
    if not paths:
        raise DataError("No video; expected one file or more, a camera each.")
    for path in paths:
        if path.is_dir():
            raise DataError(f"{path}: a folder; expected a video, a file.")
        if not path.is_file():
            raise MissingFile(f"{path}: no such file; expected a video.")
        if control_character(path.stem) is not None:
            raise DataError(
                f"{str(path)!r}: a camera is named after its file, and this name holds the control "
                f"character {control_character(path.stem)!r}. Rename the file."
            )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"Two videos are called {twice[0]!r}; expected another name for every camera. Rename "
            "one."
        )
    if offsets and (len(offsets) != len(paths) or not all(abs(one) < LATEST for one in offsets)):
        expected = f"seconds, one number a video, {len(paths)}, each below {LATEST:g}"
        raise SettingError("offsets", list(offsets), expected)
    starts = offsets or [0.0] * len(paths)
    return tuple(map(Camera, names, paths, starts))


def _each(videos: object) -> Sequence[str | Path]:
    if isinstance(videos, str | Path):
        return [videos]
    found = list(videos) if isinstance(videos, Iterable) else None
    if found is None or not all(isinstance(one, str | Path) for one in found):
        given = type(videos).__name__ if found is None else [type(one).__name__ for one in found]
        raise SettingError("videos", given, "a video's path, or a list of paths, one a camera")
    return found
