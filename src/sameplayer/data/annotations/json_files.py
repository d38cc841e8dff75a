"""JSON with boxes: which of the kinds it is, its content decides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sameplayer.data.annotations.coco import is_coco, read_coco
from sameplayer.data.annotations.game_state import is_game_state, read_game_state
from sameplayer.data.annotations.heads import head_lines
from sameplayer.data.annotations.label_studio import is_label_studio, read_label_studio
from sameplayer.data.annotations.rows import load_json
from sameplayer.data.annotations.sink import is_sink, read_sink
from sameplayer.data.annotations.table import Annotations
from sameplayer.errors import DataError

WHAT = (
    "JSON (.json): COCO with track_id or instance_id, SoccerNet's Labels-GameState.json, Label "
    "Studio with videorectangle, or a list of boxes as supervision's JSONSink writes it"
)
WORDS = (
    '"images"',
    '"annotations"',
    '"predictions"',
    '"bbox',
    '"x_min"',
    '"videorectangle"',
    '"sequence"',
    '"xyxy"',
)
KINDS: dict[str, tuple[Callable[[Any], bool], Callable[[Any, Path], Annotations]]] = {
    "game state": (is_game_state, read_game_state),
    "Label Studio": (is_label_studio, read_label_studio),
    "COCO": (is_coco, read_coco),
    "sink": (is_sink, read_sink),
}


def has_boxes_json(path: Path) -> bool:
    """Tell whether a JSON file begins with words that files of boxes have, or is an empty list."""
    if path.suffix.lower() != ".json":
        return False
    head = "\n".join(head_lines(path))
    return head.lstrip()[:1] in ("[", "{") and (
        any(word in head for word in WORDS) or head.split() in (["[]"], ["[", "]"])
    )


def read_boxes_json(path: Path) -> Annotations:
    """Read JSON in whichever of KINDS it is; DataError where it is none, or is wrong."""
    data = load_json(path)
    for fits, read in KINDS.values():
        if fits(data):
            return read(data, path)
    keys = list(data)[:8] if isinstance(data, dict) else type(data).__name__
    raise DataError(
        f"{path}: no known format of boxes. It holds {keys!r:.200}; expected {WHAT}. Or export MOT "
        "text, a table, YOLO text or CVAT XML."
    )
