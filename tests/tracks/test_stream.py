"""From videos to tracklets: streamed, resumable, exact in time, and clear about bad input."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sameplayer.data.video import frames as video_module
from sameplayer.errors import DataError, MissingExtra, SettingError
from sameplayer.tracks.boxes import Boxes
from sameplayer.tracks.camera import Camera, cameras_of
from sameplayer.tracks.stream import find_tracklets
from sameplayer.tracks.tracklets import Tracklets
from sameplayer.tracks.video import checkpoint as parts_module
from tests.tracks.drawn import (
    HIGH,
    WIDE,
    boxes_at,
    bright_people,
    ground,
    with_people,
    write_frames,
)

FRAMES = 40  # 4 s at 10 a second: a cut at 2 s
pytest.importorskip("av")


@pytest.fixture(scope="module")
def match(tmp_path_factory: pytest.TempPathFactory) -> tuple[Camera, ...]:
    """Two cameras of two walkers; in the first one the view changes at frame 21."""
    folder = tmp_path_factory.mktemp("match")
    views = [ground(seed) for seed in (1, 2, 3)]
    walk = [(20 + 2 * number, 150 - 2 * number) for number in range(FRAMES)]
    cut = [with_people(views[number >= 20], walk[number % 20]) for number in range(FRAMES)]
    still = [with_people(views[2], walk[number % 20]) for number in range(20)]
    write_frames(folder / "main.mp4", cut)
    write_frames(folder / "side.mp4", still)
    return cameras_of([folder / "main.mp4", folder / "side.mp4"], [0.0, 1.5])


def found(match: tuple[Camera, ...], **settings: object) -> Tracklets:
    return find_tracklets(match, **{"detector": bright_people, **settings})  # type: ignore[arg-type]


def test_people_are_followed_from_cut_to_cut_in_every_camera(match: tuple[Camera, ...]) -> None:
    tracklets = found(match)
    spans = tracklets.spans()
    assert spans["camera"].tolist() == ["main"] * 4 + ["side"] * 2
    assert spans["shot"].tolist() == [0, 0, 1, 1, 0, 0]
    assert spans["first_frame"].tolist() == [1, 1, 21, 21, 1, 1]
    assert spans["last_frame"].tolist() == [19, 19, 39, 39, 19, 19]
    assert spans["start_s"].tolist() == pytest.approx([0, 0, 2, 2, 1.5, 1.5])
    assert spans["boxes"].tolist() == [10] * 6
    assert tracklets.notes == ()
    first = tracklets.table[tracklets.table["tracklet"] == 0]
    assert np.abs(first["left"] - (20 + 2 * (first["frame"] - 1))).max() <= 1


def test_cuts_that_are_given_are_taken(match: tuple[Camera, ...], tmp_path: Path) -> None:
    assert found(match, cuts={"main": []}).spans()["shot"].max() == 0
    (tmp_path / "cuts.txt").write_text("1\n3\n")
    spans = found(match[:1], cuts=tmp_path / "cuts.txt").spans()
    assert spans.groupby("shot")["first_frame"].min().tolist() == [1, 11, 31]
    assert spans.groupby("shot")["last_frame"].max().tolist() == [9, 29, 39]
    with pytest.raises(SettingError, match="cuts"):
        found(match, cuts=[1.0])
    with pytest.raises(SettingError, match="cuts"):
        found(match, cuts={"top": [1.0]})
    with pytest.raises(SettingError, match="cuts"):
        found(match[:1], cuts=[float("nan")])


def test_a_camera_that_turns_does_not_break_tracklets(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    wide = np.repeat(np.repeat(rng.integers(30, 200, (27, 200, 3), dtype=np.uint8), 4, 0), 4, 1)
    turn = [0] * 4 + [30 * step for step in range(6)] + [150] * 4
    pictures = [
        with_people(wide[:HIGH, 300 - x : 300 - x + WIDE], (10 + 0.8 * x, 50 + 0.8 * x))
        for x in turn
    ]
    camera = cameras_of([write_frames(tmp_path / "turn.mp4", pictures)])
    assert found(camera, fps=10).spans()["boxes"].tolist() == [14, 14]


def test_given_boxes_need_no_detector_and_keep_their_ids(match: tuple[Camera, ...]) -> None:
    frames = range(1, FRAMES + 1)
    boxes = boxes_at({frame: [(30.0, 50.0)] for frame in frames}, track=7)
    spans = found(match[:1], boxes=boxes, detector="no such detector").spans()
    assert spans["boxes"].tolist() == [20, 20]
    assert spans["first_frame"].tolist() == [1, 21]


def test_a_cut_between_two_frames_looked_at_is_found_to_the_frame(tmp_path: Path) -> None:
    pictures = [ground(number >= 13) for number in range(FRAMES)]
    camera = cameras_of([write_frames(tmp_path / "a.mp4", pictures)])
    boxes = boxes_at({frame: [(30.0, 50.0)] for frame in range(1, FRAMES + 1)}, track=7)
    spans = find_tracklets(camera, boxes, fps=2).spans()
    assert spans["last_frame"].tolist() == [13, 40]


def test_boxes_on_some_frames_only_decide_which_are_looked_at(match: tuple[Camera, ...]) -> None:
    boxes = boxes_at({frame: [(30.0, 50.0)] for frame in range(4, FRAMES + 1, 5)})
    table = found(match[:1], boxes=boxes).table
    assert table["frame"].tolist() == list(range(4, FRAMES + 1, 5))


def test_boxes_are_given_by_camera_or_in_a_file_with_a_column(
    match: tuple[Camera, ...], tmp_path: Path
) -> None:
    table = pd.DataFrame({"frame": [1, 2], "left": 5, "top": 5, "width": 9, "height": 20})
    both = pd.concat([table.assign(camera="main"), table.assign(camera="side", left=50)])
    both.to_csv(tmp_path / "both.csv", index=False)
    table.to_csv(tmp_path / "one.csv", index=False)
    left = found(match, boxes=tmp_path / "both.csv").table.groupby("camera")["left"].first()
    assert left.to_dict() == {"main": 5, "side": 50}
    mapping = {"main": tmp_path / "one.csv", "side": boxes_at({1: [(30, 50)]})}
    assert len(found(match, boxes=mapping).table) == 3
    with pytest.raises(DataError, match=r"one\.csv: has no column camera"):
        found(match, boxes=tmp_path / "one.csv")
    with pytest.raises(SettingError, match="boxes for each camera: main, side"):
        found(match, boxes={"main": tmp_path / "one.csv"})
    with pytest.raises(SettingError, match="boxes for each of 2 cameras"):
        found(match, boxes=boxes_at({}))


def test_boxes_beyond_the_video_are_refused(match: tuple[Camera, ...], tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"Boxes of main, box 0: a box in frame 41; .* which has 40"
    ):
        found(match[:1], boxes=boxes_at({41: [(30, 50)]}))
    (tmp_path / "b.txt").write_text("1,1,5,5,9,20,1\n41,1,5,5,9,20,1\n")
    with pytest.raises(DataError, match=r"b\.txt, line 2: a box in frame 41; .* which has 40"):
        found(match[:1], boxes=tmp_path / "b.txt")
    with pytest.raises(DataError, match=r"Boxes of main, box 1: track 7 has a second box in fra"):
        found(match[:1], boxes=boxes_at({3: [(30, 50), (90, 50)]}, track=7))


def test_boxes_outside_the_video_are_left_out_with_a_note_wherever_they_come_from(
    match: tuple[Camera, ...], tmp_path: Path
) -> None:
    there = {frame: [(30.0, 50.0), (WIDE + 30.0, 50.0)] for frame in range(1, 9)}
    boxes = boxes_at(there)
    table = pd.DataFrame(
        {"frame": boxes.frame - 1}
        | {name: boxes.xywh[:, at] for at, name in enumerate(("left", "top", "width", "height"))}
    )
    table.to_csv(tmp_path / "b.csv", index=False)
    for given, notes in ((boxes, 1), (tmp_path / "b.csv", 2)):
        tracklets = found(match[:1], boxes=given)
        assert set(tracklets.table["left"]) == {boxes.xywh[0, 0]}
        assert len(tracklets.notes) == notes
        assert "main: 8 boxes outside the picture of 192 x 108" in tracklets.notes[-1]
    assert "count from 0" in tracklets.notes[0]


def test_the_first_frame_of_files_can_be_said(match: tuple[Camera, ...], tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("4,1,5,5,9,20,1\n")
    assert found(match[:1], boxes=tmp_path / "b.txt").table["frame"].tolist() == [4]
    later = found(match[:1], boxes=tmp_path / "b.txt", first_frame=0)
    assert later.table["frame"].tolist() == [5]


def test_teams_and_numbers_of_boxes_stay_with_their_tracklets(
    match: tuple[Camera, ...], tmp_path: Path
) -> None:
    (tmp_path / "b.csv").write_text(
        "frame,track,left,top,width,height,team,number\n1,4,5,5,9,20,Reds,10\n1,5,50,5,9,20,,\n"
        "2,4,5,5,9,20,Reds,7\n3,4,5,5,9,20,,7\n"
    )
    table = found(match[:1], boxes=tmp_path / "b.csv", fps=10).table
    assert table["team"].fillna("-").tolist() == ["Reds"] * 3 + ["-"]
    assert table["number"].fillna("-").tolist() == ["7"] * 3 + ["-"]
    assert found(match[:1]).table[["team", "number"]].isna().all(axis=None)


def test_without_boxes_and_without_a_detector_it_says_both(
    match: tuple[Camera, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match=r"No boxes .* Install the extra 'video'.*Or give boxes"):
        found(match, detector="rtmdet")


def test_the_shipped_detector_runs_in_the_whole(match: tuple[Camera, ...]) -> None:
    pytest.importorskip("onnxruntime")
    assert found(match[1:], detector="rtmdet", fps=1).cameras == match[1:]


@pytest.mark.parametrize("fps", [0, -1, float("nan")])
def test_a_rate_must_be_over_0(match: tuple[Camera, ...], fps: float) -> None:
    with pytest.raises(SettingError, match="fps"):
        found(match, fps=fps)


class StoppedError(Exception):
    """The process is killed here."""


def counting(stop_at: int | None = None) -> tuple[list[int], Callable[[np.ndarray], object]]:
    """A detector that counts its pictures, and dies at one of them."""
    calls: list[int] = []

    def detect(picture: np.ndarray) -> object:
        calls.append(1)
        if len(calls) == stop_at:
            raise StoppedError
        return bright_people(picture)

    detect.fingerprint = "bright"  # type: ignore[attr-defined]
    return calls, detect


def test_a_stopped_run_goes_on_at_the_first_missing_part(
    match: tuple[Camera, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sameplayer.tracks.video.detect_pass.PART_S", 1.0)
    whole = found(match)
    with pytest.raises(StoppedError):
        found(match, folder=tmp_path, detector=counting(stop_at=13)[1])
    kept = sorted(file.name for file in (tmp_path / "main").iterdir())
    assert kept == ["part-00000.safetensors", "part-00001.safetensors"]
    calls, detect = counting()
    again = found(match, folder=tmp_path, detector=detect)
    assert len(calls) == 30 - 10
    pd.testing.assert_frame_equal(again.table, whole.table)
    calls, detect = counting()
    pd.testing.assert_frame_equal(found(match, folder=tmp_path, detector=detect).table, whole.table)
    assert not calls


def test_parts_of_other_settings_damaged_or_of_another_video_are_done_again(
    match: tuple[Camera, ...], tmp_path: Path
) -> None:
    side = match[1:]
    found(side, folder=tmp_path, detector=counting()[1])
    (part,) = (tmp_path / "side").iterdir()
    calls, detect = counting()
    found(side, folder=tmp_path, detector=detect, fps=2.5)
    assert len(calls) == 5
    part.write_bytes(part.read_bytes()[:-50])
    calls, detect = counting()
    found(side, folder=tmp_path, detector=detect, fps=2.5)
    assert len(calls) == 5
    other = (Camera("side", match[0].video),)
    calls, detect = counting()
    found(other, folder=tmp_path, detector=detect, fps=2.5)
    assert len(calls) == 10


def test_a_folder_that_cannot_be_written_is_named(
    match: tuple[Camera, ...], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        found(match, folder=tmp_path / "file", detector=counting()[1])


def test_camera_names_cannot_leave_the_folder(tmp_path: Path) -> None:
    names = ["../up", "a/b", "..", "."]
    paths = [parts_module.part_folder(tmp_path, name) for name in names]
    assert len(set(paths)) == 4
    assert all(path.parent == tmp_path and path != tmp_path for path in paths)


def test_progress_rises_to_the_whole(match: tuple[Camera, ...]) -> None:
    told: list[tuple[float, float]] = []
    found(match, progress=lambda done, total: told.append((done, total)))
    done = [one for one, _ in told]
    assert done == sorted(done)
    assert told[-1][0] == pytest.approx(told[-1][1])
    assert len(told) >= 30


def test_a_video_that_ends_early_is_used_as_far_as_it_goes(tmp_path: Path) -> None:
    pictures = [with_people(ground(4), [20 + number]) for number in range(60)]
    whole = write_frames(tmp_path / "whole.mkv", pictures)
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.6)])
    tracklets = found(cameras_of([broken]))
    last = int(tracklets.table["frame"].max())
    assert 10 < last < 60
    assert len(tracklets) == 1
    assert "claims to be 6.0 s long and ends at " in tracklets.notes[0]
    assert len(video_module.open_video(broken)) - last < 12


def test_frames_that_cannot_be_decoded_are_told(
    match: tuple[Camera, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    pick = video_module.Video.pick

    def damaged(self: video_module.Video, numbers: object) -> object:
        frames = pick(self, numbers)  # type: ignore[arg-type]
        return (frame for frame in frames if not 5 <= frame.number <= 12)

    monkeypatch.setattr(video_module.Video, "pick", damaged)
    tracklets = found(match[1:])
    (note,) = tracklets.notes
    assert "4 of 10 frames cannot be decoded, between 0.4 and 1.0 s" in note
    assert tracklets.table["frame"].unique().tolist() == [1, 3, 13, 15, 17, 19]


def test_a_video_of_which_nothing_can_be_decoded_is_refused(
    match: tuple[Camera, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_module.Video, "pick", lambda self, numbers: iter(()))
    with pytest.raises(DataError, match="no frame of it can be decoded"):
        found(match)


def test_a_detector_without_people_gives_no_tracklets(match: tuple[Camera, ...]) -> None:
    tracklets = found(match, detector=lambda picture: (np.zeros((0, 4)), np.zeros(0)))
    assert len(tracklets) == 0
    assert tracklets.table.empty


def test_boxes_that_are_none_at_all_are_no_tracklets(match: tuple[Camera, ...]) -> None:
    nothing = Boxes(np.zeros(0, np.int64), np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))
    assert len(found(match[:1], boxes=nothing)) == 0


def test_boxes_of_a_detector_without_a_fingerprint_are_not_taken_for_another_s(
    match: tuple[Camera, ...], tmp_path: Path
) -> None:
    def twice(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        xywh, score = bright_people(picture)
        return np.concatenate([xywh, xywh + np.array([0, 50, 0, 0])]), np.tile(score, 2)

    side = match[1:]
    once = found(side, folder=tmp_path)
    both = found(side, folder=tmp_path, detector=twice)
    assert len(both.table) == 2 * len(once.table)
    assert list(tmp_path.iterdir()) == []


def test_a_given_track_with_a_gap_is_two_tracklets_that_follow_each_other(
    match: tuple[Camera, ...],
) -> None:
    frames = [*range(1, 6), *range(14, 21)]
    away = boxes_at({frame: [(30.0, 50.0)] for frame in frames}, track=7)
    whole = boxes_at({frame: [(30.0, 50.0)] for frame in range(1, 21)}, track=7)
    tracklets = found(match, boxes={"main": whole, "side": away}, cuts={"main": []})
    assert tracklets.spans()["boxes"].tolist() == [20, 5, 7]
    assert tracklets.follow.tolist() == [[1, 2]]
