"""CVAT 1.1 XML: tracks of a video, and boxes of images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import iterparse

from sameplayer.data.annotations.rows import (
    ATTRIBUTES,
    Annotations,
    Box,
    BoxCollector,
    named,
    numbers_in_names,
    refuse_large,
    text_of,
)
from sameplayer.data.tabular.encodings import head_lines
from sameplayer.errors import DataError

WHAT = "CVAT for video 1.1 or CVAT for images 1.1 (.xml), with rectangles"
CORNERS = ("xtl", "ytl", "xbr", "ybr")
SHAPES = ("polygon", "polyline", "points", "ellipse", "cuboid", "mask", "skeleton")
TRACK: dict[str, tuple[str, ...]] = {
    "track": ("trackid", "trackingid", "instanceid", "objectid", "id", "playerid")
}
DEEPEST = 60  # elements within each other


def has_cvat(path: Path) -> bool:
    """Tell whether a file is XML whose root is ``annotations``."""
    return path.suffix.lower() == ".xml" and any(
        "<annotations" in line for line in head_lines(path)
    )


class _Listed(NamedTuple):
    """A box of a track as it is listed; ``box`` is None where it is turned."""

    box: Box | None
    outside: bool
    keyframe: bool
    attributes: dict[str, str]


@dataclass
class _Reading:
    """What is known of a file while it is read."""

    rows: BoxCollector
    tasks: dict[str, dict[str, str]] = field(default_factory=dict)
    tracks: list[dict[str, Any]] = field(default_factory=list)
    images: list[dict[str, Any]] = field(default_factory=list)
    whole: bool = False  # whether frames between keyframes are listed as well


def read_cvat(path: Path) -> Annotations:
    """Read CVAT XML: frames from 0 (of images the numbers of their names), boxes in pixels.

    A box with outside="1" is where its track is away. CVAT lists every frame; where a file lists
    keyframes only, boxes between them move straight, as CVAT shows them, but for tracks with
    source="auto": a program that saw boxes in some frames wrote no others. A track that is not
    closed by a box outside ends with its last one. Several tasks are sequences. Turned boxes and
    other shapes are left out and counted. Raises DataError for XML that is damaged, declares
    entities or is nested too deep, and for a box that is none.
    """
    read = _Reading(BoxCollector(path))
    try:
        refuse_large(path)
        with path.open("rb") as file:
            _walk(read, file)
    except (ParseError, ValueError, LookupError) as error:
        raise DataError(f"{path}: not a file of CVAT that can be read ({error}).") from error
    first = _add_images(read)
    _add_tracks(read)
    return read.rows.annotations(0 if read.tracks else first)


def _walk(read: _Reading, file: BinaryIO) -> None:
    """Read tasks, tracks and images, and free each element once it is read."""
    depth, root = 0, None
    for event, element in iterparse(file, events=("start", "end"), forbid_dtd=True):
        depth += 1 if event == "start" else -1
        if depth > DEEPEST:
            raise ValueError(f"elements lie within each other more than {DEEPEST} deep")
        root = element if root is None else root
        if event == "start":
            continue
        if element.tag in ("task", "job") and element.find("size") is not None:
            facts = {child.tag: (child.text or "").strip() for child in element}
            read.tasks[facts.get("id", "")] = facts
            width, height = (
                element.findtext(f"original_size/{side}") for side in ("width", "height")
            )
            read.rows.made_for(width, height)
        elif element.tag == "track":
            read.tracks.append(_track(read, element))
        elif element.tag == "image":
            read.images.append(_image(read, element))
        if depth == 1:
            root.clear()
    if root is None or root.tag != "annotations":
        raise ValueError(f"the root is {root.tag if root is not None else 'missing'}")


def _track(read: _Reading, element: Element) -> dict[str, Any]:
    """Return a track as plain values: its boxes by frame, missing where it is outside."""
    rows, number = read.rows, element.get("id")
    own = _attributes(element)
    boxes: dict[int, _Listed] = {}
    for child in element:
        where = f"track {number}, frame {child.get('frame')}"
        if child.tag in SHAPES:
            rows.leave_out("of other shapes (polygons, points)", where)
        if child.tag != "box":
            continue
        frame = rows.frame(child.get("frame"), where)
        if frame in boxes:
            raise DataError(f"{rows.path}, {where}: a second box; expected one in a frame.")
        read.whole |= child.get("keyframe") == "0"
        outside = child.get("outside") in ("1", "true", "True")
        box, key = _box(rows, child, where, counted=not outside), child.get("keyframe") == "1"
        boxes[frame] = _Listed(box, outside, key, own | _attributes(child))
    kept = ("id", "label", "source", "task_id")
    return {**{name: element.get(name) for name in kept}, "boxes": dict(sorted(boxes.items()))}


def _image(read: _Reading, element: Element) -> dict[str, Any]:
    rows, name = read.rows, element.get("name") or ""
    rows.made_for(element.get("width"), element.get("height"))
    boxes: list[tuple[str, str | None, Box, dict[str, str]]] = []
    for place, child in enumerate(element, start=1):
        where = f"image {name or element.get('id')}, shape {place}"
        if child.tag in SHAPES:
            rows.leave_out("of other shapes (polygons, points)", where)
        box = _box(rows, child, where) if child.tag == "box" else None
        if box is not None:
            boxes.append((where, child.get("label"), box, _attributes(child)))
    return {
        "id": element.get("id"),
        "name": name,
        "task_id": element.get("task_id"),
        "boxes": boxes,
    }


def _box(rows: BoxCollector, element: Element, where: str, *, counted: bool = True) -> Box | None:
    """Return left, top, width, height; None for a box that is turned, which is ``counted``."""
    if rows.number(element.get("rotation") or 0, where, "rotation") % 360 != 0:
        if counted:
            rows.leave_out("with a rotation", where)
        return None
    left, top, right, bottom = (
        rows.number(element.get(corner), where, corner) for corner in CORNERS
    )
    return left, top, right - left, bottom - top


def _attributes(element: Element) -> dict[str, str]:
    return {str(child.get("name")): child.text or "" for child in element.findall("attribute")}


def _sequences(read: _Reading, items: list[dict[str, Any]]) -> dict[str | None, str | None]:
    """Return the name of the sequence of each task; None where there is one task only."""
    numbers = list(dict.fromkeys(item["task_id"] for item in items))
    if len(numbers) < 2:
        return dict.fromkeys(numbers)
    names = {number: read.tasks.get(number or "", {}).get("name") for number in numbers}
    distinct = len(set(names.values())) == len(numbers)
    return {
        number: names[number] if distinct and names[number] else f"task {number}"
        for number in numbers
    }


def _add_images(read: _Reading) -> int | None:
    """Add the boxes of images; return the number of the first frame where it is known."""
    rows, sequences = read.rows, _sequences(read, read.images)
    names, tasks = ([image[key] for image in read.images] for key in ("name", "task_id"))
    by_name = numbers = numbers_in_names(names, tasks)
    if numbers is None:
        numbers = [rows.frame(image["id"], f"image {image['name']}", "id") for image in read.images]
        if read.images:
            rows.notes.append(
                "The names of the images do not number them, so their ids, which count from 0, are "
                "read as frames."
            )
    for image, number in zip(read.images, numbers, strict=True):
        for where, label, box, attributes in image["boxes"]:
            texts = {"label": label, "sequence": sequences[image["task_id"]]}
            rows.add(
                where,
                number,
                box,
                named(attributes, TRACK).get("track"),
                texts | named(attributes, ATTRIBUTES),
            )
    return 0 if by_name is None or 0 in numbers else None


def _add_tracks(read: _Reading) -> None:
    rows, sequences, filled = read.rows, _sequences(read, read.tracks), 0
    for track in read.tracks:
        texts = {"label": text_of(track["label"]), "sequence": sequences[track["task_id"]]}
        step = _step(read.tasks.get(track["task_id"] or next(iter(read.tasks), ""), {}))
        boxes: dict[int, _Listed] = track["boxes"]
        listed = [
            (frame, seen.box, seen.attributes)
            for frame, seen in boxes.items()
            if seen.box is not None and not seen.outside
        ]
        filled -= len(listed)
        whole = read.whole or track["source"] == "auto"
        between = () if whole else _between_keyframes(rows, track["id"], boxes, step)
        for frame, box, attributes in chain(listed, between):
            where = f"track {track['id']}, frame {frame}"
            rows.add(where, frame, box, track["id"], texts | named(attributes, ATTRIBUTES))
            filled += 1
    if filled:
        rows.notes.append(f"{filled} boxes between keyframes are added, as CVAT shows them.")


def _between_keyframes(
    rows: BoxCollector, track: str | None, boxes: dict[int, _Listed], step: int
) -> Iterator[tuple[int, Box, dict[str, str]]]:
    """Yield the boxes that CVAT shows between two keyframes of a track."""
    for (frame, first), (following, other) in pairwise(boxes.items()):
        keys = first.keyframe and other.keyframe and not first.outside
        if keys and first.box is not None and other.box is not None:
            where, frames = f"track {track}, frame {frame}", (frame, following)
            for number, box in rows.between(where, first.box, other.box, frames, step):
                yield number, box, first.attributes


def _step(task: dict[str, str]) -> int:
    """Return how many frames of the video a task goes on at a time: its filter "step=5"."""
    match = re.fullmatch(r"\s*step\s*=\s*([1-9]\d{0,5})\s*", task.get("frame_filter", ""))
    return int(match[1]) if match else 1
