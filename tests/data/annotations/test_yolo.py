"""YOLO text as Ultralytics writes it for each frame, with and without scores and tracks."""

from __future__ import annotations

from pathlib import Path

import pytest

from sameplayer.data.annotations.yolo import has_yolo, read_yolo
from sameplayer.errors import DataError
from tests.data.annotations.read_back import boxes, read, texts, written


def frames(folder: Path, *lines: str, name: str = "match_{}.txt", start: int = 1) -> Path:
    """Write each text to the file of a frame; "" is a frame without a file."""
    for frame, text in enumerate(lines, start=start):
        if text:
            written(folder / name.format(frame), text + "\n")
    return folder


def test_boxes_tracks_and_scores_of_tracking_are_exact(tmp_path: Path) -> None:
    folder = frames(
        tmp_path / "track",
        "0 0.5 0.5 0.25 0.5 0.875 7\n0 0.75 0.5 0.125 0.25 0.5 12",
        "",
        "0 0.5 0.5 0.25 0.5 0.9 7",
        name="labels/match_{}.txt",
    )
    found, values = read(folder)
    assert values == [
        (1, 7, 0.375, 0.25, 0.25, 0.5),
        (1, 12, 0.6875, 0.375, 0.125, 0.25),
        (3, 7, 0.375, 0.25, 0.25, 0.5),
    ]
    assert found.table["score"].tolist() == [0.875, 0.5, 0.9]
    assert (found.first, found.shares, found.notes) == (None, True, ())
    seen, values = boxes(folder, frames=3, size=(160, 80))
    assert values[0] == (1, 7, 60, 20, 40, 40)
    assert seen.notes == ()


@pytest.mark.parametrize(
    ("lines", "tracks", "scores"),
    [
        (["0 0.5 0.5 0.1 0.1", "0 0.5 0.5 0.1 0.1"], [None, None], [None, None]),
        (["0 0.5 0.5 0.1 0.1 3", "0 0.5 0.5 0.1 0.1 4"], [3, 4], [None, None]),
        (["0 0.5 0.5 0.1 0.1 0.5", "0 0.5 0.5 0.1 0.1 1"], [None, None], [0.5, 1]),
        (["0 0.5 0.5 0.1 0.1 1\n0 0.6 0.5 0.1 0.1 1"], [None, None], [1, 1]),
        (["0 0.5 0.5 0.1 0.1 1", "0 0.5 0.5 0.1 0.1 1"], [1, 1], [None, None]),
        (["0 0.5 0.5 0.1 0.1 0.5", "0 0.5 0.5 0.1 0.1 0.5 2"], [None, 2], [0.5, 0.5]),
        (["0 0.5 0.5 0.1 0.1", "0 0.5 0.5 0.1 0.1 2"], [None, 2], [None, None]),
        (["0 0.5 0.5 0.1 0.1 1 1e+06"], [1e6], [1]),
    ],
)
def test_whole_numbers_are_tracks_and_others_are_scores(
    lines: list[str], tracks: list[float | None], scores: list[float | None], tmp_path: Path
) -> None:
    found = read(frames(tmp_path, *lines))[0]
    assert texts(found, "track") == tracks
    assert texts(found, "score") == scores


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.txt", "ball\ngoalkeeper\nplayer\n"),
        ("obj.names", "ball\r\ngoalkeeper\r\nplayer\r\n"),
        ("data.yaml", "train: x\nnames: ['ball', \"goalkeeper\", player]  # all\nnc: 3\n"),
        ("data.yaml", "nc: 3\nnames:\n  0: ball\n  1: 'goalkeeper'\n  2: player # last\ntest: y\n"),
        ("data.yaml", "names:\n- ball\n- goalkeeper\n- player\nnc: 3\n"),
        ("dataset.yaml", "names: {0: ball, 1: goalkeeper, 2: player}\n"),
    ],
)
@pytest.mark.parametrize("place", ["", "labels", "labels/train"])
def test_classes_have_the_names_that_lie_beside_them(
    name: str, text: str, place: str, tmp_path: Path
) -> None:
    written(tmp_path / name, text)
    folder = frames(tmp_path / place, "0 0.5 0.5 0.1 0.1\n1 0.5 0.2 0.1 0.1\n2 0.7 0.5 0.1 0.1")
    found = read(folder)[0]
    assert texts(found, "label") == ["ball", "goalkeeper", "player"]
    assert found.notes == (f"The classes are named by {name}.",)
    assert len(boxes(folder)[1]) == 2


