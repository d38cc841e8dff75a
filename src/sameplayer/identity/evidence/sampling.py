"""Sampling people while their frames are decoded: each picture is measured once.

Only the measurements and small pictures are kept, in parts of one minute of video, so that a
stopped run can resume.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from sameplayer.common.files import load_arrays, save_arrays
from sameplayer.common.hashing import part_fingerprint
from sameplayer.data.images.picture import Picture
from sameplayer.data.reading import pixels_of
from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import DataError
from sameplayer.identity.evidence.box_relations import HeightLine, covered_by_others
from sameplayer.identity.evidence.kit import shirt_rows
from sameplayer.identity.evidence.samples import EACH_S, KEPT, MARGIN, MOST, box_worth, spread
from sameplayer.numbers.reader import NUMBERS, NumberReader
from sameplayer.numbers.reading import clearness
from sameplayer.tracks.tracking.tracker import GAP, SHORT, SURE, OnlineTracker, duplicates
from sameplayer.tracks.video.checkpoint import PartFolder
from sameplayer.tracks.video.detect_pass import View
from sameplayer.tracks.video.shots import LEAST

THUMBNAIL = 128  # pixels of the longer side of the pictures that are kept
SMALLEST = 8  # pixels: a lower or narrower box shows nothing


@dataclass(eq=False)
class _Candidate:
    """One box of a tracklet that may be sampled, and its picture."""

    time: float
    worth: float
    box: tuple[float, ...]
    picture: Picture


class _Gathered:
    """The candidates of one tracklet while its boxes come in: the best of each part of its time.

    However long it lasts, at most ``2 * MOST`` pictures are held.
    """

    def __init__(self) -> None:
        self.count, self.sure, self.last = 0, 0.0, -np.inf
        self._first = np.nan
        self._width = EACH_S / 2
        self._best: dict[int, _Candidate] = {}

    def offer(self, view: View, box: np.ndarray, worth: float, score: float) -> None:
        """Take a box (4,) of a frame where it is better than the one of its part of the time."""
        time = view.time_s
        self._first = time if np.isnan(self._first) else self._first
        self.count, self.sure, self.last = self.count + 1, max(self.sure, score), time
        part = int((time - self._first) / self._width)
        if part in self._best and self._best[part].worth >= worth:
            return
        place: tuple[float, ...] = (view.number, *box.tolist())
        self._best[part] = _Candidate(time, worth, place, cut_out(view.picture, place[1:]))
        if len(self._best) > 2 * MOST:
            self._width *= 2
            for old in sorted(self._best):
                one = self._best.pop(old)
                new = int((one.time - self._first) / self._width)
                if new not in self._best or self._best[new].worth < one.worth:
                    self._best[new] = one

    def chosen(self) -> list[_Candidate]:
        """Return what is to be measured; nothing of what the tracker will leave out."""
        if self.count < SHORT and self.sure < SURE:
            return []
        every = [self._best[part] for part in sorted(self._best)]
        columns = (np.array([getattr(one, name) for one in every]) for name in ("time", "worth"))
        return [every[row] for row in spread(*columns)]


class SampleCamera:
    """Measures people of one camera while its frames are decoded, once; a ``Watcher``.

    parts      where its parts are kept; nothing is where the encoder or the reader has no
               ``fingerprint``, a text or a method that returns one
    batch      pictures measured at once

    Which boxes are of one person is found out from frame to frame, by the own tracker or the tracks
    that came with them; ``samples_of`` puts the pictures to the final tracklets.
    """

    def __init__(
        self, encoder: Encoder, reader: NumberReader, parts: PartFolder, batch: int = 64
    ) -> None:
        self._encoder, self._reader, self._batch = encoder, reader, batch
        prints = [part_fingerprint(encoder), part_fingerprint(reader)]
        self._path = None if None in prints else parts.path
        self._settings = " ".join([parts.settings, *map(str, prints), *reader.candidates])
        self._parts: dict[int, dict[str, np.ndarray]] = {}
        self._begin()

    def _begin(self) -> None:
        self._tracker, self._shot = OnlineTracker(), 0
        self._people: dict[int, _Gathered] = {}
        self._waiting: list[_Candidate] = []
        self._found: list[dict[str, np.ndarray]] = []
        self._heights = HeightLine()

    @property
    def parts(self) -> list[dict[str, np.ndarray]]:
        """What was measured, as ``samples_of`` takes it, in order."""
        return [self._parts[number] for number in sorted(self._parts)]

    def holds(self, part: int) -> bool:
        kept = None if self._path is None else load_arrays(self._file(part), self._settings)
        if kept is None or set(kept) not in ({*KEPT}, set()):
            return False
        self._parts[part] = kept
        return True

    def see(self, view: View) -> None:
        if view.change > LEAST:
            self._shot += 1
            self._heights = HeightLine()
        kept = np.flatnonzero(~duplicates(view.boxes))
        xywh, score = view.boxes.xywh[kept], view.boxes.score[kept]
        ids = -2 - view.boxes.track[kept]  # of given tracks, apart from those of the tracker
        free = view.boxes.track[kept] < 0
        at_rest = xywh[free] - [*view.moved, 0, 0]
        cue = view.cue[kept[free]].astype(np.float64)
        ids[free] = self._tracker.step(at_rest, score[free], cue, view.time_s, self._shot)
        merged = self._heights.merged(xywh)
        worth = box_worth(xywh[:, 3], score, covered_by_others(xywh), merged)
        for row, person in enumerate(ids.tolist()):
            one = self._people.setdefault(person, _Gathered())
            one.offer(view, xywh[row], float(worth[row]), float(score[row]))
        for person in [key for key, one in self._people.items() if view.time_s - one.last > GAP]:
            self._end(self._people.pop(person))

    def finish(self, part: int) -> None:
        for one in self._people.values():
            self._end(one)
        self._measure(len(self._waiting))
        self._parts[part] = {
            name: np.concatenate([one[name] for one in self._found])
            for name in (KEPT if self._found else ())
        }
        if self._path is not None:
            save_arrays(self._file(part), self._parts[part], self._settings)
        self._begin()

    def _file(self, part: int) -> Path:
        return Path(str(self._path)) / f"look-{part:05d}.safetensors"

    def _end(self, gathered: _Gathered) -> None:
        self._waiting += gathered.chosen()
        while len(self._waiting) >= self._batch:
            self._measure(self._batch)

    def _measure(self, count: int) -> None:
        """Measure the first of the pictures that wait."""
        some, self._waiting = self._waiting[:count], self._waiting[count:]
        if not some:
            return
        pictures = [one.picture for one in some]
        shirts, colours = shirt_rows(pictures)
        files = [_thumbnail(picture) for picture in pictures]
        columns = (
            np.array([one.box for one in some], np.float64),
            np.concatenate(files),
            np.array([len(one) for one in files], np.int64),
            self._encoder.embed(pictures).astype(np.float16),
            shirts.astype(np.float16),
            colours.astype(np.float32),
            all_candidates(self._reader, pictures),
            clearness(pictures).astype(np.float32),
        )
        self._found.append(dict(zip(KEPT, columns, strict=True)))


def cut_out(picture: Picture, box: Sequence[float]) -> Picture:
    """Return a box and a little around it; at the edge, what there is of it."""
    left, top, width, height = box
    more = MARGIN * height
    high, wide = picture.shape[:2]
    wider = (left - more, top - more, width + 2 * more, height + 2 * more)
    inside = pixels_of(wider, wide, high) or (0, 0, 0, 0)
    x0, y0 = min(inside[0], wide - SMALLEST), min(inside[1], high - SMALLEST)
    x1, y1 = max(inside[2], x0 + SMALLEST), max(inside[3], y0 + SMALLEST)
    return np.ascontiguousarray(picture[max(y0, 0) : y1, max(x0, 0) : x1])


def all_candidates(reader: NumberReader, pictures: list[Picture]) -> np.ndarray:
    """Return log-probabilities (n, 102) of all NUMBERS; unknown ones are unlikely."""
    rows = np.full((len(pictures), len(NUMBERS) + 1), -12.0, np.float32)
    columns = [*(NUMBERS.index(one) for one in reader.candidates), len(NUMBERS)]
    rows[:, columns] = reader.read(pictures)
    return rows


def _thumbnail(picture: Picture) -> np.ndarray:
    """Return a small JPEG of a picture, (bytes,) uint8."""
    scale = min(1.0, THUMBNAIL / max(picture.shape[:2]))
    size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    done, file = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    if not done:
        raise DataError(f"A picture of shape {picture.shape} cannot be made a JPEG.")
    return file.ravel()
