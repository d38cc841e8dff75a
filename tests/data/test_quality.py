"""Quality: what shows more of a person weighs more."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from sameplayer.data.crops import Crops
from sameplayer.data.images.picture import quality
from sameplayer.data.tracks import picture_quality
from sameplayer.synthetic.league import draw_crop


def test_quality_prefers_large_sharp_pictures() -> None:
    for number in range(4):
        picture = draw_crop(number, 0).picture
        size = (picture.shape[1] // 2, picture.shape[0] // 2)
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        blurred = cv2.GaussianBlur(picture, (0, 0), 4)
        blank = np.full_like(picture, 90)
        assert quality(picture) > 1.5 * quality(small)
        assert quality(picture) > 1.2 * quality(blurred)
        assert quality(blurred) > 10 * quality(blank) > 0


def test_quality_of_a_table_is_that_of_its_pictures_in_order(tmp_path: Path) -> None:
    pictures = [draw_crop(number, 0).picture for number in range(3)]
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture[:, :, ::-1])
    crops = Crops(pd.DataFrame({"image": ["2.png", "0.png", "1.png"]}), tmp_path)
    expected = [quality(pictures[number]) for number in (2, 0, 1)]
    np.testing.assert_allclose(picture_quality(crops), expected)