def test_classes_without_names_are_cocos_where_only_those_count_so_far(tmp_path: Path) -> None:
    folder = frames(tmp_path / "a", "0 0.5 0.5 0.1 0.1\n32 0.5 0.2 0.1 0.1")
    seen, values = boxes(folder)
    assert len(values) == 1
    assert "are read as COCO's, in which 0 is person" in seen.notes[0]
    seen, values = boxes(frames(tmp_path / "b", "0 0.5 0.5 0.1 0.1\n2 0.5 0.2 0.1 0.1"))
    assert len(values) == 2
    assert "0, 2, have no names, so boxes of all of them are read" in seen.notes[0]
    assert boxes(frames(tmp_path / "c", "5 0.5 0.5 0.1 0.1"))[0].notes == (
        "Boxes are shares of the picture, from 0 to 1, since its size is not given.",
    )


def test_a_frame_zero_without_boxes_shows_where_frames_count_from(tmp_path: Path) -> None:
    folder = frames(tmp_path, " ", "0 0.5 0.5 0.1 0.1", name="frame_{:06d}.txt", start=0)
    assert read(folder)[0].first == 0
    assert [value[0] for value in boxes(folder, size=(10, 10))[1]] == [2]


def test_a_single_file_is_one_frame_and_names_its_folder(tmp_path: Path) -> None:
    frames(tmp_path, "0 0.5 0.5 0.1 0.1 3", "0 0.5 0.5 0.1 0.1 3")
    found, values = read(tmp_path / "match_2.txt")
    assert [value[:2] for value in values] == [(2, 3)]
    assert "give its folder" in found.notes[0]


def test_texts_of_several_videos_are_sequences(tmp_path: Path) -> None:
    frames(tmp_path, "0 0.5 0.5 0.1 0.1 3", name="left_{}.txt")
    frames(tmp_path, "0 0.5 0.5 0.1 0.1 3", name="right_{}.txt")
    assert sorted(texts(read(tmp_path)[0], "sequence")) == ["left", "right"]
    assert len(boxes(tmp_path, camera="left")[1]) == 1


def test_outlines_and_poses_are_left_out_and_counted(tmp_path: Path) -> None:
    outline = "0 " + " ".join(["0.25"] * 12)
    folder = frames(tmp_path / "a", f"0 0.5 0.5 0.1 0.1\n{outline}", outline)
    found, values = read(folder)
    assert len(values) == 1
    assert found.notes == (
        "2 boxes given by over 7 numbers (outlines, poses), such as match_1.txt line 2, are left "
        "out.",
    )
    with pytest.raises(DataError, match="no box that can be read"):
        read(frames(tmp_path / "b", outline))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 0.5 0.5 0.1 0.1\n0 0.5 0.5", r"match_1.txt, line 2: expected .* found '0 0.5 0.5'"),
        ("0 0.5 0.5 0.1 0.1\n0 0.5 x 0.1 0.1", "match_1.txt, line 2"),
        ("0.5 0.5 0.5 0.1 0.1", "match_1.txt, line 1"),
        ("0 0.5 0.5 0.1 0.1 0.5 0.5", "line 1: expected a whole track number .* found 0.5"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        read_yolo(frames(tmp_path, text))


def test_mot_text_and_other_texts_are_not_taken_for_yolo(tmp_path: Path) -> None:
    for text in ("1,2,10,10,20,40,1,-1,-1,-1", "1 2 10 10 20 40 0.9", "1 1 0 0 20 40", "hello", ""):
        assert not has_yolo(written(tmp_path / "a_1.txt", text))
    assert not has_yolo(tmp_path)
    assert not has_yolo(written(tmp_path / "classes.txt", "0 0.5 0.5 0.1 0.1"))
    named = written(tmp_path / "match.txt", "0 0.5 0.5 0.1 0.1")
    with pytest.raises(DataError, match="expected the frame's number at the end of its name"):
        read(named)
