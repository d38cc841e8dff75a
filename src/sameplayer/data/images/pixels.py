"""Pixels of picture files, by a decoder per format that is exact and writes no warnings.

OpenCV's JPEG and PNG write to the terminal, its TIFF and GIF change the colour under transparency,
its JPEG 2000 and PPM change the scale of colours; these are decoded by Pillow, which is given the
parts that make up the pixels and no others. Every reader takes the bytes of a file of its format
and returns uint8 RGB (height, width, 3), upright.
"""

from __future__ import annotations

import ctypes
import logging
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from io import BytesIO
from threading import Lock
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import (
    GifImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    _imaging,
)

from sameplayer.data.images import tiff
from sameplayer.data.images.headers import JPEG_FRAMES, damaged, gif_size, jpeg_segments, png_chunks
from sameplayer.errors import DataError, MissingExtra, import_extra

Picture = NDArray[np.uint8]
JPEG_KINDS = {
    0xC3: "lossless",
    0xC9: "arithmetic coding",
    0xCA: "arithmetic coding",
    0xCB: "lossless, arithmetic coding",
}
# EXIF's orientations -> are rows and columns exchanged, then rows reversed, then columns?
TURNS = {2: (0, 0, 1), 3: (0, 1, 1), 4: (0, 1, 0)}
TURNS |= {5: (1, 0, 0), 6: (1, 0, 1), 7: (1, 1, 1), 8: (1, 1, 0)}
_APART = {0xE0, 0xEE}  # of a JPEG's segments for applications, those that say what colours it has
_PNG_PARTS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT"}
_PROFILE = b"Raw profile type exif\0"  # EXIF as ImageMagick wrote it into PNG
_MAX_EXIF = 1 << 20
_QUIET = Lock()

logging.getLogger("PIL").addHandler(logging.NullHandler())  # else it goes to the terminal
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
with suppress(AttributeError, OSError):  # the libtiff that came with Pillow, where it can be named
    ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)


def upright(picture: Picture, orientation: int) -> Picture:
    """Return a picture as it is shown, by EXIF's orientation, 1 to 8."""
    return turned(picture, *TURNS.get(orientation, (0, 0, 0)))


def turned(picture: Picture, exchanged: int, rows: int, columns: int) -> Picture:
    """Exchange a picture's rows and columns or not, then reverse its rows and columns or not."""
    picture = picture.transpose(1, 0, 2) if exchanged else picture
    return np.ascontiguousarray(picture[:: -1 if rows else 1, :: -1 if columns else 1])


def rgb_of(picture: Image.Image) -> Picture:
    """Return a picture of Pillow as RGB: transparency is left out, 16 bits become 8.

    Raises ValueError for samples of which nothing says what is white (modes F and I).
    """
    if picture.mode in ("F", "I"):
        raise ValueError(f"samples of 32 bits (mode {picture.mode}) are not read")
    if picture.mode.startswith("I;16"):
        return _grey(np.asarray(picture) >> 8)
    if picture.mode in ("P", "LA", "PA", "La"):  # P: not without its transparency, which is bytes
        picture = picture.convert("RGBA")
    if picture.mode in ("RGBA", "RGBa", "RGBX"):
        return np.ascontiguousarray(np.asarray(picture.convert("RGBA"))[:, :, :3])
    return np.array(picture if picture.mode == "RGB" else picture.convert("RGB"))


class Unread(Exception):  # noqa: N818
    """A valid picture of a kind that no decoder here supports: "a JPEG of 12-bit samples"."""


@contextmanager
def quiet() -> Iterator[None]:
    """Silence a library's warnings; one thread at a time, since filters are global."""
    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _grey(levels: np.ndarray) -> Picture:
    return np.repeat(levels.astype(np.uint8)[:, :, None], 3, axis=2)


def by_opencv(content: bytes, flags: int = cv2.IMREAD_COLOR) -> Picture:
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if pixels is None:
        raise ValueError("OpenCV cannot decode it")
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def _by_pillow(reader: Callable[..., Any], content: bytes) -> Picture:
    with reader(BytesIO(content)) as picture:
        return rgb_of(picture)


def _gif(content: bytes) -> Picture:
    with quiet(), GifImagePlugin.GifImageFile(BytesIO(content)) as picture:
        if picture.size != gif_size("GIF", content):
            raise ValueError("its first frame reaches beyond its canvas")
        return rgb_of(picture)


def _ppm(content: bytes) -> Picture:
    """Decode PPM with Pillow: OpenCV supports neither text samples nor other white levels."""
    with PpmImagePlugin.PpmImageFile(BytesIO(content)) as picture:
        if picture.mode == "F":
            raise Unread("a picture of float samples (PFM)")
        if picture.mode != "I":
            return rgb_of(picture)
        return _grey(np.asarray(picture) >> 8)  # grey of over 8 bits, which Pillow made 16


def _jpeg(content: bytes) -> Picture:
    exif, unusual, parts = b"", None, [b"\xff\xd8"]
    for marker, start, data in jpeg_segments("JPEG", content):
        if marker == 0xDA:  # from here on all is pixels
            parts.append(content[start - 4 :])
            break
        if marker in JPEG_FRAMES:
            if unusual is not None:
                raise ValueError("it has two frame headers")
            unusual = _unusual_jpeg(marker, data)
        if marker == 0xE1 and bytes(data[:6]) == b"Exif\0\0":
            exif = exif or bytes(data)
        if marker != 0xFE and (not 0xE0 <= marker <= 0xEF or marker in _APART):
            parts.append(content[start - 4 : start + len(data)])
    try:
        pixels = _by_pillow(JpegImagePlugin.JpegImageFile, b"".join(parts))
    except Exception as error:
        raise (Unread(unusual) if unusual else error) from error
    return upright(pixels, tiff.orientation_of(exif))


