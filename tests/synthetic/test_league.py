"""The drawn league and clips: decided by the seed, and not solved by colours."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from sameplayer.cli import main
from sameplayer.data.check import check_crops
from sameplayer.data.layouts.sources import read_source
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.encoder.networks.colour import colour_features
from sameplayer.errors import DataError
from sameplayer.evaluation.scores import evaluate
from sameplayer.ranking.ranking import rank
from sameplayer.synthetic import league as synthetic
from sameplayer.synthetic.league import BUILDS, attributes_of, draw_clip, draw_league, make_person


def test_a_league_is_decided_by_its_seed_to_the_byte(tmp_path: Path) -> None:
    first, again, other = (
        draw_league(tmp_path / name, 3, seed, test_persons=2, challenge_persons=2, frames=3)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    names = sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
    assert all((first / n).read_bytes() == (again / n).read_bytes() for n in names)
    assert any(
        (first / n).read_bytes() != (other / n).read_bytes()
        for n in names
        if n.suffix == ".jpeg" and (other / n).exists()
    )
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
    scores = evaluate(rank(Embeddings(colour_features(pictures), test, "histogram")))
    assert scores.mAP < 0.13  # random rows reach 0.04


def test_a_drawn_clip_has_nothing_wrong_and_writes_into_a_new_folder_only(tmp_path: Path) -> None:
    clip = draw_clip(tmp_path / "clip", 1, frames=3, players=3)
    assert check_crops(read_source(clip)) == []
    with pytest.raises(DataError, match="already holds files"):
        draw_clip(clip)
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="already holds files"):
        draw_clip(tmp_path / "file")


ATTRIBUTES = {"kit", "skin", "hair", "build", "sleeve", "headband"}


def test_attributes_are_those_of_the_person() -> None:
    persons = [make_person(number, 1) for number in range(60)]
    attributes = [attributes_of(person) for person in persons]
    assert all(set(one) == ATTRIBUTES for one in attributes)
    for name, most in (("skin", 5), ("hair", 6), ("build", len(BUILDS)), ("kit", 7)):
        assert 2 < len({one[name] for one in attributes}) <= most
    assert not any("#" in text for one in attributes for text in one.values())
    by_skin = {(person.skin, one["skin"]) for person, one in zip(persons, attributes, strict=True)}
    assert len(by_skin) == 5
    assert all(
        (one["kit"] == "referee") == person.referee
        for person, one in zip(persons, attributes, strict=True)
    )


def test_the_league_gets_columns_and_the_same_pictures(tmp_path: Path) -> None:
    draw = partial(draw_league, test_persons=2, challenge_persons=2, frames=2)
    plain, league = draw(tmp_path / "a", 3), draw(tmp_path / "b", 3, attributes=True)
    names = sorted(path.relative_to(plain) for path in plain.rglob("*") if path.is_file())
    changed = [
        name for name in names if (plain / name).read_bytes() != (league / name).read_bytes()
    ]
    assert changed == [Path("persons.csv")]
    table = read_source(league).table
    known = table[table["person"].notna()]
    person = make_person(int(known["person"].iat[0]) - 1, 0)
    assert known[sorted(ATTRIBUTES)].iloc[0].to_dict() == attributes_of(person)
    assert set(table.columns) - set(read_source(plain).table.columns) == ATTRIBUTES


def test_the_command_writes_them_when_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = partial(draw_league, test_persons=2, challenge_persons=2, frames=2)
    monkeypatch.setattr(synthetic, "draw_league", small)
    assert main(["synth", str(tmp_path / "a"), "--persons", "2", "--attributes"]) == 0
    assert set(read_source(tmp_path / "a").table.columns) >= ATTRIBUTES
