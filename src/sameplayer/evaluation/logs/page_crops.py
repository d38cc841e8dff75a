"""Pictures for the page of a log: which crops are shown, read from the videos in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from sameplayer.data.images.picture import Picture
from sameplayer.data.reading import read_crop
from sameplayer.errors import DataError, MissingFile, SameplayerError
from sameplayer.evaluation.pages import picture_address
from sameplayer.evaluation.ranked_strips import reason
from sameplayer.identity.evidence.box_relations import covered_shares
from sameplayer.identity.log.player_log import PlayerLog

HIGH = 96  # pixels of a crop on the page
WIDE = 80
NEAR = 0.1  # of an appearance's boxes to either side of a moment: a clear one there is taken


class Album:
    """The crops of a page, each a box of the log; at most so many in all.

    Ask for all of them first; then ``read`` goes once through each video.
    """

    def __init__(self, log: PlayerLog, most: int) -> None:
        boxes = log.boxes.sort_values(["appearance", "frame"], kind="stable", ignore_index=True)
        self._xywh = boxes[["left", "top", "width", "height"]].to_numpy(float)
        self._where = list(zip(boxes["camera"], boxes["frame"].astype(int).tolist(), strict=True))
        starts = np.unique(boxes["appearance"].to_numpy(np.int64), return_index=True)
        parts = np.split(np.arange(len(boxes)), starts[1][1:])
        self._rows = dict(zip(starts[0].tolist(), parts, strict=False))
        self._videos = {one.name: one.video for one in log.cameras}
        self._known = _known_pictures(log, boxes)
        self._most = most
        self._frames: set[tuple[str, int]] = set()
        clear = 1 - covered_shares(boxes)
        self._score = boxes["score"].to_numpy(float) * self._xywh[:, 3] * clear
        self.chosen: dict[int, list[int]] = {}  # appearance -> rows of boxes
        self.addresses: dict[int, str] = {}  # row of a box -> its picture
        self.notes: list[str] = []
        self._asked = 0

    def __len__(self) -> int:
        """Return how many crops are asked for."""
        return self._asked

    def ask(self, appearance: int, count: int) -> None:
        """Ask for crops of an appearance, spread over its time, as far as there is room."""
        rows = self._rows.get(appearance)
        own = self.chosen.setdefault(appearance, [])
        if rows is None:
            return
        for part in (np.arange(count) + 0.5) / count:
            if len(own) >= min(count, len(rows)) or len(self) >= self._most:
                break
            if not set(self._near(rows, part).tolist()) & set(own):
                row = self._clear(rows, part)
                own.append(row)
                self._asked += 1
                self._frames.add(self._where[row])
        own.sort()

    def of(self, appearance: int) -> list[int]:
        """Return the crops of an appearance that could be read, in order of time."""
        return [row for row in self.chosen.get(appearance, ()) if row in self.addresses]

    def read(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Read the pictures; a video that is gone costs its own, and a note says so."""
        rows = sorted(
            {row for own in self.chosen.values() for row in own}, key=self._where.__getitem__
        )
        gone: set[str] = set()
        missing: dict[str, list[str]] = {}
        for done, row in enumerate(rows, start=1):
            camera, _ = self._where[row]
            if row in self._known:
                self.addresses[row] = picture_address(_small(_decoded(self._known[row])))
                continue
            if camera in gone:
                continue
            try:
                self.addresses[row] = picture_address(_small(self.picture(row)))
            except DataError as error:
                if isinstance(error, MissingFile):
                    gone.add(camera)
                    self.notes.append(f"No pictures of camera {camera}: {reason(error)}")
                else:
                    missing.setdefault(camera, []).append(reason(error))
            except SameplayerError as error:  # PyAV is not installed
                self.notes.append(f"No pictures: {reason(error)}")
                return
            if progress is not None:
                progress(done, len(rows))
        for camera, reasons in missing.items():
            count = "1 picture" if len(reasons) == 1 else f"{len(reasons)} pictures"
            self.notes.append(f"{count} of camera {camera} missing. The first: {reasons[0]}")

    def picture(self, row: int) -> Picture:
        """Return the crop of a row of boxes, uint8 RGB: the small one that was kept, or as
        ``read_crop``."""
        if row in self._known:
            return _decoded(self._known[row])
        camera, frame = self._where[row]
        left, top, width, height = self._xywh[row].tolist()
        return read_crop(Path(f"{self._videos[camera]}#{frame}"), (left, top, width, height))

    def places(self) -> dict[int, list[float]]:
        """Return for each appearance the frame and the middle of a clear box in its middle."""
        found: dict[int, list[float]] = {}
        for appearance, rows in self._rows.items():
            row = self._clear(rows, 0.5)
            left, top, width, height = self._xywh[row].tolist()
            spot = round(left + width / 2, 1), round(top + height / 2, 1)
            found[appearance] = [self._where[row][1], *spot]
        return found

    def _clear(self, rows: np.ndarray, part: float) -> int:
        """Return a row near a part of an appearance: of a frame that is read anyway, or clear."""
        near = self._near(rows, part)
        known = [row for row in near if row in self._known]
        shared = known or [row for row in near if self._where[row] in self._frames]
        best = np.asarray(shared if shared else near)
        return int(best[np.argmax(self._score[best])])

    def _near(self, rows: np.ndarray, part: float) -> np.ndarray:
        reach = int(NEAR * len(rows))
        middle = min(int(part * len(rows)), len(rows) - 1)
        return rows[max(0, middle - reach) : middle + reach + 1]


def _known_pictures(log: PlayerLog, boxes: pd.DataFrame) -> dict[int, bytes]:
    """Return the small pictures that came with the log, by row of its boxes."""
    if log.pictures is None:
        return {}
    place = ["camera", "frame", "left", "top"]
    rows = boxes[place].assign(row=np.arange(len(boxes))).drop_duplicates(place)
    joined = rows.merge(log.pictures, on=place)
    return dict(zip(joined["row"].tolist(), joined["picture"], strict=True))


def _decoded(file: bytes) -> Picture:
    return np.asarray(cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR_RGB), np.uint8)


def longest_first(appearances: pd.DataFrame) -> list[int]:
    """Return the appearances, those with the most boxes first."""
    order = appearances.sort_values(["frames", "appearance"], ascending=[False, True])
    return [int(one) for one in order["appearance"]]


def ask_for_players(
    album: Album, players: Sequence[str], appearances: pd.DataFrame, count: int
) -> None:
    """Ask for some crops of each player, from his longest sure appearances."""
    ranked = appearances.sort_values(["sure", "frames"], ascending=False, kind="stable")
    for identity in players:
        own = ranked.loc[ranked["identity"] == identity, "appearance"].tolist()[:count]
        for place, appearance in enumerate(own):
            album.ask(int(appearance), (count - place - 1) // len(own) + 1)


def _small(picture: Picture) -> Picture:
    high, wide = picture.shape[:2]
    scale = min(HIGH / high, WIDE / wide)
    size = max(1, round(wide * scale)), max(1, round(high * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(picture, size, interpolation=how).astype(np.uint8)
