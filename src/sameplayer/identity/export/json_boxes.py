"""Exports as JSON: COCO annotations, and SoccerNet game-state predictions in image space."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.identity.export.annotation_tools import LABEL
from sameplayer.identity.export.boxes import (
    VideoFacts,
    boxes_by_camera,
    rounded_sizes,
    video_facts,
    write_json,
)
from sameplayer.identity.log.log_files import text_or
from sameplayer.identity.log.player_log import PlayerLog

PLAYER, OTHER = 1, 7  # categories of SoccerNet's game state
SIDES = ("left", "right")
OTHERS = "other"  # the team of those in neither kit


def export_coco(log: PlayerLog, folder: Path) -> list[Path]:
    """Write coco.json: images, videos, and annotations with a track_id, one per identity.

    An image is a frame in which anybody has a box, called CAMERA/000012.jpg for frame 12, counted
    from 1; its frame_id counts from 0, as in CocoVID. Boxes are left, top, width, height in pixels.
    The only category is "player"; identity, name, team, number and sure are attributes.
    """
    videos: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for camera, file, own in boxes_by_camera(log, "frame", "appearance"):
        videos.append({"id": len(videos) + 1, "name": camera.name, "file_name": camera.video.name})
        frames, place = np.unique(own["frame"].to_numpy(), return_inverse=True)
        image_of = (place + len(images) + 1).tolist()
        facts = video_facts(log, camera)
        images += _images(frames.tolist(), len(images), len(videos), file, facts)
        rows = zip(own.itertuples(index=False), image_of, rounded_sizes(own).tolist(), strict=True)
        annotations += [
            _annotation(number, image, box, row)
            for number, (row, image, box) in enumerate(rows, start=len(annotations) + 1)
        ]
    content = {
        "info": {"description": "Players of a match"},
        "licenses": [],
        "videos": videos,
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": LABEL, "supercategory": "person"}],
    }
    return [write_json(folder / "coco.json", content)]


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


def _annotation(number: int, image: int, box: list[float], row: Any) -> dict[str, Any]:
    words = {name: text_or(getattr(row, name)) for name in ("identity", "name", "team", "number")}
    return {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "bbox": box,
        "area": round(box[2] * box[3], 4),
        "segmentation": [],
        "iscrowd": 0,
        "track_id": row.id,
        "score": round(row.score, 4),
        "attributes": {**words, "sure": bool(row.sure)},
    }


def export_gsr(log: PlayerLog, folder: Path) -> list[Path]:
    """Write gsr/CAMERA.json, predictions in SoccerNet's game-state format.

    Ids are texts; an image's id is 1, three digits of the camera and six of the frame, which
    counts from 1. The two most visible teams are left and right by their mean position in the
    picture; everybody else is "other". There is no position on the pitch: bbox_pitch is null, so
    only scores in image space can be computed.
    """
    counts = log.to_frame()["team"].value_counts()
    teams = [one for one in counts.index if one != OTHERS][:2]
    paths = []
    for place, (_, file, own) in enumerate(boxes_by_camera(log, "frame", "appearance"), start=1):
        sides = _sides(own, teams)
        rows = zip(own.itertuples(index=False), rounded_sizes(own).tolist(), strict=True)
        predictions = [
            _prediction(number, one, box, f"{place:03d}", sides)
            for number, (one, box) in enumerate(rows, start=1)
        ]
        paths.append(write_json(folder / "gsr" / f"{file}.json", {"predictions": predictions}))
    return paths


def _sides(own: pd.DataFrame, teams: list[str]) -> dict[str, str]:
    """Return the side of each team: the one that is on average further left is left."""
    middle = (own["left"] + own["width"] / 2).groupby(own["team"]).mean()
    order = sorted(teams, key=lambda team: float(middle.get(team, float("inf"))))
    return dict(zip(order, SIDES, strict=False))


def _prediction(
    number: int, one: Any, box: list[float], video: str, sides: dict[str, str]
) -> dict[str, Any]:
    side = sides.get(text_or(one.team))
    shirt = text_or(one.number)
    return {
        "id": f"1{video}{number:07d}",
        "image_id": f"1{video}{one.frame:06d}",
        "video_id": video,
        "track_id": one.id,
        "supercategory": "object",
        "category_id": PLAYER if side else OTHER,
        "confidence": round(one.score, 4),
        "attributes": {
            "role": "player" if side else "other",
            "jersey": shirt if side and shirt.isdecimal() else None,
            "team": side,
        },
        "bbox_image": {
            **dict(zip(("x", "y", "w", "h"), box, strict=True)),
            "x_center": round(one.left + one.width / 2, 2),
            "y_center": round(one.top + one.height / 2, 2),
        },
        "bbox_pitch": None,
    }
