"""CVAT for video 1.1: the log's boxes where people correct boxes."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as Tree
from xml.sax.saxutils import escape, quoteattr

import pandas as pd

from sameplayer.common.files import write_text
from sameplayer.identity.export.boxes import (
    VideoFacts,
    boxes_with_identity,
    camera_files,
    rounded_corners,
    video_facts,
)
from sameplayer.identity.export.sportscode import DECLARED, tree_text, xml_text
from sameplayer.identity.log.log_files import text_or
from sameplayer.identity.log.player_log import PlayerLog
from sameplayer.tracks.camera import Camera

LABEL = "player"
ATTRIBUTES = ("identity", "team", "number", "sure")
CORNERS = ("xtl", "ytl", "xbr", "ybr")


def export_cvat(log: PlayerLog, folder: Path) -> list[Path]:
    """Write cvat/CAMERA.xml, annotations of a video task, and cvat/labels.json, its labels.

    A track an appearance. Frames count from 0. identity, team, number and sure are attributes of
    the label "player". CVAT fills the frames between two boxes of a track by interpolation; where
    the person is gone, a box that is outside follows in the next frame.
    """
    boxes = boxes_with_identity(log)
    paths, files = [], camera_files(log, ".xml")
    for camera in log.cameras:
        own = boxes[boxes["camera"] == camera.name].sort_values(["appearance", "frame"])
        facts = video_facts(log, camera)
        root = Tree.Element("annotations")
        Tree.SubElement(root, "version").text = "1.1"
        _add_meta(root, camera, facts)
        before, end, after = tree_text(root).rpartition("</annotations>")
        tracks = [
            _track(number, track, facts.frames)
            for number, (_, track) in enumerate(own.groupby("appearance", sort=True))
        ]
        path = folder / "cvat" / files[camera.name]
        write_text(path, "".join([DECLARED, before, *tracks, end, after]))
        paths.append(path)
    labels = folder / "cvat" / "labels.json"
    fields = {"mutable": False, "input_type": "text", "default_value": "", "values": [""]}
    label = {"name": LABEL, "attributes": [{"name": name, **fields} for name in ATTRIBUTES]}
    write_text(labels, json.dumps([label], indent=1) + "\n")
    return [*paths, labels]


def attributes_of(first: pd.Series) -> dict[str, str]:
    """Return ATTRIBUTES and their values, texts, of an appearance; first: a row of it."""
    words = {name: text_or(first[name]) for name in ("identity", "team", "number")}
    return {**words, "sure": "yes" if first["sure"] else "no"}


def _add_meta(root: Tree.Element, camera: Camera, facts: VideoFacts) -> None:
    task = Tree.SubElement(Tree.SubElement(root, "meta"), "task")
    for tag, text in (
        ("name", camera.name),
        ("size", str(facts.frames)),
        ("mode", "interpolation"),
        ("start_frame", "0"),
        ("stop_frame", str(max(0, facts.frames - 1))),
    ):
        Tree.SubElement(task, tag).text = xml_text(text)
    label = Tree.SubElement(Tree.SubElement(task, "labels"), "label")
    Tree.SubElement(label, "name").text = LABEL
    attributes = Tree.SubElement(label, "attributes")
    for name in ATTRIBUTES:
        attribute = Tree.SubElement(attributes, "attribute")
        for tag, text in (
            ("name", name),
            ("mutable", "False"),
            ("input_type", "text"),
            ("default_value", ""),
            ("values", ""),
        ):
            Tree.SubElement(attribute, tag).text = text
    original = Tree.SubElement(task, "original_size")
    for tag, side in (("width", facts.width), ("height", facts.height)):
        Tree.SubElement(original, tag).text = str(side)


def _track(number: int, track: pd.DataFrame, length: int) -> str:
    """Return a track as XML text: its attributes stand in each of its boxes, as CVAT writes them.

    No box is outside in a frame that the video, of this length, has not.
    """
    values = "".join(
        f"    <attribute name={quoteattr(name)}>{escape(xml_text(text))}</attribute>\n"
        for name, text in attributes_of(track.iloc[0]).items()
    )
    lines = [f'  <track id="{number}" label="{LABEL}" source="auto">\n']
    rows = zip(
        track["frame"].tolist(),
        track["ends"].tolist(),
        rounded_corners(track).tolist(),
        strict=True,
    )
    for frame, ends, corners in rows:
        sides = " ".join(f'{side}="{at:.2f}"' for side, at in zip(CORNERS, corners, strict=True))
        for place, outside in ((frame - 1, 0), (frame, 1))[: 2 if ends and frame < length else 1]:
            lines.append(
                f'   <box frame="{place}" keyframe="1" outside="{outside}" occluded="0" {sides} '
                f'z_order="0">\n{values}   </box>\n'
            )
    return "".join([*lines, "  </track>\n"])
