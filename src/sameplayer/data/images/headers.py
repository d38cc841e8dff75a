"""Headers of picture files: sizes, impossible counts and lengths, and names of other kinds.

Decoders reserve memory and spend time by what a file states, so headers are checked first. Every
function takes the name for errors and the bytes of a file of its format; those that raise DataError
say which part is wrong.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator

from sameplayer.errors import DataError

MAX_PARTS = 100_000  # chunks or segments of one file
MAX_SCANS = 100  # of a progressive JPEG; usual are 10
MAX_TILES = 4096  # of a JPEG 2000 picture
MAX_CELLS = 1 << 17  # blocks and precincts of a component of JPEG 2000: 100 MP in 32 x 32
# A JPEG's markers that a length follows: not the end, restarts, stuffed bytes or fill bytes.
_MARKER = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])", re.DOTALL)
JPEG_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})


def png_size(name: str, content: bytes) -> tuple[int, int]:
    """Return (width, height) of a PNG, every chunk of which lies within the file."""
    for _ in png_chunks(name, content):
        pass
    wide, high = struct.unpack_from(">II", content, 16)
    return wide, high


def png_chunks(name: str, content: bytes) -> Iterator[tuple[bytes, memoryview, int]]:
    """Yield (kind, data, stated check sum) of every whole chunk of a PNG, up to its end."""
    if content[12:16] != b"IHDR" or len(content) < 33:
        raise damaged(name, "it does not begin with a PNG header")
    at, whole = 8, memoryview(content)
    for _ in range(MAX_PARTS):
        if at + 8 > len(content):  # no end is stated; the decoder knows whether pixels are missing
            break
        (length,) = struct.unpack_from(">I", content, at)
        kind = content[at + 4 : at + 8]
        refuse_past_end(name, f"chunk {_shown(kind)}", at, length, len(content) - at - 8)
        data, at = whole[at + 8 : at + 8 + length], at + length + 12
        yield kind, data, int.from_bytes(content[at - 4 : at], "big")
        if kind == b"IEND":
            break
    else:
        raise too_many(name, "chunks", MAX_PARTS)


def jpeg_size(name: str, content: bytes) -> tuple[int, int]:
    """Return (width, height) of a JPEG of at most ``MAX_SCANS`` scans."""
    scans, size = 0, None
    for marker, _, data in jpeg_segments(name, content):
        if marker in JPEG_FRAMES and size is None:
            if len(data) < 6:
                raise damaged(name, "its JPEG frame header is too short")
            high, wide = struct.unpack_from(">HH", data, 1)
            size = wide, high
        scans += marker == 0xDA
        if scans > MAX_SCANS:
            raise too_many(name, "scans", MAX_SCANS)
    if size is None:
        raise damaged(name, "no JPEG frame header was found")
    return size


def jpeg_segments(name: str, content: bytes) -> Iterator[tuple[int, int, memoryview]]:
    """Yield (marker, where its data begins, data) of every segment of a JPEG, up to its end."""
    at, whole = 2, memoryview(content)
    for _ in range(MAX_PARTS):
        marker = _MARKER.search(content, at)
        if marker is None or marker[1] == b"\xd9":
            break
        at = marker.end()
        if at + 2 > len(content):
            raise damaged(name, "it ends within a JPEG segment")
        (length,) = struct.unpack_from(">H", content, at)
        refuse_past_end(name, f"JPEG segment {marker[1][0]:02X}", at, length, len(content) - at)
        yield marker[1][0], at + 2, whole[at + 2 : at + length]
        at += max(2, length)
    else:
        raise too_many(name, "segments", MAX_PARTS)


def webp_size(name: str, content: bytes) -> tuple[int, int]:
    """Return (width, height) of a WebP: of its canvas, or of its only picture."""
    kind, head = content[12:16], content[20:30]
    if len(head) == 10 and kind == b"VP8X":
        return (1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little"))
    if len(head) == 10 and kind == b"VP8 " and head[3:6] == b"\x9d\x01\x2a":
        wide, high = struct.unpack_from("<HH", head, 6)
        return wide & 0x3FFF, high & 0x3FFF
    if len(head) >= 5 and kind == b"VP8L" and head[0] == 0x2F:
        (bits,) = struct.unpack_from("<I", head, 1)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    raise damaged(name, f"no WebP picture begins in its chunk {_shown(kind)}")


def gif_size(name: str, content: bytes) -> tuple[int, int]:
    """Return (width, height) of a GIF's canvas; its reader refuses frames beyond it."""
    if len(content) < 13:
        raise damaged(name, "it ends within the GIF header")
    wide, high = struct.unpack_from("<HH", content, 6)
    return wide, high


