"""Forgetting leaves no byte, survives every stop, and does not come back."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sameplayer.errors import DataError, MissingFile, SettingError
from sameplayer.gallery.asking import ask_vectors
from sameplayer.gallery.enrolment import enrol_pictures
from sameplayer.gallery.forget import forget, readmit
from sameplayer.gallery.gallery import open_gallery
from sameplayer.gallery.history import broken_links, events
from sameplayer.gallery.records import NewPicture

sqlite_alone = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def _everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def _own(rows: list[NewPicture], name: str) -> list[NewPicture]:
    """The same pictures with contents that differ, as real ones do."""
    rng = np.random.default_rng(len(name))
    return [replace(one, content=rng.bytes(700)) for one in rows]


@pytest.fixture
def told(gallery, pictures):
    """Dörte Müller, once Meier, is person 5 of ``pictures``: id, pictures, what must go."""
    rows = _own(pictures(5), "Dörte")
    made = enrol_pictures(gallery, {"Dörte Meier": rows}, actor="me")
    person = made.persons["Dörte Meier"]
    with gallery.change("me", "rename") as change:
        change.set("person", person, name="Dörte Müller")
        change.done()
    kept = gallery.pictures(person)
    needles = [
        "Dörte Müller".encode(),
        b"D\\u00f6rte",
        b"Meier",
        *(one.id.encode() for one in kept),
    ]
    needles += [one.vector.tobytes()[at : at + 32] for one in rows for at in (0, 1600, 3200)]
    needles += [one.content[100:132] for one in rows]
    return person, rows, needles


@sqlite_alone
def test_no_byte_of_a_forgotten_person_is_left(gallery, told) -> None:
    person, _, needles = told
    ask_vectors(gallery, np.stack([one.vector for one in told[1]]), actor="me")
    gallery.database.erase()
    before = _everything(gallery.folder)
    assert all(needle in before for needle in needles)
    receipt = forget(gallery, "Dörte Müller", actor="me", reason="asked for it")
    assert (receipt.person, receipt.pictures, receipt.bytes_found) == (person, 4, 0)
    assert receipt.rows == 4 + 4 + 1
    after = _everything(gallery.folder)
    assert not [needle for needle in needles if needle in after]
    assert not list(gallery.folder.glob("forget-*"))
    with pytest.raises(MissingFile):
        gallery.person("Dörte Müller")


def test_the_chain_holds_and_says_that_it_was_done(gallery, told) -> None:
    person = told[0]
    receipt = forget(gallery, person, actor="me", reason="asked")
    with gallery.database.read() as cursor:
        assert broken_links(cursor) == []
        found = events(cursor, person)
    assert [one.kind for one in found] == ["receipt", "forget", "rename", "enrol"]
    assert (found[2].detail, found[3].detail) == (None, None)
    assert found[1].detail["reason"] == "asked"
    assert found[0].detail["bytes_found"] == 0
    assert receipt.head.startswith(f"{found[0].seq}:")


def test_forgotten_pictures_and_names_do_not_come_back(gallery, told, pictures) -> None:
    forget(gallery, "Dörte Müller", actor="me")
    again = enrol_pictures(gallery, {"DÖRTE  müller": told[1], "Eve": told[1]}, actor="me")
    assert (again.suppressed, again.added) == (8, 0)
    for name in ("Dörte Müller", "Dörte Meier"):
        assert enrol_pictures(gallery, {name: pictures(5, seed=1)}, actor="me").suppressed == 4


def test_a_name_comes_back_when_it_is_readmitted(gallery, told, pictures) -> None:
    forget(gallery, "Dörte Müller", actor="me")
    with pytest.raises(SettingError, match="basis"):
        readmit(gallery, "Dörte Müller", actor="me", basis=" ")
    event = readmit(gallery, "Dörte Müller", actor="me", basis="consent of 2026-11-20")
    assert "Müller" not in str(event)
    rows = {"Dörte Müller": [*told[1], *pictures(5, seed=1)]}
    made = enrol_pictures(gallery, rows, actor="me")
    assert (made.suppressed, made.added) == (4, 4)
    with pytest.raises(MissingFile, match="not kept out"):
        readmit(gallery, "Dörte Müller", actor="me", basis="again")
    assert forget(gallery, "Dörte Müller", actor="me").bytes_found == 0
    with gallery.database.read() as cursor:
        assert events(cursor, event.subjects[0])[0].detail is None


@sqlite_alone
def test_with_a_reader_it_fails_and_the_same_call_finishes_it(gallery, told) -> None:
    gallery.database.patience = 0.1
    person, _, needles = told
    reader = sqlite3.connect(gallery.folder / "gallery.sqlite")
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM person").fetchone()
    with pytest.raises(DataError, match=r"deleted from the record.*same command again"):
        forget(gallery, "Dörte Müller", actor="me")
    left = _everything(gallery.folder)
    assert any(needle in left for needle in needles)
    markers = b"".join(path.read_bytes() for path in gallery.folder.glob("forget-*"))
    assert markers
    assert not any(needle in markers for needle in needles)
    with pytest.raises(DataError, match="not finished"):
        forget(gallery, person, actor="me")
    reader.close()
    receipt = forget(gallery, "Dörte Müller", actor="me")
    assert (receipt.person, receipt.pictures, receipt.bytes_found) == (person, 4, 0)
    after = _everything(gallery.folder)
    assert not [needle for needle in needles if needle in after]
    with pytest.raises(MissingFile):
        forget(gallery, "Dörte Müller", actor="me")


@sqlite_alone
def test_a_copy_in_the_folder_is_found_and_named(gallery, told) -> None:
    gallery.database.erase()
    copy = gallery.folder / "backup.sqlite"
    copy.write_bytes((gallery.folder / "gallery.sqlite").read_bytes())
    with pytest.raises(DataError, match=r"bytes are left: .* in backup\.sqlite at byte"):
        forget(gallery, "Dörte Müller", actor="me")
    copy.unlink()
    assert forget(gallery, "Dörte Müller", actor="me").bytes_found == 0


def test_another_process_answers_no_longer_with_somebody_forgotten(gallery, told, encoder) -> None:
    rows = np.stack([one.vector for one in told[1]])
    with open_gallery(gallery.folder, encoder) as other:
        assert ask_vectors(other, rows, actor="me").candidates[0].name == "Dörte Müller"
        forget(gallery, "Dörte Müller", actor="me")
        answer = ask_vectors(other, rows, actor="me")
    assert "Dörte Müller" not in [one.name for one in answer.candidates]
    assert answer.persons == 3


def test_names_of_others_that_contain_the_name_are_no_residue(gallery, pictures) -> None:
    enrol_pictures(gallery, {"Jo Anna": pictures(6), "Anna": pictures(7)}, actor="Anna B")
    receipt = forget(gallery, "Anna", actor="me")
    assert receipt.bytes_found == 0
    notes = {
        f"a name stands in {where} of what is kept" for where in ("person.name", "event.actor")
    }
    assert notes <= set(receipt.notes)
    assert gallery.person("Jo Anna").pictures == 4
