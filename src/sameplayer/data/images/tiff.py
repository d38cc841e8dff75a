"""TIFF: the tags of the first directory, also of EXIF, and the kinds that are not read."""

from __future__ import annotations

import struct
from contextlib import suppress

from sameplayer.data.images.headers import MAX_PARTS, damaged, refuse_past_end, too_many
from sameplayer.errors import DataError

MAX_TILE = 1 << 24  # pixels of a tile, where the picture is smaller
MAX_VALUES = 16  # of a tag that is read
_UNITS = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8)  # bytes of the types
_WHOLE = {1: "B", 3: "H", 4: "I", 16: "Q"}  # types of whole numbers from 0 on

Tags = dict[int, tuple[int, ...]]
SUBFILE, OLD_SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, COLOURS = 254, 255, 256, 257, 258, 259, 262
ORIENTATION, SAMPLES, PLANES, TILE, EXTRA, FORMAT, DNG = 274, 277, 284, (322, 323), 338, 339, 50706

FORMATS = {2: "signed", 3: "float", 5: "complex", 6: "complex float"}
COMPRESSIONS = (1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925, 50000)  # that Pillow reads
NAMES = {34887: "LERC", 50001: "WebP", 34892: "lossy JPEG"}
NAMES |= dict.fromkeys((33003, 33005, 34712), "JPEG 2000") | dict.fromkeys(
    (50002, 52546), "JPEG XL"
)
RAW_COLOURS = (32803, 34892)  # as a sensor sees them


def tiff_size(name: str, content: bytes) -> tuple[int, int]:
    """Return (width, height) of a TIFF as stored.

    Raises DataError where the first directory states more data than the file holds, and for
    pictures of a kind that is not read, which it names.
    """
    tags = read_tags(name, content)
    wide, high = (tags.get(tag, (0,))[0] for tag in (WIDTH, HEIGHT))
    sides = [tags.get(tag, (0,))[0] for tag in TILE]
    if sides[0] * sides[1] > max(MAX_TILE, wide * high):
        raise damaged(
            name,
            f"its TIFF tiles state {sides[0] * sides[1]:,} pixels, the picture {wide * high:,}",
        )
    _refuse_kind(name, content, tags)
    return wide, high


def read_tags(name: str, content: bytes, *, whole: bool = True) -> Tags:
    """Return the tags of the first directory that hold a few whole numbers; DataError as above.

    whole    the values of all tags must lie in the file; else those that do not are left out
    """
    order = "<" if content[:2] == b"II" else ">"
    tags: Tags = {}
    try:
        (version,) = struct.unpack_from(order + "H", content, 2)
        big = version == 43
        (at,) = struct.unpack_from(order + ("Q" if big else "I"), content, 8 if big else 4)
        (count,) = struct.unpack_from(order + ("Q" if big else "H"), content, at)
        if count > MAX_PARTS:
            raise too_many(name, "tags", MAX_PARTS)
        entry, at = (20, at + 8) if big else (12, at + 2)
        refuse_past_end(name, "the TIFF directory", at, count * entry, len(content) - at)
        form, stated = order + ("HHQ" if big else "HHI"), 0
        for place in range(at, at + count * entry, entry):
            tag, kind, items = struct.unpack_from(form, content, place)
            size = items * (_UNITS[kind] if kind < len(_UNITS) else 0)
            stated += size
            if kind in _WHOLE and 0 < items <= MAX_VALUES:
                start = place + (12 if big else 8)
                if size > (8 if big else 4):
                    (start,) = struct.unpack_from(order + ("Q" if big else "I"), content, start)
                if whole or start + size <= len(content):
                    tags[tag] = struct.unpack_from(f"{order}{items}{_WHOLE[kind]}", content, start)
    except (struct.error, OverflowError):
        raise damaged(name, "its TIFF directory is not within the file") from None
    if whole:
        refuse_past_end(name, "the tags of the TIFF directory", at, stated, len(content))
    return tags


def orientation_of(exif: bytes) -> int:
    """Return the orientation that EXIF states, 1 to 8; 1 where it states none."""
    stated = 1
    with suppress(DataError):
        tags = read_tags("EXIF", exif.removeprefix(b"Exif\0\0"), whole=False)
        stated = tags.get(ORIENTATION, (1,))[0]
    return stated if 1 <= stated <= 8 else 1


def facts(tags: Tags) -> str:
    """Return the sample layout of an unsupported TIFF, for its error."""
    count, bits = tags.get(SAMPLES, (1,))[0], tags.get(BITS, (1,))[0]
    planes = " in separate planes" if tags.get(PLANES) == (2,) else ""
    return (
        f"{count} x {bits} bits{planes}, colours {tags.get(COLOURS, (-1,))[0]}, "
        f"compression {tags.get(COMPRESSION, (1,))[0]}"
    )


def _refuse_kind(name: str, content: bytes, tags: Tags) -> None:
    bits, form = max(tags.get(BITS, (1,))), tags.get(FORMAT, (1,))[0]
    pressed, colours = tags.get(COMPRESSION, (1,))[0], tags.get(COLOURS, (1,))[0]
    if DNG in tags or content[8:12] == b"CR\2\0" or colours in RAW_COLOURS:
        raise DataError(
            f"{name}: is a camera's raw file (DNG, CR2 or the like), which is not read; "
            "save it as JPEG or 8-bit TIFF."
        )
    if tags.get(SUBFILE, (0,))[0] & 1 or tags.get(OLD_SUBFILE, (1,))[0] == 2:
        raise DataError(
            f"{name}: its first picture is a preview of another one, as in a camera's raw file "
            "(NEF, ARW); save the picture itself as JPEG or 8-bit TIFF."
        )
    if bits > 16 or form in FORMATS:
        kind = FORMATS.get(form, "whole numbers")
        raise DataError(
            f"{name}: is a TIFF of {bits}-bit samples ({kind}), which are not read, since nothing "
            "says which value is white; save it with 8 or 16 bits from black to white."
        )
    if pressed not in COMPRESSIONS:
        raise DataError(
            f"{name}: is a TIFF compressed with {NAMES.get(pressed, f'method {pressed}')}, which "
            "is not read; save it with LZW, Deflate or without compression."
        )
