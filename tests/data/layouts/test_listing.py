"""Files of a folder: none is lost without a word, and links lead nowhere endless."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sameplayer.data.layouts import listing
from sameplayer.data.layouts.listing import Files, file_names, is_hidden
from sameplayer.data.layouts.sources import read_source
from sameplayer.errors import DataError

# Words of many layouts, so that random trees are often one.
PLACES = st.sampled_from(
    [
        "bounding_box_train",
        "bounding_box_test",
        "query",
        "gallery",
        "train",
        "train_all",
        "val",
        "test",
        "valid",
        "reid_training",
        "reid_test",
        "data_reid",
        "ana",
        "0002",
        "day1",
        "a/b/c/1",
        ".git",
        "@eaDir",
    ]
)
NAMES = st.sampled_from(
    [
        "0002_c1s1_000451_03.jpg",
        "-1_c1s1_000451_03.jpg",
        "0000_c2s1_000451_03.jpg",
        "0007_c1_f0044158.jpg",
        "0007_c2_5.png",
        "0007_000_01_0303morning_0008_0.jpg",
        "1_2_3.jpeg",
        "5-1940-3-5-Player_team_right-9-014r002_0-775x449.png",
        "me.JPG",
        "x.HEIC.txt",
        "notes",
        "b.gz",
        ".DS_Store",
        "._1.jpg",
    ]
)
TREES = st.lists(st.tuples(st.lists(PLACES, max_size=3), NAMES), min_size=1, max_size=14)


@settings(max_examples=150, deadline=None)
@given(TREES)
def test_every_file_is_read_or_counted_or_hidden(tree: list[tuple[list[str], str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        for places, name in tree:
            path = top.joinpath(*places, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        try:
            crops = read_source(top)
        except DataError:
            return
        files = [path for path in top.rglob("*") if path.is_file()]
        hidden = sum(is_hidden(path, top) for path in files)
        left = [re.match(r"(\d+) \w+ (is|are) left out", note) for note in crops.notes]
        counts = [int(found[1]) for found in left if found]
        assert crops.table["image"].is_unique
        assert len(crops) + sum(counts) + hidden == len(files), crops.notes


def test_links_to_folders_are_followed_but_never_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "there" / "more").mkdir(parents=True)
    (tmp_path / "there" / "1.jpg").touch()
    (tmp_path / "there" / "more" / "2.jpg").touch()
    (tmp_path / "set" / "ana").mkdir(parents=True)
    links = {"ben": tmp_path / "there", "all": Path("/"), "up": Path(".."), "same": Path()}
    for name, target in links.items():
        (tmp_path / "set" / name).symlink_to(target)
    (tmp_path / "there" / "back").symlink_to(tmp_path / "there")
    (tmp_path / "set" / "ana" / "gone.jpg").symlink_to("nowhere")
    assert sorted(file_names(tmp_path / "set")) == [
        "all",
        "ana/gone.jpg",
        "ben/1.jpg",
        "ben/back",
        "ben/more/2.jpg",
        "same",
        "up",
    ]


def test_two_folders_that_lead_to_each_other_end(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").touch()
        (tmp_path / name / "link").symlink_to(tmp_path / other)
    assert sorted(Files(tmp_path).names) == [
        "a/1.jpg",
        "a/link/1.jpg",
        "a/link/link",
        "b/1.jpg",
        "b/link/1.jpg",
        "b/link/link",
    ]


def test_more_files_than_a_data_set_has_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jpg").touch()
    monkeypatch.setattr(listing, "MAX_FILES", 3)
    assert len(Files(tmp_path).names) == 3
    monkeypatch.setattr(listing, "MAX_FILES", 2)
    with pytest.raises(DataError, match="more than 2 files; name a smaller folder"):
        Files(tmp_path)


def test_links_are_followed_three_folders_down(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "1.jpg").touch()
    (tmp_path / "set" / "train" / "league" / "2015").mkdir(parents=True)
    for place in ("train/league/near", "train/league/2015/far"):
        (tmp_path / "set" / place).symlink_to(tmp_path / "there")
    assert sorted(file_names(tmp_path / "set")) == [
        "train/league/2015/far",
        "train/league/near/1.jpg",
    ]
