"""SoccerNet game-state JSON of a log, in image space: boxes with role, shirt number and side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from sameplayer.common.files import write_text
from sameplayer.identity.export.boxes import (
    boxes_with_identity,
    camera_files,
    identity_ids,
    rounded_sizes,
)
from sameplayer.identity.log.log_files import text_or
from sameplayer.identity.log.player_log import PlayerLog

PLAYER, OTHER = 1, 7  # categories of SoccerNet's game state
SIDES = ("left", "right")
OTHERS = "other"  # the team of those in neither kit


def export_gsr(log: PlayerLog, folder: Path) -> list[Path]:
    """Write gsr/CAMERA.json, predictions as SoccerNet's game state has them.

    Ids are texts; an image's id is 1, three digits of the camera and six of the frame, which
    counts from 1. The two teams that are most on screen are left and right by where in the picture
    they are on average; whoever is of neither is "other". There is no place on the pitch, so
    bbox_pitch is null and only a score in image space can be had.
    """
    ids = identity_ids(log)
    boxes = boxes_with_identity(log)
    teams = [one for one in boxes["team"].value_counts().index if one != OTHERS][:2]
    paths, files = [], camera_files(log, ".json")
    for place, camera in enumerate(log.cameras, start=1):
        own = boxes[boxes["camera"] == camera.name].sort_values(["frame", "appearance"])
        sides = _sides(own, teams)
        rows = zip(own.itertuples(index=False), rounded_sizes(own).tolist(), strict=True)
        predictions = [
            _prediction(number, one, box, f"{place:03d}", ids, sides)
            for number, (one, box) in enumerate(rows, start=1)
        ]
        path = folder / "gsr" / files[camera.name]
        write_text(path, json.dumps({"predictions": predictions}, ensure_ascii=False) + "\n")
        paths.append(path)
    return paths


def _sides(own: pd.DataFrame, teams: list[str]) -> dict[str, str]:
    """Return the side of each team: the one that is on average further left is left."""
    middle = (own["left"] + own["width"] / 2).groupby(own["team"]).mean()
    order = sorted(teams, key=lambda team: float(middle.get(team, float("inf"))))
    return dict(zip(order, SIDES, strict=False))


def _prediction(
    number: int, one: Any, box: list[float], video: str, ids: dict[str, int], sides: dict[str, str]
) -> dict[str, Any]:
    side = sides.get(text_or(one.team))
    shirt = text_or(one.number)
    return {
        "id": f"1{video}{number:07d}",
        "image_id": f"1{video}{one.frame:06d}",
        "video_id": video,
        "track_id": ids[one.identity],
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
