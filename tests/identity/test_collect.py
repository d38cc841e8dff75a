"""Who was seen together, which pictures are chosen, and which tracklets are cut."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from sameplayer.identity.evidence.collect import FOLLOWED, collect_evidence, seen_together
from sameplayer.identity.evidence.samples import EACH_S, MOST, Samples, choose_boxes
from sameplayer.identity.evidence.sampling import cut_out
from sameplayer.numbers.reader import NUMBERS
from sameplayer.tracks.camera import Camera
from sameplayer.tracks.tracklets import TRACKLET_COLUMNS, Tracklets

CAMERAS = (Camera("a", Path("a.mp4")), Camera("b", Path("b.mp4")))


def _tracklets(*walks: tuple[str, int, int, float]) -> Tracklets:
    """One tracklet a walk: camera, first and last frame (five a second), and where it stands."""
    rows = [
        (number, camera, 0, frame, frame / 5, left, 100.0, 30.0, 80.0, 0.9)
        for number, (camera, first, last, left) in enumerate(walks)
        for frame in range(first, last + 1)
    ]
    return Tracklets(pd.DataFrame(rows, columns=list(TRACKLET_COLUMNS)), CAMERAS)


def test_two_seen_at_once_in_one_camera_are_two_persons() -> None:
    apart = seen_together(
        _tracklets(("a", 1, 10, 0), ("a", 8, 20, 300), ("a", 15, 30, 600), ("b", 1, 30, 0))
    )
    assert (apart == apart.T).all()
    assert apart[0, 1]
    assert apart[1, 2]
    assert not apart[0, 2], "one after the other may be one person"
    assert not apart[3].any(), "another camera may show the same person"


def test_two_boxes_that_lie_on_each_other_may_be_one_person() -> None:
    apart = seen_together(_tracklets(("a", 1, 10, 0), ("a", 5, 14, 4), ("a", 1, 14, 25)))
    assert not apart[0, 1]
    assert apart[0, 2]


def test_pictures_are_spread_over_a_tracklet_and_bounded() -> None:
    tracklets = _tracklets(("a", 1, 200, 0), ("a", 1, 3, 300), ("b", 7, 7, 0))
    chosen = choose_boxes(tracklets)
    of = tracklets.table["tracklet"].to_numpy()[chosen]
    assert (np.bincount(of) == [MOST, int(0.4 / EACH_S) + 1, 1]).all()
    times = tracklets.table["time_s"].to_numpy()[chosen[of == 0]]
    assert np.diff(times).max() < 2.5 * 40 / MOST
    assert (np.diff(chosen) > 0).all()


def test_the_largest_and_least_covered_box_is_chosen() -> None:
    tracklets = _tracklets(("a", 1, 1, 0), ("a", 1, 2, 20))
    table = tracklets.table.copy()
    table.loc[table["frame"] == 2, "height"] = 79.0  # a little smaller, but nobody is before it
    chosen = choose_boxes(Tracklets(table, CAMERAS))
    assert table["frame"].iloc[chosen].tolist() == [1, 2]


def test_what_lies_beyond_the_edge_is_not_cut_out() -> None:
    picture = np.arange(60 * 80 * 3, dtype=np.uint8).reshape(60, 80, 3)
    assert cut_out(picture, (70, 40, 30, 40)).shape == (22, 12, 3)
    assert min(cut_out(picture, (79.5, 59.5, 0.2, 0.2)).shape[:2]) >= 8
    inside = cut_out(picture, (20, 20, 10, 20))
    assert (inside == picture[19:41, 19:31]).all()


def _samples(tracklets: Tracklets, persons: np.ndarray, seed: int = 0) -> Samples:
    """Pictures of every box: rows about the centre of persons (boxes,), shirts of two kits."""
    rng = np.random.default_rng(seed)
    centres, kits = rng.normal(size=(persons.max() + 1, 64)), np.eye(8)[[0, 1]]
    count = len(persons)
    rows = centres[persons] + rng.normal(0, 0.3, (count, 64))
    shirts = kits[persons % 2] + rng.normal(0, 0.05, (count, 8))
    number = np.full((count, len(NUMBERS) + 1), -12.0, np.float32)
    number[:, -1] = 0
    return Samples(
        np.arange(count),
        (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16),
        (shirts / np.linalg.norm(shirts, axis=1, keepdims=True)).astype(np.float16),
        np.where(persons[:, None] % 2, [30, 60, 190], [240, 240, 240]).astype(np.float32),
        number,
        np.ones(count, np.float32),
    )


def test_evidence_says_who_is_who_and_in_which_kit() -> None:
    walks = [("a", 1, 40, 60.0 * person) for person in range(12)]
    walks += [("a", 60, 99, 60.0 * person) for person in range(12)]
    tracklets = _tracklets(*walks)
    persons = np.repeat(np.tile(np.arange(12), 2), 40)
    collected = collect_evidence(tracklets, _samples(tracklets, persons))
    assert collected.facts["cut_tracklets"] == 0
    same = np.eye(24, k=12, dtype=bool) | np.eye(24, k=-12, dtype=bool)
    assert (collected.evidence.appearance[same] > 2).all()
    other = ~same & ~np.eye(24, dtype=bool)
    assert (collected.evidence.appearance[other] < 0).all()
    assert collected.kits is not None
    assert collected.kits.words == ("white", "blue")
    assert (collected.evidence.team.argmax(axis=1) == np.tile(np.arange(12), 2) % 2).all()


def test_a_tracklet_that_goes_over_to_somebody_else_is_cut_there() -> None:
    walks = [("a", 1, 40, 60.0 * person) for person in range(12)]
    tracklets = _tracklets(*walks)
    persons = np.repeat(np.arange(12), 40)
    persons[20:40] = 5  # the first tracklet
    collected = collect_evidence(tracklets, _samples(tracklets, persons))
    assert len(collected.tracklets) == 13
    assert collected.tracklets.spans()["last_frame"].iloc[0] == 20
    assert collected.tracklets.spans()["first_frame"].iloc[1] == 21


def test_tracklets_of_one_given_track_follow_each_other_also_where_one_is_cut() -> None:
    tracklets = _tracklets(("a", 1, 40, 0), ("a", 1, 40, 300), ("a", 61, 100, 0))
    persons = np.repeat([0, 1, 2], 40)
    persons[20:40] = 3  # the first one goes over to somebody else
    unlike = collect_evidence(tracklets, _samples(tracklets, persons))
    together = replace(tracklets, follow=np.array([[0, 2]]))
    collected = collect_evidence(together, _samples(tracklets, persons))
    assert len(collected.tracklets) == 4
    assert collected.tracklets.follow.tolist() == [[1, 3]]
    assert unlike.evidence.appearance[1, 3] < 0
    assert collected.evidence.appearance[1, 3] == collected.evidence.appearance[3, 1] == FOLLOWED
