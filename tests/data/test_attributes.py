"""Looks of a drawn league as columns, without touching a picture."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from sameplayer.cli import main
from sameplayer.data.layouts.sources import read_source
from sameplayer.errors import DataError, MissingFile
from sameplayer.synthetic import league as synthetic
from sameplayer.synthetic.league import (
    BUILDS,
    attributes_of,
    draw_league,
    make_person,
    write_attributes,
)

LOOKS = {"kit", "skin", "hair", "build", "sleeve", "headband"}


def test_looks_are_those_of_the_person() -> None:
    persons = [make_person(number, 1) for number in range(60)]
    looks = [attributes_of(person) for person in persons]
    assert all(set(one) == LOOKS for one in looks)
    for name, most in (("skin", 5), ("hair", 6), ("build", len(BUILDS)), ("kit", 7)):
        assert 2 < len({one[name] for one in looks}) <= most
    assert not any("#" in text for one in looks for text in one.values())
    by_skin = {(person.skin, one["skin"]) for person, one in zip(persons, looks, strict=True)}
    assert len(by_skin) == 5
    assert all(
        (one["kit"] == "referee") == person.referee
        for person, one in zip(persons, looks, strict=True)
    )


def test_the_league_gets_columns_and_keeps_every_picture(tmp_path: Path) -> None:
    root = draw_league(tmp_path / "a", 3, 1, test_persons=2, challenge_persons=2, frames=2)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    path = write_attributes(root, 1)
    changed = [one for one, content in before.items() if one.read_bytes() != content]
    assert changed == [path]
    table = read_source(root).table
    known = table[table["person"].notna()]
    assert known[sorted(LOOKS)].notna().all().all()
    person = make_person(int(known["person"].iat[0]) - 1, 1)
    assert known[sorted(LOOKS)].iloc[0].to_dict() == attributes_of(person)
    with pytest.raises(DataError, match=r"person .* by seed 2; expected the seed"):
        write_attributes(root, 2)


def test_the_command_writes_them_when_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = partial(draw_league, test_persons=2, challenge_persons=2, frames=2)
    monkeypatch.setattr(synthetic, "draw_league", small)
    assert main(["synth", str(tmp_path / "a"), "--persons", "2", "--attributes", "True"]) == 0
    assert main(["synth", str(tmp_path / "b"), "--persons", "2"]) == 0
    columns = [set(read_source(tmp_path / name).table.columns) for name in "ab"]
    assert columns[0] - columns[1] == LOOKS


def test_what_is_no_drawn_league_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="expected the folder data_reid"):
        write_attributes(tmp_path, 1)
    (tmp_path / "persons.csv").write_text("person,team\nA,1\n")
    with pytest.raises(DataError, match="not of a drawn league"):
        write_attributes(tmp_path, 1)
