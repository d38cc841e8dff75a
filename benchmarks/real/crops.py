"""Real players with hand-made labels: crops of the soccer videos, tables that can be scored.

    python benchmarks/real/crops.py SHARED OUT

SHARED holds data/soccer_two_cameras and data/volleyball. OUT gets the pictures and these tables:

    crops.csv        every labelled crop of both cameras, with number and note, role "train"
    across.csv       queries of one camera, gallery of the other, both ways; moments 3 s apart
    within.csv       queries and gallery of one camera; moments 3 s apart, everyone who is there
    volleyball.csv   the volleyball crops where they lie, with number and note

Then, for instance: sameplayer check OUT/across.csv, sameplayer evaluate RUN OUT/across.csv
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pandas as pd

from sameplayer.data.crops import Crops, write_crops
from sameplayer.data.images.picture import Picture, encode_picture
from sameplayer.data.layouts.sources import read_source
from sameplayer.data.reading import pixels_of
from sameplayer.data.video.frames import open_video
from sameplayer.errors import DataError

HERE = Path(__file__).parent
CAMERAS = ("left", "right")
LOOSER = 0.05  # added on each side, as a share of the height: the detector's boxes are tight
EARLY, LATE = 2.5, 5.5  # seconds: queries are from before the one, galleries from after the other


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    videos = options.shared / "data" / "soccer_two_cameras"
    crops = cut(soccer_labels(), videos, options.out)
    tables = {"crops": crops, "across": across(crops), "within": within(crops)}
    volleyball = options.shared / "data" / "volleyball" / "data_reid"
    if volleyball.is_dir():
        tables["volleyball"] = with_numbers(read_source(volleyball, scope="sequence"))
    for name, table in tables.items():
        write_crops(table, options.out / f"{name}.csv")
        counts = table.table["role"].value_counts().to_dict()
        print(f"{options.out / name}.csv: {len(table)} pictures, {counts}")


def soccer_labels() -> pd.DataFrame:
    """Return soccer_two_cameras.csv, one row a person of one frame."""
    return _labels("soccer_two_cameras.csv")


def _labels(name: str) -> pd.DataFrame:
    """Return a table of labels; only the empty cell is missing, and numbers on shirts are text."""
    return pd.read_csv(
        HERE / name, dtype={"number": str}, keep_default_na=False, na_values=[""]
    ).astype({"person": "string"})


def cut(labels: pd.DataFrame, videos: Path, out: Path) -> Crops:
    """Cut the labelled boxes out of <camera>_camera.mp4; the pictures go to ``out``/pictures.

    Returns a crop table below ``out``: all rows are of role train, and a person is the same in
    both cameras.
    """
    (out / "pictures").mkdir(parents=True, exist_ok=True)
    images = []
    for (camera, frame), rows in labels.groupby(["camera", "frame"]):
        whole = open_video(videos / f"{camera}_camera.mp4").read(int(frame))
        for row in rows.itertuples():
            name = f"pictures/{camera}_{frame:03d}_{row.person}.png"
            box = (row.left, row.top, row.width, row.height)
            (out / name).write_bytes(encode_picture(_looser(whole, box)))
            images.append((row.Index, name))
    table = labels.drop(columns=["left", "top", "width", "height"])
    table["image"] = pd.Series(dict(images))
    table["sequence"] = table["camera"]
    return Crops(table.assign(role="train"), out)


def _looser(whole: Picture, box: tuple[float, float, float, float]) -> Picture:
    left, top, width, height = box
    more = LOOSER * height
    wider = (left - more, top - more, width + 2 * more, height + 2 * more)
    inside = pixels_of(wider, whole.shape[1], whole.shape[0])
    if inside is None:
        raise DataError(f"The box {box} lies outside its frame.")
    x0, y0, x1, y1 = inside
    return whole[y0:y1, x0:x1]


def across(crops: Crops) -> Crops:
    """Queries are early crops of one camera, the gallery is all late crops of the other one.

    Both ways in one table: ``sequence`` says which, and identities hold within it. Whoever has no
    match in the other camera is a wrong answer of the gallery only. Persons of whom it is not sure
    who they are in the other camera are left out.
    """
    crops = crops.where(crops.table["sure"] == "yes")
    ways = [(CAMERAS[0], CAMERAS[1]), (CAMERAS[1], CAMERAS[0])]
    return _paired(crops, ways)


def within(crops: Crops) -> Crops:
    """Queries are early crops, the gallery is all late crops of the same camera.

    Scoring leaves out gallery pictures of the query's person and camera, so the early ones are of
    camera "left, early" or "right, early".
    """
    return _paired(crops, [(camera, camera) for camera in CAMERAS])


def _paired(crops: Crops, ways: Iterable[tuple[str, str]]) -> Crops:
    table, parts = crops.table, []
    for asked, searched in ways:
        queries = table[(table["camera"] == asked) & (table["time_s"] < EARLY)]
        gallery = table[(table["camera"] == searched) & (table["time_s"] > LATE)]
        queries = queries[queries["person"].isin(gallery["person"])]
        if asked == searched:
            queries = queries.assign(camera=f"{asked}, early")
        both = [queries.assign(role="query"), gallery.assign(role="gallery")]
        parts.append(pd.concat(both).assign(sequence=f"{asked} in {searched}"))
    return replace(crops, table=pd.concat(parts), scope="sequence")


def with_numbers(volleyball: Crops) -> Crops:
    """Add the columns number and note of volleyball_numbers.csv to the crops that it names."""
    read = _labels("volleyball_numbers.csv").drop(columns="person")
    table = volleyball.table.merge(read, on="image", validate="one_to_one")
    return replace(volleyball, table=table)


if __name__ == "__main__":
    main()
