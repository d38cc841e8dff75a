"""Pictures of tables from another machine: found where there is no doubt, else said."""

from __future__ import annotations

from pathlib import Path
from unicodedata import normalize

import pandas as pd
import pytest

from sameplayer.data.check import check_crops
from sameplayer.data.crops import read_crops
from sameplayer.data.tabular.picture_paths import find_pictures


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("img/p1/0.png", "img/p2/0.png", "a b.png", "match.mp4", "p%201.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


@pytest.mark.parametrize(
    "written",
    [
        "img\\{}\\0.png",
        ".\\img\\{}\\0.png",
        "C:\\data\\img\\{}\\0.png",
        "C:/data/img/{}/0.png",
        "file:///C:/my%20data/img/{}/0.png",
        "file:///home/ann/img/{}/0.png",
        "/home/ann/data/img/{}/0.png",
        "\\\\server\\share\\img\\{}\\0.png",
        "img%2F{}/0.png",
        "D:\\x\\..\\img\\{}\\0.png",
        "/mnt/c/img\\{}\\0.png",
    ],
)
def test_paths_of_another_machine_are_found_below_the_table(root: Path, written: str) -> None:
    images = pd.Series([written.format(name) for name in ("p1", "p2")], dtype="str")
    found, notes = find_pictures(images, root)
    assert found.tolist() == ["img/p1/0.png", "img/p2/0.png"]
    assert notes[0].startswith("2 paths of pictures that are not here as written")
    assert "img/p1/0.png" in notes[0]


def test_frames_of_videos_and_names_with_blanks_are_found(root: Path) -> None:
    images = pd.Series(["C:\\v\\match.mp4#3", "a%20b.png", None], dtype="str")
    found, _ = find_pictures(images, root)
    assert found.iloc[:2].tolist() == ["match.mp4#3", "a b.png"]


def test_what_is_there_as_written_stays(root: Path) -> None:
    (root / "a\\b.png").write_bytes(b"x")
    names = [str(root / "a b.png"), "p%201.png", "a\\b.png", "gone.png"]
    for name in names:
        images = pd.Series([name], dtype="str")
        assert find_pictures(images, root) == (images, ())


def test_what_is_not_found_or_in_doubt_is_said(root: Path) -> None:
    gone = pd.Series(["C:\\x\\1.png"], dtype="str")
    found, notes = find_pictures(gone, root)
    assert found.tolist() == gone.tolist()
    assert "are of Windows or of another machine: no such file is here" in notes[0]
    assert "of another machine: no" in find_pictures(pd.Series(["/no/1.png"]), root)[1][0]
    (root / "0.png").write_bytes(b"x")
    two = pd.Series(["/q/p1/0.png", "/q/p2/0.png"], dtype="str")
    found, notes = find_pictures(two, root)
    assert found.tolist() == two.tolist()
    assert "ends alone name no single file" in notes[0]


def test_a_missing_file_with_a_path_of_windows_says_so(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image,role\nC:\\x\\1.png,train\n")
    crops = read_crops(tmp_path / "t.csv")
    problem = check_crops(crops)[0]
    assert problem.kind == "missing file"
    assert "It is a path of Windows; write it with slashes" in problem.text


@pytest.mark.parametrize(("here", "there"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_names_of_another_system_are_found_in_composed_letters_and_not(
    tmp_path: Path, here: str, there: str
) -> None:
    name = normalize(here, "José/1.png")
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_bytes(b"x")
    (tmp_path / "a.png").write_bytes(b"x")
    images = pd.Series([normalize(there, name), "a.png", None], dtype="str")
    found, _ = find_pictures(images, tmp_path)
    assert found.dropna().tolist() == [name, "a.png"]
    assert not len(find_pictures(images.iloc[:0], tmp_path)[0])
