"""From tracklets and their samples to Evidence: kits, appearance, places, co-occurrence."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.common.boxes import row_overlaps
from sameplayer.common.vectors import unit_means
from sameplayer.errors import DataError
from sameplayer.identity.evidence.appearance import AppearanceCurve, fit_appearance
from sameplayer.identity.evidence.attributes import with_given_numbers, with_given_teams
from sameplayer.identity.evidence.box_relations import find_merged_boxes, frame_pairs
from sameplayer.identity.evidence.calibrated_views import ViewMapping, find_view_mapping, place_odds
from sameplayer.identity.evidence.evidence import Evidence
from sameplayer.identity.evidence.kit import Kits, find_kits
from sameplayer.identity.evidence.samples import Samples
from sameplayer.identity.evidence.split_tracklets import find_splits
from sameplayer.numbers.reader import NUMBERS
from sameplayer.numbers.reading import combine
from sameplayer.tracks.tracklets import Tracklets

TOGETHER = 0.5  # intersection over union from which two boxes at once are two of one person
SURE_KIT = 0.9  # probability from which two tracklets count as one kit when fitting the curve
FEWEST_WEARERS = 10  # tracklets of a camera for kits to be found in it
UNSURE_KIT = (1 / 3, 1 / 3, 1 / 3)
Pair = tuple[tuple[str, int], tuple[str, int]]  # camera and shot of two views
UNSEEN = -1.0  # log-odds of appearance of a tracklet without a good picture: stays alone
FOLLOWED = 4.0  # least log-odds of appearance of two parts of one given track
BLOCK = 512  # rows of a square array that are worked on at once
MOST_MISSES = 40  # pairs of shots without a mapping after which only known ones are tried
FEWEST_S = 1.0  # of common time, for a mapping between two views to be sought


@dataclass(frozen=True, eq=False)
class CollectedEvidence:
    """Everything known about the tracklets of a match before they are linked.

    tracklets    split where the tracker switched to another person
    samples      measured pictures of the tracklets
    evidence     of the tracklets
    kits         None where no two kits can be distinguished
    curve        from cosine similarity to log-odds
    facts        JSON values for the log's reader
    """

    tracklets: Tracklets
    samples: Samples
    evidence: Evidence
    kits: Kits | None
    curve: AppearanceCurve
    facts: dict[str, Any]


def collect_evidence(tracklets: Tracklets, samples: Samples, *, seed: int = 0) -> CollectedEvidence:
    """Return the evidence of tracklets; those that switch between persons are split first.

    Pictures that contain two people are ignored (``find_merged_boxes``).
    """
    merged = find_merged_boxes(tracklets.table)
    samples = samples.where(~merged[samples.box])
    if merged.any():
        note = f"{merged.sum()} of {len(merged)} boxes hold two people; they are not measured."
        tracklets = replace(tracklets, notes=(*tracklets.notes, note))
    apart = seen_together(tracklets)
    curve = _fit_curve(tracklets, samples, None, apart, seed)
    whole, tracklets = len(tracklets), _split(tracklets, samples, curve)
    if len(tracklets) > whole:
        apart = seen_together(tracklets)
    of = _tracklet_of(tracklets, samples)
    kits, team = _kits(tracklets, samples, of, seed)
    team, words = with_given_teams(team, tracklets, kits.words if kits else None)
    curve = _fit_curve(tracklets, samples, team, apart, seed)
    rows = unit_means(samples.row, of, len(tracklets), samples.clear)
    pictures = np.maximum(np.bincount(of, minlength=len(tracklets)), 1)
    appearance = _appearance(rows, pictures, curve)
    first, second = tracklets.follow.T
    for pair in ((first, second), (second, first)):
        appearance[pair] = np.maximum(appearance[pair], FOLLOWED)
    views, place = _places(tracklets, appearance, seed)
    number = with_given_numbers(_numbers(samples, of, len(tracklets)), tracklets)
    evidence = Evidence(appearance, place, apart, number, team, pictures.astype(float))
    facts = {
        "tracklets": len(tracklets),
        "cut_tracklets": len(tracklets) - whole,
        "kits": list(words) if words else None,
        "appearance_curve": asdict(curve),
        "views": [_mapping_record(pair, view) for pair, view in views.items()],
    }
    return CollectedEvidence(tracklets, samples, evidence, kits, curve, facts)


def _appearance(rows: np.ndarray, pictures: np.ndarray, curve: AppearanceCurve) -> np.ndarray:
    """Return (n, n) float32 log-odds of appearance, of unit rows (n, d) and how many pictures."""
    odds: np.ndarray = rows @ rows.T
    for start in range(0, len(rows), BLOCK):
        own = slice(start, start + BLOCK)
        odds[own] = curve(odds[own], pictures[own, None], pictures)
    unseen = ~rows.any(axis=1)
    odds[unseen] = odds[:, unseen] = UNSEEN
    np.fill_diagonal(odds, 0)
    return odds


def _mapping_record(pair: Pair, view: ViewMapping) -> dict[str, Any]:
    """Return a mapping as JSON: cameras and shots, and how well it fits."""
    (camera, shot), (other, its) = pair
    return {
        "cameras": [camera, other],
        "shots": [shot, its],
        "shift_s": round(view.shift_s, 3),
        "error_heights": round(view.error, 3),
        "agreeing_pairs": len(view.pairs),
    }


def _tracklet_of(tracklets: Tracklets, samples: Samples) -> np.ndarray:
    """Return (k,) the tracklet of each sample."""
    ids: np.ndarray = tracklets.table["tracklet"].to_numpy()[samples.box]
    return ids


def _kits(
    tracklets: Tracklets, samples: Samples, of: np.ndarray, seed: int
) -> tuple[Kits | None, np.ndarray]:
    """Return the kits as the busiest camera sees them, and (n, 3) who wears which.

    Each camera has its own light, so kits are found in each and matched between cameras.
    """
    count = len(tracklets)
    shirts = unit_means(samples.shirt, of, count, samples.clear)
    size = np.bincount(of, minlength=count)
    sums = np.stack([np.bincount(of, samples.colour[:, c], count) for c in range(3)], axis=1)
    colours = sums / np.maximum(size, 1)[:, None]
    team = np.tile(UNSURE_KIT, (count, 1))
    camera = tracklets.spans()["camera"].to_numpy(object)
    seen = {
        one.name: np.flatnonzero((camera == one.name) & (size > 0)) for one in tracklets.cameras
    }
    first: Kits | None = None
    for _, own in sorted(seen.items(), key=lambda item: -len(item[1])):
        kits = first
        if first is None or len(own) >= FEWEST_WEARERS:
            try:
                kits = find_kits(shirts[own], size[own].astype(float), colours[own], seed)
            except DataError:
                kits = first
        if kits is None:
            continue
        kits = kits if first is None else kits.like(first)
        first = first or kits
        team[own] = kits.probabilities(shirts[own])
    return first, team


def _fit_curve(
    tracklets: Tracklets, samples: Samples, team: np.ndarray | None, apart: np.ndarray, seed: int
) -> AppearanceCurve:
    """Return the curve fitted to the match; apart (n, n): pairs that are different persons."""
    pairs = np.argwhere(np.triu(apart, 1))
    if team is not None and len(pairs):
        mates = (team[pairs[:, 0]] * team[pairs[:, 1]])[:, :2].sum(axis=1) > SURE_KIT**2
        pairs = pairs[mates] if mates.sum() >= 30 else pairs
    time = tracklets.table["time_s"].to_numpy(float)[samples.box]
    of = _tracklet_of(tracklets, samples)
    return fit_appearance(samples.row, samples.clear, of, time, pairs, seed)


def seen_together(tracklets: Tracklets) -> np.ndarray:
    """Return (n, n) bool: different persons, because one camera shows both at the same time.

    Two boxes that mostly overlap belong to one person.
    """
    spans, table = tracklets.spans(), tracklets.table
    start, end = (spans[name].to_numpy(np.int64) for name in ("first_frame", "last_frame"))
    camera = pd.factorize(spans["camera"])[0]
    apart = np.zeros((len(spans), len(spans)), bool)
    for row in range(len(spans)):
        apart[row] = (camera == camera[row]) & (start <= end[row]) & (start[row] <= end)
    np.fill_diagonal(apart, False)
    ids = table["tracklet"].to_numpy()
    boxes = table[["left", "top", "width", "height"]].to_numpy(float)
    close = [np.zeros((0, 2), np.int64)]
    for first, second in frame_pairs(table):
        over = row_overlaps(boxes[first], boxes[second])[0] > TOGETHER
        close.append(np.stack([ids[first[over]], ids[second[over]]], axis=1))
    pairs, often = np.unique(np.concatenate(close), axis=0, return_counts=True)
    for (a, b), frames in zip(pairs, often, strict=True):
        common = np.isin(_frames(tracklets, a), _frames(tracklets, b)).sum()
        if frames >= common * 0.6:
            apart[a, b] = apart[b, a] = False
    return apart


def _frames(tracklets: Tracklets, tracklet: int) -> np.ndarray:
    ids = tracklets.table["tracklet"].to_numpy()
    own = slice(*np.searchsorted(ids, (tracklet, tracklet + 1)))
    return tracklets.table["frame"].to_numpy()[own]


def _split(tracklets: Tracklets, samples: Samples, curve: AppearanceCurve) -> Tracklets:
    """Split tracklets between the pictures where they switch to another person."""
    of = _tracklet_of(tracklets, samples)
    begins = np.zeros(len(tracklets.table), bool)
    begins[tracklets.starts[:-1]] = True
    bounds = np.searchsorted(of, np.arange(len(tracklets) + 1))
    for tracklet in range(len(tracklets)):
        own = slice(bounds[tracklet], bounds[tracklet + 1])
        for cut in find_splits(
            samples.row[own].astype(np.float32),
            samples.number[own],
            lambda cosine: curve(cosine, 1, 1),
        ):
            before, after = samples.box[own][cut - 1 : cut + 1]
            begins[(before + after + 1) // 2] = True
    if begins.sum() == len(tracklets):
        return tracklets
    table = tracklets.table.copy()
    table["tracklet"] = np.cumsum(begins) - 1
    numbers = table["tracklet"].to_numpy()
    follow = tracklets.follow.copy()  # the last part of one goes on with the first of the next
    follow[:, 0] = numbers[tracklets.starts[follow[:, 0] + 1] - 1]
    follow[:, 1] = numbers[tracklets.starts[follow[:, 1]]]
    return Tracklets(table, tracklets.cameras, tracklets.notes, follow)


def _numbers(samples: Samples, of: np.ndarray, count: int) -> np.ndarray:
    """Return (count, 102) log-probabilities of each tracklet's number."""
    rows = np.full((count, len(NUMBERS) + 1), -12.0)
    rows[:, -1] = 0
    bounds = np.searchsorted(of, np.arange(count + 1))
    for tracklet in range(count):
        own = slice(bounds[tracklet], bounds[tracklet + 1])
        if own.stop > own.start:
            rows[tracklet] = combine(samples.number[own].astype(float), samples.clear[own])
    return rows


