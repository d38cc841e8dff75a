"""Samples of tracklets: a few pictures each, spread over time, with embedding, kit and number.

A picture is measured once, while its frame is decoded. Only the measurements are kept, in parts of
one minute of video, so that a stopped run can resume.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from sameplayer.common.files import load_arrays, save_arrays
from sameplayer.common.hashing import part_fingerprint
from sameplayer.data.images.picture import Picture
from sameplayer.data.reading import pixels_of
from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import DataError
from sameplayer.identity.evidence.box_relations import (
    HeightLine,
    covered_by_others,
    covered_shares,
    find_merged_boxes,
)
from sameplayer.identity.evidence.kit import shirt_rows
from sameplayer.numbers.reader import NUMBERS, NumberReader
from sameplayer.numbers.reading import clearness
from sameplayer.tracks.tracking.tracker import GAP, SHORT, SURE, OnlineTracker, duplicates
from sameplayer.tracks.tracklets import Tracklets
from sameplayer.tracks.video.checkpoint import PartFolder
from sameplayer.tracks.video.detect_pass import View
from sameplayer.tracks.video.shots import LEAST

MOST = 16  # pictures of a tracklet
EACH_S = 0.25  # of a tracklet's time there is at most one
MARGIN = 0.05  # of a box's height that is cut out on each side, as around crops people trained on
MERGED = 0.01  # of its worth that a box of two people keeps
THUMBNAIL = 128  # pixels of the longer side of the pictures that are kept
SMALLEST = 8  # pixels: a lower or narrower box shows nothing


@dataclass(frozen=True, eq=False)
class Samples:
    """k pictures of tracklets, in the order of the rows of ``Tracklets.table``.

    box        (k,) int64: the row of the table
    row        (k, d) float16: unit row of the encoder
    shirt      (k, s) float16: unit row of the shirt's colours, ``kit.shirt_rows``
    colour     (k, 3) float32: RGB of the shirt
    number     (k, 102) float32: log-probabilities of NUMBERS, and of none seen
    clear      (k,) float32 over 0: how large and sharp the picture is
    """

    box: np.ndarray
    row: np.ndarray
    shirt: np.ndarray
    colour: np.ndarray
    number: np.ndarray
    clear: np.ndarray

    def __len__(self) -> int:
        return len(self.box)

    def where(self, keep: np.ndarray) -> Samples:
        """Return the pictures for which keep (k,) bool is true."""
        return Samples(*(getattr(self, field.name)[keep] for field in fields(self)))


MEASURED = tuple(field.name for field in fields(Samples) if field.name != "box")
KEPT = ("boxes", "pictures", "lengths", *MEASURED)
"""What a part holds: boxes (k, 5) frame, left, top, width, height; small JPEG files one after the
other, and their lengths in bytes; and what was measured."""


def choose_boxes(tracklets: Tracklets) -> np.ndarray:
    """Return the rows of the table to sample: the best box of each part of a tracklet's time.

    The best is large, has a high score, is not covered by others, and does not contain two people.
    """
    table = tracklets.table
    size = (table["height"] * (0.2 + table["score"])).to_numpy(float)
    worth = size * (1.02 - covered_shares(table))
    worth[find_merged_boxes(table)] *= MERGED
    time, starts = table["time_s"].to_numpy(float), tracklets.starts
    own = (slice(*ends) for ends in pairwise(starts))
    chosen = [spread(time[rows], worth[rows]) + rows.start for rows in own]
    return np.concatenate([np.zeros(0, np.int64), *chosen])


def spread(time: np.ndarray, worth: np.ndarray) -> np.ndarray:
    """Return rising rows of the best box of each part of one tracklet's time.

    time, worth    (n,) of its boxes, in order of time
    """
    first, length = time[0], time[-1] - time[0]
    parts = int(np.clip(np.floor(length / EACH_S) + 1, 1, MOST))
    share = (time - first) / max(length, 1e-9)
    part = np.minimum((share * parts).astype(int), parts - 1)
    order = np.lexsort((-worth, part))
    new = np.diff(part[order], prepend=-1) != 0
    return np.sort(order[new])


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
        place = (view.number, *box.tolist())
        self._best[part] = _Candidate(time, worth, place, cut_out(view.picture, box))
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
        self.parts: dict[int, dict[str, np.ndarray]] = {}
        self._begin()

    def _begin(self) -> None:
        self._tracker, self._shot = OnlineTracker(), 0
        self._people: dict[int, _Gathered] = {}
        self._waiting: list[_Candidate] = []
        self._found: list[dict[str, np.ndarray]] = []
        self._heights = HeightLine()

    def holds(self, part: int) -> bool:
        kept = None if self._path is None else load_arrays(self._file(part), self._settings)
        if kept is None or set(kept) not in ({*KEPT}, set()):
            return False
        self.parts[part] = kept
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
        worth = xywh[:, 3] * (0.2 + score) * (1.02 - covered_by_others(xywh))
        worth[self._heights.merged(xywh)] *= MERGED
        for row, person in enumerate(ids.tolist()):
            one = self._people.setdefault(person, _Gathered())
            one.offer(view, xywh[row], float(worth[row]), float(score[row]))
        for person in [key for key, one in self._people.items() if view.time_s - one.last > GAP]:
            self._end(self._people.pop(person))

    def finish(self, part: int) -> None:
        for one in self._people.values():
            self._end(one)
        self._measure(len(self._waiting))
        self.parts[part] = {
            name: np.concatenate([one[name] for one in self._found])
            for name in (KEPT if self._found else ())
        }
        if self._path is not None:
            save_arrays(self._file(part), self.parts[part], self._settings)
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


def samples_of(
    tracklets: Tracklets, watched: Mapping[str, SampleCamera]
) -> tuple[Samples, pd.DataFrame]:
    """Return the samples of tracklets by camera, and their pictures.

    The pictures are a row each: camera, frame, left, top, and ``picture``, a small JPEG. Raises
    DataError where nobody was found.
    """
    place = ["camera", "frame", "left", "top"]
    rows = tracklets.table[place].assign(box=np.arange(len(tracklets.table)))
    rows = rows.drop_duplicates(place).set_index(place)["box"]
    found: list[dict[str, np.ndarray]] = []
    pictures: list[pd.DataFrame] = []
    for camera, own in watched.items():
        for part in (part for _, part in sorted(own.parts.items()) if part):
            table = pd.DataFrame(part["boxes"][:, :3], columns=place[1:])
            table = table.astype({"frame": np.int64})
            table.insert(0, "camera", camera)
            box = rows.reindex(pd.MultiIndex.from_frame(table)).to_numpy(float)
            kept = np.flatnonzero(np.isfinite(box))
            found.append(
                {"box": box[kept].astype(np.int64), **{name: part[name][kept] for name in MEASURED}}
            )
            files = np.split(part["pictures"], np.cumsum(part["lengths"])[:-1])
            table["picture"] = [file.tobytes() for file in files]
            pictures.append(table.iloc[kept])
    if not any(len(one["box"]) for one in found):
        raise DataError(
            "Nobody was found in the videos; expected people in some frame. Look whether the "
            "boxes are of these videos, or choose another detector or a smaller tile."
            + "".join(f"\nnote: {note}" for note in tracklets.notes)
        )
    order = np.argsort(np.concatenate([one["box"] for one in found]), kind="stable")
    names = [field.name for field in fields(Samples)]
    columns = [np.concatenate([one[name] for one in found])[order] for name in names]
    return Samples(*columns), pd.concat(pictures, ignore_index=True)


def _thumbnail(picture: Picture) -> np.ndarray:
    """Return a small JPEG of a picture, (bytes,) uint8."""
    scale = min(1.0, THUMBNAIL / max(picture.shape[:2]))
    size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    done, file = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    if not done:
        raise DataError(f"A picture of shape {picture.shape} cannot be made a JPEG.")
    return file.ravel()


def name_of(reader: NumberReader) -> str:
    return getattr(reader, "name", type(reader).__name__)


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
