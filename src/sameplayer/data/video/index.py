"""When the frames of a video are shown and where decoding can begin: its file, seen by PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from sameplayer.data.video.stream import open_source, video_stream
from sameplayer.errors import DataError, import_extra

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
    """Take the stamps of the packets, or of all decoded frames where the two do not agree."""
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
    """Return the frames a second by which frames are timed that can only be counted.

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
    """Go to the last key frame before a stamp, or where the container takes it to be."""
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
