"""Scores of tracks and identities against the truth: HOTA, IDF1, purity, two places at once.

HOTA is of Luiten et al., "HOTA: a higher order metric for evaluating multi-object tracking" (IJCV
2021), IDF1 of Ristani et al. (2016); both as TrackEval computes them. An identity is one person in
all frames of all cameras: the frames of the cameras are put one after the other.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from sameplayer.common.boxes import overlaps as box_overlaps
from sameplayer.errors import DataError, SettingError

ALPHAS = np.arange(0.05, 0.99, 0.05)
BOX = ["left", "top", "width", "height"]
EPS = float(np.finfo(float).eps)


@dataclass(frozen=True)
class TrackingScores:
    """How well boxes with ids agree with the truth; shares from 0 to 1, larger is better.

    hota, deta, assa       means over the 19 thresholds of the overlap (IoU), 0.05 to 0.95
    detre, detpr           recall and precision of detection, the same means
    assre, asspr           recall and precision of association, the same means
    idf1, idp, idr         of the best one-to-one assignment of ids to persons, at one overlap
    purity                 of the matched boxes, the share that shows its id's main person
    identities_a_person    ids, mean over the persons; 1 is best. A person has an id when at least
                           one matched box has it
    twice                  boxes too many: of one id in one frame of one camera; 0 is best
    persons, identities    how many there are
    """

    hota: float
    deta: float
    assa: float
    detre: float
    detpr: float
    assre: float
    asspr: float
    idf1: float
    idp: float
    idr: float
    purity: float
    identities_a_person: float
    twice: int
    persons: int
    identities: int

    def as_dict(self) -> dict[str, float]:
        """Return name -> value."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Boxes of the truth and predicted ones that overlap, of the same frame of a camera.

    truth, predicted    (n,) rows of the two tables
    iou                 (n,) over 0
    starts              (frames + 1,) where each frame's pairs begin, and where the last ends
    """

    truth: np.ndarray
    predicted: np.ndarray
    iou: np.ndarray
    starts: np.ndarray


def score_tracking(
    truth: pd.DataFrame, predicted: pd.DataFrame, iou: float = 0.5
) -> TrackingScores:
    """Score predicted boxes with ids.

    truth        a row a box: camera, frame, left, top, width, height (pixels), person; a person
                 at most once in a frame of a camera
    predicted    a row a box: the same with ``identity`` for person; any order
    iou          overlap from which a box shows a person, for all but HOTA

    Raises DataError for tables that are not so, SettingError for ``iou`` outside 0 to 1.
    """
    if not 0 < iou <= 1:
        raise SettingError("iou", iou, "over 0, at most 1")
    overlaps = find_overlaps(truth, predicted)
    persons, person = np.unique(truth["person"].astype(str), return_inverse=True)
    identities, identity = np.unique(predicted["identity"].astype(str), return_inverse=True)
    if truth.duplicated(["camera", "frame", "person"]).any():
        raise DataError("The truth has a person twice in one frame of one camera.")
    sides = (person, identity, (len(persons), len(identities)))
    hota = _hota(overlaps, *sides)
    assigned = _idf1(overlaps, *sides, iou)
    matched = match_boxes(overlaps, len(truth), iou)
    rows = np.flatnonzero(matched >= 0)
    counts = _count(person[rows], identity[matched[rows]], sides[2])
    twice = int(predicted.duplicated(["camera", "frame", "identity"]).sum())
    met = (counts > 0).sum(axis=1)
    return TrackingScores(
        **hota,
        **assigned,
        purity=float(counts.max(axis=0).sum() / max(1, len(rows))) if counts.size else 0.0,
        identities_a_person=float(met[met > 0].mean()) if (met > 0).any() else 0.0,
        twice=twice,
        persons=len(persons),
        identities=len(identities),
    )


def find_overlaps(truth: pd.DataFrame, predicted: pd.DataFrame) -> Overlaps:
    """Return all pairs of a true and a predicted box of one frame whose IoU is over 0.

    Raises DataError for tables without the columns, or with boxes that are not finite or are empty.
    """
    for name, table in (("truth", truth), ("predicted", predicted)):
        wanted = ["camera", "frame", *BOX, "person" if name == "truth" else "identity"]
        missing = [column for column in wanted if column not in table.columns]
        if missing:
            raise DataError(f"The table {name} lacks the columns {', '.join(missing)}.")
        boxes = table[BOX].to_numpy(float)
        if not (np.isfinite(boxes).all() and (boxes[:, 2:] > 0).all()):
            raise DataError(f"The table {name} has boxes that are empty or not finite.")
    keys = pd.concat([truth[["camera", "frame"]], predicted[["camera", "frame"]]])
    moment = keys.groupby(["camera", "frame"], sort=True).ngroup().to_numpy()
    one, two = moment[: len(truth)], moment[len(truth) :]
    order_one, order_two = np.argsort(one, kind="stable"), np.argsort(two, kind="stable")
    frames = int(moment.max()) + 1 if len(moment) else 0
    starts_one = np.searchsorted(one[order_one], np.arange(frames + 1))
    starts_two = np.searchsorted(two[order_two], np.arange(frames + 1))
    first, second = truth[BOX].to_numpy(float), predicted[BOX].to_numpy(float)
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    starts = np.zeros(frames + 1, np.int64)
    for frame in range(frames):
        rows = order_one[starts_one[frame] : starts_one[frame + 1]]
        columns = order_two[starts_two[frame] : starts_two[frame + 1]]
        shared, _ = box_overlaps(first[rows], second[columns])
        row, column = np.nonzero(shared)
        found.append((rows[row], columns[column], shared[row, column]))
        starts[frame + 1] = starts[frame] + len(row)
    parts = list(zip(*found, strict=True)) if found else [(), (), ()]
    empty = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    whole = [np.concatenate([blank, *part]) for blank, part in zip(empty, parts, strict=True)]
    return Overlaps(whole[0], whole[1], whole[2], starts)


def match_boxes(overlaps: Overlaps, count: int, iou: float = 0.5) -> np.ndarray:
    """Return (count,) int64: the predicted row of each true row, one to one in a frame; -1: none.

    Of the pairs that overlap by ``iou`` or more, those are taken whose overlap is largest in sum.
    """
    matched = np.full(count, -1, np.int64)
    kept = overlaps.iou >= iou - EPS
    for part in _frames(overlaps):
        part = part[kept[part]]
        if len(part):
            chosen = part[_best(overlaps, part, overlaps.iou[part])]
            matched[overlaps.truth[chosen]] = overlaps.predicted[chosen]
    return matched


def _frames(overlaps: Overlaps) -> list[np.ndarray]:
    starts = overlaps.starts
    return [np.arange(begin, end) for begin, end in pairwise(starts) if end > begin]


def _best(overlaps: Overlaps, part: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return which pairs of a frame are matched: one to one, with the largest sum of scores."""
    rows, row = np.unique(overlaps.truth[part], return_inverse=True)
    columns, column = np.unique(overlaps.predicted[part], return_inverse=True)
    table = np.zeros((len(rows), len(columns)))
    place = np.full(table.shape, -1)
    table[row, column], place[row, column] = scores, np.arange(len(part))
    found = place[linear_sum_assignment(-table)]
    best: np.ndarray = found[found >= 0]
    return best


