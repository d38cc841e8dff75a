"""Exports for annotation tools: CVAT for video 1.1 and Label Studio."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Tree
from xml.sax.saxutils import escape, quoteattr

import pandas as pd

from sameplayer.common.files import write_text
from sameplayer.identity.export.boxes import (
    VideoFacts,
    boxes_by_camera,
    rounded_corners,
    rounded_sizes,
    video_facts,
    write_json,
)
from sameplayer.identity.export.sportscode import DECLARED, row_colour, tree_text, xml_text
from sameplayer.identity.log.log_files import text_or
from sameplayer.identity.log.player_log import PlayerLog
from sameplayer.tracks.camera import Camera

LABEL = "player"
ATTRIBUTES = ("identity", "team", "number", "sure")
CORNERS = ("xtl", "ytl", "xbr", "ybr")
DIGITS = 4  # of a percent in Label Studio: below a hundredth of a pixel


def export_cvat(log: PlayerLog, folder: Path) -> list[Path]:
    """Write cvat/CAMERA.xml, annotations of a video task, and cvat/labels.json, its labels.

    One track per appearance. Frames count from 0. identity, team, number and sure are attributes of
    the label "player". CVAT fills the frames between two boxes of a track by interpolation; where
    the person is gone, a box that is outside follows in the next frame.
    """
    paths = []
    for camera, file, own in boxes_by_camera(log, "appearance", "frame"):
        facts = video_facts(log, camera)
        root = Tree.Element("annotations")
        Tree.SubElement(root, "version").text = "1.1"
        _add_meta(root, camera, facts)
        before, end, after = tree_text(root).rpartition("</annotations>")
        tracks = [
            _track(number, track, facts.frames)
            for number, (_, track) in enumerate(own.groupby("appearance", sort=True))
        ]
        paths.append(folder / "cvat" / f"{file}.xml")
        write_text(paths[-1], "".join([DECLARED, before, *tracks, end, after]))
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


def export_label_studio(log: PlayerLog, folder: Path) -> list[Path]:
    """Write label-studio.json and label-studio.xml, the labelling interface that fits it.

    One task per camera, one region per appearance. Frames count from 1; boxes are in percent of the
    frame; the label is the identity. A box after which the person is gone is not enabled: its
    region goes on with the next box. The task's video is the file's name: replace it by the address
    under which your Label Studio serves the file.
    """
    tasks = []
    for camera, _, own in boxes_by_camera(log, "appearance", "frame"):
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
    view = folder / "label-studio.xml"
    write_text(view, tree_text(_view(log.players()["identity"].tolist())))
    return [write_json(folder / "label-studio.json", tasks), view]


def _view(identities: list[str]) -> Tree.Element:
    """Return the labelling interface: a video, boxes in it, and a label an identity.

    It is pasted as text, and Label Studio takes no text with a declaration of its encoding.
    """
    root = Tree.Element("View")
    labels = Tree.SubElement(root, "Labels", name="labels", toName="video", allowEmpty="true")
    for place, identity in enumerate(identities):
        Tree.SubElement(labels, "Label", value=xml_text(identity), background=_hex(place))
    Tree.SubElement(root, "Video", name="video", value="$video")
    Tree.SubElement(root, "VideoRectangle", name="box", toName="video")
    return root


def _hex(place: int) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in row_colour(place))


def _region(number: int, track: pd.DataFrame, camera: Camera, facts: VideoFacts) -> dict[str, Any]:
    percent = rounded_sizes(track, DIGITS, (facts.width, facts.height))
    columns = [track[name].tolist() for name in ("frame", "time_s", "ends")]
    sequence = [
        {
            "frame": frame,
            "time": round(time_s - camera.offset_s, 3),
            **dict(zip(("x", "y", "width", "height"), box, strict=True)),
            "rotation": 0,
            "enabled": not ends,
        }
        for frame, time_s, ends, box in zip(*columns, percent.tolist(), strict=True)
    ]
    values = attributes_of(track.iloc[0])
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
            "labels": [xml_text(values["identity"])],
        },
        "meta": {"text": [f"{name}: {text}" for name, text in values.items() if text]},
    }
