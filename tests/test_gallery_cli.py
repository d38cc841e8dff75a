"""The verbs of a gallery, from making one to embedding it anew."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sameplayer.cli import main
from sameplayer.data.crops import Crops
from sameplayer.data.layouts.sources import read_source
from sameplayer.encoder.load import load_encoder
from sameplayer.gallery.core.events import events
from sameplayer.gallery.core.records import Consent, NewPicture
from sameplayer.gallery.gallery import open_gallery
from sameplayer.gallery.people.consent import set_policy
from sameplayer.gallery.people.enrolment import enrol_pictures, new_pictures
from sameplayer.gallery.search.asking import ask
from sameplayer.gallery.tokens import find_token


@pytest.fixture(scope="module")
def persons(league_folder: Path, tmp_path_factory: pytest.TempPathFactory, league: Crops) -> Path:
    """The test persons of the league as a table, split between two tracks a person."""
    table = league.of_split("test").table.drop(columns=["split"])
    table["image"] = [str(league_folder / name) for name in table["image"]]
    out = tmp_path_factory.mktemp("persons") / "crops.csv"
    table.to_csv(out, index=False)
    return out


@pytest.fixture
def club(tmp_path: Path) -> Path:
    out = tmp_path / "CLUB"
    words = ["--encoder", "colour", "--purpose", "test", "--retention", "2y", "--by", "me"]
    assert main(["gallery", "create", str(out), *words]) == 0
    return out


def test_enrol_and_ask(
    club: Path, persons: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gallery", "enrol", str(club), str(persons)]) == 0
    assert "8 new persons" in capsys.readouterr().out
    assert main(["gallery", "enrol", str(club), str(persons)]) == 0
    assert "0 added" in capsys.readouterr().out
    out = tmp_path / "answers.json"
    asked = ["gallery", "ask", str(club), str(persons), "--track", "--json", str(out), "--keep"]
    assert main(asked) == 0
    assert "uncalibrated, of 8 persons" in capsys.readouterr().out
    answers = json.loads(out.read_text())
    with open_gallery(club) as opened:
        names = {one.id: one.name for one in opened.persons()}
    assert len({one["asked"] for one in answers}) == len(answers) == 8
    assert all(one["candidates"][0]["person"] in names for one in answers)
    assert all(one["pictures"] > 1 for one in answers)
    assert not any(one["question"] for one in answers)  # the gallery has these pictures already


def test_an_answer_names_the_track_or_the_box_that_it_is_about(
    club: Path, persons: Path, tmp_path: Path
) -> None:
    assert main(["gallery", "enrol", str(club), str(persons)]) == 0
    image = str(persons.parent / pd.read_csv(persons)["image"].iat[0])
    table = pd.DataFrame({"image": image, "sequence": ["3", "4"], "left": [0, 5], "top": [0, 6]})
    table.assign(width=9, height=20).to_csv(tmp_path / "two.csv", index=False)
    asked = []
    for words in ([], ["--track"]):
        out = tmp_path / "answers.json"
        line = ["gallery", "ask", str(club), str(tmp_path / "two.csv"), *words]
        assert main([*line, "--json", str(out)]) == 0
        asked.append([one["asked"].removeprefix(image) for one in json.loads(out.read_text())])
    assert asked == [[", box at 0, 0", ", box at 5, 6"], [", sequence 3", ", sequence 4"]]


def test_every_verb_that_shows_persons_is_a_look(club: Path, persons: Path) -> None:
    with open_gallery(club) as opened:
        crops = read_source(persons)
        rows = [crops.read(row) for row in (0, 1)]
        enrol_pictures(opened, {"Ann": new_pictures(opened, rows[:1])}, actor="me")
        question = ask(opened, rows[1:], actor="me", keep=True).question
        ann = opened.person("Ann").id
        set_policy(opened, "Ann", actor="me", expires="2020-01-01")
    for verb, seen in (
        ("review", {question, ann}),
        ("history", {question, ann}),
        ("sweep --dry-run", {ann}),
        ("show Ann", {ann}),
    ):
        name, *rest = verb.split()
        assert main(["gallery", name, str(club), *rest, "--by", "eva"]) == 0
        with open_gallery(club) as opened, opened.database.read() as cursor:
            (last,) = events(cursor, most=1)
        assert (last.actor, last.kind in ("look", "show")) == ("eva", True)
        assert set(last.subjects) == seen, verb


def test_calibrating_gives_probabilities(
    club: Path, league_folder: Path, persons: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gallery", "enrol", str(club), str(persons)]) == 0
    assert main(["gallery", "calibrate", str(club), str(league_folder)]) == 0
    capsys.readouterr()
    assert main(["gallery", "ask", str(club), str(persons)]) == 0
    assert "nobody we know" in capsys.readouterr().out


def test_calibration_counts_before_it_looks_at_any_picture(
    club: Path, persons: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = tmp_path / "few.csv"
    few.write_text(
        "image,person,sequence\n"
        + "".join(f"missing{at}.jpg,{at % 5},{at // 5}\n" for at in range(20))
    )
    assert main(["gallery", "calibrate", str(club), str(few)]) == 2
    told = capsys.readouterr().err
    assert "needs at least 10 persons seen in two or more separate tracks; " in told
    assert "has 5" in told


def test_settings_can_be_lifted(club: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--basis", "contract"], ["--basis", " "], ["--retention", "none"]):
        assert main(["gallery", "settings", str(club), *words]) == 0
    with open_gallery(club) as opened:
        assert (opened.settings.retention, opened.settings.basis) == (None, None)
    capsys.readouterr()
    assert main(["gallery", "settings", str(club), "--retention", "0"]) == 2
    told = capsys.readouterr().err
    assert "--retention is '0'; expected days, weeks or years" in told
    assert "or none to keep persons without limit" in told


def test_what_others_wrote_is_printed_on_one_line_without_control_characters(
    club: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\nPlayer 999 \u202e"
    with open_gallery(club) as opened:
        row = np.zeros((1, opened.settings.width), np.float32)
        row[0, 0] = 1
        ann = NewPicture(row[0], "1", 80, 40, 1.0, None, game="final")
        enrol_pictures(opened, {"Ann": [ann]}, actor=evil, consent=Consent("contract"))
        with opened.database.write() as cursor:  # as galleries took them once
            for table, column in (("person", "name"), ("person", "basis"), ("picture", "camera")):
                cursor.run(f"UPDATE {table} SET {column} = ?", evil)
            key = cursor.one("SELECT id FROM person")[0]
    Image.new("RGB", (40, 80)).save(tmp_path / "a.png")
    capsys.readouterr()
    for words in (
        ["persons"],
        ["show", key],
        ["history"],
        ["ask", tmp_path / "a.png"],
        ["audit"],
        ["show", "\x1b[2JNobody"],
    ):
        main(["gallery", words[0], str(club), *map(str, words[1:])])
        shown = capsys.readouterr()
        assert r"\x1b" in shown.out + shown.err or words == ["audit"]
        assert "\nPlayer 999" not in shown.out
        assert not {"\x1b", "\x07", "\u202e"} & set(shown.out + shown.err)


def test_who_has_a_picture_and_what_changed_is_said(
    club: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (40, 80), (9, 90, 200)).save(tmp_path / "a.png")
    table = tmp_path / "crops.csv"
    for rows, words, says in (
        ("a.png,Ann\n", ["--expires", "2999-01-01"], "1 added; 1 new"),
        ("a.png,Ann\n", ["--basis", "contract"], "basis, consent or day changed of 1: Ann"),
        ("a.png,Ann\n", ["--expires", "2999-05-01"], "an earlier day stays for 1: Ann"),
        ("a.png,Eve\n", [], "a.png: came for Eve, but is with Ann ("),
        ("a.png,\n" * 2 + "a.png,Ann\n", [], "0 added, 1 there already, 2 without a name left out"),
    ):
        table.write_text("image,person\n" + rows)
        capsys.readouterr()
        assert main(["gallery", "enrol", str(club), str(table), *words]) == 0
        assert says in capsys.readouterr().out


def test_another_encoder_from_the_pictures(
    club: Path, persons: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gallery", "enrol", str(club), str(persons)]) == 0
    new, other = tmp_path / "NEW", tmp_path / "encoder"
    load_encoder("colour").with_views(mirror=True).save(other)
    assert main(["gallery", "re-embed", str(club), "--out", str(new), "--encoder", str(other)]) == 0
    with open_gallery(club) as old, open_gallery(new) as made:
        assert made.settings.fingerprint != old.settings.fingerprint
        assert [one.id for one in made.persons()] == [one.id for one in old.persons()]
        first = made.persons()[0].id
        assert [one.id for one in made.pictures(first)] == [one.id for one in old.pictures(first)]
        assert made.files.read(made.pictures(first)[0].id)
    assert main(["gallery", "ask", str(new), str(persons)]) == 0


def test_a_token_is_made_listed_and_revoked(club: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = ["gallery", "token", str(club), "--label", "phone", "--scopes", "read", "query"]
    capsys.readouterr()
    assert main(made) == 0
    text = capsys.readouterr().out.strip()
    with open_gallery(club) as opened:
        found = find_token(opened, text)
    assert found is not None
    assert found.scopes == ("read", "query")
    assert main(["gallery", "revoke", str(club), text]) == 0
    assert main(["gallery", "tokens", str(club)]) == 0
    assert "phone  read query  revoked" in capsys.readouterr().out
    assert main([*made[:-1], "all"]) == 2


def test_a_gallery_without_pictures_cannot_be_embedded_anew(
    persons: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    club = str(tmp_path / "CLUB")
    words = ["--encoder", "colour", "--purpose", "test", "--no-keep-pictures"]
    assert main(["gallery", "create", club, *words]) == 0
    assert main(["gallery", "enrol", club, str(persons)]) == 0
    again = ["gallery", "re-embed", club, "--out", str(tmp_path / "NEW"), "--encoder", "person"]
    assert main(again) == 2
    assert "only their vectors" in capsys.readouterr().err
    assert not (tmp_path / "NEW").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["create", "CLUB", "--encoder", "colour", "--purpose", "x"], "already holds files"),
        (["create", "OTHER", "--purpose", "x", "--retention", "long"], "365d, 52w or 2y"),
        (["create", "OTHER", "--purpose", " ", "--encoder", "colour"], "--purpose"),
        (["create", "OTHER", "--purpose", "x", "--known", "1", "--encoder", "colour"], "--known"),
        (["ask", "CLUB", "nothing.jpg"], "no such file"),
        (["ask", "CLUB"], "No picture is given"),
        (["ask", "OTHER", "nothing.jpg"], "no such folder"),
        (["ask", "CLUB", "CLUB/gallery.sqlite"], "not a picture"),
        (["ask", "CLUB", "CLUB/gallery.sqlite", "--encoder", "person"], "made with encoder"),
        (["show", "CLUB", "Nobody"], "No person 'Nobody'"),
        (["settings", "CLUB", "--known", "2"], "--known"),
    ],
)
def test_bad_input_is_answered(
    words: list[str],
    says: str,
    club: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(club.parent)
    assert main(["gallery", *words]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert "Traceback" not in told
    assert not Path("OTHER").exists()