def _unusual_jpeg(marker: int, data: memoryview) -> str:
    """Return the kind of a JPEG that not every decoder supports, by its frame header, or ""."""
    if data[0] != 8:
        return f"a JPEG of {data[0]}-bit samples"
    if marker not in (0xC0, 0xC1, 0xC2):
        return f"a JPEG of an unusual kind ({JPEG_KINDS.get(marker, 'hierarchical')})"
    return "" if data[5] in (1, 3, 4) else f"a JPEG of {data[5]} components"


def _png(content: bytes) -> Picture:
    exif, parts = b"", [content[:8]]
    for kind, data, check in png_chunks("PNG", content):
        if kind in _PNG_PARTS:
            if zlib.crc32(kind + data) != check:
                raise ValueError(f"the check sum of {kind!r} is wrong")
            parts.append(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check))
        elif kind == b"eXIf":
            exif = bytes(data[:_MAX_EXIF])
        elif kind in (b"zTXt", b"tEXt") and bytes(data[:22]) == _PROFILE and not exif:
            with suppress(ValueError, IndexError, zlib.error):
                exif = _profile(kind, data[22:])
    parts.append(struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND")))
    return upright(
        _by_pillow(PngImagePlugin.PngImageFile, b"".join(parts)), tiff.orientation_of(exif)
    )


def _profile(kind: bytes, data: memoryview) -> bytes:
    """Return EXIF that was written as text: a name, a length, then digits in lines."""
    text = bytes(data)
    if kind == b"zTXt":
        text = zlib.decompressobj().decompress(text[1:], 2 * _MAX_EXIF)
    return bytes.fromhex(b"".join(text.split(b"\n")[3:]).decode("ascii"))


def _avif(content: bytes) -> Picture:
    """Decode AVIF, whose own properties turn it; Pillow reports them as EXIF."""
    with quiet(), Image.OPEN["AVIF"][0](BytesIO(content), "") as picture:
        exif = picture.info.get("exif", b"")
    stored = by_opencv(content, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return upright(stored, tiff.orientation_of(exif))


def _tiff(content: bytes) -> Picture:
    tags = tiff.read_tags("TIFF", content)
    deep = max(tags.get(tiff.BITS, (1,))) > 8
    if not (deep and tags.get(tiff.PLANES) == (2,)):  # of which Pillow makes another picture
        with (
            suppress(SyntaxError),
            quiet(),
            TiffImagePlugin.TiffImageFile(BytesIO(content)) as picture,
        ):
            if sorted(picture.size) != sorted(tags[tag][0] for tag in (tiff.WIDTH, tiff.HEIGHT)):
                raise ValueError("it states two sizes")
            pixels = _levels(picture, tags)
            return rgb_of(picture) if pixels is None else pixels
    if set(tags.get(tiff.EXTRA, ())) & {1, 2} and tags.get(tiff.COLOURS) == (2,):
        raise Unread(f"a TIFF of {tiff.facts(tags)} and transparency")
    try:
        return by_opencv(content)
    except ValueError:
        raise Unread(f"a TIFF of {tiff.facts(tags)}") from None


def _levels(picture: Image.Image, tags: tiff.Tags) -> Picture | None:
    """Return a grey picture of 9 to 16 bits, black being 0, or None for any other."""
    if not picture.mode.startswith("I;16"):
        return None
    picture.load()
    grey = np.asarray(picture) >> (max(tags[tiff.BITS]) - 8)
    return _grey(255 - grey if tags.get(tiff.COLOURS) == (0,) else grey)


def open_heic(name: str, content: bytes) -> Any:
    """Return what pillow-heif makes of a HEIC file, nothing of it decoded.

    Raises DataError where the extra is missing, for a file that is damaged, and for one whose
    pictures are compressed otherwise than HEIC.
    """
    try:
        heif = import_extra("pillow_heif", "heic", "Reading HEIC")
    except MissingExtra:
        raise DataError(
            f"{name}: is a HEIC picture; install 'sameplayer[heic]', or save it as JPEG."
        ) from None
    try:
        with quiet():
            whole = heif.open_heif(BytesIO(content), convert_hdr_to_8bit=True)
    except Exception as error:  # libheif's errors are of several kinds
        raise damaged(name) from error
    if not len(whole):
        raise DataError(
            f"{name}: is a HEIF file without a picture of HEVC, the only kind that is read; save "
            "it as JPEG."
        )
    return whole


def _heic(content: bytes) -> Picture:
    """Decode HEIC; libheif applies the orientation, so EXIF is ignored."""
    return rgb_of(open_heic("HEIC", content).to_pillow())


PIXELS: dict[str, Callable[[bytes], Picture]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "TIFF": _tiff,
    "AVIF": _avif,
    "HEIC": _heic,
    "GIF": _gif,
    "PPM": _ppm,
    "JPEG2000": partial(_by_pillow, Jpeg2KImagePlugin.Jpeg2KImageFile),
}
