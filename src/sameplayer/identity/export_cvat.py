"""CVAT for video 1.1 and Label Studio: the log's boxes where people correct boxes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as Tree

import pandas as pd

from sameplayer.data.video import open_video
from sameplayer.errors import SameplayerError
from sameplayer.files import write_text
from sameplayer.identity.export_mot import boxes_with_identity, camera_files
from sameplayer.identity.export_sportscode import write_tree, xml_text
from sameplayer.identity.log_files import text_or
from sameplayer.identity.player_log import PlayerLog
from sameplayer.tracks.camera import Camera

LABEL = "player"
ATTRIBUTES = ("identity", "team", "number", "sure")


def export_cvat(log: PlayerLog, folder: Path) -> list[Path]:
    """Write cvat/CAMERA.xml, annotations of a video task: a track an appearance.

    Frames count from 0. identity, team, number and sure are attributes of the label "player"; a
    track's last box is closed by one that is outside, in the next frame. CVAT fills the frames
    between two boxes by interpolation.
    """
    boxes = boxes_with_identity(log)
    paths, files = [], camera_files(log, ".xml")
    for camera in log.cameras:
        own = boxes[boxes["camera"] == camera.name]
        size, length, _ = video_facts(log, camera)
        root = Tree.Element("annotations")
        Tree.SubElement(root, "version").text = "1.1"
        _add_meta(root, camera, size, length)
        for number, (_, track) in enumerate(own.groupby("appearance", sort=True)):
            _add_track(root, number, track, length)
        path = folder / "cvat" / files[camera.name]
        write_tree(root, path)
        paths.append(path)
    return paths


def export_label_studio(log: PlayerLog, folder: Path) -> list[Path]:
    """Write label-studio.json: a task a camera, in each a region of the video an appearance.

    Frames count from 1; boxes are in percent of the frame; the label is the identity. The task's
    video is the file's name: give it the address that your Label Studio serves it under.
    """
    boxes = boxes_with_identity(log)
    tasks = []
    for camera in log.cameras:
        own = boxes[boxes["camera"] == camera.name]
        facts = video_facts(log, camera)
        regions = [
            _region(int(str(number)), track, camera, facts)
            for number, track in own.groupby("appearance", sort=True)
        ]
        tasks.append(
            {
                "data": {"video": camera.video.name, "camera": camera.name},
                "predictions": [{"model_version": "sameplayer", "result": regions}],
            }
        )
    path = folder / "label-studio.json"
    write_text(path, json.dumps(tasks, ensure_ascii=False) + "\n")
    return [path]


class VideoFacts(NamedTuple):
    """What a file of annotations says of its video: (width, height), frames, seconds."""

    size: tuple[int, int]
    frames: int
    seconds: float


def video_facts(log: PlayerLog, camera: Camera) -> VideoFacts:
    """Return the facts of a camera's video; as far as its boxes go where the video is gone."""
    try:
        video = open_video(camera.video)
        first = next(video.frames(), None)
    except (SameplayerError, OSError):  # a name that is too long, say
        first = None
    if first is not None:
        high, wide = first.picture.shape[:2]
        return VideoFacts((wide, high), len(video), float(video.times[-1]))
    own = log.boxes[log.boxes["camera"] == camera.name]
    if not len(own):
        return VideoFacts((1, 1), 0, 0.0)
    ends = (own["left"] + own["width"]).max(), (own["top"] + own["height"]).max()
    size = max(1, round(float(ends[0]))), max(1, round(float(ends[1])))
    last = float(own["time_s"].max()) - camera.offset_s
    return VideoFacts(size, int(own["frame"].max()), last)


def _add_meta(root: Tree.Element, camera: Camera, size: tuple[int, int], length: int) -> None:
    task = Tree.SubElement(Tree.SubElement(root, "meta"), "task")
    facts = (
        ("name", camera.name), ("size", str(length)), ("mode", "interpolation"),
        ("start_frame", "0"), ("stop_frame", str(max(0, length - 1))),
    )  # fmt: skip
    for tag, text in facts:
        Tree.SubElement(task, tag).text = xml_text(text)
    label = Tree.SubElement(Tree.SubElement(task, "labels"), "label")
    Tree.SubElement(label, "name").text = LABEL
    attributes = Tree.SubElement(label, "attributes")
    for name in ATTRIBUTES:
        attribute = Tree.SubElement(attributes, "attribute")
        for tag, text in (
            ("name", name), ("mutable", "False"), ("input_type", "text"),
            ("default_value", ""), ("values", ""),
        ):  # fmt: skip
            Tree.SubElement(attribute, tag).text = text
    original = Tree.SubElement(task, "original_size")
    for tag, side in zip(("width", "height"), size, strict=True):
        Tree.SubElement(original, tag).text = str(side)


def _add_track(root: Tree.Element, number: int, track: pd.DataFrame, length: int) -> None:
    shown = Tree.SubElement(root, "track", id=str(number), label=LABEL, source="auto")
    values = _attributes(track)
    rows = list(_rows(track))
    last = dict(rows[-1])
    last["frame"] += 1
    ends = [(last, "1")] if last["frame"] <= length else []
    for row, outside in [*((row, "0") for row in rows), *ends]:
        box = Tree.SubElement(
            shown, "box",
            frame=str(row["frame"] - 1), keyframe="1", outside=outside, occluded="0", z_order="0",
            xtl=f"{row['left']:.2f}", ytl=f"{row['top']:.2f}",
            xbr=f"{row['left'] + row['width']:.2f}", ybr=f"{row['top'] + row['height']:.2f}",
        )  # fmt: skip
        for name, text in values.items():
            Tree.SubElement(box, "attribute", name=name).text = xml_text(text)


def _attributes(track: pd.DataFrame) -> dict[str, str]:
    first = track.iloc[0]
    words = {name: text_or(first[name]) for name in ("identity", "team", "number")}
    return {**words, "sure": "yes" if first["sure"] else "no"}


def _rows(track: pd.DataFrame) -> Iterator[dict[str, Any]]:
    columns = ["frame", "time_s", "left", "top", "width", "height"]
    for row in track.sort_values("frame")[columns].itertuples(index=False):
        yield dict(zip(columns, row, strict=True))


def _region(number: int, track: pd.DataFrame, camera: Camera, facts: VideoFacts) -> dict[str, Any]:
    wide, high = facts.size
    rows = list(_rows(track))
    sequence = [
        {
            "frame": int(row["frame"]),
            "time": round(float(row["time_s"]) - camera.offset_s, 3),
            "x": round(100 * row["left"] / wide, 4),
            "y": round(100 * row["top"] / high, 4),
            "width": round(100 * row["width"] / wide, 4),
            "height": round(100 * row["height"] / high, 4),
            "rotation": 0,
            "enabled": row is not rows[-1],
        }
        for row in rows
    ]
    values = _attributes(track)
    return {
        "id": f"appearance-{number}",
        "type": "videorectangle",
        "from_name": "box",
        "to_name": "video",
        "origin": "prediction",
        "value": {
            "framesCount": facts.frames,
            "duration": round(facts.seconds, 3),
            "sequence": sequence,
            "labels": [values["identity"]],
        },
        "meta": {"text": [f"{name}: {text}" for name, text in values.items() if text]},
    }
