"""Headers: sizes without decoding, and lengths and counts that a file cannot hold."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from sameplayer.data.images import headers
from sameplayer.data.images import picture as images
from sameplayer.data.images.headers import boxed_kind, no_picture
from sameplayer.data.images.picture import decode_content, header_size
from sameplayer.errors import DataError

FORMATS = ["JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM", "JPEG2000", "AVIF"]


def saved(kind: str, wide: int = 61, high: int = 83, **how: object) -> bytes:
    """A whole file of this format, of noise."""
    pixels = np.random.default_rng(0).integers(0, 255, (high, wide, 3), np.uint8)
    content = BytesIO()
    Image.fromarray(pixels).save(content, kind, **how)  # type: ignore[arg-type]
    return content.getvalue()


def false_length(stated: int = 0xFFFFFFFF) -> bytes:
    """49 bytes of PNG, whose pixels are said to be 4 GB."""
    head = struct.pack(">II5B", 64, 128, 8, 2, 0, 0, 0)
    check = struct.pack(">I", zlib.crc32(b"IHDR" + head))
    first = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + head + check
    return first + struct.pack(">I", stated) + b"IDAT" + bytes(8)


def many_scans(count: int, side: int = 64) -> bytes:
    """A progressive JPEG of a small picture with ``count`` more scans, which are empty."""
    content = BytesIO()
    Image.new("L", (side, side)).save(content, "JPEG", progressive=True)
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x01\x05\x00" + b"\x00"
    return content.getvalue()[:-2] + scan * count + b"\xff\xd9"


def tiff(*tags: tuple[int, int, int, int]) -> bytes:
    """A TIFF of 64 x 64 grey pixels: tags are (number, type, count, value)."""
    usual = [
        (256, 4, 1, 64),
        (257, 4, 1, 64),
        (258, 4, 1, 8),
        (259, 4, 1, 1),
        (262, 4, 1, 1),
        (273, 4, 1, 8),
        (277, 4, 1, 1),
        (279, 4, 1, 4096),
    ]
    entries = sorted([*usual, *tags])
    head = b"II" + struct.pack("<HI", 42, 8 + 4096) + bytes(4096) + struct.pack("<H", len(entries))
    return head + b"".join(struct.pack("<HHII", *one) for one in entries) + bytes(4)


def jpeg2000(
    side: int = 64, tile: int = 64, components: int = 3, block: int = 4, precinct: int = 0xFF
) -> bytes:
    """A JPEG 2000 codestream without pixels."""
    sizes = struct.pack(">H8IH", 0, side, side, 0, 0, tile, tile, 0, 0, components)
    sizes += b"\x07\x01\x01" * components
    style = bytes([1, 0, 0, 1, 0, 5, block, block, 0, 0]) + bytes([precinct] * 6)
    parts = ((0x51, sizes), (0x52, style), (0x5C, b"\x40" + b"\x48" * 16))
    head = b"".join(struct.pack(">BBH", 0xFF, kind, 2 + len(data)) + data for kind, data in parts)
    part = b"\xff\x90\x00\x0a" + struct.pack(">HIBB", 0, 0, 0, 1)
    return b"\xff\x4f" + head + part + b"\xff\x93" + bytes(16) + b"\xff\xd9"


@pytest.mark.parametrize("kind", FORMATS)
def test_the_size_of_every_format_is_read_without_decoding(kind, monkeypatch) -> None:
    monkeypatch.setattr(images, "PIXELS", {})
    monkeypatch.setattr(images, "by_opencv", lambda *_: pytest.fail("decoded"))
    assert header_size("x", saved(kind)) == (61, 83)


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("JPEG", {"progressive": True}),
        ("JPEG", {"progressive": True, "exif": Image.Exif(), "restart_marker_blocks": 1}),
        ("PNG", {"compress_level": 0}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"save_all": True, "append_images": [Image.new("RGB", (61, 83))]}),
        ("WEBP", {"icc_profile": b"x" * 300}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"big_tiff": True}),
        ("JPEG2000", {"tile_size": (64, 64), "precinct_size": (32, 32)}),
    ],
)
def test_unusual_but_true_files_are_read(kind: str, how: dict) -> None:
    content = saved(kind, **how)
    assert header_size("x", content) == (61, 83)
    assert decode_content("x", content).shape == (83, 61, 3)


FALSE = {
    "png_length": (false_length(), "chunk 'IDAT' at byte 33 states 4,294,967,295 bytes, and 8"),
    "png_no_header": (false_length()[:8] + false_length()[33:], "does not begin with a PNG header"),
    "jpeg_scans": (many_scans(101), "over 100 scans; at most 100 are decoded"),
    "jpeg_segment": (saved("JPEG")[:20] + b"\xff\xe1\xff\xff" + bytes(99), "JPEG segment E1"),
    "jpeg_no_frame": (b"\xff\xd8\xff\xd9" + bytes(20), "no JPEG frame header"),
    "jpeg_no_height": (
        (whole := saved("JPEG"))[: (at := whole.index(b"\xff\xc0") + 5)]
        + bytes(2)
        + whole[at + 2 :],
        "states 61 x 0 pixels",
    ),
    "webp_kind": (b"RIFF\xff\xff\xff\xffWEBPVP8 " + bytes(40), "no WebP picture begins"),
    "tiff_tags": (tiff((700, 7, 2**31, 8)), "tags of the TIFF directory"),
    "tiff_overlap": (
        tiff(*((1000 + at, 7, 3000, 8) for at in range(50))),
        "tags of the TIFF directory",
    ),
    "tiff_tile": (tiff((322, 4, 1, 16384), (323, 4, 1, 16000)), "tiles state 262,144,000 pixels"),
    "tiff_directory": (tiff()[:4100], "TIFF directory"),
    "j2k_components": (jpeg2000(components=1000), "1,000 components; expected 1 to 4"),
    "j2k_tiles": (jpeg2000(4000, 4), "over 4,096 tiles"),
    "j2k_precincts": (jpeg2000(4000, 4000, precinct=0x22), "over 131,072 blocks"),
    "j2k_blocks": (jpeg2000(4000, 4000, block=0), "over 131,072 blocks"),
    "j2k_cut": (jpeg2000()[:30], "no JPEG 2000 picture begins"),
}


@pytest.mark.parametrize("case", FALSE)
def test_counts_and_lengths_that_cannot_be_true_are_refused_before_decoding(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, words = FALSE[case]
    monkeypatch.setattr(images, "PIXELS", {})
    monkeypatch.setattr(images, "by_opencv", lambda *_: pytest.fail("decoded"))
    Image.init()
    tracemalloc.start()
    with pytest.raises(DataError, match=f"^x.bin: .*{words}"):
        decode_content("x.bin", content)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 1_000_000


def test_many_parts_are_refused_after_a_bounded_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headers, "MAX_PARTS", 50)
    comment = b"\xff\xfe\x00\x02"
    jpeg = saved("JPEG")
    assert header_size("x", jpeg[:2] + comment * 20 + jpeg[2:]) == (61, 83)
    with pytest.raises(DataError, match="over 50 segments"):
        header_size("x", jpeg[:2] + comment * 60 + jpeg[2:])
    png = saved("PNG")
    empty = struct.pack(">I", 0) + b"tEXt" + struct.pack(">I", zlib.crc32(b"tEXt"))
    with pytest.raises(DataError, match="over 50 chunks"):
        header_size("x", png[:33] + empty * 60 + png[33:])


def test_scans_of_a_preview_and_of_what_follows_do_not_count() -> None:
    preview = b"\xff\xd8" + b"\xff\xda\x00\x02" * 150
    jpeg = saved("JPEG")
    inside = b"\xff\xe1" + struct.pack(">H", 2 + len(preview)) + preview
    assert header_size("x", jpeg[:2] + inside + jpeg[2:] + many_scans(150)) == (61, 83)
    assert header_size("x", many_scans(80)) == (64, 64)


FOREIGN = {
    "jxl": (b"\xff\x0a\xfa\x1f\x41\x91\x08\x06\x01\x00", "is a JPEG XL picture"),
    "jxl box": (b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl \0\0\0\0jxl ", "is a JPEG XL picture"),
    "jxr": (b"II\xbc\x01\x20\0\0\0", "is a JPEG XR picture"),
    "psd": (b"8BPS\0\1" + bytes(20), "is a Photoshop file"),
    "xcf": (b"gimp xcf v011\0", "is a GIMP file"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3", "is a PDF"),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "is a PostScript file"),
    "eps with preview": (b"\xc5\xd0\xd3\xc6\x1e\0\0\0", "is a PostScript file"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "is an SVG drawing"),
    "svg after xml": (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- Inkscape -->\n<svg>', "an SVG"),
    "raf": (b"FUJIFILMCCD-RAW 0201", "is a camera's raw file"),
    "orf": (b"IIRO\x08\0\0\0", "is a camera's raw file"),
    "rw2": (b"IIU\0\x18\0\0\0", "is a camera's raw file"),
    "cr3": (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "is a camera's raw file"),
    "exr": (b"v/1\1\2\0\0\0", "is a picture of float samples"),
    "hdr": (b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n", "is a picture of float samples"),
    "pfm": (b"Pf\n2 2\n-1.0\n" + bytes(16), "is a picture of float samples"),
    "pam": (b"P7\nWIDTH 2\n", "is a PAM picture"),
    "ico": (b"\0\0\1\0\1\0\x10\x10", "is a Windows icon"),
    "dicom": (bytes(128) + b"DICM\2\0", "is a DICOM file"),
    "html": (b"\n<!DOCTYPE html><html>404", "is a web page.*download it again"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\n", "pointer of Git LFS.*git lfs pull"),
    "apple double": (b"\0\5\x16\7\0\2\0\0Mac OS X", "file of macOS beside the picture"),
    "zip": (b"PK\3\4\x14\0", "is a ZIP archive.*unpack"),
    "mp4": (b"\0\0\0\x18ftypisom\0\0\2\0isomiso2", "is a video.*sameplayer log"),
    "mkv": (b"\x1aE\xdf\xa3\x9f\x42", "is a video"),
    "avi": (b"RIFF\0\0\0\0AVI LIST", "is a video"),
    "ios": (b"\x89PNG\r\n\x1a\n\0\0\0\4CgBI" + bytes(40), "is a PNG changed by Xcode"),
    "text": (b"hello", "not a picture that can be decoded.*or HEIC"),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_what_is_not_read_is_called_by_its_name(case: str) -> None:
    content, words = FOREIGN[case]
    with pytest.raises(DataError, match=f"(?s)^a.jpg: .*{words}"):
        decode_content("a.jpg", content)


def test_an_avif_without_a_decoder_is_no_video(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "FORMATS", ("JPEG",))
    with pytest.raises(DataError, match=r"is an AVIF picture.*update Pillow"):
        decode_content("a.avif", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf")


@pytest.mark.parametrize(
    ("major", "others", "kind"),
    [
        (b"heic", b"mif1heic", "HEIC"),
        (b"mif1", b"heicmiaf", "HEIC"),
        (b"heix", b"", "HEIC"),
        (b"msf1", b"hevcmsf1", "HEIC"),
        (b"mif1", b"avifmiaf", "AVIF"),
        (b"avif", b"mif1", "AVIF"),
        (b"avis", b"msf1", "AVIF"),
        (b"isom", b"mp42", None),
        (b"crx ", b"heic", None),
    ],
)
def test_the_brands_of_a_file_tell_heic_from_avif(major: bytes, others: bytes, kind: str) -> None:
    content = struct.pack(">I4s4sI", 16 + len(others), b"ftyp", major, 0) + others
    assert boxed_kind(content + b"heicavif") == kind


def test_a_targa_picture_is_no_icon() -> None:
    targa = bytes((0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 8, 0, 24, 0)) + bytes(192)
    assert "icon" not in str(no_picture("a.tga", targa))
    assert "Windows icon" in str(no_picture("a.ico", b"\0\0\1\0\1\0\x10\x10"))
