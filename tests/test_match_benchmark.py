"""The baseline that our linking is measured against is the published method, not a weaker one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from match.gta import GtaSettings, connect, gta_link, settings_at, split
from match.pair import pair_labels, pair_scores
from scipy.spatial.distance import cdist

from sameplayer.identity.log.player_log import APPEARANCES, BOXES, LINKS, PlayerLog
from sameplayer.tracks.camera import Camera
from sameplayer.tracks.tracklets import TRACKLET_COLUMNS, Tracklets


def _tracklets(
    spans: list[tuple[str, int, int]], persons: list[int], noise: float, seed: int = 0
) -> tuple[Tracklets, np.ndarray, np.ndarray]:
    """A tracklet a span (camera, first, last frame), a feature for every box."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 1, (max(persons) + 1, 16))
    rows, features = [], []
    for tracklet, ((camera, first, last), person) in enumerate(zip(spans, persons, strict=True)):
        for frame in range(first, last + 1):
            spot = rng.uniform(0, 500, 2)
            rows.append((tracklet, camera, 0, frame, frame / 10, *spot, 30.0, 60.0, 1.0))
            features.append(centres[person] + rng.normal(0, noise, 16))
    table = pd.DataFrame(rows, columns=list(TRACKLET_COLUMNS))
    cameras = tuple(Camera(name, Path(name)) for name in sorted({span[0] for span in spans}))
    unit = np.array(features) / np.linalg.norm(features, axis=1, keepdims=True)
    return Tracklets(table, cameras), np.arange(len(rows)), unit


def _by_all_pairs(table: pd.DataFrame, features: np.ndarray, merge: float) -> np.ndarray:
    """The connector as it is described: all pairs of boxes, once more after each merge."""
    groups = [np.flatnonzero(table["tracklet"] == one) for one in table["tracklet"].unique()]
    moment = list(zip(table["camera"], table["frame"], strict=True))

    def distance(one: np.ndarray, two: np.ndarray) -> float:
        if {moment[row] for row in one} & {moment[row] for row in two}:
            return 1.0
        return float(cdist(features[one], features[two], "cosine").mean())

    while len(groups) > 1:
        pairs = [
            (distance(groups[i], groups[j]), i, j)
            for i in range(len(groups))
            for j in range(i + 1, len(groups))
        ]
        least, i, j = min(pairs)
        if least >= merge:
            break
        groups[i] = np.concatenate([groups[i], groups[j]])
        del groups[j]
    labels = np.empty(len(table), np.int64)
    for number, group in enumerate(groups):
        labels[group] = number
    return labels


def _same(one: np.ndarray, two: np.ndarray) -> bool:
    return bool(((one[:, None] == one) == (two[:, None] == two)).all())


@pytest.mark.parametrize("seed", range(8))
def test_the_connector_equals_the_mean_of_all_pairs_of_boxes(seed: int) -> None:
    rng = np.random.default_rng((seed, 1))
    spans, persons = [], []
    for _ in range(14):
        first = int(rng.integers(1, 40))
        spans.append((str(rng.choice(["a", "b"])), first, first + int(rng.integers(2, 9))))
        persons.append(int(rng.integers(5)))
    tracklets, rows, features = _tracklets(spans, persons, 0.5, seed)
    found = connect(
        tracklets.table, tracklets.table["tracklet"].to_numpy(), rows, features, GtaSettings()
    )
    expected = _by_all_pairs(tracklets.table, features, 0.4)
    assert 1 < expected.max() + 1 < 14
    assert _same(found, expected)


def test_tracklets_that_share_a_frame_of_a_camera_are_never_merged() -> None:
    spans = [("a", 1, 10), ("a", 10, 20), ("b", 5, 15)]
    tracklets, rows, features = _tracklets(spans, [0, 0, 0], 0.01)
    labels = gta_link(tracklets, rows, features)
    first, second, other = (labels[tracklets.table["tracklet"] == one][0] for one in range(3))
    assert first != second
    assert other in (first, second)


