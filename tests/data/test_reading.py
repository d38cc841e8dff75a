"""Reading crops: boxes, and frames that are shared but never handed out."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from sameplayer.data import reading
from sameplayer.data.images.picture import Picture, decode
from sameplayer.data.reading import read_crop
from sameplayer.errors import DataError


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
