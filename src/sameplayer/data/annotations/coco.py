"""COCO JSON with tracks: images, annotations and categories, CocoVID, and lists of results."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from sameplayer.data.annotations.classes import class_labels
from sameplayer.data.annotations.rows import (
    ATTRIBUTES,
    Annotations,
    BoxCollector,
    folder_in_name,
    key_of,
    named,
    number_in_name,
    objects,
    text_of,
)
from sameplayer.errors import DataError

FRAMES = ("frame_id", "frame_index", "frame_number", "frame")
TRACKS = ("track_id", "tracking_id", "instance_id", "object_id", "tracker_id")
SCORES = ("score", "confidence")
Image = tuple[int, str | None]  # frame, sequence


def is_coco(data: Any) -> bool:
    """Tell whether JSON is COCO: annotations with images, or a list of results."""
    if isinstance(data, dict):
        return isinstance(data.get("annotations"), list) and "images" in data
    return (
        isinstance(data, list)
        and bool(data)
        and isinstance(data[0], dict)
        and ({"image_id", "bbox"} <= set(data[0]))
    )


def read_coco(data: Any, path: Path) -> Annotations:
    """Read COCO: a box is left, top, width, height in pixels.

    A frame is the image's frame_id or frame_index, else the number at the end of its file's name,
    else its place in the list; several videos, or folders of images, are sequences. A track is
    track_id, tracking_id, instance_id or object_id of the annotation or of its attributes. In a
    list of results the frame is image_id. Crowds, annotations without a box and those of images
    that are not there are left out and counted. Raises DataError with the entry that is wrong.
    """
    rows = BoxCollector(path)
    images, annotations, categories = None, data, list[Any]()
    if isinstance(data, dict):
        images, annotations = _images(rows, data), data["annotations"]
        categories = data.get("categories") or []
    labels = _labels(rows, categories, annotations)
    for row, entry in objects(rows, annotations, "annotation"):
        frame, sequence = _image(rows, entry, row, images)
        what = (
            "of images that are not in the file"
            if frame is None
            else "of a crowd (iscrowd 1)"
            if entry.get("iscrowd") in (1, True, "1")
            else "without a bbox"
            if not entry.get("bbox")
            else ""
        )
        if what or frame is None:
            rows.leave_out(what, row)
            continue
        attributes = entry.get("attributes")
        both = {**attributes} if isinstance(attributes, dict) else {}
        both |= {name: value for name, value in entry.items() if value is not None}
        label = labels.get(key_of(entry.get("category_id")))
        rows.add(
            row,
            frame,
            rows.numbers(entry["bbox"], row, "bbox"),
            _first(both, TRACKS),
            {"sequence": sequence, "label": label, **named(both, ATTRIBUTES)},
            rows.number(_first(both, SCORES), row, "score"),
        )
    return rows.annotations(_first_frame(data, images))


def _first_frame(data: Any, images: dict[str, Image] | None) -> int | None:
    """Return the number of a video's first frame, where the images tell: 0, or None.

    It is 0 where an image is frame 0, or where the files' names say one more than frame_id.
    """
    if not images:
        return None
    named = [number_in_name(image.get("file_name", "")) for image in data["images"]]
    more = {
        None if name is None else name - frame
        for name, (frame, _) in zip(named, images.values(), strict=True)
    }
    return 0 if more == {1} or 0 in {frame for frame, _ in images.values()} else None


def _first(values: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((values[name] for name in names if values.get(name) is not None), None)


def _labels(rows: BoxCollector, categories: Any, annotations: list[Any]) -> dict[str, str | None]:
    """Return the label of each category_id."""
    labels = {
        key_of(category.get("id")): text_of(category.get("name"))
        for _, category in objects(rows, categories, "category")
    }
    used = {key_of(entry.get("category_id")) for entry in annotations if isinstance(entry, dict)}
    unnamed = {key for key in used - set(labels) if key.isdecimal() and len(key) < 9}
    if labels:
        return {**{key: f"category {key}" for key in unnamed}, **labels}
    guessed, notes = class_labels(map(int, unnamed), {}, 1, "category_id", "a list of categories")
    rows.notes += notes
    return {str(number): label for number, label in guessed.items()}


def _images(rows: BoxCollector, data: dict[str, Any]) -> dict[str, Image]:
    """Return the frame and the sequence of each image, by its id."""
    videos = {
        key_of(video.get("id")): text_of(video.get("name") or video.get("file_name"))
        for _, video in objects(rows, data.get("videos") or [], "video")
    }
    images = list(objects(rows, data["images"], "image"))
    groups = [_group(image, videos) for _, image in images]
    for _, image in images:
        rows.made_for(image.get("width"), image.get("height"))
    if len(set(groups)) == 1:
        groups = [None] * len(groups)
    frames = _frames(rows, images, groups)
    frame_of: dict[str, Image] = {}
    for (row, image), frame, group in zip(images, frames, groups, strict=True):
        key = key_of(image.get("id"))
        if key in frame_of:
            raise DataError(f"{rows.path}, {row}: a second image has the id {key}; expected one.")
        frame_of[key] = frame, group
    return frame_of


def _group(image: dict[str, Any], videos: dict[str, str | None]) -> str | None:
    """Return the name of an image's video, else the folder that its file is in."""
    if image.get("video_id") is not None:
        return videos.get(key_of(image["video_id"])) or key_of(image["video_id"])
    return folder_in_name(image.get("file_name", ""))


def _frames(
    rows: BoxCollector, images: list[tuple[str, dict[str, Any]]], groups: list[str | None]
) -> list[int]:
    for key in FRAMES:
        if images and all(image.get(key) is not None for _, image in images):
            return [rows.frame(image[key], row, key) for row, image in images]
    numbers = [number_in_name(image.get("file_name", "")) for _, image in images]
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
    rows: BoxCollector, entry: dict[str, Any], row: str, images: dict[str, Image] | None
) -> tuple[int | None, str | None]:
    given = entry.get("image_id")
    if images is not None:
        return images.get(key_of(given), (None, None))
    number = number_in_name(given) if isinstance(given, str) else given
    return rows.frame(number, row, "image_id"), None
