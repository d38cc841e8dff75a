"""Pictures as callers send them: looked at before they are decoded, and bounded."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import numpy as np

from sameplayer.data.images.picture import Picture, header_size
from sameplayer.errors import DataError
from sameplayer.gallery.gallery import Gallery
from sameplayer.serve.http.http_errors import Refused
from sameplayer.serve.http.limits import Limits
from sameplayer.serve.images.decoders import Decoders

KINDS = {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n"}
EXPECTED = "a JPEG, PNG or WebP file"
VIDEO = ". A video? Use sameplayer log"
LEAST = 4  # pixels of a side


def kind_of(content: bytes) -> str | None:
    """Return JPEG, PNG or WEBP by a file's first bytes; None for all others."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for kind, start in KINDS.items() if content.startswith(start)), None)


def is_video(content: bytes) -> bool:
    """Tell whether a file's first bytes are those of a video."""
    still = content[8:12] in (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1")
    return (
        (content[4:8] == b"ftyp" and not still)
        or content.startswith((b"\x1aE\xdf\xa3", b"OggS", b"FLV", b"\0\0\x01\xba"))
        or (content[:4] == b"RIFF" and content[8:12] == b"AVI ")
    )


def decode_all(contents: Sequence[bytes], limits: Limits, decoders: Decoders) -> list[Picture]:
    """Decode the pictures of a request, uint8 RGB; the headers of all are read first.

    Raises Refused: 415 for another kind of file, 413 for too many pixels, 422 for too many
    pictures, none, what is damaged, and what takes too much time or memory.
    """
    refuse_count(len(contents), limits)
    total = 0
    for at, content in enumerate(contents):
        total += _pixels(at, content, limits)
        if total > limits.request_pixels:
            raise _too_many_pixels("pictures", limits.request_pixels, f"over {total:,}")
    return [_decoded(at, content, decoders) for at, content in enumerate(contents)]


def refuse_count(count: int, limits: Limits, what: str = "pictures") -> None:
    """Refuse a request without a picture, or with too many."""
    if not 1 <= count <= limits.crops:
        raise Refused(
            422,
            f"{count} {what}",
            where=what,
            expected=f"1 to {limits.crops}",
            found=str(count),
            do="send several requests" if count else "add one",
        )


def from_base64(texts: Sequence[str], limits: Limits) -> list[bytes]:
    """Return the bytes of files in base64; Refused (422) for what is none."""
    refuse_count(len(texts), limits)
    try:
        return [base64.b64decode(text, validate=True) for text in texts]
    except (binascii.Error, ValueError) as error:
        raise Refused(
            422,
            "a picture is not base64",
            where="pictures",
            expected="base64 (RFC 4648)",
            found=str(error),
            do="encode the file's bytes",
        ) from None


def vectors_of(gallery: Gallery, rows: Sequence[Sequence[float]], limits: Limits) -> np.ndarray:
    """Return (n, d) float32 unit rows; Refused (422) for rows that the gallery cannot compare."""
    refuse_count(len(rows), limits, "vectors")
    width = gallery.settings.width
    wrong = next((row for row in rows if len(row) != width), None)
    if wrong is not None:
        raise Refused(
            422,
            "a vector has another width than the gallery's",
            where="vectors",
            expected=f"{width} numbers, of encoder {gallery.settings.fingerprint}",
            found=f"{len(wrong)} numbers",
            do="embed with the gallery's encoder",
        )
    with np.errstate(over="ignore"):  # a number that float32 cannot hold is refused as infinite
        return gallery.check_vectors(np.array(rows, np.float32))


def _pixels(at: int, content: bytes, limits: Limits) -> int:
    if kind_of(content) is None:
        raise Refused(
            415,
            "this file type is not supported",
            where=f"pictures.{at}",
            expected=EXPECTED,
            do="use JPEG, PNG or WebP" + (VIDEO if is_video(content) else ""),
        )
    try:
        wide, high = header_size(f"picture {at}", content)
    except DataError as error:
        raise _damaged(at, error) from None
    if wide * high > limits.picture_pixels:
        raise _too_many_pixels(f"pictures.{at}", limits.picture_pixels, f"{wide} x {high}")
    if min(wide, high) < LEAST:
        raise Refused(
            422,
            "a picture is too small",
            where=f"pictures.{at}",
            expected=f"{LEAST} pixels a side, or more",
            found=f"{wide} x {high}",
            do="send the crop of one player",
        )
    return wide * high


def _decoded(at: int, content: bytes, decoders: Decoders) -> Picture:
    try:
        return decoders.decode(f"picture {at}", content)
    except DataError as error:
        raise _damaged(at, error) from None
    except Refused as error:
        error.said["where"] = error.said["where"] or f"pictures.{at}"
        raise


def _damaged(at: int, error: DataError) -> Refused:
    return Refused(
        422, str(error), where=f"pictures.{at}", expected=EXPECTED, do="send the file again"
    )


def _too_many_pixels(where: str, most: int, found: str) -> Refused:
    return Refused(
        413,
        "too many pixels",
        where=where,
        expected=f"at most {most:,}",
        found=found,
        do="send the crop of one player, or scale it down",
    )
