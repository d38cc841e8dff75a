"""TIFF: every layout of samples is read as it was written, or refused by its name."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import pytest

from sameplayer.data.images.picture import decode_content
from sameplayer.data.images.tiff import orientation_of
from sameplayer.errors import DataError

GREY = np.arange(0, 240, dtype=np.uint8)[:192].reshape(16, 12)
RGB = np.dstack([GREY, GREY[::-1], 255 - GREY])
ALPHA = np.repeat(np.array([[255], [128], [0], [60]], np.uint8), 48).reshape(16, 12, 1)
CLEAR = np.dstack([RGB, ALPHA])


def tiff(
    samples: np.ndarray,
    colours: int,
    *,
    order: str = "<",
    big: bool = False,
    separate: bool = False,
    extra: Sequence[int] = (),
    tile: int = 0,
    bits: int = 0,
    pressed: int = 1,
    more: Sequence[tuple[int, int]] = (),
) -> bytes:
    """Write samples (h, w) or (h, w, n) as scientific tools do; ``more`` are SHORT tags."""
    samples = samples[:, :, None] if samples.ndim == 2 else samples
    high, wide, count = samples.shape
    form = {"u": 1, "i": 2, "f": 3, "c": 6}[samples.dtype.kind]
    bits = bits or samples.dtype.itemsize * 8
    stored = samples.astype(samples.dtype.newbyteorder(order))
    strips = [stored[:, :, at] for at in range(count)] if separate else [stored]
    if tile:
        strips = [np.pad(stored, ((0, -high % tile), (0, -wide % tile), (0, 0)))]
        strips = [
            part
            for row in np.split(strips[0], (high + tile - 1) // tile)
            for part in np.split(row, (wide + tile - 1) // tile, axis=1)
        ]
    data = [one.tobytes() for one in strips]
    starts = np.cumsum([16 if big else 8, *map(len, data)]).tolist()
    place, count_at = (324, 325) if tile else (273, 279)
    tags = {
        256: [wide],
        257: [high],
        258: [bits] * count,
        259: [pressed],
        262: [colours],
        277: [count],
        284: [2 if separate else 1],
        339: [form] * count,
        place: starts[:-1],
        count_at: [*map(len, data)],
    }
    tags |= {338: list(extra)} if extra else {}
    tags |= {322: [tile], 323: [tile]} if tile else {278: [high]}
    tags |= {tag: [value] for tag, value in more}
    body, entries, room = b"".join(data), b"", 8 if big else 4
    where = starts[-1]
    for tag, values in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        if len(packed) > room:
            body, at = body + packed, where
            where, packed = where + len(packed), struct.pack(order + ("Q" if big else "I"), at)
        entries += struct.pack(order + ("HHQ" if big else "HHI"), tag, 4, len(values))
        entries += packed.ljust(room, b"\0")
    mark = b"II" if order == "<" else b"MM"
    if big:
        head = mark + struct.pack(order + "HHHQ", 43, 8, 0, where)
        return head + body + struct.pack(order + "Q", len(tags)) + entries + bytes(8)
    head = mark + struct.pack(order + "HI", 42, where)
    return head + body + struct.pack(order + "H", len(tags)) + entries + bytes(4)


def deep(samples: np.ndarray) -> np.ndarray:
    return samples.astype(np.uint16) * 257


READ = {
    "grey": (tiff(GREY, 1), GREY),
    "grey, white is 0": (tiff(255 - GREY, 0), GREY),
    "deep grey": (tiff(deep(GREY), 1), GREY),
    "deep grey, big-endian": (tiff(deep(GREY), 1, order=">"), GREY),
    "deep grey, white is 0": (tiff(deep(255 - GREY), 0), GREY),
    "colour": (tiff(RGB, 2), RGB),
    "colour, BigTIFF": (tiff(RGB, 2, big=True), RGB),
    "colour, BigTIFF, big-endian": (tiff(RGB, 2, big=True, order=">"), RGB),
    "colour, in tiles": (tiff(RGB, 2, tile=16), RGB),
    "colour, in planes": (tiff(RGB, 2, separate=True), RGB),
    "deep colour": (tiff(deep(RGB), 2), RGB),
    "deep colour, big-endian": (tiff(deep(RGB), 2, order=">"), RGB),
    "deep colour, in planes": (tiff(deep(RGB), 2, separate=True), RGB),
    "deep colour, in tiles": (tiff(deep(RGB), 2, tile=16), RGB),
    "transparent": (tiff(CLEAR, 2, extra=[2]), RGB),
    "transparent, in planes": (tiff(CLEAR, 2, extra=[2], separate=True), RGB),
    "transparent, deep": (tiff(deep(CLEAR), 2, extra=[2]), RGB),
    "transparent, deep, big-endian": (tiff(deep(CLEAR), 2, extra=[2], order=">"), RGB),
    "a fourth channel": (tiff(CLEAR, 2, extra=[0]), RGB),
    "five channels": (tiff(np.dstack([CLEAR, GREY]), 2, extra=[0, 0]), RGB),
    "grey, transparent": (tiff(np.dstack([GREY[:, :, None], ALPHA]), 1, extra=[2]), GREY),
    "deep grey, transparent": (
        tiff(deep(np.dstack([GREY[:, :, None], ALPHA])), 1, extra=[2]),
        GREY,
    ),
    "CMYK": (tiff(np.dstack([255 - RGB, ALPHA * 0]), 5), RGB),
    "CMYK, deep": (tiff(deep(np.dstack([255 - RGB, ALPHA * 0])), 5), RGB),
}


@pytest.mark.parametrize("case", READ)
def test_every_layout_of_samples_is_read_as_it_was_written(case: str) -> None:
    content, expected = READ[case]
    expected = np.repeat(expected[:, :, None], 3, axis=2) if expected.ndim == 2 else expected
    np.testing.assert_array_equal(decode_content("x", content), expected)


@pytest.mark.parametrize("bits", [8, 16])
def test_premultiplied_colours_are_divided_again(bits: int) -> None:
    premultiplied = CLEAR.astype(int)
    premultiplied[:, :, :3] = premultiplied[:, :, :3] * ALPHA // 255
    samples = premultiplied.astype(np.uint8)
    content = tiff(deep(samples) if bits == 16 else samples, 2, extra=[1])
    seen = ALPHA[:, :, 0] > 0
    difference = np.abs(decode_content("x", content).astype(int) - RGB)[seen]
    assert difference.max() <= 5


REFUSED = {
    "float": (tiff(GREY.astype(np.float32), 1), r"32-bit samples \(float\)"),
    "double": (tiff(GREY.astype(np.float64), 1), r"64-bit samples \(float\)"),
    "half": (tiff(GREY.astype(np.float16), 1), r"16-bit samples \(float\)"),
    "float colour": (tiff(RGB.astype(np.float32), 2), r"32-bit samples \(float\)"),
    "signed": (tiff(GREY.astype(np.int32), 1), r"32-bit samples \(signed\)"),
    "signed 16": (tiff(GREY.astype(np.int16), 1), r"16-bit samples \(signed\)"),
    "signed 8": (tiff(GREY.astype(np.int8), 1), r"8-bit samples \(signed\)"),
    "unsigned": (tiff(GREY.astype(np.uint32), 1), r"32-bit samples \(whole numbers\)"),
    "complex": (tiff(GREY.astype(np.complex64), 1), r"64-bit samples \(complex float\)"),
    "JPEG 2000": (tiff(RGB, 2, pressed=34712), "compressed with JPEG 2000"),
    "unknown": (tiff(RGB, 2, pressed=51234), "compressed with method 51234"),
    "DNG": (tiff(RGB, 2, more=[(50706, 1)]), "camera's raw file"),
    "sensor": (tiff(GREY, 32803), "camera's raw file"),
    "NEF": (tiff(RGB, 2, more=[(254, 1)]), "first picture is a preview"),
    "preview": (tiff(RGB, 2, more=[(255, 2)]), "first picture is a preview"),
    "CR2": (tiff(RGB, 2)[:8] + b"CR\2\0" + tiff(RGB, 2)[12:], "camera's raw file"),
    "14 bits": (tiff(deep(GREY), 1, bits=14), "TIFF of 1 x 14 bits"),
    "planes": (tiff(deep(CLEAR), 2, extra=[2], separate=True), "separate planes.*transparency"),
    "many": (tiff(np.dstack([RGB] * 4), 1), "TIFF of 12 x 8 bits"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_read_is_named_and_not_called_damaged(
    case: str, capfd: pytest.CaptureFixture[str]
) -> None:
    content, words = REFUSED[case]
    with pytest.raises(DataError, match=f"^a.tif: .*{words}.*save ") as raised:
        decode_content("a.tif", content)
    assert "damaged" not in str(raised.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("samples", [RGB, deep(RGB), deep(GREY), CLEAR])
def test_orientation_is_applied_once_whoever_decodes(
    order: str, orientation: int, samples: np.ndarray
) -> None:
    extra = [2] if samples.shape[2:] == (4,) else []
    content = tiff(
        samples, 2 if samples.ndim == 3 else 1, order=order, extra=extra, more=[(274, orientation)]
    )
    whole = RGB if samples.ndim == 3 else np.repeat(GREY[:, :, None], 3, axis=2)
    turns = (
        whole,
        whole[:, ::-1],
        whole[::-1, ::-1],
        whole[::-1],
        whole.transpose(1, 0, 2),
        np.rot90(whole, -1),
        whole.transpose(1, 0, 2)[::-1, ::-1],
        np.rot90(whole),
    )
    np.testing.assert_array_equal(decode_content("x", content), turns[orientation - 1])


@pytest.mark.parametrize("exif", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"x" * 40])
def test_exif_that_says_nothing_turns_nothing(exif: bytes) -> None:
    assert orientation_of(exif) == 1
