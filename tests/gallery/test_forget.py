"""Forgetting leaves no byte, survives every stop, and does not come back."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sameplayer.errors import DataError, MissingFile, SettingError, Unfinished
from sameplayer.gallery.core.events import events
from sameplayer.gallery.core.records import NewPicture
from sameplayer.gallery.gallery import Gallery, open_gallery
from sameplayer.gallery.integrity.audit import broken_links, verify
from sameplayer.gallery.people.corrections import confirm, merge, rename, split
from sameplayer.gallery.people.enrolment import enrol_pictures
from sameplayer.gallery.privacy.forgetting import forget, lift_suppression
from sameplayer.gallery.privacy.subject_export import export_person
from sameplayer.gallery.reverting.undo import undo
from sameplayer.gallery.search.asking import ask_ready, ask_vectors
from sameplayer.gallery.store.sqlite import SqliteDatabase

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
    for name in ("DÖRTE  müller", "Eve"):
        again = enrol_pictures(gallery, {name: told[1]}, actor="me")
        assert (again.suppressed, again.added) == (4, 0)
    for name in ("Dörte Müller", "Dörte Meier"):
        assert enrol_pictures(gallery, {name: pictures(5, seed=1)}, actor="me").suppressed == 4


def test_a_name_comes_back_when_it_is_readmitted(gallery, told, pictures) -> None:
    forget(gallery, "Dörte Müller", actor="me")
    with pytest.raises(SettingError, match="basis"):
        lift_suppression(gallery, "Dörte Müller", actor="me", basis=" ")
    event = lift_suppression(gallery, "Dörte Müller", actor="me", basis="consent of 2026-11-20")
    assert "Müller" not in str(event)
    rows = {"Dörte Müller": [*told[1], *pictures(5, seed=1)]}
    made = enrol_pictures(gallery, rows, actor="me")
    assert (made.suppressed, made.added) == (4, 4)
    with pytest.raises(MissingFile, match="not kept out"):
        lift_suppression(gallery, "Dörte Müller", actor="me", basis="again")
    assert forget(gallery, "Dörte Müller", actor="me").bytes_found == 0
    with gallery.database.read() as cursor:
        assert events(cursor, event.subjects[0])[0].detail is None


@sqlite_alone
def test_with_a_reader_it_fails_and_the_same_call_finishes_it(gallery, told) -> None:
    person, _, needles = told
    gallery.close()
    gallery = Gallery(gallery.folder, SqliteDatabase(gallery.database.path, lock_timeout_s=0.1))
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
    assert "a name stands also in the record of others, who are kept" in receipt.notes
    assert gallery.person("Jo Anna").pictures == 4


def test_who_was_merged_into_a_person_goes_too(gallery, pictures) -> None:
    enrol_pictures(gallery, {"Dora": pictures(7), "Dorothea": pictures(7, seed=1)}, actor="me")
    other = gallery.person("Dorothea").id
    merge(gallery, "Dora", "Dorothea", actor="me")
    receipt = forget(gallery, "Dorothea", actor="me")
    assert (receipt.persons, receipt.pictures, receipt.bytes_found) == (2, 8, 0)
    with gallery.database.read() as cursor:
        assert cursor.one("SELECT 1 FROM person WHERE id = ?", other) is None
    again = enrol_pictures(gallery, {"Dorothea": pictures(7, seed=2)}, actor="me")
    assert again.suppressed == 4
    with pytest.raises(DataError, match="was forgotten with a person"):
        undo(gallery, 3, actor="me")


def test_a_question_that_was_answered_goes_with_its_person(gallery, pictures) -> None:
    answer = ask_ready(gallery, pictures(0, seed=4), actor="me", keep=True)
    confirm(gallery, answer.question, "Ann", actor="me")
    open_one = ask_ready(gallery, pictures(9), actor="me", keep=True).question
    assert forget(gallery, "Ann", actor="me").pictures == 8
    with gallery.database.read() as cursor:
        assert [row[0] for row in cursor.rows("SELECT id FROM question")] == [open_one]
        assert all(
            one.detail is None
            for one in events(cursor, answer.question)
            if one.kind not in ("forget", "receipt")
        )
    assert verify(gallery).wrong == ()


def test_events_about_who_had_a_picture_before_name_it_no_longer(gallery) -> None:
    moved = [one.id for one in gallery.pictures(gallery.person("Ann").id)[:2]]
    new = split(gallery, "Ann", moved, "Anton", actor="me")
    assert forget(gallery, new.id, actor="me").pictures == 2
    assert gallery.person("Ann").pictures == 2
    with gallery.database.read() as cursor:
        rows = cursor.rows("SELECT detail FROM event WHERE detail IS NOT NULL")
    assert not [key for key in moved for row in rows if key in row[0]]
    assert verify(gallery).wrong == ()


def test_a_name_that_somebody_else_has_now_is_not_kept_out(gallery, pictures) -> None:
    rename(gallery, "Ann", "Dora", actor="me")
    rename(gallery, "Bea", "Ann", actor="me")
    receipt = forget(gallery, "Dora", actor="me")
    assert "somebody else has a name of this person: it is not kept out" in receipt.notes
    assert enrol_pictures(gallery, {"Ann": pictures(1, seed=6)}, actor="me").added == 4
    assert enrol_pictures(gallery, {"Dora": pictures(0, seed=6)}, actor="me").suppressed == 4


def test_there_is_no_undo(gallery) -> None:
    forget(gallery, "Ann", actor="me")
    with pytest.raises(DataError, match="what was forgotten is gone"):
        undo(gallery, actor="me")
    with pytest.raises(MissingFile):
        forget(gallery, "Ann", actor="me")


def test_kept_answers_to_requests_go_where_they_name_the_person(gallery) -> None:
    rows = [("a", "hash", '{"name": "Ann"}', "x"), ("b", "hash", '{"name": "Bea"}', "x")]
    with gallery.database.write() as cursor:
        cursor.many("INSERT INTO once (key, request, response, at) VALUES (?, ?, ?, ?)", rows)
    forget(gallery, "Ann", actor="me")
    with gallery.database.read() as cursor:
        assert [row[0] for row in cursor.rows("SELECT key FROM once")] == ["b"]


def test_a_stop_after_the_rows_are_gone_is_finished(gallery, told, monkeypatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(gallery.files, "remove", stop)
        with pytest.raises(KeyboardInterrupt):
            forget(gallery, "Dörte Müller", actor="me")
    report = verify(gallery)
    assert (report.wrong, len(report.unfinished)) == ((), 1)
    assert any(needle in _everything(gallery.folder) for needle in told[2])
    assert forget(gallery, "Dörte Müller", actor="me").bytes_found == 0
    assert not [needle for needle in told[2] if needle in _everything(gallery.folder)]
    assert verify(gallery).unfinished == ()


def test_a_deletion_that_never_came_to_be_leaves_no_marker(gallery, told, monkeypatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr("sameplayer.gallery.privacy.forgetting.Change.done", fail)
        with pytest.raises(RuntimeError):
            forget(gallery, told[0], actor="me")
    assert gallery.person(told[0]).pictures == 4
    assert verify(gallery).unfinished == ()
    assert forget(gallery, told[0], actor="me").bytes_found == 0
    assert not list(gallery.folder.glob("forget-*"))


@sqlite_alone
def test_a_long_life_leaves_nothing_in_unused_parts_of_pages(gallery, pictures) -> None:
    """Pages are split and joined again and again: what moved must not stay where it was."""
    rng = np.random.default_rng(0)
    there: list[str] = []
    for step in range(30):
        name = f"Quirin {step:03d} {'x' * int(rng.integers(1, 150))}"
        made = pictures(100 + step, int(rng.integers(1, 6)), content=None)
        enrol_pictures(gallery, {name: made}, actor="me")
        there.append(name)
        if len(there) > 10:
            gone = there.pop(int(rng.integers(len(there))))
            assert forget(gallery, gone, actor="me").bytes_found == 0
            content = (gallery.folder / "gallery.sqlite").read_bytes()
            assert gone[:10].encode() not in content


@sqlite_alone
def test_a_stale_copy_in_the_unused_part_of_a_page_goes_too(gallery, pictures) -> None:
    """As SQLite leaves one now and then, where a program was killed while pages were shared out."""
    enrol_pictures(gallery, {"Ann Testname": _own(pictures(5), "Ann")}, actor="t")
    gallery.database.erase()  # all of it lies in the one file now
    gallery.close()
    file = gallery.folder / "gallery.sqlite"
    content = bytearray(file.read_bytes())
    unused = content.index(bytes(600), 8192) + 300
    content[unused : unused + 12] = b"Ann Testname"
    file.write_bytes(content)
    with open_gallery(gallery.folder) as again:
        assert again.database.problems() == []
        receipt = forget(again, "Ann Testname", actor="t")
    assert receipt.bytes_found == 0
    assert b"Ann Testname" not in _everything(gallery.folder)


def _stuck(gallery: Gallery, name: str) -> Path:
    """Delete a person so that it cannot be finished while the file that is returned is there."""
    copy = gallery.folder / "copy.txt"
    person = gallery.person(name)
    copy.write_text(person.id + person.name)
    with pytest.raises(Unfinished, match="bytes are left"):
        forget(gallery, name, actor="me")
    return copy


@sqlite_alone
def test_who_is_there_is_meant_before_a_deletion_that_is_not_finished(gallery, pictures) -> None:
    """Under a name in another case, as older galleries have it, and under one that came again."""
    enrol_pictures(gallery, {"Ann Lee": pictures(5), "Dora": pictures(6)}, actor="me")
    first, second = gallery.person("Ann Lee").id, gallery.person("Dora").id
    with gallery.change("me", "rename") as change:
        change.set("person", second, name="ann lee")
        change.done()
    copy = _stuck(gallery, first)
    assert forget(gallery, "ann lee", actor="me").person == second
    with pytest.raises(Unfinished, match=first):  # nobody else has that name
        forget(gallery, "ann lee", actor="me")
    lift_suppression(gallery, "Ann Lee", actor="me", basis="consent")
    enrol_pictures(gallery, {"Ann Lee": pictures(8)}, actor="me")
    third = gallery.person("Ann Lee").id
    with pytest.raises(Unfinished, match=third):
        forget(gallery, "Ann Lee", actor="me")
    copy.unlink()
    assert [forget(gallery, "Ann Lee", actor="me").person for _ in range(2)] == [third, first]
    with pytest.raises(MissingFile):
        forget(gallery, first, actor="me")


@sqlite_alone
def test_a_deletion_that_was_stopped_still_tells_of_the_copies(gallery, tmp_path: Path) -> None:
    export_person(gallery, "Ann", tmp_path / "given.zip", actor="me")
    _stuck(gallery, "Ann").unlink()
    (copy,) = forget(gallery, "Ann", actor="me").copies
    assert str(tmp_path / "given.zip") in copy


def test_a_picture_that_cannot_be_removed_is_finished_later(gallery, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise DataError("cannot be removed")

    with monkeypatch.context() as patched:
        patched.setattr(gallery.files, "remove", fail)
        with pytest.raises(Unfinished, match=r"deleted from the record.*cannot be removed"):
            forget(gallery, "Ann", actor="me")
    assert forget(gallery, "Ann", actor="me").pictures == 4
    assert verify(gallery).wrong == ()
