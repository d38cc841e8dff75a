"""Boxes that hold two people are told by their height where heights follow a line."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sameplayer.identity.evidence.box_relations import find_merged_boxes


def _boxes(count: int, noise: float, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    bottom = rng.uniform(200, 1000, count)
    height = 0.15 * (bottom - 50) * rng.normal(1, noise, count)
    return pd.DataFrame({"camera": "c", "shot": 0, "top": bottom - height, "height": height})


def test_two_people_in_one_box_are_found_and_one_alone_is_not() -> None:
    boxes = _boxes(300, 0.04)
    double = np.arange(300) < 20
    boxes.loc[double, "top"] -= 0.7 * boxes.loc[double, "height"]
    boxes.loc[double, "height"] *= 1.7
    found = find_merged_boxes(boxes)
    assert found[double].all()
    assert found[~double].mean() < 0.01


def test_a_view_whose_heights_follow_no_line_tells_nothing() -> None:
    rng = np.random.default_rng(1)
    boxes = _boxes(300, 0.06)
    boxes["height"] *= rng.uniform(0.3, 3, 300)
    assert not find_merged_boxes(boxes).any()
    assert not find_merged_boxes(_boxes(20, 0.06)).any()


def test_each_view_has_its_own_line() -> None:
    near, far = _boxes(200, 0.05), _boxes(200, 0.05, 1)
    far["height"] *= 0.4
    far["camera"] = "d"
    assert not find_merged_boxes(pd.concat([near, far], ignore_index=True)).any()
