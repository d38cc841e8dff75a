"""What detectors and trackers of other packages give for a frame, as a table of boxes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.data.annotations.classes import class_labels
from sameplayer.data.annotations.people import XYWH
from sameplayer.errors import DataError
from sameplayer.tracks.detection.detectors import boxes_in

NAMING = 'data["class_name"]'


def detections_table(detections: Iterable[Any], first: int) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return a row a box, as in Annotations, and notes on what is not used.

    detections    as ``boxes_of`` takes them
    first         number of the first frame

    Raises DataError, with the frame, for arrays that do not fit each other.
    """
    if not isinstance(detections, Iterable) or hasattr(detections, "xyxy"):
        raise DataError(
            f"Detections: a {type(detections).__name__}; expected a list of them, one a frame."
        )
    parts = [
        _of_frame(found, frame)
        for frame, found in enumerate(detections, start=first)
        if found is not None
    ]
    names = ("row", "frame", *XYWH, "score", "track", "label", "class")
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(names))
    nameless = table["label"].isna() & table["class"].notna()
    classes = table["class"][nameless].astype(float)
    labels, notes = class_labels(classes.unique().astype(int), {}, 0, "class_id", NAMING)
    table.loc[nameless, "label"] = classes.astype(int).map(labels).astype(object)
    return table.drop(columns="class"), notes


def _of_frame(found: Any, frame: int) -> pd.DataFrame:
    """Return the boxes of one object: supervision's Detections and their like, or ultralytics'."""
    if isinstance(found, tuple):
        return _table(frame, *boxes_in(found), None, None, None)
    inner = getattr(found, "boxes", None)
    inner = found if inner is None else inner
    if not hasattr(inner, "xyxy"):
        raise DataError(
            f"Detections of frame {frame}: a {type(found).__name__}; expected an object with .xyxy."
        )
    xyxy = _numbers(inner.xyxy, "xyxy", frame)
    count = xyxy.size // 4
    if xyxy.size and xyxy.shape != (count, 4):
        raise _misfit("xyxy", xyxy.shape, frame, "(n, 4)")
    xyxy = xyxy.reshape(-1, 4)
    score, track, classes = (
        _column(inner, names, count, frame)
        for names in (("confidence", "conf"), ("tracker_id", "id"), ("class_id", "cls"))
    )
    labels = (getattr(found, "data", None) or {}).get("class_name")
    if labels is not None and len(labels) != count:
        raise _misfit('data["class_name"]', (len(labels),), frame, f"{count} of them")
    names = getattr(found, "names", None)
    if labels is None and names is not None and classes is not None:
        known = names if isinstance(names, Mapping) else dict(enumerate(names))
        labels = [known.get(int(one)) if np.isfinite(one) else None for one in classes]
    xywh = np.concatenate([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]], axis=1)
    return _table(frame, xywh, score, track, labels, classes)


def _table(
    frame: int, xywh: np.ndarray, score: Any, track: Any, labels: Any, classes: Any
) -> pd.DataFrame:
    rows = [f"frame {frame}, box {at}" for at in range(len(xywh))]
    nothing = np.full(len(xywh), np.nan)
    columns = {"row": rows, "frame": np.full(len(xywh), frame, np.float64)}
    columns |= dict(zip(XYWH, xywh.T, strict=True))
    for name, values in (("score", score), ("track", track), ("class", classes)):
        columns[name] = nothing if values is None else values
    columns["label"] = np.array([None] * len(xywh) if labels is None else list(labels), object)
    return pd.DataFrame(columns)


def _column(found: Any, names: tuple[str, ...], count: int, frame: int) -> np.ndarray | None:
    """Return (n,) float64 of the first of these attributes; None where it is not there or empty."""
    name, given = next(
        ((name, getattr(found, name)) for name in names if getattr(found, name, None) is not None),
        (names[0], None),
    )
    if given is None:
        return None
    values = _numbers(given, name, frame).reshape(-1)
    if len(values) not in (0, count):
        raise _misfit(name, values.shape, frame, f"{count} values, one a box")
    return values if len(values) else None


def _numbers(given: Any, name: str, frame: int) -> np.ndarray:
    """Return an array or tensor as float64; None in it: nan."""
    if hasattr(given, "detach"):
        given = given.detach().cpu().numpy()
    try:
        return np.asarray(given, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"Detections of frame {frame}: {name} is no array of numbers ({error})."
        ) from error


def _misfit(name: str, shape: tuple[int, ...], frame: int, expected: str) -> DataError:
    return DataError(f"Detections of frame {frame}: {name} of shape {shape}; expected {expected}.")
