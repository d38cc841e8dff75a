"""Whatever is changed behind the gallery's back is found."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sameplayer.errors import DataError, SettingError
from sameplayer.gallery.core.records import Consent
from sameplayer.gallery.gallery import create_gallery, open_gallery
from sameplayer.gallery.integrity import audit_state
from sameplayer.gallery.integrity.audit import accept, verify, write_events
from sameplayer.gallery.people.corrections import merge, reject, rename, restrict
from sameplayer.gallery.people.enrolment import enrol_pictures
from sameplayer.gallery.privacy.forgetting import forget
from sameplayer.gallery.reverting.undo import history, undo
from sameplayer.gallery.search.asking import ask_vectors
from sameplayer.gallery.search.questions import keep_question
from sameplayer.gallery.tokens import make_token, revoke_token
from tests.fixtures import NAMES


def _run(gallery, sql: str, *values) -> None:
    with gallery.database.write() as cursor:
        assert cursor.run(sql, *values)


def _wrong(gallery, head=None) -> str:
    return "; ".join(verify(gallery, head).wrong)


def test_a_gallery_as_it_was_written_is_right(gallery) -> None:
    found = verify(gallery)
    assert (found.wrong, found.unfinished, found.events) == ((), (), 2)
    assert "nothing is wrong" in str(found)
    forget(gallery, "Ann", actor="me")
    assert verify(gallery).wrong == ()


@pytest.fixture(scope="module")
def made(tmp_path_factory, encoder, pictures) -> Path:
    """A folder: Ann, Bea and Cleo, of whom Cleo is Dora too; something of everything is in it."""
    folder = tmp_path_factory.mktemp("audit") / "club"
    with create_gallery(folder, encoder, purpose="test", retention=30, actor="me") as gallery:
        one = pictures(4, 1)[0]
        named = {name: pictures(at) for at, name in enumerate((*NAMES, "Dora", "Gone"))}
        enrol_pictures(gallery, named, actor="me", consent=Consent("contract", None, "2030-01-01"))
        for name in NAMES:
            key = gallery.pictures(gallery.person(name).id)[0].id
            gallery.files.path(key).write_bytes(b"picture of " + name.encode())
        accept(gallery, actor="me")
        merge(gallery, "Cleo", "Dora", actor="me")
        restrict(gallery, "Bea", True, actor="me")
        rename(gallery, "Ann", "Anna", actor="me")
        undo(gallery, actor="me")
        reject(gallery, gallery.pictures(gallery.person("Ann").id)[3].id, "Ann", actor="me")
        keep_question(gallery, pictures(9, 1), "me")
        forget(gallery, "Gone", actor="me")
        revoke_token(gallery, make_token(gallery, "phone", ["read"]))
        ask_vectors(gallery, one.vector[None], actor="me")
        assert verify(gallery).wrong == ()
    return folder


ANN = "(SELECT id FROM person WHERE name = 'Ann')"
LAST = "(SELECT MAX(seq) FROM event)"
FIRST = f"(SELECT MIN(id) FROM picture WHERE person = {ANN})"
BY_HAND = {
    "name": "UPDATE person SET name = 'Zoe' WHERE name = 'Ann'",
    "names swapped": "UPDATE person SET name = 'x' WHERE name = 'Ann';"
    "UPDATE person SET name = 'Ann' WHERE name = 'Cleo';"
    "UPDATE person SET name = 'Cleo' WHERE name = 'x'",
    "restriction": "UPDATE person SET state = 'active' WHERE name = 'Bea'",
    "consent day": "UPDATE person SET expires = '2099-01-01' WHERE name = 'Ann'",
    "basis": "UPDATE person SET basis = 'none' WHERE name = 'Ann'",
    "merged_into": f"UPDATE person SET merged_into = {ANN} WHERE name = 'Dora'",
    "retention": "UPDATE setting SET value = 'null' WHERE name = 'retention'",
    "audit_reads": "UPDATE setting SET value = 'false' WHERE name = 'audit_reads'",
    "token added": "INSERT INTO token VALUES ('a', 'b', 'c', 'admin', '2026-01-01', NULL, NULL)",
    "token let in again": "UPDATE token SET revoked = NULL, scopes = 'admin'",
    "suppression": "DELETE FROM suppressed WHERE kind = 'name'",
    "apart": "DELETE FROM apart",
    "about removed": f"DELETE FROM about WHERE subject = {ANN}",
    "about added": f"INSERT INTO about VALUES ({ANN}, 1)",
    "undone_by": "UPDATE event SET undone_by = NULL",
    "undone_by added": "UPDATE event SET undone_by = 4 WHERE seq = 2",
    "picture moved": f"UPDATE picture SET person = {ANN} WHERE id = "
    "(SELECT MIN(picture.id) FROM picture JOIN person ON person.id = person WHERE name = 'Cleo')",
    "taken": f"UPDATE picture SET taken = '2020-01-01' WHERE id = {FIRST}",
    "added": f"UPDATE picture SET added = '2099-01-01' WHERE id = {FIRST}",
    "digest": f"UPDATE picture SET digest = 'x' WHERE id = {FIRST}",
    "pinned_by": f"UPDATE picture SET pinned_by = 'x' WHERE id = {FIRST}",
    "last event": f"DELETE FROM about WHERE seq = {LAST}; DELETE FROM event WHERE seq = {LAST}",
    "picture row": f"DELETE FROM apart WHERE picture = {FIRST};"
    f"DELETE FROM vector WHERE picture = {FIRST}; DELETE FROM picture WHERE id = {FIRST}",
    "merged person": "DELETE FROM person WHERE name = 'Dora'",
    "question answered": "UPDATE question SET state = 'answered'",
    "latest": "UPDATE latest SET changed = 1",
    "revision": "UPDATE person SET revision = 1 WHERE name = 'Ann'",
    "actor": "UPDATE event SET actor = 'you' WHERE seq = 2",
    "detail": "UPDATE event SET detail = '{}' WHERE seq = 2",
    "detail removed": "UPDATE event SET detail = NULL, salt = NULL WHERE seq = 5",
    "event removed": "DELETE FROM about WHERE seq = 4; DELETE FROM event WHERE seq = 4",
    "a row and its seal": "DELETE FROM suppressed; DELETE FROM seal WHERE unit = 'suppressed'",
    "a seal of before": "UPDATE seal SET mac = '0:1:x:1:x' WHERE unit = 'head'",
    "all seals": "DELETE FROM seal",
    "a foreign seal": "INSERT INTO seal VALUES ('undone', 'x', '0')",
    "a trigger": "CREATE TRIGGER free AFTER UPDATE OF revision ON person BEGIN "
    "UPDATE person SET consent = 'given' WHERE id = NEW.id; END",
    "a table": "CREATE TABLE people AS SELECT name FROM person",
    "a view": "CREATE VIEW people AS SELECT name FROM person",
    "an index": "DROP INDEX person_name",
    "a person without an id": "INSERT INTO person (id, name, created, revision) "
    "VALUES (NULL, 'Eve', '2026-01-01', 1)",
    "a person of no id": "INSERT INTO person (id, name, created, revision) "
    "VALUES ('', 'Eve', '2026-01-01', 1)",
    "an event before the first": "INSERT INTO event SELECT -5, at, 'you', kind, subjects, detail, "
    "salt, digest, previous, hash, undone_by FROM event WHERE seq = 2",
    "latest twice": "INSERT INTO latest VALUES (1)",
    "subjects that are no list": "UPDATE event SET subjects = 'x' WHERE seq = 2",
    "an actor of bytes": "UPDATE event SET actor = x'00ff' WHERE seq = 2",
    "a detail of bytes": "UPDATE event SET detail = x'00ff' WHERE seq = 2",
    "a forgetting of nothing": "UPDATE event SET detail = 'x' WHERE kind = 'forget'",
    "a short mean": "UPDATE person SET mean = x'00' WHERE name = 'Ann'",
    "a mean of letters": "UPDATE person SET mean = 'x' WHERE name = 'Ann'",
    "a short vector": f"UPDATE vector SET data = x'00' WHERE picture = {FIRST}",
    "a vector of letters": f"UPDATE vector SET data = 'x' WHERE picture = {FIRST}",
}
DAMAGE = ("a short vector", "a vector of letters")  # of which no mean can be made
# Numbers and means are written anew by every change.
RENEWED = ("latest", "latest twice", "a short mean", "a mean of letters")


@pytest.mark.parametrize("change", BY_HAND)
def test_a_row_changed_by_hand_is_found_and_stays_found(
    made: Path, tmp_path: Path, change: str, pictures
) -> None:
    folder = _copied(made, tmp_path)
    with closing(sqlite3.connect(folder / "gallery.sqlite")) as connection:
        connection.executescript(BY_HAND[change])
    with open_gallery(folder) as gallery:
        wrong = verify(gallery).wrong
        assert wrong
        assert not any(name in one for one in wrong for name in ("Ann", "Zoe", "Eve"))
        if change in DAMAGE:
            return
        enrol_pictures(gallery, {"Ann": pictures(0, 6)}, actor="me")  # her row is written anew
        if change not in RENEWED:
            assert verify(gallery).wrong


def test_a_vector_and_its_mean_changed_together_are_found(made: Path, tmp_path: Path) -> None:
    folder = _copied(made, tmp_path)
    with closing(sqlite3.connect(folder / "gallery.sqlite")) as connection:
        connection.executescript(
            f"UPDATE vector SET data = (SELECT data FROM vector WHERE picture = {FIRST}) "
            f"WHERE picture IN (SELECT id FROM picture WHERE person = {ANN}); UPDATE person SET "
            f"mean = (SELECT data FROM vector WHERE picture = {FIRST}) WHERE name = 'Ann'"
        )
    with open_gallery(folder) as gallery:
        assert all(one.startswith("vector of picture") for one in verify(gallery).wrong)
        assert len(verify(gallery).wrong) == 2


def test_files_changed_by_hand_are_found(made: Path, tmp_path: Path) -> None:
    folder = _copied(made, tmp_path)
    with open_gallery(folder) as gallery:
        paths = [
            gallery.files.path(gallery.pictures(gallery.person(name).id)[0].id) for name in NAMES
        ]
        paths[0].write_bytes(paths[1].read_bytes())
        paths[1].write_bytes(b"")
        paths[2].unlink()
        (folder / "pictures" / "note.txt").write_text("foreign")
        (folder / "pictures" / "ab").mkdir(exist_ok=True)
        (folder / "pictures" / "ab" / "c.png").write_text("foreign")
        (folder / "copy.sqlite").write_bytes((folder / "gallery.sqlite").read_bytes())
        assert sorted(verify(gallery).wrong) == sorted(
            [
                f"picture {paths[0].stem}: its file was changed by other means than the gallery",
                f"picture {paths[1].stem}: its file was changed by other means than the gallery",
                f"picture {paths[2].stem}: its file is gone",
                "pictures/note.txt: a file of no picture",
                "pictures/ab/c.png: a file of no picture",
                "copy.sqlite: no part of the gallery; it may be a copy of what is in it",
            ]
        )


def test_forgetting_whom_somebody_changed_by_hand_leaves_nothing_wrong(
    made: Path, tmp_path: Path
) -> None:
    folder = _copied(made, tmp_path)
    with open_gallery(folder) as gallery:
        _run(gallery, "UPDATE person SET basis = ? WHERE name = 'Ann'", "none")
        forget(gallery, "Ann", actor="me")
        assert verify(gallery).wrong == ()


def test_what_is_accepted_is_right_from_then_on(made: Path, tmp_path: Path) -> None:
    folder = _copied(made, tmp_path)
    with open_gallery(folder) as gallery:
        _run(gallery, "UPDATE person SET basis = ? WHERE name = 'Ann'", "none")
        accept(gallery, actor="me")
        assert verify(gallery).wrong == ()
        event = history(gallery, most=1)[0]
        assert event.kind == "seal"
        note = f"note: event {event.seq}, by me, {event.at}: all was taken as right as it was then"
        assert note in str(verify(gallery))


def test_a_gallery_of_the_format_before_is_sealed_when_it_is_opened(
    made: Path, tmp_path: Path, pictures
) -> None:
    folder = _copied(made, tmp_path)
    with closing(sqlite3.connect(folder / "gallery.sqlite")) as connection:
        connection.executescript(
            "DROP TABLE seal; UPDATE event SET detail = '{}'; PRAGMA user_version = 1"
        )
    with open_gallery(folder) as gallery:
        assert history(gallery, most=1)[0].kind == "seal"
        assert not any("seal" in one or "means" in one for one in verify(gallery).wrong)
        events = verify(gallery).events
    with open_gallery(folder) as gallery:
        assert verify(gallery).events == events
        _run(gallery, "UPDATE person SET basis = ? WHERE name = 'Ann'", "none")
        assert "changed by other means" in _wrong(gallery)


def _copied(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "club"))


CHANGED = (
    ("UPDATE event SET actor = ? WHERE seq = 2", ("you",), "event 2: changed since"),
    ("UPDATE event SET detail = ? WHERE seq = 2", ("{}",), "event 2: its detail was changed"),
    ("UPDATE event SET detail = NULL, salt = NULL WHERE seq = ?", (2,), "1 events have lost"),
    ("UPDATE person SET mean = ? WHERE name = 'Bea'", (b"\0" * 3456,), "mean is not that"),
    ("UPDATE person SET pictures = ? WHERE name = 'Bea'", (5,), "5 pictures by the row, 4"),
    (
        "UPDATE picture SET state = ? WHERE id = (SELECT MIN(id) FROM picture)",
        ("removed",),
        "4 pictures by the row, 3",
    ),
    (
        "DELETE FROM vector WHERE picture = (SELECT MIN(id) FROM picture WHERE state = ?)",
        ("kept",),
        "has no vector",
    ),
)


@pytest.mark.parametrize(
    ("store", "sql", "values", "word"),
    [*(("sqlite", *case) for case in CHANGED), *(("postgres", *case) for case in CHANGED[1:4:2])],
    indirect=["store"],
)
def test_a_changed_row_is_found(gallery, sql: str, values: tuple, word: str) -> None:
    _run(gallery, sql, *values)
    assert word in _wrong(gallery)


@pytest.mark.parametrize("store", ["postgres"], indirect=True)
@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("CREATE VIEW people AS SELECT name FROM person", "view 'people': added"),
        ("CREATE TABLE people AS SELECT name FROM person", "table 'people': added"),
        ("DROP INDEX person_name", "index 'person_name': removed"),
        ("CREATE RULE free AS ON DELETE TO apart DO INSTEAD NOTHING", "rule 'free': added"),
    ],
)
def test_what_acts_or_lies_beside_the_tables_is_found(gallery, sql: str, word: str) -> None:
    with gallery.database.write() as cursor:
        cursor.run(sql)
    assert word in _wrong(gallery)


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("UPDATE person SET name = CAST(x'ff41' AS TEXT) WHERE name = 'Ann'", "not UTF-8"),
        ("DROP TABLE seal", "no table seal"),
    ],
)
def test_what_cannot_be_read_at_all_is_told_as_damage(gallery, sql: str, word: str) -> None:
    gallery.close()
    with closing(sqlite3.connect(gallery.folder / "gallery.sqlite")) as connection:
        connection.executescript(sql)
    with pytest.raises(DataError, match=word), open_gallery(gallery.folder) as opened:
        verify(opened)


def test_a_cut_chain_is_found_by_the_head_that_was_kept(gallery, pictures) -> None:
    before = verify(gallery).head
    enrol_pictures(gallery, {"Dora": pictures(7)}, actor="me")
    head = verify(gallery, before).head
    assert _wrong(gallery, before) == ""
    _run(gallery, "DELETE FROM about WHERE seq = ?", 3)
    _run(gallery, "DELETE FROM event WHERE seq = ?", 3)
    assert "event 3 is not there" in _wrong(gallery, head)
    other = f"2:{'0' * 64}"
    assert "event 2 is another one" in _wrong(gallery, other)
    for bad in ("", "2", "x:" + "0" * 64, "2:00"):
        with pytest.raises(SettingError, match="number:hash"):
            verify(gallery, bad)


def test_a_missing_and_a_foreign_picture_are_found(gallery) -> None:
    key = gallery.pictures(gallery.person("Ann").id)[0].id
    gallery.files.path(key).rename(gallery.files.path(key).with_stem("f" * 32))
    wrong = _wrong(gallery)
    assert f"picture {key}: its file is gone" in wrong
    assert f"{'f' * 32}.jpg: a file of no picture" in wrong


def test_a_picture_that_comes_during_the_audit_is_no_foreign_file(gallery, monkeypatch) -> None:
    on_its_way, done = "e" * 32, "f" * 32
    gallery.files.write({on_its_way: b"picture", done: b"picture"})  # seen by the first listing
    real = audit_state._rows

    def rows(given, table: str, columns: str):
        yield from real(given, table, columns)
        if columns == "id, file" and not given.files.on_their_way():
            given.files.journal([on_its_way])
            _run(
                given,
                "INSERT INTO picture (id, state, digest, file, high, wide, quality, added) "
                "VALUES (?, 'kept', 'x', '.jpg', 1, 1, 1, 'x')",
                done,
            )

    monkeypatch.setattr(audit_state, "_rows", rows)
    assert "a file of no picture" not in _wrong(gallery)


def test_the_events_as_a_table_hold_no_name(gallery, tmp_path) -> None:
    assert write_events(gallery, tmp_path / "events.csv", actor="me") == 3
    table = pd.read_csv(tmp_path / "events.csv")
    assert list(table["kind"]) == ["create", "enrol", "audit"]
    assert len(table["subjects"][1].split()) == 3
    assert np.array_equal(table["previous"][1:], table["hash"][:-1])
    write_events(gallery, tmp_path / "events.json", actor="me")
    rows = json.loads((tmp_path / "events.json").read_text())
    assert [len(row["subjects"]) for row in rows] == [0, 3, 0, 0]
    text = (tmp_path / "events.csv").read_text() + (tmp_path / "events.json").read_text()
    assert "Ann" not in text
    with pytest.raises(DataError, match="csv"):
        write_events(gallery, tmp_path / "events.txt", actor="me")
