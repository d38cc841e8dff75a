"""An own tracker of people that rather ends a tracklet than gives it to somebody else.

Each person is followed by a Kalman filter in units of his height, so that few frames a second do.
Boxes are given to people by the least sum of surprises. Where another way to give them would be
almost as likely, as when two people cross, the tracklets end and new ones begin: whoever links
tracklets later has more to go by than one step has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from sameplayer.common.boxes import overlaps, suppress
from sameplayer.errors import DataError, SettingError
from sameplayer.tracks.boxes import Boxes
from sameplayer.tracks.tracking.motion import People, newcomers, predict, surprise, update

SAME = 0.7  # intersection over union of two boxes on one player
INSIDE = 0.85  # share of a box within a surer one: a part of him, or somebody hidden behind him
SURE = 0.5  # score of boxes that come first, and of one that makes a short tracklet real
SHORT = 3  # boxes: shorter tracklets without a sure box are dropped
FAR = 16.0  # squared deviations from the expected place beyond which nobody is expected
MISSED = 4.0  # log-odds that a person is seen when he is there, and that nobody else appears
MARGIN = 2.0  # log-likelihood by which another way to give the boxes must be worse
GAP = 1.0  # seconds for which an unseen person is waited for
LOOK = 12.0  # log-likelihood by which a look speaks, a unit of distance (0 to 1)
STRANGE = 0.5  # distance of looks beyond which they say no more
UNKNOWN = 0.27  # distance at which looks say nothing
FAR_APART = 1e6


@dataclass(frozen=True)
class TrackerConfig:
    """Settings of the own tracker.

    margin    log-likelihood by which another way to give the boxes must be worse, or the
              tracklets end
    gap       seconds for which an unseen person is waited for
    look      weight of how people look

    Raises SettingError for values out of range.
    """

    margin: float = MARGIN
    gap: float = GAP
    look: float = LOOK

    def __post_init__(self) -> None:
        for name in ("margin", "gap", "look"):
            if not 0 <= getattr(self, name) < np.inf:
                raise SettingError(name, getattr(self, name), "0 or more")


def track(
    boxes: Boxes,
    times: np.ndarray,
    shots: np.ndarray,
    cues: np.ndarray | None = None,
    config: TrackerConfig | None = None,
) -> np.ndarray:
    """Return (n,) int64: the tracklet of each box, from 0 without gaps; -1 for those left out.

    times     (frames,) seconds of the video's frames, frame number 1 first
    shots     (frames,) int: the shot of each frame; no tracklet goes from one into another
    cues      (n, c) float: how the person in each box looks, as shares of colours that sum to 1;
              rows of nan where nobody knows. None: place, speed and size decide alone

    Left out: the less sure of two boxes on one player, and short tracklets of unsure boxes only.
    Boxes that came with a track keep it, one tracklet a track and shot.
    """
    last = int(boxes.frame[-1]) if len(boxes) else 0
    if last > len(times) or len(times) != len(shots):
        raise DataError(
            f"Boxes up to frame {last}, {len(times)} times and {len(shots)} shots; expected a time "
            "and a shot for each frame."
        )
    ids, free = keep_given(boxes, shots)
    looks = np.full((len(boxes), 1), np.nan) if cues is None else np.asarray(cues, np.float64)
    own = OnlineTracker(config)
    tracked = np.full(len(boxes), -1, np.int64)
    for rows in runs_of(free, boxes.frame):
        at = boxes.frame[rows[0]] - 1
        own_boxes = boxes.xywh[rows], boxes.score[rows], looks[rows]
        tracked[rows] = own.step(*own_boxes, float(times[at]), int(shots[at]))
    tracked = tracked[free] + ids.max(initial=-1) + 1
    ids[free] = np.where(_doubtful(tracked, boxes.score[free]), -1, tracked)
    return renumbered(ids)


def keep_given(boxes: Boxes, shots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (n,) ids of the boxes that came with a track, and the rows that are to be tracked.

    One id a track and shot, from 0; -1 for boxes without a track and for duplicates, which are not
    to be tracked either.
    """
    ids = np.full(len(boxes), -1, np.int64)
    kept = ~duplicates(boxes)
    given = np.flatnonzero(kept & (boxes.track >= 0))
    pairs = np.stack([boxes.track[given], np.asarray(shots)[boxes.frame[given] - 1]], axis=1)
    _, places = np.unique(pairs, axis=0, return_inverse=True)
    ids[given] = places
    return ids, np.flatnonzero(kept & (boxes.track < 0))


def duplicates(boxes: Boxes) -> np.ndarray:
    """Return (n,) bool: boxes on a player who has a surer one in the same frame.

    A box within a surer one is left out as well, unless one of them came with a track.
    """
    gone = np.zeros(len(boxes), bool)
    for rows in runs_of(np.arange(len(boxes)), boxes.frame):
        share, inside = overlaps(boxes.xywh[rows], boxes.xywh[rows])
        found = (boxes.track[rows] < 0)[:, None] & (boxes.track[rows] < 0)[None]
        order = np.argsort(-boxes.score[rows], kind="stable")
        gone[rows] = ~suppress(order, (share > SAME) | (inside > INSIDE) & found)
    return gone


