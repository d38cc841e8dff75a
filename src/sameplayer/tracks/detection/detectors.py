"""Detectors of people: the shipped YOLOX-nano, RF-DETR, or any callable."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from sameplayer.data.images.picture import Picture
from sameplayer.errors import DataError, SettingError, did_you_mean, import_extra
from sameplayer.tracks.detection.tiles import Found, find_in_tiles

Tile = int | Literal["auto"] | None
Detector = Callable[[Picture], Any]
WEIGHTS = Path(__file__).with_name("yolox_nano.onnx")
SIDE = 416  # of the network's input
GREY = 114  # around pictures that are not square
PERSON = "person"
LEGIBLE = 26  # pixels in the network's input from which on 98 of 100 people are found
TILES: tuple[int | None, ...] = (320, 416, 512, 640, 832, 1024, 1280, 1664, None)
SMALLEST_SHARE = 0.25  # of the tall people's height: who is smaller stands in a crowd far away


class YoloxDetector:
    """Finds people with YOLOX-nano (COCO), which is shipped, through onnxruntime on the CPU.

    tile         side in pixels of the tiles in which a picture is looked at; smaller ones find
                 smaller people and take longer. None: the whole picture at once; "auto": chosen
                 by the size of the people in the pictures that ``fit`` is given, or in the first
                 one that is looked at
    threshold    boxes below this score are left out, from 0 to 1
    threads      tiles looked at at once; None: as many as the process has cores

    Raises SettingError for values out of range, MissingExtra where onnxruntime is not installed.
    """

    def __init__(
        self, tile: Tile = "auto", threshold: float = 0.3, threads: int | None = None
    ) -> None:
        self.tile = checked_tile(tile)
        if not 0 < threshold < 1:
            raise SettingError("threshold", threshold, "more than 0 and less than 1")
        self.threshold = threshold
        self.threads = threads or os.cpu_count() or 1
        self._session = _session()

    @property
    def fingerprint(self) -> str:
        """What its boxes depend on, but for the tile: 16 hex digits and the threshold."""
        return f"yolox-nano {_digest(WEIGHTS)} {self.threshold}"

    def fit(self, pictures: Sequence[Picture]) -> int | None:
        """Choose the tile by some pictures of a video where it is "auto"; return it."""
        if self.tile == "auto":
            self.tile = choose_tile(self._find, pictures, self.threads)
        return self.tile

    def __call__(self, picture: Picture) -> Found:
        """Return boxes xywh (n, 4) float64 in pixels and scores (n,) float64 of the people.

        picture    uint8 RGB (h, w, 3)
        """
        tile = self.fit([picture])
        xywh, score = find_in_tiles(picture, tile, self._find, self.threads)
        return within(xywh, score, picture.shape[1], picture.shape[0])

    def _find(self, picture: Picture) -> Found:
        """Look at one picture as it is: scaled to the network's input."""
        height, width = picture.shape[:2]
        scale = SIDE / max(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        square = np.full((SIDE, SIDE, 3), GREY, np.uint8)
        square[: size[1], : size[0]] = cv2.resize(picture, size, interpolation=way)
        blue_first = square[:, :, ::-1].transpose(2, 0, 1)[None].astype(np.float32)
        cells = self._session.run(None, {"images": blue_first})[0][0]
        score = cells[:, 4] * cells[:, 5]
        sure = np.flatnonzero(score >= self.threshold)
        corners, strides = _grid()
        middle = (cells[sure, :2] + corners[sure]) * strides[sure]
        sizes = np.exp(cells[sure, 2:4]) * strides[sure]
        xywh = np.concatenate([middle - sizes / 2, sizes], axis=1) / scale
        return xywh.astype(np.float64), score[sure].astype(np.float64)


def choose_tile(
    find: Callable[[Picture], Found], pictures: Sequence[Picture], threads: int = 1
) -> int | None:
    """Return the largest tile in which the small players of these pictures can still be found.

    People are found with the finest tiles. Those far smaller than the tall ones stand in a crowd
    far away and do not count. The tile is such that nine of ten are ``LEGIBLE`` or taller in the
    network's input. Without people in the pictures: 640.
    """
    heights = []
    for picture in pictures:
        xywh, score = find_in_tiles(picture, SIDE, find, threads)
        heights.append(xywh[score >= min(0.5, score.max(initial=0)), 3])
    tall = np.concatenate([np.zeros(0), *heights])
    if not len(tall):
        return 640
    tall = tall[tall >= SMALLEST_SHARE * np.quantile(tall, 0.9)]
    wanted = np.quantile(tall, 0.1) * SIDE / LEGIBLE
    longest = max((max(picture.shape) for picture in pictures), default=0)
    if wanted >= longest:
        return None
    return max((size for size in TILES if size and size <= wanted), default=TILES[0])


class RfDetr:
    """Finds people with RF-DETR (Apache-2.0), which downloads its weights when first used.

    tile, threshold    as for YoloxDetector; "auto" looks at the whole picture

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


DETECTORS: dict[str, Callable[[Tile], Detector]] = {"yolox": YoloxDetector, "rf-detr": RfDetr}


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


def checked_tile(tile: Tile) -> Tile:
    """Return the tile; SettingError for what is neither "auto", None nor 64 pixels or more."""
    good = tile is None or tile == "auto" or (isinstance(tile, int) and tile >= 64)
    if not good:
        raise SettingError("tile", repr(tile), "'auto', None, or 64 pixels or more")
    return tile


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


def within(xywh: np.ndarray, score: np.ndarray, width: int, height: int) -> Found:
    """Return the boxes cut to the frame, without those of which not one pixel is in it."""
    low = np.clip(xywh[:, :2], 0, [width, height])
    high = np.clip(xywh[:, :2] + xywh[:, 2:], 0, [width, height])
    seen = (high - low >= 1).all(axis=1)
    return np.concatenate([low, high - low], axis=1)[seen], score[seen]


@cache
def _grid() -> tuple[np.ndarray, np.ndarray]:
    """Corners (n, 2) of the network's cells, in cells, and strides (n, 1), as its rows stand."""
    corners, strides = [], []
    for stride in (8, 16, 32):
        across = SIDE // stride
        rows, columns = np.divmod(np.arange(across * across), across)
        corners.append(np.stack([columns, rows], axis=1))
        strides.append(np.full((across * across, 1), stride))
    return np.concatenate(corners), np.concatenate(strides)


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _session() -> Any:
    """Open the shipped network for one thread; tiles run beside each other instead."""
    runtime = import_extra("onnxruntime", "video", "Finding people")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return runtime.InferenceSession(str(WEIGHTS), options, providers=["CPUExecutionProvider"])
