"""Cameras of a match from what names its videos."""

from __future__ import annotations

from pathlib import Path

import pytest

from sameplayer.errors import DataError, SettingError
from sameplayer.tracks.camera import cameras_of


def test_one_path_is_a_match_of_one_camera(tmp_path: Path) -> None:
    (tmp_path / "left.mp4").write_bytes(b"")
    for video in (tmp_path / "left.mp4", str(tmp_path / "left.mp4")):
        assert [one.name for one in cameras_of(video)] == ["left"]
    assert cameras_of(tmp_path / "left.mp4", 1.5)[0].offset_s == 1.5


@pytest.mark.parametrize(("videos", "found"), [(5, "int"), ([b"a.mp4"], "bytes"), (None, "None")])
def test_what_names_no_videos_is_refused(videos: object, found: str) -> None:
    with pytest.raises(SettingError, match=f"videos is .*{found}.*expected a video's path"):
        cameras_of(videos)  # type: ignore[arg-type]


def test_a_camera_s_name_holds_no_control_characters(tmp_path: Path) -> None:
    video = tmp_path / "a\x1b]0;b\x07.mp4"
    video.write_bytes(b"")
    with pytest.raises(DataError, match=r"a\\x1b\]0;b.*Rename the file"):
        cameras_of(video)
