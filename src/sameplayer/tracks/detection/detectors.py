"""Detectors of people: the shipped RTMDet-nano, RF-DETR, or any callable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sameplayer.data.images.picture import Picture
from sameplayer.errors import DataError, SettingError, did_you_mean, import_extra
from sameplayer.tracks.detection.rtmdet import RtmDet, Tile, checked_tile
from sameplayer.tracks.detection.tiles import Found, find_in_tiles, within

Detector = Callable[[Picture], Any]
PERSON = "person"


class RfDetr:
    """Finds people with RF-DETR (Apache-2.0), which downloads its weights when first used.

    tile, threshold    as for RtmDet; "auto" looks at the whole picture

    Raises MissingExtra where rfdetr is not installed.
    """

    def __init__(self, tile: Tile = None, threshold: float = 0.3) -> None:
        tile = checked_tile(tile)
        self.tile = None if tile == "auto" else tile
        self.threshold = threshold
        module = import_extra("rfdetr", "detect", "The detector 'rf-detr'")
        self._model = module.RFDETRMedium()

    @property
    def fingerprint(self) -> str:
        return f"rf-detr medium {self.threshold}"

    def __call__(self, picture: Picture) -> Found:
        """Return boxes xywh (n, 4) and scores (n,) of the people in uint8 RGB (h, w, 3)."""
        xywh, score = find_in_tiles(picture, self.tile, self._find)
        return within(xywh, score, picture.shape[1], picture.shape[0])

    def _find(self, picture: Picture) -> Found:
        found = self._model.predict(
            np.ascontiguousarray(picture), threshold=self.threshold, include_source_image=False
        )
        names = (getattr(found, "data", None) or {}).get("class_name")
        people = np.asarray(found.class_id) == 1 if names is None else np.asarray(names) == PERSON
        xywh, score = boxes_in(found)
        return xywh[people], score[people]


DETECTORS: dict[str, Callable[[Tile], Detector]] = {"rtmdet": RtmDet, "rf-detr": RfDetr}


def detector_of(detector: str | Detector, tile: Tile) -> Detector:
    """Return the detector of this name in DETECTORS with this tile, or the callable given."""
    if callable(detector):
        return detector
    refuse_unknown(detector)
    return DETECTORS[detector](tile)


def refuse_unknown(detector: str | Detector) -> None:
    """Raise SettingError for a name that is not in DETECTORS."""
    if not callable(detector) and detector not in DETECTORS:
        near = did_you_mean(detector, DETECTORS)
        raise SettingError(
            "detector", repr(detector), f"one of {', '.join(DETECTORS)}, or a callable.{near}"
        )


def boxes_in(found: Any) -> Found:
    """Return xywh (n, 4) and scores (n,) of what a detector gave.

    found    (xywh, score), or an object with ``.xyxy`` and optionally ``.confidence``
    """
    try:
        if hasattr(found, "xyxy"):
            xyxy = np.asarray(found.xyxy, np.float64).reshape(-1, 4)
            xywh = np.concatenate([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]], axis=1)
            score = getattr(found, "confidence", None)
        else:
            xywh, score = found
            xywh = np.asarray(xywh, np.float64).reshape(-1, 4)
        score = np.ones(len(xywh)) if score is None else np.asarray(score, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"A detector gave {type(found).__name__} that is no boxes ({error}); expected xywh "
            "(n, 4) and scores (n,), or an object with .xyxy (n, 4)."
        ) from error
    if score.shape != (len(xywh),) or not np.isfinite(xywh).all() or not np.isfinite(score).all():
        raise DataError(
            f"A detector gave {len(xywh)} boxes and scores of shape {score.shape}; expected as "
            "many finite ones."
        )
    return xywh, np.clip(score, 0, 1)
