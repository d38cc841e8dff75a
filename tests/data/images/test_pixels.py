"""Pixels: every format as Pillow gives it, upright, and no colour changed by transparency."""

from __future__ import annotations

import struct
import sys
import zlib
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from sameplayer.data.images.headers import boxed_kind
from sameplayer.data.images.picture import decode_content
from sameplayer.data.images.pixels import PIXELS
from sameplayer.data.layouts.sources import read_source
from sameplayer.errors import DataError

heif = pytest.importorskip("pillow_heif")


def photo(high: int = 40, wide: int = 24) -> Image.Image:
    """A smooth picture of no symmetry, a corner of it green."""
    noise = np.random.default_rng(1).integers(0, 255, (6, 5, 3), np.uint8)
    pixels = cv2.resize(noise, (wide, high), interpolation=cv2.INTER_LINEAR)
    pixels[: high // 5, -wide // 4 :] = (10, 200, 20)
    return Image.fromarray(pixels)


def clear(mode: str = "RGBA") -> Image.Image:
    """The picture, of which the upper half is half transparent and the lowest quarter wholly."""
    alpha = np.full((40, 24), 255, np.uint8)
    alpha[:20], alpha[30:] = 128, 0
    whole = photo()
    whole.putalpha(Image.fromarray(alpha))
    return whole.convert(mode)


def saved(picture: Image.Image, kind: str, **how: object) -> bytes:
    content = BytesIO()
    if kind == "HEIC":
        heif.from_pillow(picture).save(content, **how)
    else:
        picture.save(content, kind, **how)
    return content.getvalue()


def as_pillow(content: bytes) -> np.ndarray:
    if boxed_kind(content) == "HEIC":
        return np.asarray(heif.open_heif(BytesIO(content)).to_pillow().convert("RGB"))
    with Image.open(BytesIO(content)) as picture:
        return np.asarray(ImageOps.exif_transpose(picture).convert("RGBA"))[:, :, :3]


def difference(one: np.ndarray, other: np.ndarray) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other).max())


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """The mean difference, of files that keep colours only roughly."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other).mean())


def exif(orientation: int) -> bytes:
    facts = Image.Exif()
    facts[0x112] = orientation
    return facts.tobytes()


LOSSLESS: dict[str, dict[str, object]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "PNG": {},
    "WEBP": {"lossless": True},
    "TIFF": {},
    "AVIF": {"quality": 95},
    "HEIC": {"quality": 95},
}


@pytest.mark.parametrize("kind", LOSSLESS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_orientations_of_every_format_are_upright(kind: str, orientation: int) -> None:
    whole = photo()
    whole.info["exif"] = exif(orientation)
    expected = np.asarray(ImageOps.exif_transpose(whole))
    how = {"tiffinfo": {0x112: orientation}} if kind == "TIFF" else {"exif": exif(orientation)}
    content = saved(photo(), kind, **how, **LOSSLESS[kind])
    assert apart(decode_content("x", content), expected) < 8


@pytest.mark.parametrize(("by_property", "by_exif", "shown"), [(6, 3, 6), (1, 3, 1), (6, 1, 6)])
def test_the_properties_of_an_avif_count_and_not_its_exif(
    by_property: int, by_exif: int, shown: int
) -> None:
    facts = Image.Exif()
    facts[0x112], facts[0x100] = by_property, by_exif  # the first is taken out by Pillow
    content = saved(photo(), "AVIF", exif=facts.tobytes(), quality=95)
    renamed = content.replace(struct.pack(">HHI", 0x100, 4, 1), struct.pack(">HHI", 0x112, 4, 1))
    assert renamed != content
    whole = photo()
    whole.info["exif"] = exif(shown)
    expected = np.asarray(ImageOps.exif_transpose(whole))
    assert apart(decode_content("x", renamed), expected) < 6


def test_an_exif_orientation_survives_broken_tags_beside_it() -> None:
    facts = struct.pack(">2sHIH", b"MM", 42, 8, 2)
    facts += struct.pack(">HHIHH", 0x112, 3, 1, 6, 0) + struct.pack(">HHII", 0x927C, 7, 9**9, 9**9)
    content = saved(photo(), "PNG")
    part = struct.pack(">I", len(facts)) + b"eXIf" + facts + struct.pack(">I", 0)
    turned = decode_content("x", content[:33] + part + content[33:])
    np.testing.assert_array_equal(turned, np.rot90(np.asarray(photo()), -1))


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt"])
def test_a_png_by_imagemagick_is_turned_by_its_raw_profile(kind: bytes) -> None:
    facts = exif(8)
    text = b"\nexif\n%8d\n" % len(facts) + facts.hex().encode() + b"\n"
    data = b"Raw profile type exif\0" + (text if kind == b"tEXt" else b"\0" + zlib.compress(text))
    part = struct.pack(">I", len(data)) + kind + data
    part += struct.pack(">I", zlib.crc32(kind + data))
    content = saved(photo(), "PNG")
    turned = decode_content("x", content[:33] + part + content[33:])
    np.testing.assert_array_equal(turned, np.rot90(np.asarray(photo())))


few = photo().convert("P", palette=Image.Palette.ADAPTIVE, colors=32)
CLEAR = {
    "png rgba": saved(clear(), "PNG"),
    "png la": saved(clear("LA"), "PNG"),
    "png p": saved(few, "PNG", transparency=bytes([0, 100, 200] + [255] * 29)),
    "png p1": saved(few, "PNG", transparency=5),
    "png rgb": saved(photo(), "PNG", transparency=photo().getpixel((3, 3))),
    "png l": saved(photo().convert("L"), "PNG", transparency=100),
    "webp": saved(clear(), "WEBP", lossless=True, exact=True),
    "webp lossy": saved(clear(), "WEBP", quality=90),
    "gif": saved(few, "GIF", transparency=5),
    "tiff": saved(clear(), "TIFF"),
    "tiff lzw": saved(clear(), "TIFF", compression="tiff_lzw"),
    "tiff la": saved(clear("LA"), "TIFF"),
    "avif": saved(clear(), "AVIF", quality=90),
    "heic": saved(clear(), "HEIC", quality=90),
    "jp2": saved(clear(), "JPEG2000"),
    "bmp": saved(clear(), "BMP"),
}


@pytest.mark.parametrize("case", CLEAR)
def test_the_colour_under_transparency_is_what_is_stored(case: str) -> None:
    assert difference(decode_content("x", CLEAR[case]), as_pillow(CLEAR[case])) == 0


def test_premultiplied_colours_of_a_heic_are_divided_again() -> None:
    whole = np.dstack([np.full((64, 64, 3), (200, 100, 50), np.uint8), np.full((64, 64), 128)])
    pixels = whole.astype(np.uint8)
    pixels[..., :3] = (whole[..., :3] * 128 // 255).astype(np.uint8)
    content = saved(Image.frombytes("RGBa", (64, 64), pixels.tobytes()), "HEIC", quality=100)
    assert heif.open_heif(BytesIO(content)).mode == "RGBa"
    assert difference(decode_content("x", content), whole[..., :3].astype(np.uint8)) <= 8


SEVERAL = [Image.new("RGB", (30, 20), (value,) * 3) for value in (40, 200)]
AS_PILLOW = {
    "jpeg": saved(photo(), "JPEG"),
    "jpeg progressive": saved(photo(), "JPEG", progressive=True),
    "jpeg grey": saved(photo().convert("L"), "JPEG"),
    "jpeg cmyk": saved(photo().convert("CMYK"), "JPEG", quality=95),
    "jpeg rgb": saved(photo(), "JPEG", keep_rgb=True),
    "mpo": saved(SEVERAL[0], "MPO", save_all=True, append_images=SEVERAL[1:]),
    "png bits": saved(photo().convert("1"), "PNG"),
    "apng": saved(SEVERAL[0], "PNG", save_all=True, append_images=SEVERAL[1:]),
    "avif animated": saved(SEVERAL[0], "AVIF", save_all=True, append_images=SEVERAL[1:]),
    "webp animated": saved(SEVERAL[0], "WEBP", save_all=True, append_images=SEVERAL[1:]),
    "gif animated": saved(SEVERAL[0], "GIF", save_all=True, append_images=SEVERAL[1:]),
    "tiff jpeg": saved(photo(), "TIFF", compression="jpeg"),
    "tiff cmyk": saved(photo().convert("CMYK"), "TIFF"),
    "tiff lab": saved(photo().convert("RGB").convert("YCbCr"), "TIFF"),
    "tiff fax": saved(photo().convert("1"), "TIFF", compression="group4"),
    "tiff palette": saved(few, "TIFF"),
    "ppm": saved(photo(), "PPM"),
    "jp2": saved(photo(), "JPEG2000"),
    "jp2 sYCC": saved(photo().convert("YCbCr"), "JPEG2000"),
    "j2k": saved(photo(), "JPEG2000", no_jp2=True),
    "heic": saved(photo(), "HEIC", quality=90),
    "heic grey": saved(photo().convert("L"), "HEIC", quality=90),
}


@pytest.mark.parametrize("case", AS_PILLOW)
def test_every_kind_of_every_format_is_read_as_pillow_reads_it(case: str) -> None:
    assert difference(decode_content("x", AS_PILLOW[case]), as_pillow(AS_PILLOW[case])) <= 1


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits_of_a_png_are_scaled_and_not_cut_off(channels: int) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (20, 10, channels), np.uint16)
    content = cv2.imencode(".png", deep)[1].tobytes()
    colours = np.repeat(deep, 3, axis=2) if channels == 1 else deep[:, :, 2::-1]
    np.testing.assert_array_equal(decode_content("x", content), (colours >> 8).astype(np.uint8))


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_of_jpeg_2000_are_scaled(channels: int) -> None:
    deep = np.asarray(photo(80, 48))[:, :, :channels].astype(np.uint16) * 257
    how = [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000]
    content = cv2.imencode(".jp2", deep[:, :, ::-1], how)[1].tobytes()
    colours = np.repeat(deep, 3, axis=2) if channels == 1 else deep
    assert difference(decode_content("x", content), (colours >> 8).astype(np.uint8)) <= 1


def test_10_bits_of_heic_and_avif_are_scaled() -> None:
    deep = np.full((64, 64, 3), (200, 100, 50), np.uint16)
    content = BytesIO()
    heif.encode("RGB;16", (64, 64), (deep * 257).tobytes(), content, quality=100)
    assert heif.open_heif(BytesIO(content.getvalue())).info["bit_depth"] > 8
    assert difference(decode_content("x", content.getvalue()), deep.astype(np.uint8)) <= 4
    content = cv2.imencode(".avif", deep[:, :, ::-1] * 4, [cv2.IMWRITE_AVIF_DEPTH, 10])[1].tobytes()
    assert difference(decode_content("x", content), deep.astype(np.uint8)) <= 8


def test_the_primary_picture_of_a_heic_counts() -> None:
    content, both = BytesIO(), heif.HeifFile()
    for picture in SEVERAL:
        both.add_from_pillow(picture)
    both.save(content, primary_index=1)
    assert abs(int(decode_content("x", content.getvalue()).mean()) - 200) <= 2


def test_without_its_library_a_heic_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    content = saved(photo(), "HEIC")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(
        DataError, match=r"^a.heic: is a HEIC picture; install 'sameplayer\[heic\]'"
    ):
        decode_content("a.heic", content)


def test_a_heic_that_is_cut_or_lies_about_its_size_is_damaged() -> None:
    content = saved(photo(256, 256), "HEIC", quality=90)
    lying = content.replace(
        struct.pack(">4sIII", b"ispe", 0, 256, 256), struct.pack(">4sIII", b"ispe", 0, 300, 300)
    )
    for broken in (content[:-20], content[:100], lying, content[:24] + bytes(400)):
        with pytest.raises(DataError, match=r"^x: truncated or damaged"):
            decode_content("x", broken)


@pytest.mark.parametrize("kind", [b"av01", b"jpeg", b"unci", b"vvc1"])
def test_a_heif_of_other_compression_is_named(kind: bytes) -> None:
    content = saved(photo(64, 64), "HEIC").replace(b"hvc1", kind)
    with pytest.raises(DataError, match=r"^x: is a HEIF file without a picture of HEVC.*save it"):
        decode_content("x", content)


def test_a_heic_too_large_is_refused_before_it_is_decoded() -> None:
    content = bytearray(saved(photo(64, 64), "HEIC"))
    at = content.index(b"ispe") + 8
    content[at : at + 8] = struct.pack(">II", 14000, 14000)
    with pytest.raises(DataError, match="14000 x 14000 pixels; at most 100,000,000"):
        decode_content("x", bytes(content))


def unusual(marker: int = 0xC0, bits: int = 8) -> bytes:
    content = bytearray(saved(photo(), "JPEG"))
    at = content.index(b"\xff\xc0")
    content[at + 1], content[at + 4] = marker, bits
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (unusual(bits=12), "12-bit samples"),
        (unusual(0xC3), r"unusual kind \(lossless"),
        (unusual(0xC5), r"unusual kind \(hierarchical"),
    ],
)
def test_a_jpeg_that_no_decoder_reads_is_named(content: bytes, words: str) -> None:
    with pytest.raises(DataError, match=rf"^x: is a JPEG of .*{words}.*not read; save it"):
        decode_content("x", content)


def test_a_png_with_a_wrong_check_sum_is_damaged_and_text_in_it_is_not_looked_at() -> None:
    content = bytearray(saved(photo(), "PNG"))
    long = b"\0" * 3_000_000
    data = b"XML\0\0\0\0\0\0" + long
    text = struct.pack(">I", len(data)) + b"iTXt" + data + bytes(4)
    whole = bytes(content[:33]) + text + bytes(content[33:])
    np.testing.assert_array_equal(decode_content("x", whole), np.asarray(photo()))
    content[content.index(b"IDAT") + 60] ^= 1
    with pytest.raises(DataError, match="truncated or damaged"):
        decode_content("x", bytes(content))


RISING = np.arange(100).reshape(10, 10)
DIGITS = " ".join(map(str, RISING.ravel())).encode()
NETPBM = {
    "P5 of 100": (b"P5 10 10 100\n" + bytes(RISING.ravel().tolist()), RISING * 2.55),
    "P2 of 100": (b"P2\n# a comment\n10 10\n100\n" + DIGITS, RISING * 2.55),
    "P3 of 99": (
        b"P3 10 10 99\n" + b" ".join(b"%d %d %d" % (one, one, one) for one in RISING.ravel()),
        RISING * 255 / 99,
    ),
    "P5 of 1023": (b"P5 10 10 1023\n" + (RISING * 10).astype(">u2").tobytes(), RISING * 2.4927),
    "P5 of 65535": (b"P5 10 10 65535\n" + (RISING * 257).astype(">u2").tobytes(), RISING),
    "P6 of 65535": (
        b"P6 10 10 65535\n" + np.repeat(RISING.ravel() * 257, 3).astype(">u2").tobytes(),
        RISING,
    ),
}


@pytest.mark.parametrize("case", NETPBM)
def test_netpbm_is_scaled_by_the_white_that_it_states(case: str) -> None:
    content, expected = NETPBM[case]
    read = decode_content("x", content).astype(float)
    assert np.abs(read - expected[:, :, None]).max() <= 1


ENDINGS = {
    "a.jfif": "JPEG",
    "b.JPE": "JPEG",
    "c.avif": "AVIF",
    "d.HEIC": "HEIC",
    "e.heif": "HEIC",
    "f.gif": "GIF",
    "g.tiff": "TIFF",
    "h.jp2": "JPEG2000",
}


def test_pictures_of_every_format_are_found_in_folders_and_read(tmp_path: Path) -> None:
    (tmp_path / "ana").mkdir()
    for name, kind in ENDINGS.items():
        (tmp_path / "ana" / name).write_bytes(saved(photo(), kind))
    crops = read_source(tmp_path)
    assert sorted(Path(name).name for name in crops.table["image"]) == sorted(ENDINGS)
    assert all(apart(crops.read(row), np.asarray(photo())) < 12 for row in range(len(crops)))


def test_every_reader_of_pixels_is_reached() -> None:
    assert set(PIXELS) == {"JPEG", "PNG", "TIFF", "AVIF", "HEIC", "GIF", "PPM", "JPEG2000"}
