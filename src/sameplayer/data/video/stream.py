"""Streams, packets and time stamps of a video file, read with PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from sameplayer.data.images.picture import refuse_pixels
from sameplayer.data.images.pixels import TURNS, Picture, turned
from sameplayer.errors import DataError, import_extra

STILLS = frozenset({"mjpeg", "png", "apng", "gif", "bmp", "tiff", "webp", "jpeg2000", "ljpeg"})
DEFAULT, COVER = 1, 0x400 | 0x800 | 0x100000  # dispositions: attached, a thumbnail, a still


def open_source(path: Path) -> Any:
    """Open a video with PyAV; the file closes when the result is garbage-collected."""
    av = import_extra("av", "video", "Reading video")
    try:
        # A video must not name other files or addresses to read: it may come from anywhere.
        source = av.open(str(path.absolute()), options={"protocol_whitelist": "file"})
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"{path}: not a video that can be decoded ({reason}). An .mp4 whose end is missing "
            "cannot be opened; copy it again."
        ) from error
    if not source.streams.video:
        raise DataError(f"{path}: holds no video stream; expected a video.")
    stream = video_stream(source)
    if stream.disposition.value & COVER:
        raise DataError(f"{path}: holds a cover picture and no video stream; expected a video.")
    context = stream.codec_context
    if context is None:
        raise DataError(f"{path}: its video cannot be decoded here; convert it to H.264.")
    refuse_pixels(str(path), context.width, context.height)
    return source


def video_stream(source: Any) -> Any:
    """Return the largest stream that is no cover or thumbnail; of equals, the default one."""
    return max(source.streams.video, key=_rank)


def stream_notes(path: Path, source: Any) -> list[str]:
    """Return notes on further video streams and on pixels that are not square."""
    stream, notes = video_stream(source), []
    videos = [stream for stream in source.streams.video if _is_video(stream)]
    size = f"{stream.codec_context.width} x {stream.codec_context.height}"
    if len(videos) > 1:
        notes.append(f"{path}: has {len(videos)} video streams; the one of {size} is read.")
    aspect = stream.sample_aspect_ratio
    if aspect and abs(aspect - 1) > 0.02:
        notes.append(
            f"{path}: its pixels are not square ({aspect.numerator}:{aspect.denominator}); they "
            f"are read as stored, {size}, where players stretch the picture."
        )
    return notes


def as_shown(frame: Any) -> Picture:
    """Return a decoded frame as RGB, turned and mirrored as its display matrix says.

    The matrix takes (x, y) to (a x + c y, b x + d y), y downwards; it is rounded to the
    nearest quarter turn.
    """
    return turned(frame.to_ndarray(format="rgb24"), *_turn(frame))


def _turn(frame: Any) -> tuple[int, int, int]:
    """Return what ``turned`` takes."""
    try:
        matrix = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # side data that PyAV does not know; the angle is known
        return TURNS.get((1, 8, 3, 6)[round(frame.rotation / 90) % 4], (0, 0, 0))
    if matrix is None:
        return 0, 0, 0
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.dtype("=i4"), 5).tolist()
    exchanged = abs(b) + abs(c) > abs(a) + abs(d)
    across, down = (c, b) if exchanged else (a, d)
    return exchanged, down < 0, across < 0


def _is_video(stream: Any) -> bool:
    """Return whether a stream is a video rather than a cover or a still picture."""
    if stream.codec_context is None or stream.disposition.value & COVER:
        return False
    return stream.codec_context.name not in STILLS or stream.frames > 1


def _rank(stream: Any) -> tuple[bool, bool, int, bool, int]:
    context = stream.codec_context
    area = 0 if context is None else context.width * context.height
    own = bool(stream.disposition.value & DEFAULT)
    cover = bool(stream.disposition.value & COVER)
    return not cover, _is_video(stream), area, own, -stream.index


FASTEST = 300  # frames a second that a camera takes
PROBED = 8  # frames decoded to see whether the packets' stamps are the frames'


@dataclass(frozen=True, eq=False)
class Index:
    """Where frames are: ``stamps`` (n,) rising, or None where frames can only be counted.

    keys       places of the frames at which decoding can begin
    times      (n,) seconds since the first frame
    """

    stamps: np.ndarray | None
    keys: np.ndarray
    times: np.ndarray


def read_index(path: Path) -> Index:
    """Return the index by packet stamps, or by decoded frames where the two disagree."""
    with open_source(path) as source:
        stream = video_stream(source)
        unit, rate = float(stream.time_base), _rate(stream)
        stamps, keys = _packet_stamps(source)
    with open_source(path) as source:
        probe = [frame.pts for frame in islice(decoded(source), PROBED)]
    if not probe:
        raise DataError(f"{path}: not a video that can be decoded: no frame in it.")
    if stamps is not None and probe[0] is not None:  # a stream cut out of the middle begins with
        stamps = stamps[stamps >= probe[0]]  # frames whose references are gone
    if stamps is None or stamps[: len(probe)].tolist() != probe:
        with open_source(path) as source:
            all_frames = [(frame.pts, bool(frame.key_frame)) for frame in decoded(source)]
        known = np.array([pts for pts, _ in all_frames if pts is not None], np.int64)
        if len(known) < len(all_frames) or (np.diff(known) <= 0).any():
            return Index(None, np.zeros(0, np.int64), np.arange(len(all_frames)) / rate)
        stamps, keys = known, known[[key for _, key in all_frames]]
    return Index(stamps, np.flatnonzero(np.isin(stamps, keys)), (stamps - stamps[0]) * unit)


def _rate(stream: Any) -> float:
    """Return the frame rate for frames that can only be counted.

    The average is of the stamps, so where those are all alike it is of no camera.
    """
    rates = (float(rate or 0) for rate in (stream.average_rate, stream.guessed_rate))
    return next((rate for rate in rates if 0 < rate <= FASTEST), 25.0)


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


def seek(source: Any, stamp: int) -> bool:
    """Seek to the last key frame before a stamp; return whether the file allows it."""
    try:
        source.seek(stamp, stream=video_stream(source))
    except (decoder_errors(), OSError, ValueError):
        return False
    return True


def decoded(source: Any) -> Iterator[Any]:
    """Yield frames in the order of display from where the source stands; skip damaged packets."""
    errors = decoder_errors()
    for packet in _packets(source):
        try:
            frames = packet.decode()
        except errors:
            continue
        yield from frames


def _packets(source: Any) -> Iterator[Any]:
    """Yield packets to the end, or to where the file is broken off."""
    errors = decoder_errors()  # now, since this may be closed when Python shuts down
    try:
        yield from source.demux(video_stream(source))
    except errors:
        return


def decoder_errors() -> Any:
    return import_extra("av", "video", "Reading video").FFmpegError
