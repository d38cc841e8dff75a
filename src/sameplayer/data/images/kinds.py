"""Kinds of files by their first bytes: containers of pictures, and what is no picture, by name."""

from __future__ import annotations

import re

from sameplayer.errors import DataError

READ = "JPEG, PNG, BMP, WebP, TIFF, GIF, AVIF or HEIC"
AVIF_BRANDS = frozenset({b"avif", b"avis"})
HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
RAW = "a camera's raw file"
SAVE = "save the picture as JPEG or PNG"
PICTURE, VIDEO = (
    f"which is not read; {SAVE}",
    f"no picture; give video to sameplayer log, or {SAVE}",
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
    """Return the error of a file of a kind that is not read, which it names where it is known."""
    if content[12:16] == b"CgBI":
        return DataError(f"{name}: is a PNG changed by Xcode for iOS, {PICTURE}.")
    for pattern, what, rest in NAMED:
        if re.match(pattern, content[:2048], re.DOTALL | re.IGNORECASE):
            return DataError(f"{name}: is {what}, {rest}.")
    return DataError(f"{name}: not a picture that can be decoded (expected {READ}).")
