"""The MOT layout: boxes that are read as they stand, or refused with their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from sameplayer.data.check import check_crops
from sameplayer.data.crops import Crops
from sameplayer.data.sources import read_source
from sameplayer.data.synthetic import draw_clip
from sameplayer.errors import DataError


def test_a_clip_is_cut_by_box_and_nothing_is_copied(tmp_path: Path) -> None:
    clip = draw_clip(tmp_path / "clip", frames=3, players=3)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    crops = read_source(clip)
    assert check_crops(crops) == []
    assert crops.scope == "sequence"
    box = crops.box(0)
    assert box is not None
    assert crops.read(0).shape[:2] == (box[3], box[2])
    assert sorted(path.name for path in tmp_path.rglob("*")) == before
    (clip / "gt" / "gt.txt").write_text("1,2,3\n")
    with pytest.raises(DataError, match="line 1"):
        read_source(clip)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two frames without content, and boxes that each test writes."""
    for name in ("000001.jpg", "000002.jpg"):
        (tmp_path / "clip" / "img1").mkdir(parents=True, exist_ok=True)
        (tmp_path / "clip" / "img1" / name).write_bytes(b"")
    (tmp_path / "clip" / "gt").mkdir()
    return tmp_path / "clip"


def boxes(clip: Path, content: str | bytes) -> Crops:
    data = content.encode() if isinstance(content, str) else content
    (clip / "gt" / "gt.txt").write_bytes(data)
    return read_source(clip)


@pytest.mark.parametrize(
    "line",
    [
        "1,,3,4,5,6,1", "1,2,3,4,5", "1,2,3,4,,6", ",2,3,4,5,6", "nan,2,3,4,5,6",
        "1,nan,3,4,5,6", "1,2,inf,4,5,6", "1,2,3,4,1e400,6", "inf,2,3,4,5,6", "1.5,2,3,4,5,6",
        "1,2.5,3,4,5,6", "-1,2,3,4,5,6", "a,b,c,d,e,f", "1 2 3 4 5 6", "1,2,3,4,5,6,x", "\0",
    ],
)  # fmt: skip
def test_a_line_that_is_no_box_is_refused_by_its_number(clip: Path, line: str) -> None:
    with pytest.raises(DataError, match=r"gt\.txt, line 3: expected frame,track"):
        boxes(clip, f"1,1,2,3,4,5\n\n{line}\n")


def test_a_file_that_is_no_text_is_refused(clip: Path) -> None:
    with pytest.raises(DataError, match=r"gt\.txt: not a text in UTF-8"):
        boxes(clip, b"1,1,2,3,4,5\n\xff\xfe\x81")


def test_boxes_are_read_as_they_stand(clip: Path) -> None:
    lines = ["\ufeff1,7.0,2,3,4,5\r", "2,7,-2.5,3,4,5,1,-1,-1,-1", "2,8,0,0,1,1,0,1,1"]
    crops = boxes(clip, "\n".join([*lines, "1,-1,2,3,4,5,1,,", "1,9,1,1,1,1,"]))
    table = crops.table
    assert table["image"].tolist() == [f"img1/{n:06d}.jpg" for n in (1, 2, 1, 1)]
    assert table["person"].fillna("-").tolist() == ["7", "7", "-", "9"]
    assert table["person"].dtype == "string"
    assert table["role"].tolist() == ["query", "gallery", "gallery", "query"]
    assert [crops.box(row) for row in range(2)] == [(2, 3, 4, 5), (-2.5, 3, 4, 5)]
    assert table["split"].tolist() == ["test"] * 4
    assert table["line"].tolist() == [1, 2, 4, 5]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no section", "no section"),
        (b"[Sequence]\nimDir=img1\nimDir=img2\n", "imdir"),
        (b"[Sequence]\nimDir\n", "imDir"),
        (b"[Sequence]\nimDir=\n", "imDir is ''"),
        (b"[Sequence]\nimDir=/etc\n", "imDir is '/etc'"),
        (b"[Sequence]\nimDir=a\0b\n", "imDir is"),
        (b"[Sequence]\nimExt=jpg\n", "imExt is 'jpg'"),
        (b"\xff\xfe[Sequence]", "cannot be read"),
        (b"[Sequence\nimDir=img1", "cannot be read"),
        (b"[Sequence]\n  x", "cannot be read"),
    ],
)
def test_facts_of_a_sequence_that_are_damaged_are_refused_by_name(
    clip: Path, content: bytes, words: str
) -> None:
    (clip / "seqinfo.ini").write_bytes(content)
    with pytest.raises(DataError, match=rf"seqinfo\.ini: .*{words}"):
        boxes(clip, "1,1,2,3,4,5\n")


def test_facts_of_a_sequence_say_where_frames_are(clip: Path) -> None:
    (clip / "img1" / "000001.png").write_bytes(b"")  # beside 000001.jpg
    (clip / "img1").rename(clip / "100 %")
    (clip / "seqinfo.ini").write_text("[Sequence]\nname=x\nimDir=100 %\nimExt=.png\n")
    assert boxes(clip, "1,1,2,3,4,5\n").table["image"].tolist() == ["100 %/000001.png"]


def test_a_folder_of_sequences_is_read_with_their_names(clip: Path) -> None:
    boxes(clip, "1,1,2,3,4,5\n2,1,2,3,4,5\n")
    table = read_source(clip.parent).table
    assert table["image"].tolist() == ["clip/img1/000001.jpg", "clip/img1/000002.jpg"]
    assert table["sequence"].tolist() == ["clip", "clip"]


def test_detections_are_read_where_nothing_better_lies_there(clip: Path) -> None:
    boxes(clip, "1,1,2,3,4,5\n")
    (clip / "det").mkdir()
    (clip / "det" / "det.txt").write_text("2,-1,2,3,4,5,0.9\n")
    assert read_source(clip).table["person"].tolist() == ["1"]
    (clip / "gt" / "gt.txt").unlink()
    table = read_source(clip).table
    assert table["person"].isna().tolist() == [True]
    assert table["image"].tolist() == ["img1/000002.jpg"]


@pytest.mark.parametrize("name", ["{:06d}.jpg", "{:08d}.jpg", "{}.jpg", "{:06d}.png", "{:08d}.JPG"])
def test_frames_are_found_by_their_number_however_they_are_written(
    tmp_path: Path, name: str
) -> None:
    for frame in (9, 10):
        (tmp_path / "img1").mkdir(exist_ok=True)
        (tmp_path / "img1" / name.format(frame)).write_bytes(b"")
    (tmp_path / "img1" / "notes.txt").write_text("no frame")
    (tmp_path / "gt").mkdir()
    crops = boxes(tmp_path, "9,1,2,3,4,5\n10,1,2,3,4,5\n11,1,2,3,4,5\n")
    assert list(crops.table["image"][:2]) == [f"img1/{name.format(frame)}" for frame in (9, 10)]
    assert crops.table["image"][2] == "img1/000011.jpg"  # told as missing by that name
