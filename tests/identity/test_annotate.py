"""The annotated video: who is where, in colour when sure, grey and with a question mark if not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sameplayer.data.video.frames import open_video
from sameplayer.errors import DataError, MissingFile, SettingError
from sameplayer.identity.export import annotated_video as annotate
from sameplayer.identity.export.annotated_video import _label, annotated_video, draw_box
from sameplayer.identity.log.player_log import PlayerLog
from tests.identity.logs import SIZE, box_of, empty_log, make_log


@pytest.fixture(scope="module")
def drawn(log: PlayerLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return annotated_video(log, "left", tmp_path_factory.mktemp("out") / "left.mp4", height=None)


def changed(drawn: Path, log: PlayerLog, frame: int, person: int) -> float:
    """Return how much the lower edge of a person's box differs from the video's."""
    left, top, width, height = map(int, box_of(person, frame))
    edge = slice(top + height - 1, top + height + 2), slice(left, left + width)
    a, b = (
        open_video(path).read(frame)[edge].astype(float) for path in (drawn, log.cameras[0].video)
    )
    return float(np.abs(a - b).mean())


def test_every_frame_keeps_its_time_and_size(log: PlayerLog, drawn: Path) -> None:
    times = open_video(drawn).times
    np.testing.assert_allclose(times, open_video(log.cameras[0].video).times, atol=1e-3)
    assert open_video(drawn).read(1).shape == (SIZE[1], SIZE[0], 3)


def test_boxes_are_drawn_where_people_are_also_between_the_frames_of_the_log(
    log: PlayerLog, drawn: Path
) -> None:
    assert changed(drawn, log, 4, 0) > 20
    assert changed(drawn, log, 5, 0) > 20  # no box of the log is in this frame
    assert changed(drawn, log, 16, 0) < 12  # between two appearances nobody is named
    assert changed(drawn, log, 24, 3) < 12  # after his last appearance


def test_sure_ones_have_colours_of_their_own_and_the_others_are_grey(
    log: PlayerLog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = set()

    def note(
        picture: np.ndarray, box: np.ndarray, words: str, colour: object, *, dashed: bool
    ) -> None:
        asked.add((words, colour, dashed))

    monkeypatch.setattr(annotate, "draw_box", note)
    annotated_video(log, "left", tmp_path / "x.mkv", fps=5, height=48)
    words = {one[0]: one for one in asked}
    assert len(asked) == len(words) == 5
    assert words["unknown 2 ?"][1:] == ((150, 150, 150), True)
    assert words["blue 00 ?"][2]
    assert not words["blue 00"][2]
    assert len({one[1] for one in asked if not one[2]}) == 3
    video = open_video(tmp_path / "x.mkv")
    assert len(video) == 15
    assert video.read(1).shape == (48, 80, 3)


def test_dashes_leave_gaps_and_lines_do_not() -> None:
    pictures = [np.zeros((80, 80, 3), np.uint8) for _ in range(2)]
    for picture, dashed in zip(pictures, (False, True), strict=True):
        draw_box(picture, np.array([10, 30, 60, 40]), "a", (255, 255, 255), dashed=dashed)
    whole, gaps = (picture[70, 12:68, 0] > 128 for picture in pictures)
    assert whole.all()
    assert 0.3 < gaps.mean() < 0.9


def test_names_of_other_scripts_are_drawn_and_not_as_question_marks() -> None:
    labels = [_label(words, (255, 255, 255), 20) for words in ("Ødegård", "Яшин", "???")]
    assert all(label.min() < 50 for label in labels)
    assert len({label.shape[1] for label in labels}) == 3


def test_a_box_over_the_edge_is_drawn_as_far_as_it_goes() -> None:
    picture = np.zeros((40, 40, 3), np.uint8)
    draw_box(
        picture, np.array([-30, -10, 200, 200]), "a very long name indeed", (9, 9, 9), dashed=True
    )
    assert picture.any()


def test_without_h264_the_video_is_mpeg4(
    log: PlayerLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(annotate, "CODECS", (("no such", {}), *annotate.CODECS[1:]))
    path = annotated_video(log, "right", tmp_path / "x.mp4")
    assert len(open_video(path)) == 30


def test_progress_ends_with_all(log: PlayerLog, tmp_path: Path) -> None:
    told: list[tuple[float, float]] = []
    annotated_video(log, "left", tmp_path / "x.mp4", progress=lambda *of: told.append(of))
    assert told[-1] == pytest.approx((2.9, 2.9))
    assert len(told) == 30


def test_a_video_in_which_nobody_is_stays_as_it_was(tmp_path: Path) -> None:
    log = empty_log(tmp_path)
    path = annotated_video(log, "left", tmp_path / "out.mp4")
    a, b = open_video(path).read(3), open_video(log.cameras[0].video).read(3)
    assert np.abs(a.astype(float) - b).mean() < 4


def test_what_cannot_be_drawn_is_refused_and_leaves_nothing(log: PlayerLog, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"No camera 'lef' in the log\. Did you mean 'left'"):
        annotated_video(log, "lef", tmp_path / "x.mp4")
    with pytest.raises(SettingError, match=r"a video's name ending in \.mp4"):
        annotated_video(log, "left", tmp_path / "x.gif")
    with pytest.raises(SettingError, match="height is 2"):
        annotated_video(log, "left", tmp_path / "x.mp4", height=2)
    with pytest.raises(MissingFile):
        annotated_video(make_log(tmp_path / "no", video=False), "left", tmp_path / "x.mp4")
    late = make_log(tmp_path / "late")
    late.boxes["frame"] += 20
    with pytest.raises(DataError, match=r"boxes up to frame \d+ of 'left'; its video has 30"):
        annotated_video(late, "left", tmp_path / "x.mp4")
    assert {path.name for path in tmp_path.iterdir()} <= {"late", "no"}
