"""What the verb log says of bad input, and which odd input it makes a log of."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sameplayer.cli import main
from sameplayer.data.video.frames import open_video
from sameplayer.identity.inputs.corrections import Correction, FramePoint, write_corrections
from sameplayer.identity.log.log_files import load_log
from sameplayer.identity.log.player_log import PlayerLog
from sameplayer.synthetic.match import draw_match

FAST = ("--encoder", "colour", "--no-maps")


@dataclass(frozen=True)
class Match:
    """A drawn match of one camera, and how to run the command on something of it."""

    folder: Path
    boxes: pd.DataFrame
    pictures: list[np.ndarray]

    def table(self, name: str, table: pd.DataFrame) -> Path:
        path = self.folder / name
        table.to_csv(path, index=False)
        return path

    def video(self, name: str, times: list[float], turned: int = 0) -> Path:
        """Write the first pictures, shown at these seconds."""
        av = pytest.importorskip("av")
        path = self.folder / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=30)
            stream.options = {"preset": "ultrafast"}
            stream.height, stream.width = self.pictures[0].shape[:2]
            stream.pix_fmt, stream.thread_count = "yuv420p", 1
            if turned:
                stream.set_display_rotation(turned)
            stream.codec_context.time_base = Fraction(1, 1000)
            for time_s, picture in zip(times, self.pictures, strict=False):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = round(1000 * time_s), Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path


@pytest.fixture(scope="module")
def match(tmp_path_factory: pytest.TempPathFactory) -> Match:
    folder = draw_match(
        tmp_path_factory.mktemp("bad") / "m",
        3,
        seconds=2,
        cameras=1,
        fps=4,
        size=(320, 180),
        players=2,
    )
    boxes = pd.read_csv(folder / "boxes.csv").drop(columns="camera")
    boxes.to_csv(folder / "own.csv", index=False)
    video = open_video(folder / "camera1.mp4")
    return Match(folder, boxes, [frame.picture for frame in video.pick(range(1, len(video) + 1))])


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(
    match: Match,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run the command in the match's folder; return its status and what it said."""
    monkeypatch.chdir(match.folder)

    def call(*words: str | Path, out: Path | None = None) -> tuple[int, str]:
        folder = out or tmp_path / "LOG"
        status = main(["log", "--out", str(folder), *FAST, *map(str, words)])
        assert not list(tmp_path.rglob("*.partial"))
        return status, " ".join("".join(capsys.readouterr()).split())

    return call


def refused(result: tuple[int, str], *said: str) -> None:
    status, message = result
    assert status == 2
    assert "Traceback" not in message
    for part in said:
        assert part in message


def logged(result: tuple[int, str], folder: Path) -> PlayerLog:
    assert result[0] == 0, result[1]
    assert (folder / "report.html").is_file()
    return load_log(folder)