def _places(
    tracklets: Tracklets, appearance: np.ndarray, seed: int
) -> tuple[dict[Pair, ViewMapping], np.ndarray | None]:
    """Map each view to those of other cameras that show the same time; return log-odds of place."""
    if len(tracklets.cameras) < 2:
        return {}, None
    spans = tracklets.spans()
    keys = list(zip(spans["camera"].astype(str), spans["shot"].astype(int), strict=True))
    shots = {key: np.flatnonzero([one == key for one in keys]) for key in sorted(set(keys))}
    place = np.zeros(appearance.shape, np.float32)
    views: dict[Pair, ViewMapping] = {}
    misses: Counter[tuple[str, str]] = Counter()
    order = [camera.name for camera in tracklets.cameras]
    for a, first in shots.items():
        for b, second in shots.items():
            if order.index(a[0]) >= order.index(b[0]) or not _share(spans, first, second):
                continue
            known = [
                view for pair, view in views.items() if pair[0][0] == a[0] and pair[1][0] == b[0]
            ]
            propose = misses[a[0], b[0]] < MOST_MISSES
            odds = appearance[np.ix_(first, second)]
            view = find_view_mapping(
                tracklets.table, first, second, odds, seed, known, propose=propose
            )
            misses[a[0], b[0]] += view is None
            if view is not None:
                views[a, b] = view
                odds = place_odds(view, tracklets.table, first, second)
                place[np.ix_(first, second)] = odds
                place[np.ix_(second, first)] = odds.T
    return views, place if views else None


def _share(spans: Any, first: np.ndarray, second: np.ndarray) -> bool:
    """Tell whether two views show the same time for long enough."""
    times = [
        (spans["start_s"].iloc[own].min(), spans["end_s"].iloc[own].max())
        for own in (first, second)
    ]
    return bool(min(times[0][1], times[1][1]) - max(times[0][0], times[1][0]) >= FEWEST_S)
