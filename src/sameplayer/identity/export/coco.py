"""COCO JSON of a log: the frames with boxes as images, the boxes as annotations of tracks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from sameplayer.common.files import write_text
from sameplayer.identity.export.boxes import (
    VideoFacts,
    boxes_with_identity,
    camera_files,
    identity_ids,
    rounded_sizes,
    video_facts,
)
from sameplayer.identity.export.cvat import LABEL
from sameplayer.identity.log.log_files import text_or
from sameplayer.identity.log.player_log import PlayerLog


def export_coco(log: PlayerLog, folder: Path) -> list[Path]:
    """Write coco.json: images, videos, and annotations with a track_id, one an identity.

    An image a frame in which anybody has a box, called CAMERA/000012.jpg for frame 12, counted from
    1; its frame_id counts from 0, as in CocoVID. Boxes are left, top, width, height in pixels. The
    only category is "player"; identity, name, team, number and sure are attributes.
    """
    ids, boxes, stems = identity_ids(log), boxes_with_identity(log), camera_files(log, "")
    videos: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for camera in log.cameras:
        facts = video_facts(log, camera)
        videos.append({"id": len(videos) + 1, "name": camera.name, "file_name": camera.video.name})
        own = boxes[boxes["camera"] == camera.name].sort_values(["frame", "appearance"])
        frames, place = np.unique(own["frame"].to_numpy(), return_inverse=True)
        image_of = (place + len(images) + 1).tolist()
        images += _images(frames.tolist(), len(images), len(videos), stems[camera.name], facts)
        rows = zip(own.itertuples(index=False), image_of, rounded_sizes(own).tolist(), strict=True)
        annotations += [
            _annotation(number, image, box, row, ids)
            for number, (row, image, box) in enumerate(rows, start=len(annotations) + 1)
        ]
    path = folder / "coco.json"
    content = {
        "info": {"description": "Players of a match"},
        "licenses": [],
        "videos": videos,
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": LABEL, "supercategory": "person"}],
    }
    write_text(path, json.dumps(content, ensure_ascii=False) + "\n")
    return [path]


def _images(
    frames: list[int], before: int, video: int, stem: str, facts: VideoFacts
) -> list[dict[str, Any]]:
    """Return the images of a video; ids go on after as many as there are ``before``."""
    size = {"width": facts.width, "height": facts.height}
    return [
        {
            "id": number,
            "file_name": f"{stem}/{frame:06d}.jpg",
            **size,
            "video_id": video,
            "frame_id": frame - 1,
        }
        for number, frame in enumerate(frames, start=before + 1)
    ]


def _annotation(
    number: int, image: int, box: list[float], row: Any, ids: dict[str, int]
) -> dict[str, Any]:
    words = {name: text_or(getattr(row, name)) for name in ("identity", "name", "team", "number")}
    return {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "bbox": box,
        "area": round(box[2] * box[3], 4),
        "segmentation": [],
        "iscrowd": 0,
        "track_id": ids[row.identity],
        "score": round(row.score, 4),
        "attributes": {**words, "sure": bool(row.sure)},
    }
