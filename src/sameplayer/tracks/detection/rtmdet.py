"""The shipped detector of people: RTMDet-nano, over a whole frame at the scale that people need."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from sameplayer.common.boxes import overlaps, suppress
from sameplayer.data.images.picture import Picture
from sameplayer.encoder.runtime.onnx_session import session_options
from sameplayer.encoder.runtime.onnx_session import threads as usual_threads
from sameplayer.errors import SettingError, import_extra
from sameplayer.tracks.detection.tiles import SAME, Found, best_boxes, find_in_tiles, within

Tile = int | Literal["auto"] | None
WEIGHTS = Path(__file__).with_name("rtmdet_nano.onnx")
SIDE = 640  # pixels of the network's input to which a tile is scaled
STRIDE = 32  # of which the sides of an input are multiples
GREY = 114  # fills them up
LEGIBLE = 24  # pixels of the input from which on 96 of 100 people are found
LARGE = 400  # pixels of the input from which on people are looked for at a smaller scale as well
MOST = 2**22  # pixels of an input at once: some 300 MB, and under a second of one core
FINEST = 2.0  # scale beyond which a picture shows no more
TILES: tuple[int, ...] = (320, 400, 512, 640, 800, 1024, 1280, 1664)
SMALLEST_SHARE = 0.25  # of the tall people's height: who is smaller stands in a crowd far away
PROBABLE = 0.5  # score of the people by whom a tile is chosen


class RtmDet:
    """Finds people with RTMDet-nano (COCO, Objects365), which is shipped, by onnxruntime.

    tile         pixels of the picture that are scaled to 640 of the network's input: fewer find
                 smaller people and take longer. None: the longer side of the picture; "auto":
                 chosen by the size of the people in the pictures that ``fit`` is given, or in the
                 first one that is looked at
    threshold    boxes below this score are left out, from 0 to 1
    threads      None: OMP_NUM_THREADS, else as many as there are cores

    The network is convolutional, so it looks at the whole picture at that scale at once; only
    pictures beyond 4 million pixels of input are cut. Raises SettingError for values out of range,
    MissingExtra where onnxruntime is not installed.
    """

    def __init__(
        self, tile: Tile = "auto", threshold: float = 0.3, threads: int | None = None
    ) -> None:
        self.tile = checked_tile(tile)
        if not 0 < threshold < 1:
            raise SettingError("threshold", threshold, "more than 0 and less than 1")
        self.threshold = threshold
        self.smallest: float | None = None
        """Pixels of the input that the small players in the pictures of ``fit`` are tall."""
        runtime = import_extra("onnxruntime", "video", "Finding people")
        self._session = _session(runtime, usual_threads() if threads is None else threads)

    @property
    def fingerprint(self) -> str:
        """What its boxes depend on, but for the tile: 16 hex digits and the threshold."""
        return f"rtmdet-nano {_digest(WEIGHTS)} {self.threshold}"

    def fit(self, pictures: Sequence[Picture]) -> int | None:
        """Choose the tile by some pictures of a video where it is "auto"; return it."""
        if self.tile == "auto":
            tall = tall_people(self._find, pictures)
            self.tile = choose_tile(tall, [picture.shape[:2] for picture in pictures])
            longest = max(max(picture.shape[:2]) for picture in pictures)
            if len(tall):
                self.smallest = float(np.quantile(tall, 0.1)) * SIDE / (self.tile or longest)
        return self.tile

    def __call__(self, picture: Picture) -> Found:
        """Return boxes xywh (n, 4) float64 in pixels and scores (n,) float64 of the people.

        picture    uint8 RGB (h, w, 3)
        """
        tile, longest = self.fit([picture]), max(picture.shape[:2])
        scale = SIDE / min(tile or longest, longest)
        xywh, score = find_in_tiles(
            picture, _largest(picture, scale), partial(self._find, scale=scale)
        )
        if longest * scale > LARGE:
            xywh, score = self._with_large(picture, scale, xywh, score)
        return within(xywh, score, picture.shape[1], picture.shape[0])

    def _with_large(
        self, picture: Picture, scale: float, xywh: np.ndarray, score: np.ndarray
    ) -> Found:
        """Add people who are too large for the network at this scale, found at a smaller one."""
        coarse = SIDE / max(picture.shape[:2])
        if coarse > 0.7 * scale:
            return xywh, score
        large, sure = self._find(picture, coarse)
        kept = large[:, 3] * scale >= LARGE
        both = np.concatenate([xywh, large[kept]]), np.concatenate([score, sure[kept]])
        return best_boxes(*both, np.repeat([0, 1], [len(score), int(kept.sum())]))

    def _find(self, picture: Picture, scale: float) -> Found:
        """Look at one picture at this scale, in one piece."""
        height, width = picture.shape[:2]
        size = max(1, round(width * scale)), max(1, round(height * scale))
        sides = [-(-side // STRIDE) * STRIDE for side in size]
        canvas = np.full((1, sides[1], sides[0], 3), GREY, np.uint8)
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        canvas[0, : size[1], : size[0]] = cv2.resize(picture, size, interpolation=way)
        cells, corners = self._session.run(["scores", "boxes"], {"pictures": canvas})
        sure = np.flatnonzero(cells[0, :, 0] >= self.threshold)
        score = cells[0, sure, 0].astype(np.float64)
        low, high = np.split(corners[0, sure].astype(np.float64), 2, axis=1)
        shrink = [width / size[0], height / size[1]] * 2
        xywh = np.concatenate([low, high - low], axis=1) * shrink
        kept = suppress(np.argsort(-score, kind="stable"), overlaps(xywh, xywh)[0] > SAME)
        return xywh[kept], score[kept]


def tall_people(find: Callable[[Picture, float], Found], pictures: Sequence[Picture]) -> np.ndarray:
    """Return the heights in pixels of the people in pictures, without a crowd far away.

    find    a picture and a scale to boxes and scores

    People are looked for at the finest scale. Those far smaller than the tall ones do not count.
    """
    heights = [np.zeros(0)]
    for picture in pictures:
        fine = min(FINEST, float(np.sqrt(MOST / (picture.shape[0] * picture.shape[1]))))
        xywh, score = find(picture, fine)
        heights.append(xywh[score >= min(PROBABLE, score.max(initial=0)), 3])
    tall: np.ndarray = np.concatenate(heights)
    return tall[tall >= SMALLEST_SHARE * np.quantile(tall, 0.9)] if len(tall) else tall


def choose_tile(tall: np.ndarray, sizes: Sequence[tuple[int, int]]) -> int | None:
    """Return the largest tile at which the small players can still be found; None: the whole.

    tall     (n,) heights of people in pixels; without any: 640
    sizes    height and width of the pictures they are in

    Nine of ten are ``LEGIBLE`` or taller in the network's input, as far as a picture can be looked
    at at once.
    """
    if not len(tall):
        return SIDE
    longest = max(max(size) for size in sizes)
    most = max(height * width for height, width in sizes)
    wanted = float(np.quantile(tall, 0.1)) * SIDE / LEGIBLE
    affordable = [size for size in TILES if size >= SIDE * np.sqrt(most / MOST)]
    fitting = [size for size in affordable if size <= wanted] or affordable[:1]
    return None if wanted >= longest or not fitting or fitting[-1] >= longest else fitting[-1]


def checked_tile(tile: Tile) -> Tile:
    """Return the tile; SettingError for what is neither "auto", None nor 64 pixels or more."""
    good = tile is None or tile == "auto" or (isinstance(tile, int) and tile >= 64)
    if not good:
        raise SettingError("tile", repr(tile), "'auto', None, or 64 pixels or more")
    return tile


def _largest(picture: Picture, scale: float) -> int | None:
    """Return the side in pixels of the parts in which a picture is looked at; None: whole."""
    if picture.shape[0] * picture.shape[1] * scale**2 <= MOST:
        return None
    return max(64, round(np.sqrt(MOST) / scale))


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


@cache
def _session(runtime: Any, threads: int) -> Any:
    """Open the shipped network; detectors on several threads share it."""
    options = session_options(runtime, threads)
    return runtime.InferenceSession(str(WEIGHTS), options, providers=["CPUExecutionProvider"])