def refuse_jpeg2000(name: str, content: bytes) -> None:
    """Raise DataError for a JPEG 2000 picture of more components, tiles or cells than are usual."""
    start = content.find(b"\xff\x4f\xff\x51")
    if start < 0 or start + 42 > len(content):
        raise damaged(name, "no JPEG 2000 picture begins in it")
    facts = struct.unpack_from(">8IH", content, start + 8)
    right, low, left, top, wide, high, first_x, first_y, components = facts
    if not 1 <= components <= 4:
        raise damaged(name, f"it states {components:,} components; expected 1 to 4")
    if 0 in (wide, high) or right <= left or low <= top:
        raise damaged(name, "it states a picture or tiles of no size")
    tiles = -(-(right - first_x) // wide) * -(-(low - first_y) // high)
    if tiles > MAX_TILES:
        raise too_many(name, "tiles", MAX_TILES)
    for style, component in _coding_styles(content, start + 2):
        _refuse_cells(name, style, component, right - left, low - top)


def _coding_styles(content: bytes, at: int) -> Iterator[tuple[bytes, int]]:
    """Yield every coding style of the headers of a JPEG 2000 picture, and whether it is a COC's."""
    tile, after = 0, 0
    for _ in range(MAX_PARTS):
        if at + 12 > len(content):
            return
        marker, length = struct.unpack_from(">HH", content, at)
        if marker == 0xFF90:  # a part of a tile: its own header follows, then data up to `after`
            tile, after = at, at + struct.unpack_from(">I", content, at + 6)[0]
        if marker in (0xFF52, 0xFF53):
            yield content[at : at + 2 + length], int(marker == 0xFF53)
        if marker == 0xFF93:
            if after <= tile + 12:
                return
            at = after
        else:
            at += 2 + length


def _refuse_cells(name: str, style: bytes, component: int, wide: int, high: int) -> None:
    """Refuse too many code blocks and precincts, as COD (0) or COC (1) states them."""
    scheme = 4 + component
    levels = scheme + (1 if component else 5)
    if len(style) <= levels + 4:
        return
    cells = [(0, 2 + style[levels + 1], 2 + style[levels + 2])]
    if style[scheme] & 1:
        sides = style[levels + 5 :][: 1 + style[levels]]
        cells += [(style[levels] - at, side & 15, side >> 4) for at, side in enumerate(sides)]
    count = sum(
        -(-wide >> min(64, x + max(0, smaller))) * -(-high >> min(64, y + max(0, smaller)))
        for smaller, x, y in cells
    )
    if count > MAX_CELLS:
        raise too_many(name, "blocks", MAX_CELLS)


SIZES: dict[str, Callable[[str, bytes], tuple[int, int]]] = {
    "PNG": png_size,
    "JPEG": jpeg_size,
    "WEBP": webp_size,
    "GIF": gif_size,
}


def damaged(name: str, why: str = "") -> DataError:
    """Return the error of a picture file that cannot be decoded."""
    reason = f": {why}. Copy" if why else "; copy"
    return DataError(f"{name}: truncated or damaged{reason} or export the file again.")


def too_many(name: str, what: str, most: int) -> DataError:
    """Return the error of a picture file of more parts than are decoded."""
    return DataError(
        f"{name}: over {most:,} {what}; at most {most:,} are decoded. Export the picture again."
    )


def refuse_past_end(name: str, what: str, at: int, stated: int, left: int) -> None:
    """Raise DataError where a part states more bytes than are left of the file."""
    if stated > left:
        raise damaged(name, f"{what} at byte {at:,} states {stated:,} bytes, and {left:,} follow")


def _shown(kind: bytes) -> str:
    return ascii(kind.decode("latin-1"))


READ = "JPEG, PNG, BMP, WebP, TIFF, GIF, AVIF or HEIC"
AVIF_BRANDS = frozenset({b"avif", b"avis"})
HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
RAW = "a camera's raw file"
SAVE = "save the picture as JPEG or PNG"
PICTURE, VIDEO = (
    f"which is not read; {SAVE}",
    f"not a picture; for video, use sameplayer log, or {SAVE}",
)
# What begins a file (a pattern) -> what it is, and what to do
NAMED: tuple[tuple[bytes, str, str], ...] = (
    (rb"\xff\x0a|....JXL \r\n\x87\n", "a JPEG XL picture", PICTURE),
    (rb"II\xbc", "a JPEG XR picture", PICTURE),
    (rb"8BPS", "a Photoshop file (PSD)", PICTURE),
    (rb"gimp xcf", "a GIMP file (XCF)", PICTURE),
    (rb"%PDF-", "a PDF", PICTURE),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript file (EPS)", PICTURE),
    (rb"FUJIFILMCCD-RAW|II(RO|RS|U\x00)|MMOR|FOVb|....ftypcrx ", RAW, PICTURE),
    (rb"v/1\x01|#\?RADIANCE|#\?RGBE", "a picture of float samples", PICTURE),
    (rb"P7\s", "a PAM picture", PICTURE),
    (
        rb"....ftypavi[fs]",
        "an AVIF picture, and the Pillow here is too old for it",
        "update Pillow, or save it as JPEG",
    ),
    (rb"\x00\x00[\x01\x02]\x00[^\x00]\x00", "a Windows icon", PICTURE),
    (rb"DDS ", "a texture (DDS)", PICTURE),
    (rb"SIMPLE  =", "a FITS file", PICTURE),
    (rb".{128}DICM", "a DICOM file", PICTURE),
    (
        rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--.{0,400}?-->\s*)?(<!DOCTYPE svg[^>]*>\s*)?<svg",
        "an SVG drawing",
        PICTURE,
    ),
    (rb"\s*<(!DOCTYPE )?html", "a web page", "not the picture itself; download it again"),
    (rb"version https://git-lfs", "a pointer of Git LFS", "not the picture; run 'git lfs pull'"),
    (
        rb"\x00\x05\x16\x07",
        "a file of macOS beside the picture",
        "not the picture; take the file of the same name without '._'",
    ),
    (rb"PK\x03\x04", "a ZIP archive", "no picture; unpack it"),
    (
        rb"\x1aE\xdf\xa3|RIFF....AVI |....(ftyp|moov|mdat)|FLV\x01|\x00\x00\x01\xba",
        "a video",
        VIDEO,
    ),
)


def boxed_kind(content: bytes) -> str | None:
    """Return "AVIF" or "HEIC" where the brands of a file say so, else None."""
    if content[4:8] != b"ftyp":
        return None
    stop = min(int.from_bytes(content[:4], "big"), 256, len(content))
    brands = {content[at : at + 4] for at in (8, *range(16, stop - 3, 4))}
    if brands & AVIF_BRANDS:
        return "AVIF"
    return "HEIC" if brands & HEIC_BRANDS and content[8:12] != b"crx " else None


def no_picture(name: str, content: bytes) -> DataError:
    """Return the error for a file that is not a supported picture, naming its kind if known."""
    if content[12:16] == b"CgBI":
        return DataError(f"{name}: is a PNG changed by Xcode for iOS, {PICTURE}.")
    for pattern, what, rest in NAMED:
        if re.match(pattern, content[:2048], re.DOTALL | re.IGNORECASE):
            return DataError(f"{name}: is {what}, {rest}.")
    return DataError(f"{name}: not a picture that can be decoded (expected {READ}).")
