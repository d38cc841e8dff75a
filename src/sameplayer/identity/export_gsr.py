"""SoccerNet game-state JSON of a log, in image space: boxes with role, shirt number and side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from sameplayer.files import write_text
from sameplayer.identity.export_mot import boxes_with_identity, camera_files, identity_ids
from sameplayer.identity.log_files import text_or
from sameplayer.identity.player_log import PlayerLog

PLAYER, OTHER = 1, 7  # categories of SoccerNet's game state
SIDES = ("left", "right")


def export_gsr(log: PlayerLog, folder: Path) -> list[Path]:
    """Write gsr/CAMERA.json, predictions as SoccerNet's game state has them.

    Ids are texts; an image's id is 1, three digits of the camera and six of the frame. The two
    teams that are most on screen are left and right by where in the picture they are on average;
    whoever is of neither is "other". There is no place on the pitch, so bbox_pitch is null and
    only a score in image space can be had.
    """
    ids = identity_ids(log)
    boxes = boxes_with_identity(log)
    teams = boxes["team"].value_counts().index[:2].tolist()
    paths, files = [], camera_files(log, ".json")
    for place, camera in enumerate(log.cameras, start=1):
        own = boxes[boxes["camera"] == camera.name].sort_values(["frame", "appearance"])
        sides = _sides(own, teams)
        predictions = [
            _prediction(
                number, dict(zip(own.columns, one, strict=True)), f"{place:03d}", ids, sides
            )
            for number, one in enumerate(own.itertuples(index=False), start=1)
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
    number: int, one: dict[str, Any], video: str, ids: dict[str, int], sides: dict[str, str]
) -> dict[str, Any]:
    side = sides.get(text_or(one["team"]))
    left, top, width, height = (round(float(one[name]), 2) for name in _BOX)
    return {
        "id": f"1{video}{number:07d}",
        "image_id": f"1{video}{int(one['frame']):06d}",
        "video_id": video,
        "track_id": ids[str(one["identity"])],
        "supercategory": "object",
        "category_id": PLAYER if side else OTHER,
        "attributes": {
            "role": "player" if side else "other",
            "jersey": text_or(one["number"]) or None if side else None,
            "team": side,
        },
        "bbox_image": {
            "x": left, "y": top, "w": width, "h": height,
            "x_center": round(left + width / 2, 2), "y_center": round(top + height / 2, 2),
        },
        "bbox_pitch": None,
    }  # fmt: skip


_BOX = ("left", "top", "width", "height")
