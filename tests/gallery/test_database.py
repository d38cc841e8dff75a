"""Both databases: one state for readers, one writer at a time, nothing half done, clear errors."""

from __future__ import annotations

import logging
import multiprocessing
import resource
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from sameplayer.errors import DataError, InternalError, Unavailable
from sameplayer.gallery.core.events import chain_head
from sameplayer.gallery.gallery import Gallery, open_gallery
from sameplayer.gallery.integrity.audit import broken_links, verify
from sameplayer.gallery.people.enrolment import enrol_pictures
from sameplayer.gallery.privacy.forgetting import forget
from sameplayer.gallery.search.asking import ask_vectors
from sameplayer.gallery.store.open import open_database
from sameplayer.gallery.store.sqlite import INHERITED, SqliteDatabase

ONLY_SQLITE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
fork = multiprocessing.get_context("fork")


def _persons(gallery: Gallery) -> int:
    with gallery.database.read() as cursor:
        found = cursor.one("SELECT COUNT(*) FROM person")
    assert found is not None
    return int(found[0])


def test_nothing_stays_of_a_change_that_failed(gallery: Gallery) -> None:
    with pytest.raises(ZeroDivisionError):
        _rename_and_fail(gallery)
    assert [one.name for one in gallery.persons()] == ["Ann", "Bea", "Cleo"]


def _rename_and_fail(gallery: Gallery) -> None:
    with gallery.database.write() as cursor:
        cursor.run("UPDATE person SET name = name || '!'")
        raise ZeroDivisionError


def test_a_reader_sees_one_state(gallery: Gallery, pictures) -> None:
    with gallery.database.read() as cursor:
        before = cursor.rows("SELECT id FROM picture ORDER BY id")
        with open_gallery(gallery.folder) as other:
            thread = threading.Thread(
                target=enrol_pictures, args=(other, {"Dora": pictures(9)}), kwargs={"actor": "me"}
            )
            thread.start()
            thread.join()
        assert cursor.rows("SELECT id FROM picture ORDER BY id") == before
    assert _persons(gallery) == 4


def test_names_are_kept_and_ordered_byte_by_byte(gallery: Gallery, pictures) -> None:
    names = ["~", "ä", "B", "a", "1", "100 % O'Neil? \\ $1", "Zoë"]
    enrol_pictures(
        gallery, {name: pictures(20 + at, 1) for at, name in enumerate(names)}, actor="me"
    )
    found = [one.name for one in gallery.persons() if one.name not in ("Ann", "Bea", "Cleo")]
    assert found == sorted(names)
    assert gallery.person("100 % O'Neil? \\ $1").pictures == 1


def test_a_duplicate_is_a_mistake_of_ours_and_its_name_not_told(gallery: Gallery) -> None:
    with pytest.raises(InternalError, match="person") as caught:
        with gallery.change("me", "wrong") as change:
            change.add("person", "1", name="Ann", state="active", created=change.at, pictures=0)
    assert "Ann" not in str(caught.value)


def test_bytes_numbers_and_nothing_come_back_as_they_went(gallery: Gallery) -> None:
    values = (bytes(range(256)) * 20, 2**53, 0.1, None, "ü\n'%?")
    with gallery.database.write() as cursor:
        assert (
            cursor.run(
                "UPDATE person SET mean = ?, team = ? WHERE name = 'Ann'", values[0], values[4]
            )
            == 1
        )
        cursor.many(
            "UPDATE person SET revision = ?, consent = ? WHERE name = ?",
            [(values[1], values[3], "Ann")],
        )
        cursor.run("UPDATE picture SET quality = ?", values[2])
        row = cursor.one(
            "SELECT mean, revision, quality, consent, person.team FROM person "
            "JOIN picture ON person = person.id WHERE name = ?",
            "Ann",
        )
    assert row == values
    assert [type(one) for one in row] == [type(one) for one in values]


def _write(folder: Path, writer: int, count: int) -> None:
    with open_gallery(folder) as gallery:
        for at in range(count):
            pictures = _four(gallery, f"{writer} {at}")
            enrol_pictures(gallery, {f"Person {writer} {at}": pictures}, actor=f"w{writer}")


def _four(gallery: Gallery, seed: str) -> list:
    import numpy as np

    from sameplayer.gallery.core.records import NewPicture

    rows = np.random.default_rng(list(seed.encode())).normal(size=(4, gallery.settings.width))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return [NewPicture(row, f"{seed} {at}", 8, 8, 1.0, b"x") for at, row in enumerate(rows)]


def _read(folder: Path, until: int) -> None:
    seen = 0
    with open_gallery(folder) as gallery:
        query = _four(gallery, "query")[0].vector[None]
        while seen < until:
            answer = ask_vectors(gallery, query, actor="reader")
            assert answer.persons >= seen
            assert all(one.pictures == 4 for one in answer.candidates)
            seen = answer.persons


