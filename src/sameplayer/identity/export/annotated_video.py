"""A video of a log: boxes, who is in them, and a question mark where that is not sure."""

from __future__ import annotations

import colorsys
import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sameplayer.common.files import whole_file
from sameplayer.data.images.picture import Picture
from sameplayer.data.video.frames import open_video, read_frames
from sameplayer.errors import DataError, SettingError, did_you_mean, import_extra
from sameplayer.identity.export.boxes import boxes_with_identity
from sameplayer.identity.export.sportscode import hue_of
from sameplayer.identity.log.player_log import PlayerLog

CODECS = (("libx264", {"preset": "veryfast", "crf": "23"}), ("mpeg4", {"qscale": "4"}))
TICKS = 60_000  # a second; MPEG-4 takes no more than 65,535
LONGEST = 1.0  # seconds between two boxes of one appearance over which it is drawn on
GREY = (150, 150, 150)
DASH = 7  # pixels
Colour = tuple[int, int, int]


def annotated_video(
    log: PlayerLog,
    camera: str,
    out: str | Path,
    *,
    fps: float | None = None,
    height: int | None = 720,
    progress: Callable[[float, float], None] | None = None,
) -> Path:
    """Write a camera's video with the log drawn into it, and return ``out`` (.mp4, .mkv or .mov).

    camera      its name in the log
    fps         frames a second at most; None: all of the video's
    height      of the pictures in pixels, at most; None: as the video is
    progress    called with seconds that are done, and with how many there are

    Each identity has a colour of its own in all cameras; an appearance that is not sure is dashed,
    grey and has a "?". Between two boxes of an appearance at most LONGEST seconds apart the box
    moves evenly. H.264 where the encoder is there, else MPEG-4; frames are streamed and keep their
    time. Raises DataError for a camera that the log has not and for what cannot be read or written,
    SettingError, MissingExtra where PyAV is not installed.
    """
    out = Path(out)
    known = {one.name: one for one in log.cameras}
    if camera not in known:
        raise DataError(f"No camera {camera!r} in the log.{did_you_mean(camera, known)}")
    if out.suffix.lower() not in (".mp4", ".mkv", ".mov"):
        raise SettingError("out", out, "a video's name ending in .mp4, .mkv or .mov")
    if height is not None and height < 16:
        raise SettingError("height", height, "16 or more, or None")
    av = import_extra("av", "video", "Writing a video")
    video = known[camera].video
    times = open_video(video).times
    drawn = _Drawn(log, camera, times)
    with whole_file(out) as partial:
        kind = {".mkv": "matroska", ".mov": "mov"}.get(out.suffix.lower(), "mp4")
        try:
            with av.open(str(partial), "w", format=kind) as container:
                stream = None
                for frame in read_frames(video, fps):
                    picture = drawn.on(frame.picture, frame.number, frame.time_s, height)
                    if stream is None:
                        stream = _stream(av, container, picture, fps, times)
                    _encode(av, container, stream, picture, frame.time_s)
                    if progress is not None:
                        progress(frame.time_s, float(times[-1]))
                if stream is None:
                    raise DataError(f"{video}: no frame of it can be decoded.")
                container.mux(stream.encode())
        except av.error.FFmpegError as error:
            raise DataError(f"{out}: cannot be written ({error}).") from error
    return out


def _stream(av: Any, container: Any, picture: Picture, fps: float | None, times: np.ndarray) -> Any:
    name, options = next(one for one in CODECS if one[0] in av.codecs_available)
    usual = 1 / float(np.median(np.diff(times))) if len(times) > 1 else 25.0
    rate = Fraction(min(usual, fps or usual)).limit_denominator(1001)
    stream = container.add_stream(name, rate=rate or 1, options=dict(options))
    stream.height, stream.width = picture.shape[:2]
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = Fraction(1, TICKS)
    return stream


def _encode(av: Any, container: Any, stream: Any, picture: Picture, time_s: float) -> None:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    frame.pts, frame.time_base = round(time_s * TICKS), Fraction(1, TICKS)
    container.mux(stream.encode(frame))


@dataclass(frozen=True, eq=False)
class _Track:
    """An appearance's boxes in order of frames, and what is written over them."""

    frames: list[int]
    seconds: np.ndarray
    boxes: np.ndarray
    words: str
    colour: Colour
    sure: bool

    def at(self, number: int, time_s: float) -> np.ndarray | None:
        """Return the box at a frame, between two boxes evenly moved; None: not there."""
        after = bisect_left(self.frames, number)
        if after == len(self.frames) or (after == 0 and self.frames[0] != number):
            return None
        if self.frames[after] == number:
            return np.asarray(self.boxes[after])
        start, end = self.seconds[after - 1], self.seconds[after]
        if end - start > LONGEST:
            return None
        part = (time_s - start) / (end - start)
        between: np.ndarray = (1 - part) * self.boxes[after - 1] + part * self.boxes[after]
        return between