def _count(first: np.ndarray, second: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    flat = np.bincount(first * size[1] + second, minlength=size[0] * size[1])
    return flat.reshape(size)


def _hota(
    overlaps: Overlaps, person: np.ndarray, identity: np.ndarray, size: tuple[int, int]
) -> dict[str, float]:
    """Return HOTA and its parts; the match of each frame favours pairs that go together overall."""
    total = (len(person), len(identity))
    names = ("hota", "deta", "assa", "detre", "detpr", "assre", "asspr")
    if 0 in total:
        return dict.fromkeys(names, 0.0)
    of_person = np.bincount(person, minlength=size[0])[:, None]
    of_identity = np.bincount(identity, minlength=size[1])[None]
    one, two = person[overlaps.truth], identity[overlaps.predicted]
    by_row = np.bincount(overlaps.truth, overlaps.iou, len(person))[overlaps.truth]
    by_column = np.bincount(overlaps.predicted, overlaps.iou, len(identity))[overlaps.predicted]
    shares = overlaps.iou / (by_row + by_column - overlaps.iou)
    potential = np.bincount(one * size[1] + two, shares, size[0] * size[1]).reshape(size)
    alignment = potential / (of_person + of_identity - potential)
    scores, taken = alignment[one, two] * overlaps.iou, []
    for part in _frames(overlaps):
        taken.append(part[_best(overlaps, part, scores[part])])
    chosen = np.concatenate(taken) if taken else np.empty(0, np.int64)
    values = []
    for alpha in ALPHAS:
        kept = chosen[overlaps.iou[chosen] >= alpha - EPS]
        right, matches = len(kept), _count(one[kept], two[kept], size)
        union = np.maximum(1, of_person + of_identity - matches)
        deta = right / max(1, total[0] + total[1] - right)
        assa, assre, asspr = (
            float((matches * (matches / np.maximum(1, base))).sum() / max(1, right))
            for base in (union, of_person, of_identity)
        )
        found = (deta, assa, right / total[0], right / total[1], assre, asspr)
        values.append((np.sqrt(deta * assa), *found))
    return dict(zip(names, np.mean(values, axis=0).tolist(), strict=True))


def _idf1(
    overlaps: Overlaps, person: np.ndarray, identity: np.ndarray, size: tuple[int, int], iou: float
) -> dict[str, float]:
    kept = overlaps.iou >= iou
    counts = _count(person[overlaps.truth[kept]], identity[overlaps.predicted[kept]], size)
    one, two = linear_sum_assignment(-counts)
    right = float(counts[one, two].sum())
    return {
        "idf1": right / max(1.0, 0.5 * (len(person) + len(identity))),
        "idp": right / max(1, len(identity)),
        "idr": right / max(1, len(person)),
    }