def test_two_writers_and_four_readers(gallery: Gallery) -> None:
    gallery.close()
    count = 12
    works = [(_write, (gallery.folder, writer, count)) for writer in range(2)]
    works += [(_read, (gallery.folder, 3 + 2 * count))] * 4
    processes = [fork.Process(target=target, args=given, daemon=True) for target, given in works]
    for one in processes:
        one.start()
    for one in processes:
        one.join(120)
    assert [one.exitcode for one in processes] == [0] * 6
    assert _persons(gallery) == 3 + 2 * count
    with gallery.database.read() as cursor:
        assert not broken_links(cursor)
        asked = cursor.one("SELECT COUNT(*) FROM event WHERE kind = 'ask'")
        assert chain_head(cursor).seq == 2 + 2 * count + asked[0]
        assert asked[0] >= 4
    assert len(list(gallery.files.folder.glob("*/*.jpg"))) == 4 * (3 + 2 * count)
    assert not list(gallery.files.folder.glob("journal-*"))


def test_a_forked_process_uses_connections_of_its_own(gallery: Gallery, pictures) -> None:
    def ask_many() -> None:
        for at in range(20):
            ask_vectors(gallery, pictures(1)[0].vector[None], actor=f"child {at}")

    child = fork.Process(target=ask_many)
    child.start()
    ask_many()
    child.join(60)
    assert child.exitcode == 0
    with gallery.database.read() as cursor:
        assert not broken_links(cursor)
        assert cursor.one("SELECT COUNT(*) FROM event WHERE kind = 'ask'") == (40,)


