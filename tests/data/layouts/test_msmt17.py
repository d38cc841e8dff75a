"""MSMT17: the lists say what a picture is for, the names which camera took it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sameplayer.data.layouts.sources import read_source
from sameplayer.errors import DataError

LISTS = {
    "train": ["0000/0000_000_01_0303morning_0008_0.jpg 0"],
    "val": ["0000/0000_018_11_0303afternoon_0008_0_ex.jpg 0"],
    "query": ["0000/0000_045_12_0302noon_0006_2.jpg 0"],
    "gallery": [
        "0000/0000_046_07_0302noon_0006_2.jpg 0",
        "0012/0012_001_12_0113morning_1_1.jpg 12",
    ],
}


@pytest.fixture
def write(picture: Callable[..., Path]) -> Callable[..., None]:
    def write(top: Path, train: str = "train", test: str = "test") -> None:
        for name, lines in LISTS.items():
            folder = train if name in ("train", "val") else test
            for line in lines:
                picture(top / folder / line.split()[0])
            (top / f"list_{name}.txt").write_text("\n".join(lines) + "\n\n")

    return write


@pytest.mark.parametrize("folders", [("train", "test"), ("mask_train_v2", "mask_test_v2")])
def test_both_versions_are_read(
    tmp_path: Path, write: Callable[..., None], folders: tuple[str, str]
) -> None:
    write(tmp_path, *folders)
    crops = read_source(tmp_path)
    columns = ["image", "person", "role", "camera", "split"]
    assert (crops.source, crops.notes) == ("msmt17", ())
    assert sorted(map(tuple, crops.table[columns].to_numpy().tolist())) == sorted(
        [
            (f"{folders[0]}/{LISTS['train'][0][:-2]}", "train/0", "train", "1", "training"),
            (f"{folders[0]}/{LISTS['val'][0][:-2]}", "train/0", "train", "11", "training"),
            (f"{folders[1]}/{LISTS['query'][0][:-2]}", "test/0", "query", "12", "test"),
            (f"{folders[1]}/{LISTS['gallery'][0][:-2]}", "test/0", "gallery", "7", "test"),
            (f"{folders[1]}/{LISTS['gallery'][1][:-3]}", "test/12", "gallery", "12", "test"),
        ]
    )


def test_pictures_and_lists_that_do_not_meet_are_said(
    tmp_path: Path, write: Callable[..., None], picture: Callable[..., Path]
) -> None:
    write(tmp_path)
    picture(tmp_path / "train" / "0001" / "0001_000_01_0303morning_0008_0.jpg")
    (tmp_path / "test" / LISTS["query"][0].split()[0]).unlink()
    (tmp_path / "readme.txt").write_text("x")
    said = read_source(tmp_path).notes
    assert said[:2] == (
        "1 picture is named in the lists and not there "
        "(test/0000/0000_045_12_0302noon_0006_2.jpg).",
        "1 picture is left out (train/0001/0001_000_01_0303morning_0008_0.jpg), since no list "
        "names it.",
    )
    assert said[2].endswith("1 in .txt (readme.txt).")
    assert len(said) == 3


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0000/x.jpg", "list_query.txt, line 2: expected a picture and the number of its person"),
        ("0000/x.jpg ann", "found '0000/x.jpg ann'"),
        ("0000/x.jpg " + "9" * 5000, "line 2"),
        (LISTS["train"][0], None),
        (LISTS["query"][0], None),
        (LISTS["query"][0][:-1] + "1", "list_query.txt, line 2: .* is listed twice"),
        (LISTS["gallery"][0], "list_gallery.txt, line 1: .* is listed twice"),
        ("../../secret.jpg 1", None),
        ("\udcff 1", "not a text in UTF-8"),
    ],
)
def test_lines_that_no_list_has_are_refused(
    tmp_path: Path, write: Callable[..., None], line: str, words: str | None
) -> None:
    write(tmp_path)
    text = f"{LISTS['query'][0]}\n{line}\n"
    (tmp_path / "list_query.txt").write_bytes(text.encode(errors="surrogateescape"))
    if words is None:
        assert len(read_source(tmp_path)) == 5
        return
    with pytest.raises(DataError, match=words):
        read_source(tmp_path)


def test_names_that_are_not_msmt17s_are_refused(
    tmp_path: Path, picture: Callable[..., Path]
) -> None:
    for number in range(2):
        picture(tmp_path / "test" / "0000" / f"{number}.jpg")
    (tmp_path / "list_query.txt").write_text("0000/0.jpg 0\n0000/1.jpg 0\n")
    with pytest.raises(DataError, match=r"2 names do not parse.*<camera>_<time>"):
        read_source(tmp_path)
