"""Damaged files of every kind: the program says in its own words what is wrong, and nobody else."""

from __future__ import annotations

import random
import subprocess
import sys
import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from sameplayer.data.images.picture import decode
from sameplayer.data.video.frames import Video
from sameplayer.errors import DataError

EXIF = Image.Exif()
EXIF[0x0112], EXIF[0x010F] = 6, "maker " * 20
KINDS: dict[str, dict[str, object]] = {
    "JPEG": {"exif": EXIF},
    "JPEG progressive": {"progressive": True},
    "PNG": {"exif": EXIF, "icc_profile": b"no profile" * 20},
    "BMP": {},
    "GIF": {},
    "PPM": {},
    "WEBP": {"exif": EXIF},
    "WEBP lossless": {"lossless": True},
    "JPEG2000": {},
    "AVIF": {"exif": EXIF.tobytes()},
    "HEIC": {"exif": EXIF.tobytes()},
    "TIFF": {"exif": EXIF},
    "TIFF lzw": {"compression": "tiff_lzw"},
    "TIFF zip": {"compression": "tiff_adobe_deflate"},
    "TIFF jpeg": {"compression": "jpeg"},
    "TIFF fax": {"compression": "group4"},
    "TIFF zstd": {"compression": "zstd"},
}


def whole(case: str) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (50, 40, 3), np.uint8)
    picture, content = Image.fromarray(pixels), BytesIO()
    picture = picture.convert("1") if case.endswith("fax") else picture
    if case == "HEIC":
        pillow_heif.from_pillow(picture).save(content, **KINDS[case])
    else:
        picture.save(content, case.split()[0], **KINDS[case])  # type: ignore[arg-type]
    return content.getvalue()


def corrupted(content: bytes, times: int) -> Iterator[bytes]:
    """Cut, overwrite and insert, and change single bytes of the header."""
    rng = random.Random(7)
    for number in range(times):
        corruption, at = bytearray(content), rng.randrange(12, len(content))
        if number % 4 == 0:
            del corruption[at:]
        elif number % 4 == 1:
            corruption[at : at + 6] = rng.randbytes(6)
        elif number % 4 == 2:
            corruption[at:at] = rng.randbytes(9)
        else:
            corruption[rng.randrange(8, min(300, len(content)))] = rng.choice((0, 1, 128, 255))
        yield bytes(corruption)


@pytest.mark.parametrize("case", KINDS)
def test_no_library_writes_of_a_damaged_picture(
    case: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    refused = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number, content in enumerate(corrupted(whole(case), 120)):
            path = tmp_path / f"{number}"
            path.write_bytes(content)
            try:
                decode(path)
            except DataError:
                refused += 1
    assert refused > 20
    assert capfd.readouterr() == ("", "")


def write_video(path: Path, codec: str) -> bytes:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"g": "5"})
        stream.width, stream.height = 48, 32
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number in range(15):
            pixels = np.random.default_rng(number).integers(0, 255, (32, 48, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path.read_bytes()


VIDEOS = {"a.mp4": "libx264", "a.mkv": "mpeg4", "a.avi": "mjpeg", "a.ts": "mpeg2video"}


@pytest.mark.parametrize("name", VIDEOS)
def test_no_library_writes_of_a_damaged_video(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content = write_video(tmp_path / name, VIDEOS[name])
    refused = 0
    for number, corruption in enumerate(corrupted(content, 24)):
        path = tmp_path / f"{number}-{name}"
        path.write_bytes(corruption)
        try:
            Video(path).read(12)
        except DataError:
            refused += 1
    assert refused
    assert capfd.readouterr() == ("", "")


def test_the_program_says_of_damaged_files_what_is_wrong_and_nothing_else_is_said(
    tmp_path: Path,
) -> None:
    names = []
    for case in KINDS:
        for number, content in enumerate(corrupted(whole(case), 8)):
            names.append(f"{case.replace(' ', '-')}-{number}.jpg")
            (tmp_path / names[-1]).write_bytes(content)
    (tmp_path / "v.mp4").write_bytes(write_video(tmp_path / "whole.mp4", "libx264")[:-400])
    names.append("v.mp4#3")
    table = "image,person\n" + "".join(f"{name},{at % 3}\n" for at, name in enumerate(names))
    (tmp_path / "crops.csv").write_text(table)
    command = [sys.executable, "-m", "sameplayer", "check", str(tmp_path / "crops.csv")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == ""
    said = [line for line in done.stdout.splitlines() if "row " in line]
    assert len(said) > len(KINDS)
    assert all("unreadable picture: row" in line for line in said)
