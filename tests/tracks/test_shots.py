"""Cuts: a cut to another view is one; a camera that turns and a player who passes are none."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import chain, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from sameplayer.data.images.picture import Picture
from sameplayer.data.video.frames import open_video
from sameplayer.errors import DataError, MissingFile
from sameplayer.tracks.video.camera_motion import compare, thumbnail
from sameplayer.tracks.video.shots import find_cuts, read_cuts, shot_numbers
from tests.tracks.drawn import ground

BESIDE = Path(__file__).resolve().parents[2] / "shared"
SHARED = Path(os.environ.get("SAMEPLAYER_SHARED", BESIDE)) / "data"


def changes(pictures: Iterable[Picture]) -> np.ndarray:
    views = [thumbnail(picture) for picture in pictures]
    return np.array([0.0, *(compare(*pair)[0] for pair in pairwise(views))])


def test_every_cut_between_drawn_views_is_found_at_its_frame() -> None:
    shots = [[ground(seed)] * length for seed, length in ((1, 5), (2, 3), (3, 1), (4, 6))]
    assert find_cuts(changes(chain(*shots))).tolist() == [5, 8, 9]


@pytest.mark.parametrize("step", [2, 12, 30])
def test_a_camera_that_turns_makes_no_cut_and_its_turn_is_measured(step: int) -> None:
    rng = np.random.default_rng(0)
    wide = cv2.GaussianBlur(ground(5, 900), (0, 0), 2) + rng.integers(0, 20, (108, 900, 3))
    wide = wide.clip(0, 255).astype(np.uint8)
    turned = [np.ascontiguousarray(wide[:, x : x + 192]) for x in range(0, 600, step)]
    assert not len(find_cuts(changes(turned)))
    _, across, down = compare(thumbnail(turned[0]), thumbnail(turned[1]))
    assert across * 192 == pytest.approx(-step, abs=0.7)
    assert down * 192 == pytest.approx(0, abs=0.2)


def test_a_player_who_passes_close_by_makes_no_cut() -> None:
    views = []
    for left in range(-60, 192, 20):
        view = ground(6)
        view[:, max(0, left) : max(0, left + 60)] = (20, 20, 120)
        views.append(view)
    assert not len(find_cuts(changes(views)))


def test_restless_views_need_more_for_a_cut() -> None:
    restless = np.r_[0.0, np.full(30, 0.28), 0.4, np.full(5, 0.28)]
    assert not len(find_cuts(restless))
    assert find_cuts(np.r_[0.0, np.full(30, 0.02), 0.4, 0.02]).tolist() == [31]


def test_frames_of_two_sizes_are_two_views() -> None:
    assert compare(thumbnail(ground(1)), thumbnail(ground(1, 150)))[0] == 1


def test_shots_count_from_the_frame_at_which_they_begin() -> None:
    times = np.arange(6) / 5
    assert shot_numbers(times, np.array([0.8, 0.4])).tolist() == [0, 0, 1, 1, 2, 2]
    assert shot_numbers(times, np.zeros(0)).tolist() == [0] * 6


def test_real_clips_joined_are_cut_where_the_view_changes(volleyball: Path) -> None:
    """Of the clips, 1 and 2 show one view of match one, 3 and 4 one view of match two."""
    clips = [
        [cv2.imread(str(file))[:, :, ::-1] for file in sorted((clip / "img1").glob("*.jpg"))]
        for clip in sorted((volleyball / "clips").glob("clip*"))
    ]
    order = (0, 2, 1, 3)
    found = find_cuts(changes(chain(*(clips[one] for one in order))))
    assert found.tolist() == [10, 20, 30]


def test_real_soccer_videos_have_no_cut_and_one_where_they_are_joined() -> None:
    folder = SHARED / "soccer_two_cameras"
    if not folder.is_dir():
        pytest.skip(f"the soccer videos are not at {folder}")
    frames = [
        frame.picture
        for camera in ("left", "right")
        for frame in open_video(folder / f"{camera}_camera.mp4").pick(range(1, 60, 15))
    ]
    assert find_cuts(changes(frames)).tolist() == [4]


def test_a_file_of_cuts_is_one_a_line_or_a_csv(tmp_path: Path) -> None:
    (tmp_path / "cuts.txt").write_text("12.5\n\n3\n")
    (tmp_path / "cuts.csv").write_text("second,kind\n7.25,live\n9,replay\n")
    assert read_cuts(tmp_path / "cuts.txt").tolist() == [3, 12.5]
    assert read_cuts(tmp_path / "cuts.csv").tolist() == [7.25, 9]


@pytest.mark.parametrize("line", ["soon", "-1", "nan", "inf", "1e9"])
def test_a_line_that_is_no_time_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "cuts.txt").write_text(f"1\n{line}\n")
    with pytest.raises(DataError, match=f"cuts.txt, line 2: '{line}'; expected a time"):
        read_cuts(tmp_path / "cuts.txt")


def test_a_file_of_cuts_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="no such file"):
        read_cuts(tmp_path / "cuts.txt")
    (tmp_path / "cuts.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="is not a text file"):
        read_cuts(tmp_path / "cuts.txt")


@pytest.mark.parametrize(
    "content",
    [
        "second;kind\n2,5;live\n4;replay\n".encode("utf-16"),
        b"second\n2,5\n4\n",
        b"2.5,live\n4,replay\n",
        b'second\tkind\n"2,5"\tlive\n4\treplay\n',
        b'"2,5"\r"4"\r',
        b"frame,time_s,camera\n60,2.5,left\n96,4,left\n",
        b"2,5;live\n4;replay\n",
        b"Timecode List:,00:00:02.500\nScene Number,Start Frame,Start Time (seconds)\n"
        b"1,60,2.5\n2,96,4\n",
        b"sep=;\nTime;kind\n2,5;live\n4;\n",
    ],
)
def test_cuts_of_a_spreadsheet_keep_their_decimals(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cuts.csv").write_bytes(content)
    assert read_cuts(tmp_path / "cuts.csv").tolist() == [2.5, 4]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("00:01:05\n", "line 1: '00:01:05'; expected a time in seconds"),
        ("12.5s\n", "line 1: '12.5s'; expected a time"),
        ("12,5\n30,25\n", "line 1: '12,5'; expected one number, or a first line that names"),
        ("1;12,5\n", "expected one number"),
        ("frame,kind\n60,live\n", "needs the column second; found the columns frame, kind"),
        ("camera,time_s\nleft,2\nright,3\n", r"several cameras \(left, right\); save a file"),
    ],
)
def test_cuts_that_may_be_meant_otherwise_are_refused(
    tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "cuts.csv").write_text(text)
    with pytest.raises(DataError, match=words):
        read_cuts(tmp_path / "cuts.csv")


def test_cuts_may_be_a_sheet_or_none(tmp_path: Path) -> None:
    book = pytest.importorskip("openpyxl").Workbook()
    for row in (["second"], [12.5], [3]):
        book.active.append(row)
    book.save(tmp_path / "cuts.xlsx")
    assert read_cuts(tmp_path / "cuts.xlsx").tolist() == [3, 12.5]
    (tmp_path / "cuts.csv").write_text("\n")
    assert not len(read_cuts(tmp_path / "cuts.csv"))
