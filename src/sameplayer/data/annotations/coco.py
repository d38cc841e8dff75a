"""JSON of images and annotations: COCO with tracks, its lists of results, and game state."""

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
    numbers_in_names,
    objects,
    text_of,
)
from sameplayer.errors import DataError

FRAMES = ("frame_id", "frame_index", "frame_number", "frame")
TRACKS = ("track_id", "tracking_id", "instance_id", "object_id", "tracker_id")
SCORES = ("score", "confidence")
DIGITS = 6  # of a game state's image_id: the frame
SIDES = ("x", "y", "w", "h")
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
    images, annotations, categories = None, data, None
    if isinstance(data, dict):
        images, annotations = _images(rows, data), data["annotations"]
        categories = data.get("categories")
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


def _names(rows: BoxCollector, entries: Any, what: str) -> dict[str, str | None]:
    """Return the name, or the file's name, of each entry of a list by its id."""
    return {
        key_of(entry.get("id")): text_of(entry.get("name") or entry.get("file_name"))
        for _, entry in objects(rows, entries or [], what)
    }


def _labels(rows: BoxCollector, categories: Any, annotations: list[Any]) -> dict[str, str | None]:
    """Return the label of each category_id."""
    labels = _names(rows, categories, "category")
    used = {key_of(entry.get("category_id")) for entry in annotations if isinstance(entry, dict)}
    unnamed = {key for key in used - set(labels) if key.isdecimal() and len(key) < 9}
    if labels:
        return {**{key: f"category {key}" for key in unnamed}, **labels}
    guessed, notes = class_labels(map(int, unnamed), {}, 1, "category_id", "a list of categories")
    rows.notes += notes
    return {str(number): label for number, label in guessed.items()}


def _images(rows: BoxCollector, data: dict[str, Any]) -> dict[str, Image]:
    """Return the frame and the sequence of each image, by its id."""
    videos = _names(rows, data.get("videos"), "video")
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
    numbers = numbers_in_names([image.get("file_name", "") for _, image in images], groups)
    if numbers is not None:
        return numbers
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


def is_game_state(data: Any) -> bool:
    """Tell whether JSON is a game state: an entry with bbox_image, or images with image_id."""
    if not isinstance(data, dict):
        return False
    lists = [data.get(name) for name in ("annotations", "predictions", "images")]
    first = [
        entries[0]
        for entries in lists
        if isinstance(entries, list) and entries and isinstance(entries[0], dict)
    ]
    return any("bbox_image" in entry or "has_labeled_person" in entry for entry in first) or (
        "predictions" in data
    )


def read_game_state(data: Any, path: Path) -> Annotations:
    """Read game state in the picture: left, top, width, height in pixels, frames from 1.

    A frame is the number of the image's file, or without images the last six digits of image_id.
    The label is the role; "other" is a person of neither team. The pitch's lines and the cameras
    are no boxes. Raises DataError with the entry that is wrong.
    """
    rows = BoxCollector(path)
    frames = None
    if data.get("images"):
        frames = {}
        for _, entry in objects(rows, data["images"], "image"):
            image = key_of(entry.get("image_id", entry.get("id")))
            frames[image] = number_in_name(entry.get("file_name", ""))
            rows.made_for(entry.get("width"), entry.get("height"))
    what = "predictions" if "predictions" in data else "annotations"
    categories = _names(rows, data.get("categories"), "category")
    entries = list(objects(rows, data.get(what), what[:-1]))
    several = len({key_of(entry.get("video_id")) for _, entry in entries}) > 1
    no_boxes = 0
    for row, entry in entries:
        box = entry.get("bbox_image")
        if box is None:
            no_boxes += 1
            continue
        if not isinstance(box, dict):
            raise rows.wrong(row, "bbox_image", box, "an object with x, y, w, h")
        image = key_of(entry.get("image_id"))
        if frames is not None and image not in frames:
            rows.leave_out("of images that are not in the file", row)
            continue
        frame = frames[image] if frames is not None else None
        if frame is None:
            frame = rows.frame(image[-DIGITS:] or None, row, "image_id")
        attributes = entry.get("attributes")
        attributes = attributes if isinstance(attributes, dict) else {}
        sequence = text_of(entry.get("video_id")) if several else None
        role = text_of(attributes.get("role")) or categories.get(key_of(entry.get("category_id")))
        left, top, width, height = (rows.number(box.get(side), row, side) for side in SIDES)
        rows.add(
            row,
            frame,
            (left, top, width, height),
            entry.get("track_id"),
            {
                "label": "person" if role == "other" else role,
                "role": role,
                "sequence": sequence,
                "team": text_of(attributes.get("team")),
                "number": text_of(attributes.get("jersey")),
            },
            rows.number(entry.get("score", entry.get("confidence")), row, "score"),
        )
    if no_boxes:
        rows.notes.append(
            f"Entries without bbox_image (the pitch, the camera) are not used: {no_boxes}."
        )
    return rows.annotations(first=1 if not frames or 0 not in frames.values() else 0)
