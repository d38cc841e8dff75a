"""Frames of a video, exact by presentation time in every container, read with PyAV.

Frames count from 1 in the order in which they are shown. What counts is their time stamp, never
a frame rate: variable rates, B-frames, a late start and transport streams (.ts), in which a seek
lands anywhere, all give the frame that was asked for, or an error.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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

VIDEO_SUFFIXES = (
    ".mp4",
    ".mkv",
    ".avi",
    ".mov",
    ".webm",
    ".m4v",
    ".ts",
    ".mts",
    ".m2ts",
    ".mpg",
    ".mpeg",
    ".wmv",
    ".flv",
    ".mxf",
    ".3gp",
)
AHEAD = 32  # frames rather decoded on the way than jumped over
KEPT = 8  # frames decoded last, for threads that ask a little out of order


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame: number from 1, seconds since the first frame, uint8 RGB picture (h, w, 3)."""

    number: int
    time_s: float
    picture: Picture


def frame_name(path: str | Path) -> tuple[Path, int] | None:
    """Return (video, number) of a name such as ``match.mp4#12``, or None for any other.

    Raises DataError where what follows the video's name is no number.
    """
    video, mark, number = str(path).rpartition("#")
    if not mark or Path(video).suffix.lower() not in VIDEO_SUFFIXES:
        return None
    if not re.fullmatch("[0-9]{1,12}", number):
        raise DataError(f"{path}: frame {number!r} is no number; expected such as {video}#12.")
    return Path(video), int(number)


def open_video(path: str | Path) -> Video:
    """Return the video, opened once and shared by all threads; the latest four stay open.

    Raises MissingFile, DataError for what is no video, MissingExtra where PyAV is not installed.
    """
    path = Path(path)
    return _VIDEOS.get(file_version(path), lambda: Video(path))


def read_frames(path: str | Path, fps: float | None = None) -> Iterator[Frame]:
    """Yield the frames of a video in order of time; frames that cannot be decoded are left out.

    fps    at most so many frames a second: the first one in each part of 1 / fps seconds; only
           these are converted to pictures. None: all.

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
        self._frames: Iterator[Any] = decoded(self._source)
        self._place = -1  # of the frame decoded last
        self._begin = 0  # place of the key frame at which decoding began

    def __len__(self) -> int:
        return len(self._index.times)

    @property
    def times(self) -> np.ndarray:
        """(n,) seconds since the first frame, frame number 1 first."""
        return self._index.times.copy()

    def read(self, number: int) -> Picture:
        """Return one frame as uint8 RGB (h, w, 3); numbers count from 1; safe from many threads.

        Frames read in order cost one decode each. Raises DataError for a number that the video
        has not, and for a frame that is damaged.
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
        """Yield all frames in order, or at most ``fps`` a second, as ``read_frames`` says."""
        last, place = -1, -1
        with open_source(self.path) as source:
            for frame in decoded(source):
                known = self._place_of(frame, place)
                if known is None or frame.is_corrupt:
                    continue
                place = known
                time_s = float(self._index.times[place])
                part = place if fps is None else int(time_s * fps + 1e-6)
                picture = self._picture(frame) if part > last else None
                if picture is not None:
                    last = part
                    yield Frame(place + 1, time_s, picture)

    def pick(self, numbers: Iterable[int]) -> Iterator[Frame]:
        """Yield the frames of these rising numbers; those that cannot be decoded are left out.

        Decoding begins at a key frame before the first of them, and each frame is decoded once.
        """
        wanted = [number - 1 for number in numbers]
        position = 0
        for place, frame in self._decode_from(wanted[0]) if wanted else ():
            while position < len(wanted) and wanted[position] < place:
                position += 1
            if position == len(wanted):
                return
            picture = None
            if wanted[position] == place and not frame.is_corrupt:
                picture = self._picture(frame)
            if picture is not None:
                yield Frame(place + 1, float(self._index.times[place]), picture)

    def _decode_from(self, first: int) -> Iterator[tuple[int, Any]]:
        """Yield (place, frame) from a key frame before a place on, with a decoder of its own."""
        stamps, keys = self._index.stamps, self._index.keys[self._index.keys <= first]
        for key in (*keys[-1:], *keys[-2:-1], *keys[-5:-4]):
            if stamps is None or key <= 4:
                break
            with open_source(self.path) as source:
                if seek(source, int(stamps[key - 4])):  # .ts lands behind its aim
                    places = ((self._place_of(frame, -1), frame) for frame in decoded(source))
                    known = ((at, frame) for at, frame in places if at is not None and at >= key)
                    begun = next(known, None)
                    if begun is not None and begun[0] == key:
                        yield begun
                        yield from known
                        return
        place = -1
        with open_source(self.path) as source:
            for frame in decoded(source):
                known_place = self._place_of(frame, place)
                if known_place is not None:
                    place = known_place
                    yield place, frame

    def _place_of(self, frame: Any, before: int) -> int | None:
        """Return the place of a decoded frame, or None where the index does not know it."""
        stamps = self._index.stamps
        if stamps is None:
            return before + 1 if before + 1 < len(self) else None
        if frame.pts is None:
            return None
        place = int(np.searchsorted(stamps, frame.pts))
        return place if place < len(stamps) and stamps[place] == frame.pts else None

    def _find(self, place: int) -> Any:
        """Decode the frame at a place: from here on, from a key frame before it, or from the start.

        None where decoding passes the place and the frame does not come.
        """
        keys = self._index.keys[self._index.keys <= place]
        if self._place < place and (len(keys) == 0 or keys[-1] - self._place <= AHEAD):
            return self._decode_to(place)
        key = int(keys[-1]) if len(keys) else 0
        # A transport stream is entered behind the place asked for, hence also a little before it.
        for begin in (key, key - 4, *(keys[-2:-1] - 4), *(keys[-5:-4] - 4)):
            if begin > 0 and self._jump(int(begin), key):
                frame = self._decode_to(place)
                if self._place >= key:
                    return frame
        self._source.close()
        self._source = open_source(self.path)
        self._frames, self._place, self._begin = decoded(self._source), -1, 0
        return self._decode_to(place)

    def _jump(self, place: int, key: int) -> bool:
        """Go to a place, to decode from ``key`` on; return whether the file lets us."""
        stamps = self._index.stamps
        if stamps is None or not seek(self._source, int(stamps[place])):
            return False
        self._frames, self._place, self._begin = decoded(self._source), key - 1, key
        return True

    def _decode_to(self, target: int) -> Any:
        """Decode on until ``target``; None where it does not come, with ``_place`` where we are.

        After a seek nothing counts before the key frame, nor anything if it is not met: other
        frames may lack those that they refer to.
        """
        for frame in self._frames:
            place = self._place_of(frame, self._place)
            if place is None or place < self._begin:
                continue
            if self._place < self._begin < place:
                break
            self._place = place
            self._latest[place] = frame
            if len(self._latest) > KEPT:
                self._latest.popitem(last=False)
            if place >= target:
                return frame if place == target else None
        else:
            if self._place >= self._begin:
                self._place = len(self) - 1
        return None

    def _picture(self, frame: Any) -> Picture | None:
        """Return a decoded frame as it is shown, or None where it cannot be turned to RGB."""
        refuse_pixels(str(self.path), frame.width, frame.height)
        try:
            return as_shown(frame)
        except (decoder_errors(), ValueError):
            return None


_VIDEOS: Latest[Video] = Latest(4)
