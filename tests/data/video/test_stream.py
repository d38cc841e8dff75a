"""Which stream is read, and how its frames are shown: against what FFmpeg itself makes of them."""

from __future__ import annotations

import struct
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from sameplayer.data.reading import read_crop
from sameplayer.data.video.frames import Video, open_video, read_frames
from sameplayer.data.video.stream import open_source, stream_notes, video_stream
from sameplayer.errors import DataError

av = pytest.importorskip("av")
ONE = 65536
MATRICES = {  # a, b, c, d of a display matrix
    "as stored": (1, 0, 0, 1),
    "right": (0, 1, -1, 0),
    "half": (-1, 0, 0, -1),
    "left": (0, -1, 1, 0),
    "mirrored": (-1, 0, 0, 1),
    "upside down": (1, 0, 0, -1),
    "transposed": (0, 1, 1, 0),
    "transverse": (0, -1, -1, 0),
}
TURNED = {  # what a picture looks like by them, in words of NumPy
    "as stored": lambda p: p,
    "right": lambda p: np.rot90(p, -1),
    "half": lambda p: np.rot90(p, 2),
    "left": np.rot90,
    "mirrored": np.fliplr,
    "upside down": np.flipud,
    "transposed": lambda p: p.transpose(1, 0, 2),
    "transverse": lambda p: np.rot90(p.transpose(1, 0, 2), 2),
}


