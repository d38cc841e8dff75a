"""Small files that claim to be giant: refused from their header, in a moment and without memory."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from typing import Any

import pytest

SIDE = 30_000  # 2.7 GB as a picture, and below the limit of OpenCV's own
GROWTH_MB = 150
SECONDS = 200
CHILD = """
import json, os, resource, signal, sys
from pathlib import Path
import cv2
from sameplayer.data.images.picture import decode
from sameplayer.data.reading import read_crop
from sameplayer.errors import DataError

def peak():
    status = Path("/proc/self/status")
    if status.is_file():  # what was asked for, also where nothing was written into it
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmPeak"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

def outcome(path):
    before, answers = peak(), []
    for read in (decode, lambda path: read_crop(path, (0, 0, 2, 2))):
        try:
            answers.append(f"read {read(path).shape}")
        except DataError as error:
            answers.append(f"refused {error}")
    return {"answers": answers, "grown": peak() - before}

warm, *paths = map(Path, sys.argv[1:])
cv2.setNumThreads(1)  # no threads, which a fork would lose
decode(warm)
for path in paths:
    if os.fork() == 0:
        signal.alarm(20)
        print(json.dumps({"name": path.name, **outcome(path)}), flush=True)
        os._exit(0)
    os.wait()
"""


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(side: int, *, whole: bool = True) -> bytes:
    """A black PNG of one bit a pixel: true in every byte, or with few of its rows."""
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((1 + (side + 7) // 8) * (side if whole else 10)), 1)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")
    )


def bmp(side: int, *, packed: bool) -> bytes:
    colours = b"\x00" * 8 if not packed else b"\x00" * 1024
    bits, method = (8, 1) if packed else (1, 0)
    start = 54 + len(colours)
    head = b"BM" + struct.pack("<IHHI", start + 64, 0, 0, start)
    facts = struct.pack("<IiiHHIIiiII", 40, side, side, 1, bits, method, 64, 1, 1, 0, 0)
    return head + facts + colours + b"\x00\x01" * 32


def tiff(side: int, *, order: str = "<", big: bool = False) -> bytes:
    """Black, packed by deflate: strips of all rows would be a few kilobytes."""
    data = zlib.compress(bytes(1 << 20))
    tags = [
        (256, side),
        (257, side),
        (258, 8),
        (259, 8),
        (262, 1),
        (273, 8 if not big else 16),
        (277, 1),
        (278, side),
        (279, len(data)),
    ]
    first = (16 if big else 8) + len(data)
    mark = b"II" if order == "<" else b"MM"
    if big:
        head = mark + struct.pack(order + "HHHQ", 43, 8, 0, first)
        entries = b"".join(struct.pack(order + "HHQQ", tag, 16, 1, value) for tag, value in tags)
        return head + data + struct.pack(order + "Q", len(tags)) + entries + bytes(8)
    head = mark + struct.pack(order + "HI", 42, first)
    entries = b"".join(struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in tags)
    return head + data + struct.pack(order + "H", len(tags)) + entries + bytes(4)


def jpeg(side: int, *, progressive: bool = False) -> bytes:
    """Start, tables of one value, a frame's header with the size, an empty scan, end."""
    tables = b"\xff\xdb\x00\x43\x00" + b"\x01" * 64
    parts = b"".join(bytes([number, 0x11, 0]) for number in (1, 2, 3))
    frame = struct.pack(">HBHHB", 17, 8, side, side, 3) + parts
    codes = b"".join(
        b"\xff\xc4\x00\x14" + bytes([kind]) + b"\x01" + b"\x00" * 15 + b"\x00" for kind in (0, 16)
    )
    scan = b"\xff\xda\x00\x0c\x03\x01\x00\x02\x00\x03\x00\x00\x3f\x00"
    kind = b"\xff\xc2" if progressive else b"\xff\xc0"
    return b"\xff\xd8" + tables + kind + frame + codes + scan + b"\x00" * 64 + b"\xff\xd9"


def jpeg_of_many_parts(side: int) -> bytes:
    """A JPEG whose size stands behind more comments than a header is usually long."""
    content, comment = jpeg(side), b"\xff\xfe\xff\xff" + bytes(65533)
    return content[:2] + comment * 3 + content[2:]


