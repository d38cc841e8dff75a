"""Layouts: what is read, which is detect_format, and what is said of what cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from sameplayer.data.crops import Crops
from sameplayer.data.layouts.sources import SOURCES, Source, read_source
from sameplayer.errors import ConfigError, DataError, MissingFile, SettingError


def test_synergy_numbers_may_be_padded_or_not(tmp_path: Path, picture: Callable[..., Path]) -> None:
    for name in ("0007_0003_00", "7_3_1", "007_03_02"):
        picture(tmp_path / "reid_training" / f"{name}.jpeg")
    table = read_source(tmp_path).table
    assert set(table["person"]) == {"7"}
    assert sorted(table["frame"]) == [0, 1, 2]
    for name in ("x_y", "y_z", "z"):
        picture(tmp_path / "reid_training" / f"{name}.jpeg")
    with pytest.raises(DataError, match=r"x_y\.jpeg.*Expected"):
        read_source(tmp_path)


def test_market_leaves_junk_out_and_keeps_distractors(
    tmp_path: Path, picture: Callable[..., Path]
) -> None:
    for name in ("-1_c1s1_000401_03.jpg", "0000_c1s1_000151_01.jpg", "0002_c2s1_000301_02.jpg"):
        picture(tmp_path / "bounding_box_test" / name)
    picture(tmp_path / "query" / "0002_c1s1_000301_00.jpg")
    table = read_source(tmp_path).table
    assert sorted(table["role"]) == ["distractor", "gallery", "query"]
    assert table.loc[table["role"] == "distractor", "person"].isna().all()


def test_soccernet_identities_hold_inside_one_action(
    tmp_path: Path, picture: Callable[..., Path]
) -> None:
    name = "54404-1940-33397-5089-Player_team_right-9-014r002_00858c3b0003-775x449.png"
    picture(tmp_path / "train" / "a" / "2014" / "game" / "1940" / name)
    crops = read_source(tmp_path)
    row = crops.table.iloc[0]
    assert (crops.scope, row["person"], row["team"], row["number"]) == (
        "sequence",
        "33397",
        "right",
        "9",
    )


def test_a_folder_a_person_gives_queries_and_gallery(
    tmp_path: Path, picture: Callable[..., Path]
) -> None:
    for person in ("ann", "bob"):
        for number in range(3):
            picture(tmp_path / person / f"{number}.png")
    roles = read_source(tmp_path).table["role"].tolist()
    assert roles == ["query", "gallery", "gallery"] * 2


@pytest.mark.parametrize(
    ("layout", "names"),
    [
        ("folder", ["ann/1.png", "ben/1.png"]),
        ("folder", ["train/ann/1.png", "query/ben/1.png", "gallery/ben/2.png"]),
        ("synergy", ["set/reid_training/1_1_1.jpeg"]),
        (
            "market1501",
            ["query/0002_c1s1_000301_00.jpg", "bounding_box_test/0002_c2s1_000301_00.jpg"],
        ),
        ("soccernet", ["train/a/b/c/1940/5-1940-3-5-Player_team_right-9-014r002_0-775x449.png"]),
        ("mot", ["one/img1/000001.jpg"]),
    ],
)
def test_hidden_files_and_folders_are_nobodys(
    tmp_path: Path, picture: Callable[..., Path], layout: str, names: list[str]
) -> None:
    for name in names:
        picture(tmp_path / name)
        for folder in (".ipynb_checkpoints", "__MACOSX", "@eaDir", ".git"):
            parts = Path(name).parts
            for at in range(len(parts)):  # a copy at every depth
                picture(Path(tmp_path, *parts[:at], folder, *parts[at:]))
                picture(Path(tmp_path, *parts[:at], folder, parts[-1]))
        picture(Path(tmp_path, name).with_name("._" + Path(name).name))
    if layout == "mot":
        for folder in ("one", ".trash", "one/.trash"):
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / "boxes.txt").write_text("1,7,1,1,5,5,1\n")
            (tmp_path / folder / "._boxes.txt").write_text("junk")
            picture(tmp_path / folder / "img1" / "000001.jpg")
    crops = read_source(tmp_path)
    assert crops.source == layout
    top = tmp_path / "set" if layout == "synergy" else tmp_path
    assert sorted(str(top / name) for name in crops.table["image"]) == sorted(
        str(tmp_path / name) for name in names
    )


def test_a_name_is_one_person_in_whatever_unicode_form(
    tmp_path: Path, picture: Callable[..., Path]
) -> None:
    for folder, name in (("query", "José"), ("gallery", "Jose\u0301"), ("gallery", "Bo")):
        picture(tmp_path / folder / name / "1.png")
    (tmp_path / "persons.csv").write_text("person,team\nJose\u0301,reds\n", encoding="utf-8")
    crops = read_source(tmp_path)
    assert sorted(crops.table["person"]) == ["Bo", "José", "José"]
    assert (crops.table["team"] == "reds").sum() == 2
    assert sum(crops.path(row).is_file() for row in range(3)) == 3


def test_a_folder_of_hidden_folders_alone_has_no_layout(
    tmp_path: Path, picture: Callable[..., Path]
) -> None:
    picture(tmp_path / ".ipynb_checkpoints" / "1.png")
    with pytest.raises(DataError, match="no known layout"):
        read_source(tmp_path)


@pytest.mark.parametrize("content", [None, "readme.txt"])
def test_a_folder_that_fits_nothing_says_what_was_looked_for(
    tmp_path: Path, content: str | None
) -> None:
    if content:
        (tmp_path / content).write_text("x")
    with pytest.raises(DataError, match="empty" if content is None else "bounding_box_train"):
        read_source(tmp_path)


@pytest.mark.parametrize(
    ("layout", "good", "bad"),
    [
        (
            "train/a/2014/game/1940",
            "54404-1940-33397-5089-Player_team_right-9-014r002_00858c3b0003-775x449.png",
            "54404-1940-33397-x5-Player_team_right-9-014r002_00858c3b0003-775x449.png",
        ),
        (
            "train/a/2014/game/1940",
            "54404-1940-33397-5089-Player_team_right-9-014r002_00858c3b0003-775x449.png",
            "²-1940-33397-5089-Player_team_right-9-014r002_00858c3b0003-775x449.png",
        ),
        ("bounding_box_test", "0002_c2s1_000301_02.jpg", "-7_c2s1_000301_02.jpg"),
        ("bounding_box_train", "0002_c2s1_000301_02.jpg", "0002_c2_000301_02.jpg"),
        ("reid_challenge/query", "7.jpeg", "².jpeg"),
        ("reid_training", "1_2_3.jpeg", "1_2.jpeg"),
    ],
)
def test_a_name_that_does_not_parse_is_listed(
    tmp_path: Path, picture: Callable[..., Path], layout: str, good: str, bad: str
) -> None:
    picture(tmp_path / layout / good)
    assert len(read_source(tmp_path)) == 1
    picture(tmp_path / layout / bad)
    with pytest.raises(DataError, match="1 names do not parse") as caught:
        read_source(tmp_path)
    assert bad in str(caught.value)


def test_soccernets_splits_can_be_told_apart(tmp_path: Path, picture: Callable[..., Path]) -> None:
    name = "54404-1940-33397-5089-Player_team_right-9-014r002_00858c3b0003-775x449.png"
    for part in ("train", "valid/query", "valid/gallery", "test/query", "test/gallery"):
        picture(tmp_path / part / "a" / "2014" / "game" / "1940" / name)
    picture(tmp_path / "challenge" / "query" / "7-1940-775x449.png")
    crops = read_source(tmp_path)
    assert crops.table["split"].value_counts().to_dict() == {
        "training": 1,
        "valid": 2,
        "test": 2,
        "challenge": 1,
    }
    assert crops.of_split("valid").table["image"].str.startswith("valid/").all()


def test_no_camera_is_made_up(tmp_path: Path, picture: Callable[..., Path]) -> None:
    for name in ("reid_training/1_1_0", "reid_test/query/2_2_0", "reid_test/gallery/2_2_1"):
        picture(tmp_path / "synergy" / f"{name}.jpeg")
    for name in ("train/ann/1", "query/bob/1", "gallery/bob/2"):
        picture(tmp_path / "folder" / f"{name}.png")
    for name in ("synergy", "folder"):
        crops = read_source(tmp_path / name)
        assert crops.source == name
        assert crops.table["camera"].isna().all()


def test_facts_of_persons_join_their_pictures_and_erase_nothing(
    tmp_path: Path, picture: Callable[..., Path]
) -> None:
    stem = "1940-{}-5089-Player_team_right-{}-014r002_00858c3b0003-775x449.png"
    for row, (person, number) in enumerate((("1", "9"), ("2", "8"), ("3", "7"))):
        name = f"{row}-" + stem.format(person, number)
        picture(tmp_path / "train" / "a" / "2014" / "game" / "1940" / name)
    (tmp_path / "persons.csv").write_text(
        "person,number,kind,game\n1,00,NA,5\n2,,player,\n9,1,x,y\n"
    )
    table = read_source(tmp_path).table
    assert table["number"].tolist() == ["00", "8", "7"]
    assert table["kind"].fillna("-").tolist() == ["NA", "player", "-"]
    assert table["game"].tolist() == ["5", "a/2014/game", "a/2014/game"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\xff\xfe\xfa", "is not a text file"),
        (b"name\nann\n", "expected a column 'person'"),
        (b"person,frame\nann,1\n", "found frame"),
        (b"person,team\nann,a\nann,b\n", "person ann is listed twice"),
        (b"person,team\nann,a,b,c\nbob,d\n,e,f,g,h,i\n", "persons.csv"),
    ],
)
def test_facts_of_persons_that_cannot_be_read_say_so(
    tmp_path: Path, picture: Callable[..., Path], content: bytes, words: str
) -> None:
    for name in ("ann/1.png", "ann/2.png", "bob/1.png"):
        picture(tmp_path / name)
    (tmp_path / "persons.csv").write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_source(tmp_path)


@pytest.fixture
def own_layout() -> Iterator[str]:
    SOURCES["mine"] = Source(
        "files ending in .mine",
        lambda path: path.suffix == ".mine" or (path / "list.mine").is_file(),
        lambda path: Crops(
            pd.DataFrame(
                {"image": (path / "list.mine" if path.is_dir() else path).read_text().split()}
            ),
            path,
        ),
    )
    yield "mine"
    del SOURCES["mine"]


def test_an_own_layout_is_recognised_before_the_built_in_ones(
    tmp_path: Path, picture: Callable[..., Path], own_layout: str
) -> None:
    picture(tmp_path / "ann" / "1.png")
    assert read_source(tmp_path).source == "folder"
    (tmp_path / "list.mine").write_text("ann/1.png bob/2.png")
    crops = read_source(tmp_path)
    assert (crops.source, len(crops)) == (own_layout, 2)
    assert read_source(tmp_path, "folder").source == "folder"
    (tmp_path / "one.mine").write_text("x.png")
    assert read_source(tmp_path / "one.mine").table["image"].tolist() == ["x.png"]
    assert len(read_source(tmp_path / "one.mine", "mine")) == 1


def test_an_own_layout_stands_in_the_messages(
    tmp_path: Path, own_layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "readme.txt").write_text("x")
    with pytest.raises(DataError, match=r"mine\s+files ending in \.mine"):
        read_source(tmp_path)
    with pytest.raises(DataError, match="Did you mean 'mine'"):
        read_source(tmp_path, "minne")
    (tmp_path / "list.mine").write_text("")
    with pytest.raises(DataError, match=r"no pictures found; expected files ending in \.mine"):
        read_source(tmp_path)
    monkeypatch.setitem(SOURCES, "mine", Source("x", lambda path: True, lambda path: path))  # type: ignore[arg-type, return-value]
    with pytest.raises(ConfigError, match=r"Source 'mine' gave a .*Path; expected Crops"):
        read_source(tmp_path)


def test_paths_sources_and_scopes_that_are_wrong_are_said(
    tmp_path: Path, picture: Callable[..., Path]
) -> None:
    with pytest.raises(MissingFile, match="no such folder or table"):
        read_source(tmp_path / "gone")
    for person in ("ann", "bob"):
        picture(tmp_path / person / "1.png")
    with pytest.raises(SettingError, match="scope is 'club'; expected set, game or sequence"):
        read_source(tmp_path, scope="club")
    with pytest.raises(DataError, match="column 'game' is empty in 2 of 2 rows"):
        read_source(tmp_path, scope="game")
    assert read_source(tmp_path, scope="set").scope is None
    for source in SOURCES:
        with pytest.raises(DataError):
            read_source(tmp_path / "ann" / "1.png", source)
    with pytest.raises(DataError, match=r"no pictures found; expected bounding_box_train"):
        read_source(tmp_path, "market1501")
