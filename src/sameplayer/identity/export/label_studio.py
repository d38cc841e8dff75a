"""Label Studio: the log's boxes as regions of videos, and the labels that they need."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Tree

import pandas as pd

from sameplayer.common.files import write_text
from sameplayer.identity.export.boxes import (
    VideoFacts,
    boxes_with_identity,
    rounded_sizes,
    video_facts,
)
from sameplayer.identity.export.cvat import attributes_of
from sameplayer.identity.export.sportscode import row_colour, tree_text, xml_text
from sameplayer.identity.log.player_log import PlayerLog
from sameplayer.tracks.camera import Camera

DIGITS = 4  # of a percent: below a hundredth of a pixel


def export_label_studio(log: PlayerLog, folder: Path) -> list[Path]:
    """Write label-studio.json and label-studio.xml, the labelling interface that fits it.

    A task a camera, in each a region of the video an appearance. Frames count from 1; boxes are in
    percent of the frame; the label is the identity. A box at which the person is gone is not
    enabled: its region goes on with the next box. The task's video is the file's name: give it the
    address that your Label Studio serves it under.
    """
    boxes = boxes_with_identity(log)
    tasks = []
    for camera in log.cameras:
        own = boxes[boxes["camera"] == camera.name].sort_values(["appearance", "frame"])
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
    path, view = folder / "label-studio.json", folder / "label-studio.xml"
    write_text(path, json.dumps(tasks, ensure_ascii=False) + "\n")
    write_text(view, tree_text(_view(log.players()["identity"].tolist())))
    return [path, view]


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
