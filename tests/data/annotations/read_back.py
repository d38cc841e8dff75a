"""What the tests of the formats of boxes look at: the plain values that were read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sameplayer.data.annotations.read import read_annotations
from sameplayer.data.annotations.rows import Annotations
from sameplayer.tracks.boxes import Boxes
from sameplayer.tracks.detection.box_files import read_boxes

XYWH = ["left", "top", "width", "height"]


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def read(path: Path) -> tuple[Annotations, list[tuple[Any, ...]]]:
    """Return what was read of a path, and (frame, track, left, top, width, height) of each box."""
    found = read_annotations(path)
    return found, list(found.table[["frame", "track", *XYWH]].itertuples(index=False, name=None))


def texts(found: Annotations, name: str) -> list[str | None]:
    return [None if value != value else value for value in found.table[name].tolist()]


def boxes(path: Path, **given: Any) -> tuple[Boxes, list[tuple[float, ...]]]:
    """Return the boxes of people in a path, and (frame, track, left, ...) of each of them."""
    found = read_boxes(path, **given)
    return found, [
        (int(frame), int(track), *box)
        for frame, track, box in zip(found.frame, found.track, found.xywh.tolist(), strict=True)
    ]
