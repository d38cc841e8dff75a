"""A file is written whole or not at all, also by several writers at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from sameplayer.common.files import save_arrays, whole_file, whole_folder, write_text
from sameplayer.errors import DataError

fork = multiprocessing.get_context("fork")


def test_two_writers_do_not_take_each_others_work_away(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with whole_file(path) as first:
        first.write_text("first")
        with whole_file(path) as second:
            second.write_text("second")
        assert path.read_text() == "second"
        assert first.read_text() == "first"
    assert path.read_text() == "first"
    assert [one.name for one in tmp_path.iterdir()] == ["a.txt"]


def test_two_writers_of_a_folder_keep_the_one_that_ends_first(tmp_path: Path) -> None:
    path = tmp_path / "a"

    def write(text: str, inside: Callable[[], None] = lambda: None) -> None:
        with whole_folder(path) as partial:
            (partial / "file").write_text(text)
            inside()

    with pytest.raises(DataError, match="cannot be written"):
        write("first", lambda: write("second"))
    assert (path / "file").read_text() == "second"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", [whole_file, whole_folder])
def test_what_a_killed_writer_left_goes_at_the_next_write(tmp_path: Path, kind) -> None:
    def killed() -> None:
        with kind(tmp_path / "a"):
            os.kill(os.getpid(), signal.SIGKILL)

    child = fork.Process(target=killed)
    child.start()
    child.join()
    assert [one.name for one in tmp_path.iterdir()] == ["a.partial"]
    with kind(tmp_path / "a") as partial:
        assert partial.name == "a.partial"
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("kind", [whole_file, whole_folder])
def test_an_error_about_another_file_is_not_told_as_one_of_writing(tmp_path: Path, kind) -> None:
    with pytest.raises(FileNotFoundError, match="absent"), kind(tmp_path / "a"):
        (tmp_path / "absent").read_text()
    with pytest.raises(DataError, match="a: cannot be written \\(No space left"):
        with kind(tmp_path / "a"):
            raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_content_and_names_reach_the_disk_before_the_file_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def fsync(handle: int) -> None:
        there = (tmp_path / "a").exists()
        seen.append(("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file", there))

    monkeypatch.setattr(os, "fsync", fsync)
    write_text(tmp_path / "a", "text")
    assert seen == [("file", False), ("folder", True)]


def test_what_is_private_is_for_nobody_else_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_text(tmp_path / "secret", "text", private=True)
        with whole_folder(tmp_path / "whole", private=True):
            pass
        save_arrays(tmp_path / "folder" / "parts" / "a", {}, "")
        write_text(tmp_path / "open", "text")
    finally:
        os.umask(before)
    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in tmp_path.rglob("*")}
    assert modes.pop("a") in (0o600, 0o666)  # in a folder of 0700
    assert modes == {
        "secret": 0o600,
        "whole": 0o700,
        "folder": 0o700,
        "parts": 0o700,
        "open": 0o666,
    }