def test_a_video_that_cannot_be_read_is_refused_by_name(match: Match, run: Run) -> None:
    whole = (match.folder / "camera1.mp4").read_bytes()
    (match.folder / "half.mp4").write_bytes(whole[: len(whole) // 2])
    (match.folder / "empty.mp4").write_bytes(b"")
    for name in ("half.mp4", "empty.mp4"):
        refused(run(name, "--boxes", "own.csv"), name, "not a video that can be decoded", "end")
    refused(run("absent.mp4"), "absent.mp4: no such file")
    refused(run(match.folder), "a folder; expected a video")
    refused(run("camera1.mp4", "camera1.mp4"), "Two videos are called 'camera1'", "Rename one")


def test_a_video_without_frames_is_refused(match: Match, run: Run) -> None:
    match.video("none.mp4", [])
    refused(run("none.mp4", "--boxes", "own.csv"), "none.mp4")


def test_boxes_after_the_end_of_a_video_that_ends_early_are_refused(match: Match, run: Run) -> None:
    match.video("early.mp4", [0.0, 0.25, 0.5])
    refused(run("early.mp4", "--boxes", "own.csv"), "own.csv, row", "has 3", "in frame 8")


def test_a_variable_rate_keeps_its_times(match: Match, run: Run, tmp_path: Path) -> None:
    times = [0.0, 0.1, 0.7, 0.8, 1.4, 1.9, 2.0, 2.1]
    match.video("variable.mp4", times)
    log = logged(run("variable.mp4", "--boxes", "own.csv"), tmp_path / "LOG")
    shown = log.boxes.groupby("frame")["time_s"].first()
    np.testing.assert_allclose(shown, np.array(times)[shown.index - 1], atol=1e-3)


def test_boxes_are_of_the_picture_as_it_is_shown_when_a_video_is_turned(
    match: Match, run: Run, tmp_path: Path
) -> None:
    box = pd.DataFrame([(1, 200.0, 50.0, 30.0, 60.0)], columns=list(match.boxes)[:5])
    boxes = match.table("turned.csv", box)
    match.video("upright.mp4", [0.0], turned=90)
    refused(run("upright.mp4", "--boxes", boxes), "Nobody was found", "outside the picture of")
    match.video("over.mp4", [0.0], turned=180)
    assert len(logged(run("over.mp4", "--boxes", boxes), tmp_path / "LOG")) == 1


def test_a_frame_and_a_person_are_a_log_and_a_name_may_have_spaces(
    match: Match, run: Run, tmp_path: Path
) -> None:
    match.video("ein Bild, größer #1.mp4", [0.0])
    first = match.boxes[match.boxes["frame"] == 1]
    for count in (1, len(first)):
        out = tmp_path / str(count)
        boxes = match.table("first.csv", first[:count])
        log = logged(run("ein Bild, größer #1.mp4", "--boxes", boxes, out=out), out)
        assert 1 <= len(log) <= count
        assert log.cameras[0].name == "ein Bild, größer #1"


def test_nobody_in_one_camera_is_fine_and_nobody_at_all_is_said(
    match: Match, run: Run, tmp_path: Path
) -> None:
    none = match.table("nobody.csv", match.boxes[:0])
    first = match.table("one.csv", match.boxes[:2])
    refused(run("camera1.mp4", "--boxes", none), "Nobody was found", "Look whether the boxes")
    match.video("second.mp4", [0.0, 0.25])
    log = logged(run("camera1.mp4", "second.mp4", "--boxes", first, none), tmp_path / "LOG")
    assert set(log.appearances["camera"]) == {"camera1"}


def test_boxes_that_do_not_fit_name_their_row(match: Match, run: Run) -> None:
    for column, value, said in (
        ("frame", 99, "row 5: a box in frame 99; expected a frame of the video, which has 8"),
        ("track", 1.5, "row 5: expected a whole track number; found 1.5"),
    ):
        wrong = match.boxes.assign(track=-1.0)
        wrong.loc[wrong.index[3], column] = value
        refused(run("camera1.mp4", "--boxes", match.table("w.csv", wrong)), "w.csv, ", said)
    refused(run("camera1.mp4", "--boxes", "roster.csv"), "no known format of boxes")


def test_boxes_that_show_nobody_are_told(match: Match, run: Run, tmp_path: Path) -> None:
    wrong = match.boxes.astype({"left": float, "top": float, "width": float})
    for row, column, value in ((2, "left", 5000), (3, "width", 0), (4, "top", np.nan)):
        wrong.loc[wrong.index[row], column] = value
    result = run("camera1.mp4", "--boxes", match.table("w.csv", wrong))
    notes = logged(result, tmp_path / "LOG").facts["notes"]
    for note in (
        "Boxes of camera1: 1 box outside the picture of 320 x 180, row 4, is left out.",
        "Boxes of camera1: 1 box without a width and a height over 0, row 5, is left out.",
        "Boxes of camera1: 1 box without four numbers in pixels, row 6, is left out.",
    ):
        assert note in notes
        assert f"note: {note}" in result[1]


def test_the_first_frame_of_boxes_can_be_said(match: Match, run: Run, tmp_path: Path) -> None:
    boxes = match.table("later.csv", match.boxes[match.boxes["frame"].between(2, 7)])
    log = logged(run("camera1.mp4", "--boxes", boxes, "--first-frame", "0"), tmp_path / "LOG")
    assert log.boxes["frame"].min() == 3


def test_all_that_is_given_is_looked_at_before_the_first_camera_is(
    match: Match, run: Run, tmp_path: Path
) -> None:
    match.video("second.mp4", [0.0, 0.25])
    (match.folder / "text.txt").write_text("first\nlast\n")
    (match.folder / "cuts.txt").write_text("0.5\n")
    two = ("camera1.mp4", "second.mp4", "--boxes", "own.csv")
    refused(run(*two, "own.csv"), "own.csv, row", "which has 2")
    match.table("three.csv", match.boxes[:3])
    refused(run(*two, "three.csv", "--cuts", "cuts.txt", "text.txt"), "needs the column second")
    refused(run(*two, "three.csv", "--cuts", "cuts.txt"), "--cuts is 1 files")
    refused(run(*two), "own.csv: has no column camera")
    assert not (tmp_path / "LOG").exists()


def test_ids_that_jump_between_cameras_are_two_people_and_doubles_are_refused(
    match: Match, run: Run, tmp_path: Path
) -> None:
    match.video("second.mp4", [0.25 * place for place in range(8)])
    ids = match.boxes.assign(track=match.boxes.groupby("frame").cumcount())
    ids = ids[ids["track"] < 2]
    both = pd.concat(
        [ids.assign(camera="camera1"), ids.assign(camera="second", top=ids["top"] + 1)]
    )
    lost = match.table("lost.csv", both.drop(columns="camera"))
    refused(run("camera1.mp4", "--boxes", lost), "second box in frame 1", "column camera")
    boxes = match.table("both.csv", both)
    log = logged(run("camera1.mp4", "second.mp4", "--boxes", boxes), tmp_path / "LOG")
    assert log.boxes.groupby("appearance")["camera"].nunique().max() == 1


def test_a_roster_that_cannot_be_names_its_rows(match: Match, run: Run) -> None:
    roster = pd.read_csv(match.folder / "roster.csv", dtype=str)
    twice, third = roster.copy(), roster.copy()
    twice.loc[1, "number"] = twice.loc[0, "number"]
    third.loc[0, "team"] = "third"
    for table, said in (
        (twice, "rows 2 and 3: number"),
        (third, "expected two"),
        (roster[:0], "is empty"),
        (roster.assign(number="x"), "row 2: 'x' is no shirt number"),
    ):
        path = match.table("r.csv", table)
        refused(run("camera1.mp4", "--boxes", "own.csv", "--roster", path), "r.csv", said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--threshold", "0"), "--threshold is 0.0"),
        (("--threshold", "1"), "--threshold is 1.0"),
        (("--detector", "rtm-det"), "Did you mean 'rtmdet'?"),
        (("--tracker", "ownn"), "Did you mean 'own'?"),
        (("--encoder", "persn"), "Did you mean 'person'?"),
        (("--reader", "shrt"), "Did you mean 'shirt'?"),
        (("--first-frame", "2"), "--first-frame is 2; expected 0 or 1"),
        (("--seed", "-1"), "--seed is -1; expected 0 or more"),
        (("--tile", "48"), "--tile is 48; expected auto, none, or 64 pixels or more"),
        (("--fps", "1e300"), "--fps is 1e+300"),
        (("--offsets", "0", "1"), "--offsets is [0.0, 1.0]"),
        (("--offsets", "1e9"), "each below 1e+08"),
        (("--players", "0"), "--players is 0"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_before_anything_is_kept(
    run: Run, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    result = run("camera1.mp4", "--boxes", "own.csv", *words)
    refused(result, said)
    assert "?." not in result[1]
    assert not (tmp_path / "LOG").exists()


def test_no_boxes_and_no_detector_installed_say_what_to_install(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rfdetr", None)
    found = run("camera1.mp4", "--detector", "rf-detr")
    refused(found, "rfdetr", "sameplayer[detect]", "Or give boxes")
    assert not (tmp_path / "LOG").exists()


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_done(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("kept")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        refused(
            run("camera1.mp4", "--boxes", "own.csv", out=out), "file: is a file; expected a folder"
        )
    assert (tmp_path / "file").read_text() == "kept"


def test_corrections_that_cannot_be_name_their_rows_and_the_log_stays(
    match: Match, run: Run, tmp_path: Path
) -> None:
    words = ("camera1.mp4", "--boxes", "own.csv", "--roster", "roster.csv")
    log = logged(run(*words), tmp_path / "LOG")
    before = {path: path.read_bytes() for path in (tmp_path / "LOG").rglob("*") if path.is_file()}
    shown = log.boxes.groupby("frame")["appearance"].agg(set)
    one, other = (_place(log, at) for at in sorted(next(s for s in shown if len(s) > 1))[:2])
    who, second = pd.read_csv(match.folder / "roster.csv")["name"].iloc[:2]
    nowhere = FramePoint("camra1", 1, 5.0, 5.0)
    for rows, said in (
        ([("is", one, None, "Nobody")], "row 2: 'Nobody' is not on the roster"),
        ([("is", one, None, who), ("is", nowhere, None, who)], "row 3: no camera 'camra1'"),
        ([("is", FramePoint("camera1", 1, 900.0, 5.0), None, who)], "row 2: nobody stands at"),
        ([("is", one, None, who), ("is", one, None, second)], "rows 2, 3"),
        ([("is", one, None, who), ("is", other, None, who)], "rows 2, 3: they join"),
        ([("same", one, other, "")], "rows 2: they join"),
    ):
        path = match.folder / "c.csv"
        write_corrections([Correction(*row) for row in rows], path)
        refused(run(*words, "--corrections", path), f"Corrections, {said}", "rows count on through")
    after = {path: path.read_bytes() for path in (tmp_path / "LOG").rglob("*") if path.is_file()}
    assert after == before


def _place(log: PlayerLog, appearance: int) -> FramePoint:
    box = log.boxes[log.boxes["appearance"] == appearance].iloc[0]
    middle = box["left"] + box["width"] / 2, box["top"] + box["height"] / 2
    return FramePoint(box["camera"], int(box["frame"]), *map(float, middle))


def test_a_run_that_is_killed_and_started_again_gives_the_same_log(
    match: Match, run: Run, tmp_path: Path
) -> None:
    words = ("camera1.mp4", "--boxes", "own.csv")
    whole = logged(run(*words), tmp_path / "LOG")
    killed = tmp_path / "killed"
    command = [sys.executable, "-m", "sameplayer", "log", *words, "--out", str(killed), *FAST]
    process = subprocess.Popen(command, cwd=match.folder, stderr=subprocess.DEVNULL)
    while process.poll() is None and not list(killed.rglob("look-*.safetensors")):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(killed.rglob("look-*.safetensors"))
    assert not (killed / "log.json").exists()
    again = logged(run(*words, out=killed), killed)
    pd.testing.assert_frame_equal(again.appearances, whole.appearances)
    pd.testing.assert_frame_equal(again.boxes, whole.boxes)
    shutil.rmtree(killed)
