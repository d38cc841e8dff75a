"""Cut the few real crops that the package ships for its demonstration.

    python benchmarks/real/shipped.py SHARED

Four players in one kit: each is asked for from the right camera and found in the left one, at two
other moments. Small on purpose: a demonstration needs no more of the people in it.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import cv2
import pandas as pd
from crops import cut, soccer_labels

from sameplayer.data.crops import Crops, write_crops
from sameplayer.data.images.picture import Picture, encode_picture

OUT = Path(__file__).parents[2] / "src" / "sameplayer" / "data" / "real"
HIGH = 128  # pixels; smaller ones stay as they are
SHIPPED = {  # person: frame of the right camera, frames of the left one
    "white-28": (181, (101, 211)),
    "white-10": (141, (51, 221)),
    "white-7": (121, (51, 211)),
    "white-c": (111, (161, 221)),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path)
    videos = parser.parse_args().shared / "data" / "soccer_two_cameras"
    labels = soccer_labels()
    chosen = pd.concat(
        labels.query("person == @person and camera == @camera and frame == @frame")
        for person, (right, left) in SHIPPED.items()
        for camera, frame in (("right", right), *(("left", frame) for frame in left))
    )
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        crops = cut(chosen, videos, Path(folder))
        names = [_write(crops.read(row), row) for row in range(len(crops))]
        table = crops.table.drop(columns=["time_s", "sure", "note"]).assign(
            image=names,
            person=crops.table["person"].map({name: str(i + 1) for i, name in enumerate(SHIPPED)}),
            role=crops.table["camera"].map({"right": "query", "left": "gallery"}),
        )
    write_crops(Crops(table, OUT), OUT / "crops.csv")
    shutil.copyfile(videos / "LICENSE", OUT / "LICENSE")


def _write(picture: Picture, row: int) -> str:
    high, wide = picture.shape[:2]
    if high > HIGH:
        size = (round(wide * HIGH / high), HIGH)
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    name = f"{row + 1:02d}.jpeg"
    (OUT / name).write_bytes(encode_picture(picture, ".jpeg"))
    return name


if __name__ == "__main__":
    main()