def _doubtful(ids: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Return (n,) bool: boxes of short tracklets that have no sure box."""
    named, places = np.unique(ids, return_inverse=True)
    best = np.zeros(len(named))
    np.maximum.at(best, places, score)
    short = np.bincount(places, minlength=len(named)) < SHORT
    return (short & (best < SURE))[places]


def renumbered(ids: np.ndarray) -> np.ndarray:
    """Return ids from 0 without gaps in order of their first box; negative ones stay -1."""
    named, first, places = np.unique(ids, return_index=True, return_inverse=True)
    number = np.full(len(named), -1, np.int64)
    real = np.flatnonzero(named >= 0)
    number[real[np.argsort(first[real])]] = np.arange(len(real))
    return number[places]


def runs_of(rows: np.ndarray, frame: np.ndarray) -> list[np.ndarray]:
    """Split rows, in order of frames, into those of one frame each."""
    return np.split(rows, np.flatnonzero(np.diff(frame[rows])) + 1) if len(rows) else []


class OnlineTracker:
    """The people of one camera while its boxes come in, frame by frame.

    config    None: ``TrackerConfig()``
    """

    def __init__(self, config: TrackerConfig | None = None) -> None:
        self._config = config or TrackerConfig()
        self._next, self._shot = 0, -1
        self._people: People | None = None

    def step(
        self, xywh: np.ndarray, score: np.ndarray, cues: np.ndarray, time: float, shot: int
    ) -> np.ndarray:
        """Return (n,) int64: the tracklet of each box of one frame.

        xywh, score, cues    (n, 4), (n,), (n, c), without two boxes on one person
        time                 seconds, rising from call to call
        shot                 nobody is followed from one into another
        """
        nobody = newcomers(np.zeros(0, np.int64), np.zeros((0, 4)), 0.0, cues[:0])
        if shot != self._shot or self._people is None:
            self._people, self._shot = nobody, shot
        waited = self._people.take(time - self._people.time <= self._config.gap)
        people = predict(waited, time)
        sure = score >= SURE
        seen = np.zeros(len(people), bool)
        ended = np.zeros(len(people), bool)
        met_now = [nobody]
        ids = np.full(len(xywh), -1, np.int64)
        for step in (sure, ~sure):
            who = np.flatnonzero(~seen & ~ended)
            which = np.flatnonzero(step)
            cost = self._costs(people.take(who), xywh[which], cues[which])
            pairs, doubtful = assign(cost, self._config.margin)
            ended[who[doubtful]] = True
            for_whom, box = who[pairs[:, 0]], which[pairs[:, 1]]
            seen[for_whom] = True
            ids[box] = people.ids[for_whom]
            met_now.append(update(people.take(for_whom), xywh[box], time, cues[box]))
        fresh = np.flatnonzero(ids < 0)
        ids[fresh] = self._next + np.arange(len(fresh))
        self._next += len(fresh)
        met_now.append(newcomers(ids[fresh], xywh[fresh], time, cues[fresh]))
        self._people = waited.take(~seen & ~ended)
        for some in met_now:
            self._people = self._people.joined(some)
        return ids

    def _costs(self, people: People, xywh: np.ndarray, cues: np.ndarray) -> np.ndarray:
        """Return (people, boxes) surprises against a miss; FAR_APART where one is not expected."""
        cost, squares = surprise(people, xywh)
        apart = 0.5 * np.abs(people.cue[:, None] - cues[None]).sum(axis=2)
        cost = cost + self._config.look * np.minimum(np.nan_to_num(apart, nan=UNKNOWN), STRANGE)
        return np.where(squares < FAR, cost, FAR_APART)


def assign(cost: np.ndarray, margin: float) -> tuple[np.ndarray, np.ndarray]:
    """Return (k, 2) pairs (person, box) of the least sum, and the people who are in doubt.

    In doubt are those for whom another way to give the boxes costs less than ``margin`` more;
    they are in no pair.
    """
    people, boxes = linear_sum_assignment(np.minimum(cost, FAR_APART))
    near = cost[people, boxes] < FAR_APART
    people, boxes = people[near], boxes[near]
    own = np.full(cost.shape[0], -1)
    own[people] = boxes
    taken = np.full(cost.shape[1], -1)
    taken[boxes] = people
    doubtful = np.zeros(cost.shape[0], bool)
    for person, box in zip(people, boxes, strict=True):
        now = cost[person, box]
        for other in np.flatnonzero(cost[:, box] < FAR_APART):
            if other == person:
                continue
            other_box = own[other]
            if other_box < 0:  # somebody unseen may be it
                more = cost[other, box] - now
            else:
                swapped = min(cost[person, other_box], MISSED * 2)
                more = cost[other, box] + swapped - now - cost[other, other_box]
            if more < margin:
                doubtful[[person, other]] = True
        for other_box in np.flatnonzero(cost[person] < FAR_APART):
            if taken[other_box] < 0 and cost[person, other_box] - now < margin:
                doubtful[person] = True
    fine = ~doubtful[people]
    return np.stack([people[fine], boxes[fine]], axis=1), np.flatnonzero(doubtful)