def frame(wide: int = 64, high: int = 48, light: int = 200) -> np.ndarray:
    pixels = np.full((high, wide, 3), 40, np.uint8)
    pixels[: high // 2, : wide // 2] = light
    pixels[: high // 2, wide // 2 :] = 120
    return pixels


def write(
    path: Path, *streams: tuple[str, int, int, int], covers: tuple[int, ...] = (), **how: object
) -> Path:
    """Write streams (codec, width, height, frames); ``covers`` are numbers of attached pictures."""
    with av.open(str(path), "w") as container:
        made = []
        for number, (codec, wide, high, _) in enumerate(streams):
            stream = container.add_stream(codec, rate=25)
            stream.width, stream.height = wide, high
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            if number in covers:
                stream.disposition = av.stream.Disposition.attached_pic
            if "aspect" in how:
                stream.codec_context.sample_aspect_ratio = how["aspect"]
            if "matrix" in how:
                a, b, c, d = (ONE * value for value in how["matrix"])  # type: ignore[attr-defined]
                stream.set_display_matrix((a, b, 0, c, d, 0, 0, 0, 1 << 30))
            made.append(stream)
        for stream, (_, wide, high, frames) in zip(made, streams, strict=True):
            for _ in range(frames):
                picture = av.VideoFrame.from_ndarray(frame(wide, high), format="rgb24")
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
    return path


H264 = "libx264"
CHOICES = {
    "preview.mkv": [(H264, 64, 48, 5), (H264, 160, 120, 9)],
    "programs.ts": [(H264, 64, 48, 9), (H264, 160, 120, 9)],
    "last.mp4": [(H264, 160, 120, 9), (H264, 64, 48, 5)],
    "alike.mp4": [(H264, 160, 120, 9), (H264, 160, 120, 5)],
    "thumbnail.mov": [("mjpeg", 320, 240, 1), (H264, 160, 120, 9)],
    "thumbnail.mkv": [("mjpeg", 320, 240, 1), (H264, 160, 120, 9)],
}


@pytest.mark.parametrize("name", CHOICES)
def test_the_stream_that_is_the_video_is_read_by_every_way(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, *CHOICES[name])
    opened = open_video(path)
    assert len(opened) == len(list(read_frames(path))) == 9
    shapes = {opened.read(5).shape, read_crop(Path(f"{path}#9")).shape}
    shapes |= {one.picture.shape for one in (*read_frames(path), *Video(path).pick([3, 8]))}
    assert shapes == {(120, 160, 3)}
    with open_source(path) as source:
        notes = stream_notes(path, source)
    more = "thumbnail" not in name
    assert notes == [f"{path}: has 2 video streams; the one of 160 x 120 is read."] * more


def with_cover(path: Path, picture: bytes) -> Path:
    """Embed a cover as taggers do, before the tracks, so that it becomes the first stream."""

    def box(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I4s", 8 + len(data), kind) + data

    cover = box(b"ilst", box(b"covr", box(b"data", struct.pack(">II", 13, 0) + picture)))
    handler = box(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))
    tags = box(b"udta", box(b"meta", bytes(4) + handler + cover))
    content = path.read_bytes()
    at = content.rindex(b"moov") - 4
    assert content.index(b"mdat") < at
    moov = box(b"moov", tags + content[at + 8 :])
    path.write_bytes(content[:at] + moov)
    return path


def jpeg(side: int) -> bytes:
    content = BytesIO()
    Image.new("RGB", (side, side), (250, 200, 0)).save(content, "JPEG")
    return content.getvalue()


def test_a_cover_however_large_is_not_the_video(tmp_path: Path) -> None:
    path = with_cover(write(tmp_path / "cover.mp4", (H264, 64, 48, 9)), jpeg(400))
    with av.open(str(path)) as source:
        assert source.streams.video[0].codec_context.name == "mjpeg"
        assert video_stream(source).codec_context.name == "h264"
        assert stream_notes(path, source) == []
    assert len(open_video(path)) == 9
    assert open_video(path).read(9).shape == (48, 64, 3)


def test_sound_with_a_cover_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        sound.rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    with_cover(path, jpeg(64))
    with pytest.raises(DataError, match=r"song.mp4: holds a cover picture and no video stream"):
        open_video(path)


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("name", MATRICES)
def test_frames_are_turned_and_mirrored_as_players_show_them(
    tmp_path: Path, name: str, ending: str
) -> None:
    path = write(tmp_path / f"x.{ending}", (H264, 64, 48, 2), matrix=MATRICES[name])
    with av.open(str(path)) as source:
        whole = next(source.decode(video=0))
        stored = whole.to_ndarray(format="rgb24")
    shown = open_video(path).read(1)
    np.testing.assert_array_equal(shown, TURNED[name](stored))
    if name in ("as stored", "right", "half", "left"):  # OpenCV does not mirror
        _, upright = cv2.VideoCapture(str(path)).read()
        assert np.abs(shown[:, :, ::-1].astype(int) - upright).mean() < 5


def test_frames_with_facts_that_pyav_does_not_know_are_read_and_turned(tmp_path: Path) -> None:
    content, facts = BytesIO(), Image.Exif()
    facts[0x0112] = 6
    Image.fromarray(frame()).save(content, "JPEG", exif=facts, quality=95, subsampling=0)
    path = tmp_path / "motion.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj444p"
        for number in range(3):
            packet = av.Packet(content.getvalue())
            packet.stream, packet.pts, packet.dts = stream, number, number
            packet.time_base, packet.is_keyframe = Fraction(1, 25), True
            container.mux(packet)
    with av.open(str(path)) as source:
        rotation = next(source.decode(video=0)).rotation
    shown = open_video(path).read(2)
    expected = np.rot90(frame(), round(rotation / 90))
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected).mean() < 3


def test_pixels_that_are_not_square_are_said(tmp_path: Path) -> None:
    path = write(tmp_path / "wide.mp4", (H264, 72, 48, 3), aspect=Fraction(16, 15))
    with open_source(path) as source:
        (note,) = stream_notes(path, source)
    assert "its pixels are not square (16:15)" in note
    assert "72 x 48" in note
    assert open_video(path).read(1).shape == (48, 72, 3)


COLOURS = {  # matrix and range as FFmpeg numbers them -> what Y 100, U 90, V 180 is
    "bt709": ((1, 1), (191, 78, 18)),
    "bt601": ((5, 1), (181, 70, 21)),
    "bt709 full": ((1, 2), (182, 83, 30)),
    "bt601 full": ((5, 2), (173, 76, 33)),
}


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("case", COLOURS)
def test_colours_follow_the_matrix_and_the_range_that_the_stream_states(
    tmp_path: Path, case: str, bits: int
) -> None:
    (space, scale), expected = COLOURS[case]
    path = tmp_path / "colours.mkv"
    kind = "yuv420p" if bits == 8 else "yuv420p10le"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, kind
        stream.codec_context.colorspace, stream.codec_context.color_range = space, scale
        picture = av.VideoFrame(64, 48, kind)
        picture.colorspace, picture.color_range = space, scale
        for plane, value in zip(picture.planes, (100, 90, 180), strict=True):
            deep = np.full(plane.buffer_size // 2, value << 2, np.uint16).tobytes()
            plane.update(bytes([value]) * plane.buffer_size if bits == 8 else deep)
        container.mux(stream.encode(picture))
        container.mux(stream.encode())
    assert np.abs(open_video(path).read(1).astype(int) - expected).max() <= 3
