"""Galleries written by earlier versions are opened, migrated, and hold what they held."""

from __future__ import annotations

import sqlite3
import zipfile
from pathlib import Path

import pytest

from sameplayer import Gallery, open_gallery
from sameplayer.gallery.store.tables import FORMAT, UPGRADES
from sameplayer.gallery.tokens import list_tokens

GOLDEN = Path(__file__).with_name("golden")
HEADS = {2: "20:304bf5112cd2b3882c8f98bc539491a8612cee802f13c8166007307f1db45b0f"}
PERSONS = {"2": "active", "3": "merged", "Kim Ólafsson": "active", "Split Off": "removed"}


@pytest.fixture(params=sorted(HEADS))
def written(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[int, Path]:
    number = int(request.param)
    with zipfile.ZipFile(GOLDEN / f"format_{number}.zip") as archive:
        archive.extractall(tmp_path / "club")
    (tmp_path / "club" / "secret.key").chmod(0o600)
    return number, tmp_path / "club"


def test_a_gallery_of_each_earlier_format_is_opened_and_holds_what_it_held(
    written: tuple[int, Path],
) -> None:
    number, folder = written
    with open_gallery(folder) as club:
        assert {person.name: person.state for person in club.persons()} == PERSONS
        kim = club.person("KIM ÓLAFSSON")
        assert (kim.pictures, kim.basis, kim.expires) == (4, "contract", "2031-05-01")
        assert club.person("3").name == "2"  # merged
        assert len(club.pictures(kim.id)) == 4
        assert all(club.files.content(one.id) for one in club.pictures(kim.id))
        assert club.rows("SELECT person FROM apart") == [(club.person("2").id,)]
        assert club.rows("SELECT kind, COUNT(*) FROM suppressed GROUP BY kind ORDER BY kind") == [
            ("name", 1),
            ("picture", 3),
        ]
        assert club.rows("SELECT key, response FROM once") == [("key-1", '{"added": 1}')]
        tokens = list_tokens(club)
        assert [one.label for one in tokens] == ["phone at the field", "lost phone"]
        assert [one.revoked is None for one in tokens] == [True, False]
        found = club.verify(HEADS[number])
        assert not found.wrong
        assert _goes_on(club)
    with sqlite3.connect(folder / "gallery.sqlite") as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (FORMAT,)


def _goes_on(club: Gallery) -> bool:
    """Change the gallery, take the change back, and say whether it still verifies."""
    before = len(club.history())
    club.rename("2", "Ana", actor="eva")
    club.undo(actor="eva")
    assert len(club.history()) == before + 2
    return not club.verify().wrong


def test_there_is_a_migration_from_every_earlier_format() -> None:
    assert sorted(UPGRADES) == list(range(1, FORMAT))