def webp(kind: bytes, side: int = 16_383) -> bytes:
    if kind == b"VP8 ":
        data = b"\x10\x00\x00\x9d\x01\x2a" + struct.pack("<HH", side, side) + bytes(64)
    elif kind == b"VP8L":
        data = b"\x2f" + struct.pack("<I", (side - 1) | (side - 1) << 14) + bytes(64)
    else:
        size = (side - 1).to_bytes(3, "little")
        inner = webp(b"VP8L", side)[12:]
        data = bytes(4) + size + size
        body = b"WEBP" + kind + struct.pack("<I", len(data)) + data + inner
        return b"RIFF" + struct.pack("<I", len(body)) + body
    data += bytes(len(data) % 2)
    body = b"WEBP" + kind + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def gif(side: int) -> bytes:
    size = struct.pack("<HH", side, side)
    scan = b"," + bytes(4) + size + b"\x00\x02\x02\x44\x01\x00;"
    return b"GIF89a" + size + b"\x80\x00\x00" + bytes(3) + b"\xff" * 3 + scan


def jpeg2000(side: int, tile: int, components: int) -> bytes:
    """The headers of a codestream whose tiles and components take memory before any pixel."""
    sizes = struct.pack(">H8IH", 0, side, side, 0, 0, tile, tile, 0, 0, components)
    sizes += b"\x07\x01\x01" * components
    style = b"\xff\x52\x00\x0c" + bytes([0, 0, 0, 1, 0, 5, 4, 4, 0, 0])
    bounds = b"\xff\x5c\x00\x13\x40" + b"\x48" * 16
    head = b"\xff\x4f\xff\x51" + struct.pack(">H", 2 + len(sizes)) + sizes
    return head + style + bounds + b"\xff\x90\x00\x0a" + bytes(7) + b"\x01\xff\x93" + bytes(16)


def sun(side: int) -> bytes:
    return struct.pack(">8I", 0x59A66A95, side, side, 24, 0, 2, 0, 0) + bytes(64)


BOMBS = {
    "png.png": png(14_000),
    "part.png": png(SIDE, whole=False),
    "length.png": png(64)[:33] + struct.pack(">I", 2**32 - 1) + b"IDAT" + bytes(8),
    "components.jp2": jpeg2000(64, 64, 16_384),
    "tiles.jp2": jpeg2000(10_000, 40, 3),
    "bits.bmp": bmp(SIDE, packed=False),
    "packed.bmp": bmp(SIDE, packed=True),
    "flipped.bmp": bmp(-SIDE, packed=False),
    "plain.tif": tiff(SIDE),
    "motorola.tif": tiff(SIDE, order=">"),
    "big.tif": tiff(SIDE, big=True),
    "plain.jpg": jpeg(SIDE),
    "largest.jpg": jpeg(65_500),
    "progressive.jpg": jpeg(SIDE, progressive=True),
    "comments.jpg": jpeg_of_many_parts(SIDE),
    "frames.jpg": jpeg(64)[:-2].replace(b"\xff\xda", jpeg(SIDE)[71:90] + b"\xff\xda"),
    "widths.tif": tiff(64)
    .replace(struct.pack("<HHII", 256, 4, 1, 64), struct.pack("<HHII", 256, 4, 1, 2**30))
    .replace(struct.pack("<HHII", 258, 4, 1, 8), struct.pack("<HHII", 256, 4, 1, 64)),
    "wide.gif": gif(64).replace(
        b"," + bytes(4) + struct.pack("<HH", 64, 64),
        b"," + bytes(4) + struct.pack("<HH", 13_000, 13_000),
    ),
    "lossy.webp": webp(b"VP8 "),
    "lossless.webp": webp(b"VP8L"),
    "extended.webp": webp(b"VP8X"),
    "gif.png": gif(SIDE),
    "sun.png": sun(SIDE),
    "grey.png": b"P5 %d %d 255\n" % (SIDE, SIDE) + bytes(64),
    "bits.png": b"P4 %d %d\n" % (SIDE, SIDE) + bytes(64),
    "floats.png": b"PF %d %d\n-1.0\n" % (SIDE // 2, SIDE // 2) + bytes(64),
    "any.png": b"P7\nWIDTH %d\nHEIGHT %d\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n"
    % (SIDE, SIDE),
    "radiance.png": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y %d +X %d\n" % (SIDE, SIDE)
    + bytes(64),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What each bomb came to, every one in a process of its own."""
    folder = tmp_path_factory.mktemp("bombs")
    for name, content in {"warm.png": png(64), **BOMBS}.items():
        (folder / name).write_bytes(content)
    command = [sys.executable, "-c", CHILD, *(str(folder / name) for name in ("warm.png", *BOMBS))]
    child = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    return {(one := json.loads(line))["name"]: one for line in child.stdout.splitlines()}


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_picture_that_claims_to_be_giant_is_refused_without_memory(
    name: str, outcomes: dict[str, dict[str, Any]]
) -> None:
    assert len(BOMBS[name]) < 500_000
    assert name in outcomes, "the process died"
    for answer in outcomes[name]["answers"]:
        assert answer.startswith("refused")
        assert name in answer
    assert outcomes[name]["grown"] < GROWTH_MB
