"""The verbs of a gallery, from making one to embedding it anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sameplayer.cli import main
from sameplayer.data.crops import Crops
from sameplayer.data.sources import read_source
from sameplayer.encoder.encoder import load_encoder
from sameplayer.gallery.asking import ask
from sameplayer.gallery.enrolment import enrol_pictures, new_pictures
from sameplayer.gallery.gallery import open_gallery
from sameplayer.gallery.history import events
from sameplayer.gallery.policy import set_policy
from sameplayer.serve.tokens import find_token


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
    assert len(answers) == 8
    assert all(one["candidates"][0]["person"] in names for one in answers)
    assert all(one["pictures"] > 1 for one in answers)
    assert not any(one["question"] for one in answers)  # the gallery has these pictures already


def test_every_verb_that_shows_persons_is_a_look(club: Path, persons: Path) -> None:
    with open_gallery(club) as opened:
        crops = read_source(persons)
        rows = [crops.read(row) for row in (0, 1)]
        enrol_pictures(opened, {"Ann": new_pictures(opened, rows[:1])}, actor="me")
        question = ask(opened, rows[1:], actor="me", keep=True).question
        ann = opened.person("Ann").id
        set_policy(opened, "Ann", actor="me", expires="2020-01-01")
    for verb, seen in (("review", {question, ann}), ("history", {question, ann}),
                       ("sweep --dry-run", {ann}), ("show Ann", {ann})):  # fmt: skip
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
    made = ["gallery", "token", str(club), "--label", "phone", "--scopes", "read", "answer"]
    capsys.readouterr()
    assert main(made) == 0
    text = capsys.readouterr().out.strip()
    with open_gallery(club) as opened:
        found = find_token(opened, text)
    assert found is not None
    assert found.scopes == ("read", "answer")
    assert main(["gallery", "revoke", str(club), text]) == 0
    assert main(["gallery", "tokens", str(club)]) == 0
    assert "phone  read answer  revoked" in capsys.readouterr().out
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
