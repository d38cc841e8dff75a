"""COCO JSON with tracks: images, annotations and categories, CocoVID, and lists of results."""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

from sameplayer.data.annotations.rows import (
    ATTRIBUTES,
    Rows,
    named,
    number_in_name,
    objects,
    text_of,
)
from sameplayer.data.annotations.table import Annotations
from sameplayer.errors import DataError

FRAMES = ("frame_id", "frame_index", "frame_number", "frame")
TRACKS = ("track_id", "tracking_id", "instance_id", "object_id", "tracker_id")
Image = tuple[int, str | None]  # frame, sequence


def is_coco(data: Any) -> bool:
    """Tell whether JSON is COCO: annotations with images, or a list of results."""
    if isinstance(data, dict):
        return isinstance(data.get("annotations"), list) and "images" in data
    return isinstance(data, list) and bool(data) and isinstance(data[0], dict) and (
        {"image_id", "bbox"} <= set(data[0])
    )  # fmt: skip


def read_coco(data: Any, path: Path) -> Annotations:
    """Read COCO: a box is left, top, width, height in pixels.

    A frame is the image's frame_id or frame_index, else the number at the end of its file's name,
    else its place in the list; several videos, or folders of images, are sequences. A track is
    track_id, tracking_id, instance_id or object_id of the annotation or of its attributes. In a
    list of results the frame is image_id. Crowds, annotations without a box and those of images
    that are not there are left out and counted. Raises DataError with the entry that is wrong.
    """
    rows = Rows(path)
    if isinstance(data, list):
        images, annotations, labels = None, data, {}
    else:
        annotations = data["annotations"]
        images = _images(rows, data)
        labels = {_key(one.get("id")): text_of(one.get("name"))
                  for _, one in objects(rows, data.get("categories", []), "category")}  # fmt: skip
    first = 0 if images and 0 in {frame for frame, _ in images.values()} else None
    unnamed = Counter[str]()
    for row, one in objects(rows, annotations, "annotation"):
        given = one.get("attributes")
        attributes = given if isinstance(given, dict) else {}
        frame, sequence = _image(rows, one, row, images)
        if frame is None:
            rows.leave_out("annotations of images that are not in the file", row)
            continue
        if one.get("iscrowd") in (1, True, "1"):
            rows.leave_out("annotations of a crowd (iscrowd 1)", row)
            continue
        if not one.get("bbox"):
            rows.leave_out("annotations without a bbox", row)
            continue
        category = _key(one.get("category_id"))
        unnamed[category] += category not in labels
        tracks = (found.get(name) for name in TRACKS for found in (one, attributes))
        scores = (found.get(name) for name in ("score", "confidence")
                  for found in (one, attributes))  # fmt: skip
        rows.add(
            row, frame, rows.numbers(one["bbox"], row, "bbox"),
            next((track for track in tracks if track is not None), None),
            rows.number(next((one for one in scores if one is not None), None), row, "score"),
            sequence=sequence, label=labels.get(category),
            **{**named(attributes, ATTRIBUTES), **named(one, ATTRIBUTES)},
        )  # fmt: skip
    _say_unnamed(rows, +unnamed, bool(labels))
    return rows.annotations(first)


def _say_unnamed(rows: Rows, unnamed: Counter[str], some: bool) -> None:
    if len(unnamed) > 1 or (unnamed and some):
        told = ", ".join(sorted(unnamed)[:10])
        rows.notes.append(
            f"The categories {told} have no names in the file, so their boxes are read as people's."
        )


def _images(rows: Rows, data: dict[str, Any]) -> dict[str, Image]:
    """Return the frame and the sequence of each image, by its id."""
    videos = {_key(one.get("id")): text_of(one.get("name") or one.get("file_name"))
              for _, one in objects(rows, data.get("videos") or [], "video")}  # fmt: skip
    images = list(objects(rows, data["images"], "image"))
    groups = [_group(one, videos) for _, one in images]
    if len(set(groups)) == 1:
        groups = [None] * len(groups)
    frames = _frames(rows, images, groups)
    found: dict[str, Image] = {}
    for (row, one), frame, group in zip(images, frames, groups, strict=True):
        key = _key(one.get("id"))
        if key in found:
            raise DataError(f"{rows.path}, {row}: a second image has the id {key}; expected one.")
        found[key] = frame, group
    return found


def _group(one: dict[str, Any], videos: dict[str, str | None]) -> str | None:
    """Return the name of an image's video, else the folder that its file is in."""
    if one.get("video_id") is not None:
        return videos.get(_key(one["video_id"])) or _key(one["video_id"])
    parts = PurePosixPath(str(one.get("file_name", "")).replace("\\", "/")).parent.parts
    return "/".join(part for part in parts if part not in ("img1", "/", "..")) or None


def _frames(
    rows: Rows, images: list[tuple[str, dict[str, Any]]], groups: list[str | None]
) -> list[int]:
    for key in FRAMES:
        if images and all(one.get(key) is not None for _, one in images):
            return [rows.frame(one[key], row, key) for row, one in images]
    numbers = [number_in_name(one.get("file_name", "")) for _, one in images]
    given = list(zip(groups, numbers, strict=True))
    if None not in numbers and len(set(given)) == len(given):
        return [number for number in numbers if number is not None]
    rows.notes.append(
        "Neither frame_id nor the names of the images say which frames they are, so images are "
        "read as frames 1, 2, ... in the order of the file."
    )
    counts = Counter[str | None]()
    places = []
    for group in groups:
        counts[group] += 1
        places.append(counts[group])
    return places


def _image(
    rows: Rows, one: dict[str, Any], row: str, images: dict[str, Image] | None
) -> tuple[int | None, str | None]:
    given = one.get("image_id")
    if images is not None:
        return images.get(_key(given), (None, None))
    number = number_in_name(given) if isinstance(given, str) else given
    return rows.frame(number, row, "image_id"), None


def _key(value: object) -> str:
    """Return an id as a text: 1, 1.0 and "1" are one."""
    return text_of(value) or ""
