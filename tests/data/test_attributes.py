"""Attributes of the persons of a drawn league, as columns to score by."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from sameplayer.cli import main
from sameplayer.data.layouts.sources import read_source
from sameplayer.synthetic import league as synthetic
from sameplayer.synthetic.league import (
    BUILDS,
    attributes_of,
    draw_league,
    make_person,
)

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
    person = make_person(int(known["person"].iat[0]) - 1, 1)
    assert known[sorted(ATTRIBUTES)].iloc[0].to_dict() == attributes_of(person)
    assert set(table.columns) - set(read_source(plain).table.columns) == ATTRIBUTES


def test_the_command_writes_them_when_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = partial(draw_league, test_persons=2, challenge_persons=2, frames=2)
    monkeypatch.setattr(synthetic, "draw_league", small)
    assert main(["synth", str(tmp_path / "a"), "--persons", "2", "--attributes", "True"]) == 0
    assert set(read_source(tmp_path / "a").table.columns) >= ATTRIBUTES