class _Drawn:
    """The appearances of one camera, those that a frame may hold at hand."""

    def __init__(self, log: PlayerLog, camera: str, times: np.ndarray) -> None:
        boxes = boxes_with_identity(log)
        own = boxes[boxes["camera"] == camera]
        if len(own) and int(own["frame"].max()) > len(times):
            raise DataError(
                f"The log has boxes up to frame {int(own['frame'].max())} of {camera!r}; its video "
                f"has {len(times)} frames. Is it another video?"
            )
        places = {name: place for place, name in enumerate(log.players()["identity"])}
        tracks = []
        for _, track in own.sort_values("frame").groupby("appearance", sort=True):
            frames = track["frame"].to_numpy()
            identity, sure = str(track["identity"].iat[0]), bool(track["sure"].iat[0])
            rgb = colorsys.hsv_to_rgb(hue_of(places[identity]), 0.8, 1.0)
            colour = (round(255 * rgb[0]), round(255 * rgb[1]), round(255 * rgb[2]))
            tracks.append(
                _Track(
                    frames.tolist(),
                    times[frames - 1],
                    track[["left", "top", "width", "height"]].to_numpy(float),
                    identity if sure else f"{identity} ?",
                    colour if sure else GREY,
                    sure,
                )
            )
        self._waiting = sorted(tracks, key=lambda one: one.frames[0], reverse=True)
        self._here: list[_Track] = []

    def on(self, picture: Picture, number: int, time_s: float, height: int | None) -> Picture:
        """Return a frame, numbers rising, with the boxes drawn into it."""
        while self._waiting and self._waiting[-1].frames[0] <= number:
            self._here.append(self._waiting.pop())
        self._here = [one for one in self._here if one.frames[-1] >= number]
        scaled, scale = _scaled(picture, height)
        for one in self._here:
            box = one.at(number, time_s)
            if box is not None:
                draw_box(scaled, box * scale, one.words, one.colour, dashed=not one.sure)
        return scaled


def _scaled(picture: Picture, height: int | None) -> tuple[Picture, float]:
    """Return a copy of even sides, and how much smaller it is."""
    high, wide = picture.shape[:2]
    scale = min(1.0, (height or high) / high)
    size = [max(2, math.floor(side * scale / 2) * 2) for side in (wide, high)]
    if scale == 1.0:
        return np.ascontiguousarray(picture[: size[1], : size[0]]).copy(), 1.0
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8), scale


def draw_box(
    picture: Picture, box: np.ndarray, words: str, colour: Colour, *, dashed: bool
) -> None:
    """Draw a box (left, top, width, height) and words over it into a picture, in place."""
    left, top = (round(float(value)) for value in box[:2])
    right, bottom = (round(float(low + side)) for low, side in zip(box[:2], box[2:], strict=True))
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    for start, end in pairwise(corners):
        _line(picture, start, end, colour, dashed)
    label = _label(words, colour, max(11, round(picture.shape[0] / 45)))
    _paste(picture, label, (left - 1, top - label.shape[0]))


def _line(
    picture: Picture, start: tuple[int, int], end: tuple[int, int], colour: Colour, dashed: bool
) -> None:
    length = max(abs(end[0] - start[0]), abs(end[1] - start[1]))
    count = max(1, length // DASH) if dashed else 1
    points = np.linspace(start, end, count + 1).round().astype(int)
    for a, b in list(pairwise(points))[:: 2 if dashed else 1]:
        cv2.line(picture, (int(a[0]), int(a[1])), (int(b[0]), int(b[1])), colour, 2, cv2.LINE_AA)


def _paste(picture: Picture, label: Picture, spot: tuple[int, int]) -> None:
    """Lay a label into a picture, pushed inside where it reaches over an edge."""
    high, wide = picture.shape[:2]
    label = label[:high, :wide]
    left = min(max(spot[0], 0), wide - label.shape[1])
    top = min(max(spot[1], 0), high - label.shape[0])
    picture[top : top + label.shape[0], left : left + label.shape[1]] = label


@lru_cache(maxsize=1024)
def _label(words: str, colour: Colour, size: int) -> Picture:
    """Return words on their colour: black or white, whichever can be read; any script's letters."""
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"
    font = ImageFont.truetype(str(path), size)
    words = "".join(one if one.isprintable() else " " for one in words)[:60]
    left, top, right, bottom = font.getbbox(words)
    page = Image.new("RGB", (int(right - left) + 6, int(bottom - top) + 6), colour)
    bright = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    ink = (0, 0, 0) if bright > 120 else (255, 255, 255)
    ImageDraw.Draw(page).text((3 - left, 3 - top), words, fill=ink, font=font)
    pixels: Picture = np.array(page)
    pixels.flags.writeable = False
    return pixels
