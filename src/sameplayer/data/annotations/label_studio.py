"""Label Studio JSON of videos: regions of keyframes, as it exports them and as models predict."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from sameplayer.data.annotations.rows import (
    ATTRIBUTES,
    Annotations,
    Box,
    BoxCollector,
    named,
    objects,
    text_of,
)

Region = dict[str, Any]
SIDES = ("x", "y", "width", "height")
OURS = "sameplayer"  # model_version of predictions that list every box that was seen


def is_label_studio(data: Any) -> bool:
    """Tell whether JSON is tasks of Label Studio: annotations or predictions with results."""
    task = (data or [None])[0] if isinstance(data, list) else data
    if not isinstance(task, dict):
        return False
    made = {"annotations", "predictions", "completions"} & set(task)
    return bool(made and isinstance(task.get("data"), dict)) or any(map(_is_short, task.values()))


def read_label_studio(data: Any, path: Path) -> Annotations:
    """Read regions "videorectangle", each a track; frames from 1, boxes in shares of the picture.

    Of several annotations of a task the latest that was not cancelled is read, and predictions
    only where there is none. Between keyframes boxes move straight, and the last one stays until
    the video ends unless it is not ``enabled``: as Label Studio shows them. Predictions of this
    package list every box, so nothing is put between. A label is the identity where the region's
    text says one. Several tasks are cameras. Raises DataError with the task that is wrong.
    """
    rows = BoxCollector(path)
    tasks = list(objects(rows, data if isinstance(data, list) else [data], "task"))
    counted: set[int] = set()
    filled = track = 0
    for where, task in tasks:
        camera = _camera(task) if len(tasks) > 1 else None
        ours, regions = _regions(rows, task, where)
        for row, region in regions:
            if str(region.get("type", "")).lower() != "videorectangle":
                rows.leave_out("of other regions than videorectangle", row)
                continue
            track += 1
            counted.add(_frames(rows, row, region))
            filled += _add_region(rows, row, region, track, camera, ours)
    if filled:
        rows.notes.append(
            f"{filled} boxes between keyframes are added, as Label Studio shows them."
        )
    return rows.annotations(1, True, counted.pop() if len(counted) == 1 else None)


def _facts(task: dict[str, Any]) -> dict[str, Any]:
    facts = task.get("data")
    return facts if isinstance(facts, dict) else task


def _camera(task: dict[str, Any]) -> str:
    facts = _facts(task)
    video = next((facts[key] for key in ("video", "video_url", "url") if facts.get(key)), "")
    stem = PurePosixPath(str(video).split("?")[0]).stem
    return text_of(facts.get("camera")) or stem or f"task {text_of(task.get('id')) or ''}".strip()


def _is_short(value: object) -> bool:
    """Tell whether a value is a list of regions as in a JSON_MIN export."""
    return (
        isinstance(value, list)
        and bool(value)
        and isinstance(value[0], dict)
        and ("sequence" in value[0])
    )


def _regions(
    rows: BoxCollector, task: dict[str, Any], where: str
) -> tuple[bool, Iterator[tuple[str, Region]]]:
    """Return whether this package predicted the regions of a task, and those to read."""
    for key in ("annotations", "completions", "predictions"):
        made = [
            made_by
            for _, made_by in objects(rows, task.get(key) or [], f"{where}, {key[:-1]}")
            if not made_by.get("was_cancelled")
        ]
        if not made:
            continue
        latest = max(made, key=lambda item: str(item.get("updated_at") or item.get("created_at")))
        if len(made) > 1:
            rows.notes.append(f"The {where} has {len(made)} {key}; the latest is read.")
        ours = key == "predictions" and latest.get("model_version") == OURS
        return ours, objects(rows, latest.get("result") or [], f"{where}, region")
    short = [
        {"type": "videorectangle", "value": region}
        for value in task.values()
        if _is_short(value)
        for _, region in objects(rows, value, f"{where}, region")
    ]
    return False, objects(rows, short, f"{where}, region")


def _add_region(
    rows: BoxCollector, row: str, region: Region, track: int, camera: str | None, ours: bool
) -> int:
    """Add the boxes of a region; return how many lie between its keyframes."""
    value = region.get("value")
    if not isinstance(value, dict):
        raise rows.wrong(row, "value", value, "an object with a sequence")
    texts = {"camera": camera, **_who(region, value)}
    keys: list[tuple[int, bool, Box, bool]] = []
    for where, key in objects(rows, value.get("sequence"), f"{row}, keyframe"):
        left, top, width, height = (rows.number(key.get(side), where, side) / 100 for side in SIDES)
        turned = rows.number(key.get("rotation") or 0, where, "rotation") % 360 != 0
        frame = rows.frame(key.get("frame"), where)
        keys.append((frame, bool(key.get("enabled", True)), (left, top, width, height), turned))
    keys.sort(key=lambda key: key[0])
    last = _frames(rows, row, region)
    filled = 0
    for place, (frame, enabled, box, turned) in enumerate(keys):
        following = keys[place + 1] if place + 1 < len(keys) else (last + 1, False, box, turned)
        if turned:
            rows.leave_out("with a rotation", f"{row}, frame {frame}")
        else:
            rows.add(f"{row}, frame {frame}", frame, box, track, texts)
        if not enabled or ours or turned or following[3]:
            continue
        where = f"{row}, frame {frame}"
        for number, between in rows.between(where, box, following[2], (frame, following[0])):
            rows.add(f"{row}, frame {number}", number, between, track, texts)
            filled += 1
    return filled


def _frames(rows: BoxCollector, row: str, region: Region) -> int:
    """Return how many frames Label Studio counts in the video of a region; 0: not said."""
    value = region.get("value")
    given = value.get("framesCount") if isinstance(value, dict) else None
    return rows.frame(given or 0, row, "framesCount")


def _who(region: Region, value: dict[str, Any]) -> dict[str, str | None]:
    """Return what a region says of its person: the label, and "number: 7" in its text."""
    labels = value.get("labels") or value.get("videorectanglelabels")
    label = text_of(labels[0]) if isinstance(labels, list) and labels else None
    meta = region.get("meta")
    lines = meta.get("text") if isinstance(meta, dict) else None
    pairs = [str(line).partition(": ") for line in (lines if isinstance(lines, list) else [lines])]
    attributes = named({key: text for key, _, text in pairs if text}, ATTRIBUTES)
    if "name" not in attributes:
        return {"label": label, **attributes}
    if attributes["name"] == label:
        return {"label": "player", **attributes}
    return {"label": "player", "name": label}  # corrected: the text names somebody else
