"""Reading crops: boxes, and frames that are shared but never handed out."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from sameplayer.data import reading
from sameplayer.data.images.picture import Picture, decode
from sameplayer.data.reading import PictureLike, as_picture, as_pictures, read_crop
from sameplayer.errors import ConfigError, DataError, SettingError


def test_a_read_crop_is_the_callers_own(tmp_path: Path, picture: Callable[..., Path]) -> None:
    path = picture(tmp_path / "frame.png")
    for box in (None, (2.0, 3.0, 10.0, 20.0)):
        first = read_crop(path, box)
        kept = first.copy()
        first[:] = 0
        np.testing.assert_array_equal(read_crop(path, box), kept)
        assert kept.any()


def test_a_box_is_rounded_and_clipped(tmp_path: Path, picture: Callable[..., Path]) -> None:
    path = picture(tmp_path / "frame.png", 40, 20)
    whole = decode(path)
    np.testing.assert_array_equal(read_crop(path, (1.6, 2.4, 7.6, 9.2)), whole[2:11, 2:10])
    np.testing.assert_array_equal(read_crop(path, (-5, 30, 100, 100)), whole[30:, :])
    with pytest.raises(DataError, match="outside the picture of 20 x 40"):
        read_crop(path, (20, 0, 5, 5))


def test_crops_of_one_picture_decode_it_once_in_all_threads(
    tmp_path: Path, picture: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, decoded = picture(tmp_path / "frame.png", 400, 300), []

    def counting(path: Path) -> Picture:
        decoded.append(path)
        return decode(path)

    monkeypatch.setattr(reading, "decode", counting)
    with ThreadPoolExecutor(8) as pool:
        crops = list(pool.map(lambda left: read_crop(path, (left, 0, 9, 9)), range(200)))
    assert decoded == [path]
    np.testing.assert_array_equal(crops[7], decode(path)[:9, 7:16])


def test_a_picture_that_changed_is_decoded_anew(
    tmp_path: Path, picture: Callable[..., Path]
) -> None:
    path = picture(tmp_path / "frame.png", 40, 20)
    assert read_crop(path, (0, 0, 90, 90)).shape == (40, 20, 3)
    picture(path, 30, 10)
    assert read_crop(path, (0, 0, 90, 90)).shape == (30, 10, 3)


PICTURE = np.random.default_rng(5).integers(0, 255, (9, 4, 3), dtype=np.uint8)
TENSOR = torch.from_numpy(PICTURE)


def test_every_kind_of_picture_gives_the_same_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), PICTURE[:, :, ::-1])
    kinds: list[PictureLike] = [
        path,
        str(path),
        PICTURE,
        Image.fromarray(PICTURE),
        TENSOR,
        TENSOR.permute(2, 0, 1),
        TENSOR.float() / 255,
        (TENSOR.permute(2, 0, 1) / 255).half(),
    ]
    for shown in kinds:
        np.testing.assert_array_equal(as_picture(shown), PICTURE)
    np.testing.assert_array_equal(as_pictures(np.stack([PICTURE] * 2))[1], PICTURE)
    grey = Image.fromarray(PICTURE[:, :, 0])
    np.testing.assert_array_equal(as_picture(grey)[:, :, 2], PICTURE[:, :, 0])


def test_bgr_turns_arrays_and_tensors_and_not_what_says_its_own_order(tmp_path: Path) -> None:
    turned = PICTURE[:, :, ::-1]
    for shown in (PICTURE, TENSOR, TENSOR.permute(2, 0, 1)):
        np.testing.assert_array_equal(as_picture(shown, "bgr"), turned)
    np.testing.assert_array_equal(as_picture(Image.fromarray(PICTURE), "bgr"), PICTURE)
    with pytest.raises(SettingError, match="order is 'gbr'; expected one of rgb, bgr"):
        as_picture(PICTURE, "gbr")


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (PICTURE.astype(np.float32), r"found float32 of shape \(9, 4, 3\)"),
        (PICTURE[:, :, 0], r"found uint8 of shape \(9, 4\)"),
        (PICTURE[:0], r"found uint8 of shape \(0, 4, 3\)"),
        (np.zeros((9, 4, 4), np.uint8), r"found uint8 of shape \(9, 4, 4\)"),
        (TENSOR.float(), "must hold values from 0 to 1; found .* before it was normalised"),
        (TENSOR.float() * torch.nan, "must hold values from 0 to 1"),
        (TENSOR.int(), "must be uint8 or float; found torch.int32"),
        (TENSOR[:, :, :2], r"found \(9, 4, 2\)"),
        (TENSOR[:3], r"found \(3, 4, 3\)\. Both fit"),
        (None, "A picture must be a path, .* found NoneType"),
        (7, "found int"),
    ],
)
def test_what_is_no_picture_is_refused_by_name(shown: PictureLike, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        as_picture(shown)


@pytest.mark.parametrize(
    "shown", ["a.png", Path("a.png"), PICTURE, TENSOR, Image.new("RGB", (4, 9))]
)
def test_one_picture_is_no_list(shown: PictureLike) -> None:
    with pytest.raises(ConfigError, match=r"a list of pictures; found .* write \[picture\]"):
        as_pictures(shown)
    with pytest.raises(ConfigError, match="Expected a list of pictures; found int"):
        as_pictures(3)


def test_a_pil_picture_of_16_bits_is_scaled_and_its_transparency_changes_nothing() -> None:
    deep = Image.fromarray(PICTURE[:, :, 0].astype(np.uint16) * 257)
    np.testing.assert_array_equal(as_picture(deep)[:, :, 1], PICTURE[:, :, 0])
    clear = Image.fromarray(np.dstack([PICTURE, np.full((9, 4), 7, np.uint8)]))
    np.testing.assert_array_equal(as_picture(clear), PICTURE)


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_a_pil_picture_of_32_bits_is_refused(kind: type) -> None:
    with pytest.raises(ConfigError, match=r"PIL picture of mode [FI]: samples of 32 bits"):
        as_picture(Image.fromarray(PICTURE[:, :, 0].astype(kind)))
