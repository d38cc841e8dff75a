"""SoccerNet's game state: Labels-GameState.json, and predictions in its form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sameplayer.data.annotations.rows import (
    Annotations,
    Rows,
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
    first = [one[0] for one in lists if isinstance(one, list) and one and isinstance(one[0], dict)]
    return any("bbox_image" in one or "has_labeled_person" in one for one in first) or (
        "predictions" in data
    )


def read_game_state(data: Any, path: Path) -> Annotations:
    """Read game state in the picture: left, top, width, height in pixels, frames from 1.

    A frame is the number of the image's file, or without images the last six digits of image_id.
    The label is the role; "other" is a person of neither team. The pitch's lines and the cameras
    are no boxes. Raises DataError with the entry that is wrong.
    """
    rows = Rows(path)
    frames = None
    if data.get("images"):
        frames = {}
        for _, one in objects(rows, data["images"], "image"):
            image = key_of(one.get("image_id", one.get("id")))
            frames[image] = number_in_name(one.get("file_name", ""))
            rows.made_for(one.get("width"), one.get("height"))
    what = "predictions" if "predictions" in data else "annotations"
    given = objects(rows, data.get("categories") or [], "category")
    categories = {key_of(one.get("id")): text_of(one.get("name")) for _, one in given}
    entries = list(objects(rows, data.get(what), what[:-1]))
    several = len({key_of(one.get("video_id")) for _, one in entries}) > 1
    no_boxes = 0
    for row, one in entries:
        box = one.get("bbox_image")
        if box is None:
            no_boxes += 1
            continue
        if not isinstance(box, dict):
            raise rows.wrong(row, "bbox_image", box, "an object with x, y, w, h")
        image = key_of(one.get("image_id"))
        if frames is not None and image not in frames:
            rows.leave_out("of images that are not in the file", row)
            continue
        frame = frames[image] if frames is not None else None
        if frame is None:
            frame = rows.frame(image[-DIGITS:] or None, row, "image_id")
        attributes = one.get("attributes")
        attributes = attributes if isinstance(attributes, dict) else {}
        sequence = text_of(one.get("video_id")) if several else None
        role = text_of(attributes.get("role")) or categories.get(key_of(one.get("category_id")))
        left, top, width, height = (rows.number(box.get(side), row, side) for side in SIDES)
        rows.add(
            row,
            frame,
            (left, top, width, height),
            one.get("track_id"),
            {
                "label": "person" if role == "other" else role,
                "role": role,
                "sequence": sequence,
                "team": text_of(attributes.get("team")),
                "number": text_of(attributes.get("jersey")),
            },
            rows.number(one.get("score", one.get("confidence")), row, "score"),
        )
    if no_boxes:
        rows.notes.append(
            f"Entries without bbox_image (the pitch, the camera) are not used: {no_boxes}."
        )
    return rows.annotations(first=1 if not frames or 0 not in frames.values() else 0)
