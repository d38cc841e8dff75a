"""Kinds: what is no picture, or none that is read, is named in its error; brands tell HEIC."""

from __future__ import annotations

import struct

import pytest

from sameplayer.data.images import picture as images
from sameplayer.data.images.headers import boxed_kind, no_picture
from sameplayer.data.images.picture import decode_content
from sameplayer.errors import DataError

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