def test_a_jump_over_the_spatial_limit_is_not_merged() -> None:
    tracklets, rows, features = _tracklets([("a", 1, 10), ("a", 12, 20)], [0, 0], 0.01)
    assert gta_link(tracklets, rows, features).max() == 0
    assert gta_link(tracklets, rows, features, GtaSettings(spatial=0.0)).max() == 1


def test_a_long_tracklet_of_two_people_is_split_and_a_short_one_is_not() -> None:
    tracklets, rows, features = _tracklets([("a", 1, 60), ("a", 61, 120)], [0, 1], 0.1)
    one = np.zeros(120, np.int64)
    parts = split(one, rows, features, GtaSettings())
    assert _same(parts, (np.arange(120) >= 60).astype(np.int64))
    assert split(one, rows, features, GtaSettings(min_len=121)).max() == 0
    assert len(tracklets) == 2


def test_a_tracklet_of_one_person_is_not_split() -> None:
    _, rows, features = _tracklets([("a", 1, 120)], [0], 0.1)
    assert split(np.zeros(120, np.int64), rows, features, GtaSettings()).max() == 0


def test_at_most_max_k_parts_come_of_a_tracklet() -> None:
    _, rows, features = _tracklets(
        [("a", 1 + 40 * p, 40 + 40 * p) for p in range(5)], [*range(5)], 0.1
    )
    for most in (2, 3, 4):
        parts = split(np.zeros(200, np.int64), rows, features, GtaSettings(max_k=most))
        assert parts.max() + 1 == most


def test_boxes_without_a_feature_go_with_the_nearest_in_time() -> None:
    _, rows, features = _tracklets([("a", 1, 60), ("a", 61, 120)], [0, 1], 0.1)
    settings = settings_at(5)
    assert (settings.min_len, settings.min_samples) == (20, 2)
    kept = rows[2::5]
    parts = split(np.zeros(120, np.int64), kept, features[kept], settings)
    assert _same(parts, (np.arange(120) >= 60).astype(np.int64))


def test_a_tracklet_without_a_feature_stays_alone() -> None:
    tracklets, rows, features = _tracklets([("a", 1, 5), ("a", 7, 12), ("a", 14, 20)], [0] * 3, 0.1)
    known = tracklets.table["tracklet"].to_numpy() != 1
    labels = gta_link(tracklets, rows[known], features[known])
    alone = labels[~known]
    assert len(set(alone)) == 1
    assert set(alone).isdisjoint(labels[known])
    assert len(set(labels[known])) == 1


def _log_of(labels: pd.DataFrame, identity: pd.Series) -> PlayerLog:
    """A log with an appearance a person and camera, at the labelled boxes."""
    boxes = labels.assign(
        appearance=labels.groupby(["camera", "person"]).ngroup(), score=1.0, identity=identity
    ).sort_values(["appearance", "frame"])
    rows = boxes.groupby("appearance", as_index=False)[["identity", "camera"]].first()
    rows = rows.assign(sure=True).reindex(columns=list(APPEARANCES))
    cameras = tuple(Camera(name, Path(name)) for name in ("left_camera", "right_camera"))
    return PlayerLog(rows, boxes[list(BOXES)], pd.DataFrame(columns=list(LINKS)), cameras, {})


def test_the_true_log_of_the_soccer_pair_links_all_ten_and_merges_nobody() -> None:
    labels = pair_labels()
    scores = pair_scores(_log_of(labels, labels["person"]), labels)
    assert scores["persons whom both show"] == 10
    assert scores["under one identity in both"] == 10
    assert scores["identities of two persons"] == scores["not linked"] == {}
    assert scores["labelled boxes found"] == 1


def test_a_log_without_links_and_one_with_a_wrong_link_are_seen() -> None:
    labels = pair_labels()
    apart = pair_scores(_log_of(labels, labels["camera"] + labels["person"]), labels)
    assert apart["under one identity in both"] == 0
    assert len(apart["not linked"]) == 10
    here = (labels["person"] == "white-7") & (labels["camera"] == "left_camera")
    swapped = labels["person"].mask(here, "white-10")
    wrong = pair_scores(_log_of(labels, swapped), labels)
    assert wrong["identities of two persons"] == {"white-10": ["white-10", "white-7"]}
    assert wrong["under one identity in both"] == 9
