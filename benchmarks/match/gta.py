"""GTA-Link, the baseline of linking tracklets by appearance alone.

Written from the published description (Sun et al., "GTA: Global Tracklet Association for
Multi-Object Tracking in Sports", ACCVW 2024) and its settings, to measure against: a splitter that
clusters the boxes of each long tracklet, and a connector that merges tracklets that look alike.

What differs from the published programme, each in its favour or without effect:
- The mean of all pairs' cosine distances of two tracklets is 1 - a . b with a and b the means of
  their unit features. It is computed so; the result is the same.
- A sequence there is one camera. Here a shared frame is one of the same camera, and the spatial
  limit holds between boxes of one camera, so that tracklets of several cameras may be merged.
- Features there are of every box at 25 frames a second. At other rates ``settings_at`` keeps the
  seconds: a tracklet is split from 4 s on, and a cluster's core needs 0.4 s of boxes near it.
  Boxes without a feature go with the nearest box in time of their tracklet that has one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from sklearn.cluster import DBSCAN
from sklearn.preprocessing import StandardScaler

from sameplayer.tracks.tracklets import Tracklets

PUBLISHED_FPS = 25.0


@dataclass(frozen=True)
class GtaSettings:
    """The published settings.

    eps            of DBSCAN, a cosine distance of standardised features (the programme's own
                   default is 0.7, its instructions say 0.6)
    min_samples    of DBSCAN
    max_k          parts that a tracklet is split into, at most
    min_len        boxes with features from which a tracklet is split
    merge          mean cosine distance under which two tracklets are merged
    spatial        times the range of all boxes: how far a person may be from where he was last
    """

    eps: float = 0.6
    min_samples: int = 10
    max_k: int = 3
    min_len: int = 100
    merge: float = 0.4
    spatial: float = 1.0


def settings_at(fps: float, eps: float = 0.6, merge: float = 0.4) -> GtaSettings:
    """Return the published settings for features of ``fps`` boxes a second of a tracklet."""
    share = fps / PUBLISHED_FPS
    return GtaSettings(
        eps=eps,
        min_samples=max(2, round(10 * share)),
        min_len=max(4, round(100 * share)),
        merge=merge,
    )


def gta_link(
    tracklets: Tracklets,
    rows: np.ndarray,
    features: np.ndarray,
    settings: GtaSettings = GtaSettings(),
) -> np.ndarray:
    """Return (boxes,) int64: the identity of each row of the tracklets' table, from 0.

    rows        (m,) rows of the table that have a feature, rising
    features    (m, d) unit rows
    """
    table = tracklets.table.reset_index(drop=True)
    parts = split(table["tracklet"].to_numpy(), rows, features, settings)
    return connect(table, parts, rows, features, settings)


def split(
    tracklet: np.ndarray, rows: np.ndarray, features: np.ndarray, settings: GtaSettings
) -> np.ndarray:
    """Return (boxes,) int64: the part that each box belongs to; parts count from 0."""
    parts, count = np.empty(len(tracklet), np.int64), 0
    of_feature = tracklet[rows]
    for one in np.unique(tracklet):
        own, known = np.flatnonzero(tracklet == one), np.flatnonzero(of_feature == one)
        labels = np.zeros(len(known), np.int64)
        if len(known) >= settings.min_len:
            labels = _clusters(features[known], settings)
        values = np.unique(labels)
        if len(values) > 1:
            # noise beside a single cluster is no cluster; _clusters returns zeros then
            nearest = np.abs(own[:, None] - rows[known][None]).argmin(axis=1)
            parts[own] = count + np.searchsorted(values, labels[nearest])
            count += len(values)
        else:
            parts[own], count = count, count + 1
    return parts


def _clusters(features: np.ndarray, settings: GtaSettings) -> np.ndarray:
    """Return a label a row; zeros where there is one cluster or none."""
    scaled = StandardScaler().fit_transform(features)
    model = DBSCAN(eps=settings.eps, min_samples=settings.min_samples, metric="cosine")
    labels = model.fit(scaled).labels_.astype(np.int64)
    values = [value for value in np.unique(labels) if value >= 0]
    if len(values) < 2:
        return np.zeros(len(features), np.int64)
    centres = np.stack([scaled[labels == value].mean(axis=0) for value in values])
    noise = labels < 0
    if noise.any():
        nearest = cdist(scaled[noise], centres, "cosine").argmin(axis=1)
        labels[noise] = np.array(values)[nearest]
    while len(values) > settings.max_k:
        centres = np.stack([scaled[labels == value].mean(axis=0) for value in values])
        distance = cdist(centres, centres, "cosine")
        np.fill_diagonal(distance, np.inf)
        one, two = np.unravel_index(distance.argmin(), distance.shape)
        labels[labels == values[two]] = values[one]
        values.pop(int(two))
    return labels


def connect(
    table: pd.DataFrame,
    parts: np.ndarray,
    rows: np.ndarray,
    features: np.ndarray,
    settings: GtaSettings,
) -> np.ndarray:
    """Return (boxes,) int64: parts merged, the nearest first, until none is near enough."""
    count = int(parts.max()) + 1 if len(parts) else 0
    weight = np.bincount(parts[rows], minlength=count).astype(float)
    means = np.zeros((count, features.shape[1]))
    np.add.at(means, parts[rows], features)
    means /= np.maximum(weight, 1)[:, None]
    seen = _moments(table, parts, count)
    reach = settings.spatial * _range(table)
    members = [np.array([part]) for part in range(count)]
    distance = 1 - means @ means.T
    distance[(seen @ seen.T) > 0] = 1  # any frame is shared
    distance[weight == 0], distance[:, weight == 0] = 1, 1
    np.fill_diagonal(distance, np.inf)
    while count:
        one, two = np.unravel_index(distance.argmin(), distance.shape)
        if distance[one, two] >= settings.merge:
            break
        joined = np.concatenate([members[one], members[two]])
        if not _in_reach(table, parts, joined, reach):
            distance[one, two] = distance[two, one] = settings.merge
            continue
        means[one] = (weight[one] * means[one] + weight[two] * means[two]) / (
            weight[one] + weight[two]
        )
        weight[one], members[one] = weight[one] + weight[two], joined
        seen[one] = np.maximum(seen[one], seen[two])
        alive = np.isfinite(distance[one])
        alive[two] = False
        row = np.where(seen @ seen[one] > 0, 1, 1 - means @ means[one])
        row[weight == 0] = 1
        distance[one, alive] = distance[alive, one] = row[alive]
        distance[two], distance[:, two] = np.inf, np.inf
        weight[two], members[two] = 0, np.empty(0, np.int64)
    identity = np.full(count, -1, np.int64)
    for number, group in enumerate(group for group in members if len(group)):
        identity[group] = number
    return identity[parts]


def _moments(table: pd.DataFrame, parts: np.ndarray, count: int) -> np.ndarray:
    """Return (parts, moments) float32: 1 where a part has a box in a frame of a camera."""
    moment = table.groupby(["camera", "frame"], sort=False).ngroup().to_numpy()
    seen = np.zeros((count, int(moment.max()) + 1 if len(moment) else 0), np.float32)
    seen[parts, moment] = 1
    return seen


def _range(table: pd.DataFrame) -> np.ndarray:
    """Return (2,) pixels: how far apart the centres of all boxes are at most, across and down."""
    if table.empty:
        return np.zeros(2)
    return np.ptp(_centres(table), axis=0)


def _centres(table: pd.DataFrame) -> np.ndarray:
    sides = table[["left", "top", "width", "height"]].to_numpy(float)
    return sides[:, :2] + sides[:, 2:] / 2


def _in_reach(
    table: pd.DataFrame, parts: np.ndarray, joined: np.ndarray, reach: np.ndarray
) -> bool:
    """Return whether each entry of a part is near the exit before it, in the same camera."""
    own = table[np.isin(parts, joined)]
    centres, part = _centres(own), parts[np.isin(parts, joined)]
    camera = own["camera"].to_numpy()
    order = np.lexsort((own["frame"].to_numpy(), camera))
    step = np.abs(np.diff(centres[order], axis=0))
    changes = (np.diff(part[order]) != 0) & (camera[order][1:] == camera[order][:-1])
    return bool((step[changes] <= reach).all())
