"""Frames of a video, exact by presentation time in every container, read with PyAV.

Frames count from 1 in the order in which they are shown. They are found by their time
stamps, never by a frame rate: with variable rates, B-frames, a late start, and transport streams
(.ts), in which a seek lands anywhere, the result is the frame that was asked for, or an error.
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, dropwhile
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from sameplayer.common.cache import Latest, file_version
from sameplayer.data.images.picture import Picture, refuse_pixels
from sameplayer.data.video.stream import (
    as_shown,
    decoded,
    decoder_errors,
    open_source,
    read_index,
    seek,
)
from sameplayer.errors import DataError, SettingError

_VIDEO_SUFFIXES = "mp4 mkv avi mov webm m4v ts mts m2ts mpg mpeg wmv flv mxf 3gp"
VIDEO_SUFFIXES = tuple(f".{ending}" for ending in _VIDEO_SUFFIXES.split())
AHEAD = 32  # frames: a gap up to this is decoded, a larger one is a seek
KEPT = 8  # latest frames, for threads that ask slightly out of order


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame: number from 1, seconds since the first frame, uint8 RGB picture (h, w, 3)."""

    number: int
    time_s: float
    picture: Picture = field(repr=False)


def frame_name(path: str | Path) -> tuple[Path, int] | None:
    """Return (video, number) of a name such as ``match.mp4#12``, or None for any other.

    Raises DataError where no number follows the video's name.
    """
    video, mark, number = str(path).rpartition("#")
    if not mark or Path(video).suffix.lower() not in VIDEO_SUFFIXES:
        return None
    if not re.fullmatch("[0-9]{1,12}", number):
        raise DataError(
            f"{path}: frame {number!r} is not a number; expected a name such as {video}#12."
        )
    return Path(video), int(number)


def open_video(path: str | Path) -> Video:
    """Return the video, opened once and shared by all threads; the latest four stay open.

    Raises MissingFile, DataError for an invalid video, MissingExtra where PyAV is not installed.
    """
    path = Path(path)
    return _VIDEOS.get(file_version(path), lambda: Video(path))


def read_frames(path: str | Path, fps: float | None = None) -> Iterator[Frame]:
    """Yield the frames of a video in order; frames that cannot be decoded are skipped.

    fps    at most this many frames per second: the first one in each period of 1 / fps seconds;
           only these are converted to pictures. None: all.

    Raises as ``open_video``, and SettingError for a rate that is not over 0.
    """
    if fps is not None and not fps > 0:
        raise SettingError("fps", fps, "more than 0, or None for all frames")
    return open_video(path).frames(fps)


class Video:
    """One video file: frames by number from many threads, or all in order.

    Opening reads the whole file once for its time stamps, without decoding it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._index = read_index(path)
        self._latest: OrderedDict[int, Any] = OrderedDict()
        self._source = open_source(path)
        self._frames = self._numbered(self._source)
        self._position = -1  # of the last decoded frame, from 0

    def __len__(self) -> int:
        return len(self._index.times)

    def __repr__(self) -> str:
        return f"Video({self.path}, {len(self)} frames)"

    @property
    def times(self) -> np.ndarray:
        """(n,) seconds since the first frame, frame number 1 first."""
        return self._index.times.copy()

    def read(self, number: int) -> Picture:
        """Return one frame as uint8 RGB (h, w, 3); numbers count from 1; safe from many threads.

        Frames read in order cost one decode each. Raises DataError for a number outside the
        video, and for a damaged frame.
        """
        if not 1 <= number <= len(self):
            raise DataError(
                f"{self.path}: no frame {number}; expected a number from 1 to {len(self)}."
            )
        with self._lock:
            frame = self._latest.get(number - 1)
            if frame is None:
                frame = self._find(number - 1)
            picture = None if frame is None or frame.is_corrupt else self._picture(frame)
            if picture is None:
                raise DataError(f"{self.path}: frame {number} is damaged and cannot be decoded.")
            return picture

    def frames(self, fps: float | None = None) -> Iterator[Frame]:
        """Yield all frames in order, or at most ``fps`` per second, as ``read_frames`` says."""
        last = -1
        with open_source(self.path) as source:
            for position, frame in self._numbered(source):
                time_s = float(self._index.times[position])
                period = position if fps is None else int(time_s * fps + 1e-6)
                if frame.is_corrupt or period <= last:
                    continue
                picture = self._picture(frame)
                if picture is not None:
                    last = period
                    yield Frame(position + 1, time_s, picture)

    def pick(self, numbers: Iterable[int]) -> Iterator[Frame]:
        """Yield the frames of these increasing numbers; frames that cannot be decoded are skipped.

        Decoding begins at a key frame before the first of them, and each frame is decoded once.
        """
        wanted = deque(number - 1 for number in numbers)
        if not wanted:
            return
        source, frames = self._decode_from(open_source(self.path), wanted[0])
        with source:
            for position, frame in frames:
                while wanted and wanted[0] < position:
                    wanted.popleft()
                if not wanted:
                    return
                picture = None
                if wanted[0] == position and not frame.is_corrupt:
                    picture = self._picture(frame)
                if picture is not None:
                    yield Frame(position + 1, float(self._index.times[position]), picture)

    def _numbered(self, source: Any) -> Iterator[tuple[int, Any]]:
        """Yield (position, frame) of the decoded frames that the index knows."""
        stamps, count = self._index.stamps, 0
        for frame in decoded(source):
            if stamps is None:
                position, known = count, count < len(self)
            else:
                position = int(np.searchsorted(stamps, -1 if frame.pts is None else frame.pts))
                known = position < len(stamps) and stamps[position] == frame.pts
            if known:
                yield position, frame
                count += 1

    def _decode_from(self, source: Any, position: int) -> tuple[Any, Iterator[tuple[int, Any]]]:
        """Return the open file, and (position, frame) from a key frame on, or from the start.

        After a seek, frames before the key frame are dropped, and all are if it does not come: they
        may lack frames that they refer to.
        """
        stamps, keys = self._index.stamps, self._index.keys[self._index.keys <= position]
        key = int(keys[-1]) if len(keys) else 0
        # A transport stream is entered behind the position asked for, hence also a little before.
        for begin in (key, key - 4, *(keys[-2:-1] - 4), *(keys[-5:-4] - 4)):
            if stamps is not None and begin > 0 and seek(source, int(stamps[begin])):
                frames = dropwhile(lambda item: item[0] < key, self._numbered(source))
                first = next(frames, (-1, None))
                if first[0] == key:
                    return source, chain([first], frames)
        source.close()
        source = open_source(self.path)
        return source, self._numbered(source)

    def _find(self, position: int) -> Any:
        """Return the decoded frame at a position, or None where decoding passes it."""
        key = int(self._index.keys[self._index.keys <= position].max(initial=0))
        if not (self._position < position and key - self._position <= AHEAD):
            self._source, self._frames = self._decode_from(self._source, position)
        for current, frame in self._frames:
            self._position, self._latest[current] = current, frame
            if len(self._latest) > KEPT:
                self._latest.popitem(last=False)
            if current >= position:
                return frame if current == position else None
        self._position = len(self) - 1
        return None

    def _picture(self, frame: Any) -> Picture | None:
        """Return a decoded frame as it is shown, or None where it cannot be turned to RGB."""
        refuse_pixels(str(self.path), frame.width, frame.height)
        try:
            return as_shown(frame)
        except (decoder_errors(), ValueError):
            return None


_VIDEOS: Latest[Video] = Latest(4)
