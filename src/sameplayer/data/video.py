"""Frames of a video, exact by presentation time in every container, read with PyAV.

Frames count from 1 in the order in which they are shown. What counts is their time stamp, never
a frame rate: variable rates, B-frames, a late start and transport streams (.ts), in which a seek
lands anywhere, all give the frame that was asked for, or an error.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from sameplayer.data.images import Picture, refuse_pixels
from sameplayer.data.latest import Latest, file_version
from sameplayer.errors import DataError, import_extra

VIDEO_SUFFIXES = (
    ".mp4", ".mkv", ".avi", ".mov", ".webm", ".m4v", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg",
    ".wmv", ".flv", ".mxf", ".3gp",
)  # fmt: skip
PROBED = 8  # frames decoded to see whether the packets' stamps are the frames'
AHEAD = 32  # frames rather decoded on the way than jumped over
KEPT = 8  # frames decoded last, for threads that ask a little out of order


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame: number from 1, seconds since the first frame, uint8 RGB picture (h, w, 3)."""

    number: int
    time_s: float
    picture: Picture


@dataclass(frozen=True, eq=False)
class _Index:
    """Where frames are: ``stamps`` (n,) rising, or None where frames can only be counted.

    keys       places of the frames at which decoding can begin
    times      (n,) seconds since the first frame
    """

    stamps: np.ndarray | None
    keys: np.ndarray
    times: np.ndarray


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

    Raises as ``open_video``.
    """
    return open_video(path).frames(fps)


class Video:
    """One video file: frames by number from many threads, or all in order.

    Opening reads the whole file once for its time stamps, without decoding it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._index = _read_index(path)
        self._latest: OrderedDict[int, Any] = OrderedDict()
        self._source = _open(path)
        self._frames: Iterator[Any] = _decoded(self._source)
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
            if frame is None or frame.is_corrupt:
                raise DataError(f"{self.path}: frame {number} is damaged and cannot be decoded.")
            return self._picture(frame)

    def frames(self, fps: float | None = None) -> Iterator[Frame]:
        """Yield all frames in order, or at most ``fps`` a second, as ``read_frames`` says."""
        last, place = -1, -1
        with _open(self.path) as source:
            for frame in _decoded(source):
                known = self._place_of(frame, place)
                if known is None or frame.is_corrupt:
                    continue
                place = known
                time_s = float(self._index.times[place])
                part = place if fps is None else int(time_s * fps + 1e-6)
                if part > last:
                    last = part
                    yield Frame(place + 1, time_s, self._picture(frame))

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
        for key in keys[[-1, -2, -5]] if len(keys) > 4 else keys[::-1]:
            if key > 0 and self._jump(int(key)):
                frame = self._decode_to(place)
                if self._place >= key:
                    return frame
        self._source.close()
        self._source = _open(self.path)
        self._frames, self._place, self._begin = _decoded(self._source), -1, 0
        return self._decode_to(place)

    def _jump(self, key: int) -> bool:
        """Go to the key frame at a place; return whether the file lets us."""
        if self._index.stamps is None or not _seek(self._source, int(self._index.stamps[key])):
            return False
        self._frames, self._place, self._begin = _decoded(self._source), key - 1, key
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

    def _picture(self, frame: Any) -> Picture:
        refuse_pixels(str(self.path), frame.width, frame.height)
        pixels: Picture = frame.to_ndarray(format="rgb24")
        return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))


_VIDEOS: Latest[Video] = Latest(4)


def _read_index(path: Path) -> _Index:
    """Take the stamps of the packets, or of all decoded frames where the two do not agree."""
    with _open(path) as source:
        stream = source.streams.video[0]
        unit, rate = float(stream.time_base), float(stream.average_rate or 25)
        stamps, keys = _packet_stamps(source)
    with _open(path) as source:
        probe = [frame.pts for frame in islice(_decoded(source), PROBED)]
    if not probe:
        raise DataError(f"{path}: not a video that can be decoded: no frame in it.")
    if stamps is not None and probe[0] is not None:  # a stream cut out of the middle begins with
        stamps = stamps[stamps >= probe[0]]  # frames whose references are gone
    if stamps is None or stamps[: len(probe)].tolist() != probe:
        with _open(path) as source:
            decoded = [(frame.pts, bool(frame.key_frame)) for frame in _decoded(source)]
        known = np.array([pts for pts, _ in decoded if pts is not None], np.int64)
        if len(known) < len(decoded) or (np.diff(known) <= 0).any():
            return _Index(None, np.zeros(0, np.int64), np.arange(len(decoded)) / rate)
        stamps, keys = known, known[[key for _, key in decoded]]
    return _Index(stamps, np.flatnonzero(np.isin(stamps, keys)), (stamps - stamps[0]) * unit)


def _packet_stamps(source: Any) -> tuple[np.ndarray | None, np.ndarray]:
    """Return the sorted stamps of all packets and of the key packets.

    None for the first where a packet has no stamp, two have the same, or time goes back.
    """
    stamps: list[int | None] = []
    keys: list[int] = []
    for packet in _packets(source):
        if packet.size and not packet.is_discard:
            stamps.append(packet.pts)
            if packet.is_keyframe and packet.pts is not None:
                keys.append(packet.pts)
    known = np.array([stamp for stamp in stamps if stamp is not None], np.int64)
    order = np.argsort(known, kind="stable")
    moved = np.abs(order - np.arange(len(order))).max(initial=0)  # by B-frames: a few places
    good = len(known) == len(stamps) and moved <= 64 and len(np.unique(known)) == len(known)
    return (known[order] if good else None), np.array(keys, np.int64)


def _open(path: Path) -> Any:
    """Open a video with PyAV; the result closes itself when it is forgotten."""
    av = import_extra("av", "video", "Reading video")
    try:
        # A video must not name other files or addresses to read: it may come from anywhere.
        source = av.open(str(path.absolute()), options={"protocol_whitelist": "file"})
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: not a video that can be decoded ({reason}).") from error
    streams = source.streams.video
    if not streams:
        raise DataError(f"{path}: holds no video stream; expected a video.")
    context = streams[0].codec_context
    if context is None:
        raise DataError(f"{path}: no decoder for its video stream; convert it to H.264.")
    refuse_pixels(str(path), context.width, context.height)
    return source


def _seek(source: Any, stamp: int) -> bool:
    """Go to the last key frame before a stamp, or where the container takes it to be."""
    try:
        source.seek(stamp, stream=source.streams.video[0])
    except (_errors(), OSError, ValueError):
        return False
    return True


def _decoded(source: Any) -> Iterator[Any]:
    """Yield frames in the order of display from where the source stands; skip damaged packets."""
    for packet in _packets(source):
        try:
            frames = packet.decode()
        except _errors():
            continue
        yield from frames


def _packets(source: Any) -> Iterator[Any]:
    """Yield packets to the end, or to where the file is broken off."""
    try:
        yield from source.demux(source.streams.video[0])
    except _errors():
        return


def _errors() -> Any:
    return import_extra("av", "video", "Reading video").FFmpegError