def test_many_threads_write_one_after_the_other(gallery: Gallery, pictures) -> None:
    query = pictures(1)[0].vector[None]

    def ask_some() -> None:
        for _ in range(5):
            ask_vectors(gallery, query, actor="me")

    threads = [threading.Thread(target=ask_some) for _ in range(12)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    with gallery.database.read() as cursor:
        assert not broken_links(cursor)
        assert cursor.one("SELECT COUNT(*) FROM event WHERE kind = 'ask'") == (60,)


def test_the_database_finds_nothing_wrong_with_a_sound_gallery(gallery: Gallery) -> None:
    assert gallery.database.problems() == []


@ONLY_SQLITE
def test_a_locked_file_is_waited_for_and_then_told(gallery: Gallery) -> None:
    database = SqliteDatabase(gallery.database.name, lock_timeout_s=0.2)
    with closing(sqlite3.connect(gallery.database.name, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(DataError, match="locked by another program for 0 s; nothing was"):
            with database.write():
                pass
        assert time.monotonic() - began > 0.15
    with database.write() as cursor:
        assert cursor.run("UPDATE latest SET changed = changed") == 1


@ONLY_SQLITE
def test_bytes_that_a_reader_holds_are_not_said_to_be_gone(gallery: Gallery) -> None:
    database = SqliteDatabase(gallery.database.name, lock_timeout_s=0.2)
    with closing(sqlite3.connect(gallery.database.name, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM person").fetchone()
        with database.write() as cursor:
            cursor.run("UPDATE person SET name = 'x' WHERE name = 'Ann'")
            cursor.run("UPDATE event SET detail = NULL")  # names stand there, too
        with pytest.raises(DataError, match="another program reads the gallery since 0 s"):
            database.erase()
    database.erase()
    assert not any(b"Ann" in path.read_bytes() for path in database.files())
    assert database.remains() == []


@ONLY_SQLITE
def test_a_damaged_file_is_told(gallery: Gallery) -> None:
    gallery.database.erase()
    gallery.close()
    path = Path(gallery.database.name)
    content = path.read_bytes()
    path.write_bytes(content[:16384] + b"\xff" * (len(content) - 16384))
    with pytest.raises(DataError, match="damaged; restore it from a copy"):
        with open_gallery(gallery.folder) as other:
            other.persons()


@ONLY_SQLITE
def test_a_full_file_changes_nothing_and_works_again_with_room(gallery: Gallery, pictures) -> None:
    _set(gallery, "max_page_count = 1")  # as many as there are
    many = {f"Person {at}": pictures(at + 30) for at in range(40)}
    files = sorted(gallery.files.folder.rglob("*.jpg"))
    with pytest.raises(DataError, match="the disk is full; nothing was changed"):
        enrol_pictures(gallery, many, actor="me")
    assert _persons(gallery) == 3
    _set(gallery, "max_page_count = 1000000")
    with gallery.change("me", "settle"):
        pass
    assert sorted(gallery.files.folder.rglob("*.jpg")) == files
    assert enrol_pictures(gallery, many, actor="me").added == 160


@ONLY_SQLITE
def test_a_disk_that_fails_changes_nothing(gallery: Gallery, pictures) -> None:
    many = {f"Person {at}": pictures(at + 30, content=None) for at in range(40)}
    with _no_file_over(300_000), pytest.raises(DataError, match="the disk failed or is full"):
        enrol_pictures(gallery, many, actor="me")
    assert _persons(gallery) == 3
    assert enrol_pictures(gallery, many, actor="me").added == 160


@contextmanager
def _no_file_over(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@ONLY_SQLITE
def test_a_file_that_must_not_be_written_can_be_read(gallery: Gallery, pictures) -> None:
    _set(gallery, "query_only = ON")  # what a read-only disk says, also to root
    with pytest.raises(DataError, match="read-only; nothing was changed"):
        enrol_pictures(gallery, {"Dora": pictures(9, content=None)}, actor="me")
    assert _persons(gallery) == 3


@ONLY_SQLITE
@pytest.mark.parametrize(
    ("pragma", "words"),
    [("application_id = 7", "another program"), ("user_version = 9", "of format 9; this version")],
)
def test_a_foreign_or_newer_file_is_refused(gallery: Gallery, pragma: str, words: str) -> None:
    _set(gallery, pragma)
    gallery.close()
    with pytest.raises(DataError, match=words):
        open_database(gallery.folder)


@ONLY_SQLITE
def test_a_folder_instead_of_a_file_is_told(gallery: Gallery) -> None:
    gallery.close()
    path = Path(gallery.database.name)
    database = SqliteDatabase(path)
    database.close()
    path.rename(path.with_suffix(".old"))
    path.mkdir()
    with pytest.raises(DataError, match="was moved, replaced or deleted"):
        with database.read() as cursor:
            cursor.rows("SELECT * FROM person")


def _set(gallery: Gallery, pragma: str) -> None:
    assert isinstance(gallery.database, SqliteDatabase)
    gallery.database._connection().execute(f"PRAGMA {pragma}").fetchall()


@ONLY_SQLITE
def test_threads_that_ended_leave_no_open_file(gallery: Gallery) -> None:
    def handles() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    _persons(gallery)
    before = handles()
    for _ in range(60):
        thread = threading.Thread(target=_persons, args=(gallery,))
        thread.start()
        thread.join()
    assert handles() <= before + 2


@ONLY_SQLITE
def test_a_connection_that_a_fork_inherits_is_not_closed_there(gallery: Gallery) -> None:
    def child() -> None:
        inherited = gallery.database._local.kept.connection
        _persons(gallery)  # by a connection of its own
        assert any(one is inherited for one in INHERITED)
        inherited.execute("SELECT 1")  # would fail if it were closed

    _persons(gallery)
    process = fork.Process(target=child)
    process.start()
    process.join()
    assert process.exitcode == 0


@ONLY_SQLITE
def test_a_copy_that_cannot_be_written_to_can_be_read_asked_and_audited(
    gallery: Gallery, pictures, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gallery.close()
    files = {path: path.stat().st_mtime_ns for path in gallery.folder.rglob("*")}
    monkeypatch.setattr("sameplayer.gallery.store.sqlite.may_write", lambda _: False)
    with open_gallery(gallery.folder) as copy:
        assert copy.database.read_only
        assert copy.person("Ann").pictures == 4
        with caplog.at_level(logging.WARNING):
            for _ in range(2):
                answer = ask_vectors(copy, pictures(1)[0].vector[None], actor="me")
        assert answer.candidates[0].name == "Bea"
        assert [one for one in caplog.messages if "can only be read here" in one] == caplog.messages
        assert len(caplog.messages) == 1
        assert verify(copy).wrong == ()
        with pytest.raises(DataError, match="read-only; nothing was changed"):
            enrol_pictures(copy, {"Dora": pictures(9)}, actor="me")
        with pytest.raises(DataError, match="read-only; nothing was changed"):
            forget(copy, "Ann", actor="me")
    assert {path: path.stat().st_mtime_ns for path in gallery.folder.rglob("*")} == files


@ONLY_SQLITE
@pytest.mark.parametrize("what", ["club", "club/gallery.sqlite", "club/pictures"])
@pytest.mark.parametrize("instead", ["nothing", "a copy"])
def test_what_was_moved_is_not_written_to(
    gallery: Gallery, pictures, tmp_path: Path, what: str, instead: str
) -> None:
    """Neither into the files that are still open, nor into others under the same name."""
    place, away = tmp_path / what, tmp_path / "away"
    place.rename(away)
    if instead == "a copy":
        (shutil.copytree if away.is_dir() else shutil.copy)(away, place)
    before = sorted(tmp_path.rglob("*"))
    for change in (
        lambda: enrol_pictures(gallery, {"Dora": pictures(9)}, actor="me"),
        lambda: forget(gallery, "Ann", actor="me"),
    ):
        with pytest.raises(Unavailable, match="was moved, replaced or deleted"):
            change()
    assert sorted(tmp_path.rglob("*")) == before
    if place.is_dir():
        shutil.rmtree(place)
    away.rename(place)
    assert enrol_pictures(gallery, {"Dora": pictures(9)}, actor="me").added == 4
    assert forget(gallery, "Dora", actor="me").bytes_found == 0
