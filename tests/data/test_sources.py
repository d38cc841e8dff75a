"""Pictures and layouts: what is read, and what is said of what cannot be."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from sameplayer.data.check import check_crops
from sameplayer.data.crops import Crops, read_crops, write_crops
from sameplayer.data.images import decode, letterbox
from sameplayer.data.sources import read_source
from sameplayer.data.splits import hold_out
from sameplayer.data.synthetic import draw_clip, draw_league, histogram_features
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.errors import DataError
from sameplayer.evaluation.scores import evaluate
from sameplayer.ranking.ranking import rank


def picture(path: Path, high: int = 40, wide: int = 20) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(path.name)).integers(0, 255, (high, wide, 3), dtype=np.uint8)
    cv2.imwrite(str(path), pixels)
    return path


def test_letterbox_is_the_published_one_to_the_byte(golden: Path) -> None:
    data = np.load(golden / "letterbox.npz")
    for number in range(6):
        np.testing.assert_array_equal(
            letterbox(data[f"image_{number}"], 224), data[f"out_{number}"]
        )


def test_grey_and_16_bit_pictures_become_rgb_and_content_decides(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((9, 5), 70, np.uint8))
    assert (decode(tmp_path / "grey.png") == 70).all()
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((9, 5, 3), 0x4040, np.uint16))
    assert decode(tmp_path / "deep.png").dtype == np.uint8
    (tmp_path / "renamed.jpeg").write_bytes((tmp_path / "grey.png").read_bytes())
    assert decode(tmp_path / "renamed.jpeg").shape == (9, 5, 3)


def test_cmyk_transparent_and_turned_pictures_become_upright_rgb(tmp_path: Path) -> None:
    colours = np.zeros((16, 8, 3), np.uint8)
    colours[:8] = (200, 40, 30)
    colours[8:] = (20, 60, 180)
    whole = Image.fromarray(colours)
    whole.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=100)
    assert np.abs(decode(tmp_path / "cmyk.jpg").astype(int) - colours).max() < 30
    whole.convert("RGBA").save(tmp_path / "clear.png")
    np.testing.assert_array_equal(decode(tmp_path / "clear.png"), colours)
    turned = Image.Exif()
    turned[0x0112] = 3
    whole.save(tmp_path / "turned.jpg", exif=turned, quality=100)
    assert np.abs(decode(tmp_path / "turned.jpg").astype(int) - colours[::-1, ::-1]).mean() < 5


def test_a_picture_too_large_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    header = struct.pack(">II5B", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    content = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(header)) + chunk
    (tmp_path / "huge.png").write_bytes(content + struct.pack(">I", zlib.crc32(chunk)) + b"IEND")
    with pytest.raises(DataError, match="30000 x 30000 pixels"):
        decode(tmp_path / "huge.png")


def test_unreadable_pictures_say_why(tmp_path: Path) -> None:
    good = picture(tmp_path / "good.jpg").read_bytes()
    huge = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + struct.pack(">II", 30_000, 30_000) + b"\x08\2"
    cases = {"cut": (good[:-30], "truncated"), "empty": (b"", "empty"), "huge": (huge, "30000"),
             "text": (b"hello", "not a picture")}  # fmt: skip
    for name, (content, words) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=words):
            decode(tmp_path / name)
    with pytest.raises(DataError, match="no such file"):
        decode(tmp_path / "absent.jpg")


def test_check_says_everything_at_once(tmp_path: Path) -> None:
    import pandas as pd

    picture(tmp_path / "a.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:-40])
    rows = [
        ("a.jpg", "1", "train", None), ("a.jpg", "1", "train", None),
        ("gone.jpg", "2", "train", None), ("cut.jpg", "3", "query", None),
        ("a.jpg", "4", "gallery", (0, 0, 0, 9)), ("a.jpg", "4", "query", (90, 0, 5, 9)),
        ("a.jpg", "4", "train", (0, 0, 5, 9)),
    ]  # fmt: skip
    table = pd.DataFrame(
        [
            dict(zip(("left", "top", "width", "height"), box or (None,) * 4, strict=True))
            | {"image": image, "person": person, "role": role}
            for image, person, role, box in rows
        ]
    )
    kinds = {problem.kind: problem.row for problem in check_crops(Crops(table, tmp_path))}
    assert set(kinds) == {
        "missing file", "unreadable picture", "zero-size box", "box outside the picture",
        "query without a match", "person in train and test", "duplicate row",
        "single picture in train",
    }  # fmt: skip
    assert kinds["missing file"] == 2


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_tables_round_trip_with_root_and_scope(league: Crops, tmp_path: Path, ending: str) -> None:
    few = Crops(league.table.head(9), league.root, "sequence")
    write_crops(few, tmp_path / f"t.{ending}")
    again = read_crops(tmp_path / f"t.{ending}")
    assert again.scope == "sequence"
    assert again.table["person"].tolist() == few.table["person"].tolist()
    assert again.path(3).samefile(few.path(3))


def test_synergy_numbers_may_be_padded_or_not(tmp_path: Path) -> None:
    for name in ("0007_0003_00", "7_3_1", "007_03_02"):
        picture(tmp_path / "reid_training" / f"{name}.jpeg")
    table = read_source(tmp_path).table
    assert set(table["person"]) == {"7"}
    assert sorted(table["frame"]) == [0, 1, 2]
    picture(tmp_path / "reid_training" / "x_y.jpeg")
    with pytest.raises(DataError, match=r"x_y\.jpeg.*Expected"):
        read_source(tmp_path)


def test_market_leaves_junk_out_and_keeps_distractors(tmp_path: Path) -> None:
    for name in ("-1_c1s1_000401_03.jpg", "0000_c1s1_000151_01.jpg", "0002_c2s1_000301_02.jpg"):
        picture(tmp_path / "bounding_box_test" / name)
    picture(tmp_path / "query" / "0002_c1s1_000301_00.jpg")
    table = read_source(tmp_path).table
    assert sorted(table["role"]) == ["distractor", "gallery", "query"]
    assert table.loc[table["role"] == "distractor", "person"].isna().all()


def test_soccernet_identities_hold_inside_one_action(tmp_path: Path) -> None:
    name = "54404-1940-33397-5089-Player_team_right-9-014r002_00858c3b0003-775x449.png"
    picture(tmp_path / "train" / "a" / "2014" / "game" / "1940" / name)
    crops = read_source(tmp_path)
    row = crops.table.iloc[0]
    assert (crops.scope, row["person"], row["team"], row["number"]) == (
        "sequence", "33397", "right", "9",
    )  # fmt: skip


def test_a_folder_a_person_gives_queries_and_gallery(tmp_path: Path) -> None:
    for person in ("ann", "bob"):
        for number in range(3):
            picture(tmp_path / person / f"{number}.png")
    roles = read_source(tmp_path).table["role"].tolist()
    assert roles == ["query", "gallery", "gallery"] * 2


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


@pytest.mark.parametrize("content", [None, "readme.txt"])
def test_a_folder_that_fits_nothing_says_what_was_looked_for(
    tmp_path: Path, content: str | None
) -> None:
    if content:
        (tmp_path / content).write_text("x")
    with pytest.raises(DataError, match="empty" if content is None else "bounding_box_train"):
        read_source(tmp_path)


def test_a_league_is_decided_by_its_seed_to_the_byte(tmp_path: Path) -> None:
    first, again, other = (
        draw_league(tmp_path / name, 3, seed, test_persons=2, challenge_persons=2, frames=3)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    names = sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
    assert all((first / n).read_bytes() == (again / n).read_bytes() for n in names)
    assert any((first / n).read_bytes() != (other / n).read_bytes() for n in names
               if n.suffix == ".jpeg" and (other / n).exists())  # fmt: skip
    with pytest.raises(DataError, match="already holds files"):
        draw_league(tmp_path / "a", 3, 1)


def test_stopped_drawing_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw_league(tmp_path / "a", 3, 1, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_colour_histogram_does_not_solve_the_league(tmp_path: Path) -> None:
    root = draw_league(tmp_path / "a", 2, 1, test_persons=30, challenge_persons=2)
    test = read_source(root).of_split("test")
    pictures = [test.read(row) for row in range(len(test))]
    scores = evaluate(rank(Embeddings(histogram_features(pictures), test, "histogram")))
    assert scores.mAP < 0.45


def test_persons_of_the_splits_are_disjoint(league: Crops) -> None:
    parts = [set(league.of_split(name).table["person"].dropna()) for name in ("training", "test")]
    assert parts[0]
    assert not parts[0] & parts[1]


def test_split_keeps_persons_apart_and_singles_as_distractors(tmp_path: Path) -> None:
    for person, count in enumerate((3, 3, 3, 3, 3, 1)):
        for number in range(count):
            picture(tmp_path / "crops" / f"p{person}" / f"{number}.png")
    crops = read_source(tmp_path / "crops")
    made = hold_out(crops, 0.4, seed=1).table
    persons = {role: set(rows["person"].dropna()) for role, rows in made.groupby("role")}
    assert len(persons["train"]) == 3
    assert persons["query"] == persons["gallery"]
    assert len(persons["query"]) == 2
    assert not persons["train"] & persons["query"]
    assert made[made["role"] == "distractor"]["image"].tolist() == ["p5/0.png"]
    assert len(made) == len(crops)
    with pytest.raises(DataError, match="fewer than 2 on one side"):
        hold_out(crops, 0.1)
    with pytest.raises(DataError, match="share is 2"):
        hold_out(crops, 2)


def test_a_query_without_a_match_is_said_and_left_out(league: Crops) -> None:
    crops = league.of_split("test")
    first = crops.table["person"].iat[0]
    table = crops.table
    keep = (table["role"] == "query") | (table["person"] != first)
    fewer = crops.where(keep.to_numpy(dtype=bool))
    assert [p.kind for p in check_crops(fewer)] == ["query without a match"]
    rows = np.random.default_rng(1).normal(size=(len(fewer), 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    scores = evaluate(rank(Embeddings(rows, fewer, "random")))
    assert (scores.queries, scores.skipped) == (8, 1)
