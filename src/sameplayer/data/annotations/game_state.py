"""SoccerNet's game state: Labels-GameState.json, and predictions in its form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sameplayer.data.annotations.rows import (
    Annotations,
    BoxCollector,
    key_of,
    number_in_name,
    objects,
    text_of,
)

DIGITS = 6  # of an image_id: the frame
SIDES = ("x", "y", "w", "h")


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
    given = objects(rows, data.get("categories") or [], "category")
    categories = {key_of(one.get("id")): text_of(one.get("name")) for _, one in given}
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
