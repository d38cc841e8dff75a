"""Pictures: what is decoded, to which pixels, and what is said of what cannot be."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sameplayer.data.crops import Crops
from sameplayer.data.images import picture as images
from sameplayer.data.images.picture import decode, letterbox, quality
from sameplayer.data.tracks import picture_quality
from sameplayer.errors import DataError, MissingFile
from sameplayer.synthetic.league import draw_crop


def test_letterbox_is_the_published_one_to_the_byte(golden: Path) -> None:
    data = np.load(golden / "letterbox.npz")
    for number in range(6):
        np.testing.assert_array_equal(
            letterbox(data[f"image_{number}"], 224), data[f"out_{number}"]
        )


def test_grey_and_16_bit_pictures_become_rgb_and_content_decides(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((9, 5), 70, np.uint8))
    assert (decode(tmp_path / "grey.png") == 70).all()
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((9, 5, 3), 0x4040, np.uint16))
    assert decode(tmp_path / "deep.png").dtype == np.uint8
    (tmp_path / "renamed.jpeg").write_bytes((tmp_path / "grey.png").read_bytes())
    assert decode(tmp_path / "renamed.jpeg").shape == (9, 5, 3)


def test_cmyk_transparent_and_turned_pictures_become_upright_rgb(tmp_path: Path) -> None:
    colours = np.zeros((16, 8, 3), np.uint8)
    colours[:8] = (200, 40, 30)
    colours[8:] = (20, 60, 180)
    whole = Image.fromarray(colours)
    whole.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=100)
    assert np.abs(decode(tmp_path / "cmyk.jpg").astype(int) - colours).max() < 30
    whole.convert("RGBA").save(tmp_path / "clear.png")
    np.testing.assert_array_equal(decode(tmp_path / "clear.png"), colours)
    turned = Image.Exif()
    turned[0x0112] = 3
    whole.save(tmp_path / "turned.jpg", exif=turned, quality=100)
    assert np.abs(decode(tmp_path / "turned.jpg").astype(int) - colours[::-1, ::-1]).mean() < 5


def png(wide: int, high: int) -> bytes:
    """A whole PNG of zeros, one bit a pixel: a few kilobytes for any size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        crc = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)

    rows = zlib.compress(bytes((wide + 7) // 8 + 1) * high)
    header = struct.pack(">II5B", wide, high, 1, 0, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def bomb(kind: str, wide: int = 14_000, high: int = 14_000) -> bytes:
    """A small file whose header says that it is 14,000 x 14,000 pixels."""
    if kind == "PNG":
        return png(wide, high)
    content, small = BytesIO(), Image.new("L", (8, 8))
    small.save(content, kind, **({"lossless": True} if kind == "WEBP" else {}))
    data = bytearray(content.getvalue())
    if kind == "JPEG":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", high, wide)
    elif kind == "BMP":
        data[18:26] = struct.pack("<ii", wide, high)
    elif kind == "GIF":
        data[6:10] = struct.pack("<HH", wide, high)
    elif kind == "WEBP":
        at = data.index(b"VP8L") + 9
        bits = struct.unpack("<I", data[at : at + 4])[0] & ~0xFFFFFFF
        data[at : at + 4] = struct.pack("<I", bits | (wide - 1) | (high - 1) << 14)
    elif kind == "TIFF":
        for tag, value in ((256, wide), (257, high)):
            at = data.index(struct.pack("<H", tag)) + 8
            data[at : at + 2] = struct.pack("<H", value)
    return bytes(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF"])
def test_a_picture_too_large_is_refused_by_its_header_in_every_format(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "huge").write_bytes(bomb(kind))
    monkeypatch.setattr(images, "PIXELS", {})
    monkeypatch.setattr(images, "by_opencv", lambda *_: pytest.fail("decoded"))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"(14000 x 14000|196000000) pixels.*t most 100,000,000"):
        decode(tmp_path / "huge")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10_000_000


def test_the_bound_is_a_setting_also_above_that_of_other_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "large.png").write_bytes(png(20_000, 9_500))
    with pytest.raises(DataError, match="20000 x 9500"):
        decode(tmp_path / "large.png")
    monkeypatch.setattr(images, "MAX_PIXELS", 200_000_000)
    monkeypatch.setitem(images.PIXELS, "PNG", lambda *_: np.zeros((2, 2, 3), np.uint8))
    assert decode(tmp_path / "large.png").shape == (2, 2, 3)


FORMATS = ["JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM"]


def saved(kind: str) -> bytes:
    smooth = cv2.resize(np.random.default_rng(1).integers(0, 255, (9, 7, 3), np.uint8), (60, 80))
    content = BytesIO()
    Image.fromarray(smooth).save(content, kind)
    return content.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
def test_what_follows_the_end_of_a_picture_is_ignored(tmp_path: Path, kind: str) -> None:
    (tmp_path / "whole").write_bytes(saved(kind))
    (tmp_path / "more").write_bytes(saved(kind) + b"a film, say" * 1000)
    np.testing.assert_array_equal(decode(tmp_path / "more"), decode(tmp_path / "whole"))


@pytest.mark.parametrize("kind", FORMATS)
def test_a_picture_cut_short_is_refused_wherever_it_is_cut(tmp_path: Path, kind: str) -> None:
    content = saved(kind)
    for length in (len(content) - 40, len(content) // 2):
        (tmp_path / "cut").write_bytes(content[:length])
        with pytest.raises(DataError, match="truncated or damaged"):
            decode(tmp_path / "cut")


def test_the_first_of_several_pictures_in_a_file_counts(tmp_path: Path) -> None:
    grey = [Image.new("RGB", (30, 20), (value,) * 3) for value in (40, 200)]
    for kind in ("TIFF", "GIF", "WEBP", "MPO"):
        grey[0].save(tmp_path / "several", kind, save_all=True, append_images=grey[1:])
        assert abs(int(decode(tmp_path / "several").mean()) - 40) <= 2, kind


def test_unreadable_pictures_say_why(tmp_path: Path, picture: Callable[..., Path]) -> None:
    good = picture(tmp_path / "good.jpg").read_bytes()
    cases = {
        "cut": (good[:-30], "truncated"),
        "empty": (b"", "empty"),
        "text": (b"hello", "not a picture"),
    }
    for name, (content, words) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=words):
            decode(tmp_path / name)
    with pytest.raises(MissingFile, match="no such file"):
        decode(tmp_path / "absent.jpg")
    with pytest.raises(DataError, match="not a valid file name"):
        decode(tmp_path / "a\0b.jpg")
    with pytest.raises(DataError, match="cannot be read"):
        decode(tmp_path)


def test_quality_prefers_large_sharp_pictures() -> None:
    for number in range(4):
        picture = draw_crop(number, 0, 1).picture
        size = (picture.shape[1] // 2, picture.shape[0] // 2)
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        blurred = cv2.GaussianBlur(picture, (0, 0), 4)
        blank = np.full_like(picture, 90)
        assert quality(picture) > 1.5 * quality(small)
        assert quality(picture) > 1.2 * quality(blurred)
        assert quality(blurred) > 10 * quality(blank) > 0


def test_quality_of_a_table_is_that_of_its_pictures_in_order(tmp_path: Path) -> None:
    pictures = [draw_crop(number, 0, 1).picture for number in range(3)]
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture[:, :, ::-1])
    crops = Crops(pd.DataFrame({"image": ["2.png", "0.png", "1.png"]}), tmp_path)
    expected = [quality(pictures[number]) for number in (2, 0, 1)]
    np.testing.assert_allclose(picture_quality(crops), expected)
