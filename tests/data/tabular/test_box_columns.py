"""Columns of boxes under the names of other tools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sameplayer.data.tabular.box_columns import with_boxes
from sameplayer.errors import DataError

BOX = ["left", "top", "width", "height"]


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("left,top,width,height", "1,2,10,20"),
        ("left,top,right,bottom", "1,2,11,22"),
        ("x,y,w,h", "1,2,10,20"),
        ("x_min,y_min,x_max,y_max", "1,2,11,22"),
        ("XMin,YMin,XMax,YMax", "1,2,11,22"),
        ("x1,y1,x2,y2", "1,2,11,22"),
        ("x0,y0,x1,y1", "1,2,11,22"),
        ("bbox_left,bbox_top,bbox_width,bbox_height", "1,2,10,20"),
        ("bb_left,bb_top,bb_width,bb_height", "1,2,10,20"),
        ("bbox.x,bbox.y,bbox.w,bbox.h", "1,2,10,20"),
        ("bbox_x1,bbox_y1,bbox_x2,bbox_y2", "1,2,11,22"),
        ("x_center,y_center,width,height", "6,12,10,20"),
        ("cx,cy,w,h", "6,12,10,20"),
        ("xmin,ymin,width,height", "1,2,10,20"),
    ],
)
def test_four_columns_are_one_box(header: str, cells: str) -> None:
    table = pd.DataFrame([cells.split(","), [None] * 4], columns=header.split(","), dtype="str")
    found, notes = with_boxes(table.assign(image="a"), [2, 3], Path("t.csv"))
    assert sorted(found.columns) == sorted(["image", *BOX])
    assert pd.to_numeric(found[BOX].iloc[0]).tolist() == [1, 2, 10, 20]
    assert found[BOX].iloc[1].isna().all()
    ours = {"left", "top"} <= set(header.split(","))
    assert bool(notes) != ours


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("bbox", "[1, 2, 10, 20]"),
        ("xywh", "1 2 10 20"),
        ("tlwh", "(1.0;2;10;2e1)"),
        ("bbox_xyxy", [1, 2, 11, 22]),
        ("xyxy", np.array([1, 2, 11, 22])),
        ("ltrb", "1,2,11,22"),
        ("cxcywh", "6,12,10,20"),
        ("Bounding Box", "[1,2,10,20]"),
    ],
)
def test_one_cell_is_a_box_and_its_order_is_said(name: str, cell: object) -> None:
    table = pd.DataFrame({"image": ["a", "b"], name: pd.Series([cell, None], dtype=object)})
    found, notes = with_boxes(table, [2, 3], Path("t.csv"))
    assert found[BOX].iloc[0].tolist() == [1, 2, 10, 20]
    assert found[BOX].iloc[1].isna().all()
    assert notes[0].startswith(f"The column {name} is read as the ")


def test_a_width_that_is_the_pictures_makes_no_box() -> None:
    row = ["a", "640", "480", "1", "2", "11", "22"]
    names = ["image", "width", "height", "xmin", "ymin", "xmax", "ymax"]
    table = pd.DataFrame([row], columns=names)
    found, notes = with_boxes(table, [2], Path("t.csv"))
    assert found[[*BOX, "image_width"]].iloc[0].tolist() == [1, 2, 10, 20, "640"]
    assert "width and height are taken as the picture's size" in notes[1]
    found, _ = with_boxes(table[["image", "width", "height"]], [2], Path("t.csv"))
    assert list(found.columns) == ["image", "image_width", "image_height"]
    plain = pd.DataFrame({"image": ["a"], "x": ["7"]})
    assert with_boxes(plain, [2], Path("t.csv")) == (plain, ())


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"x1": "1", "y1": "2", "x2": "z", "y2": "4"}, "row 5: column 'x2' is 'z'; expected"),
        ({"x1": "1", "y1": "2", "x2": None, "y2": "4"}, "row 5: half a box; expected all of x1"),
        ({"x1": "1", "y1": "2", "x2": "1e999", "y2": "4"}, "row 5: column 'x2'"),
        ({"bbox": "[1, 2, 3]"}, "row 5: column 'bbox' is .* expected four numbers"),
        ({"bbox": "{'x': 1, 'y': 2, 'w': 3, 'h': 4}"}, "row 5: column 'bbox'"),
        ({"bbox": "1 2 3 1e999"}, "row 5: column 'bbox'"),
    ],
)
def test_what_is_no_box_is_named_by_its_row(columns: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        with_boxes(pd.DataFrame([columns]), [5], Path("t.csv"))
