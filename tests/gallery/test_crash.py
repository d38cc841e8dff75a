"""A gallery holds: killed programs, many at once, locked, full, read-only and damaged disks."""

from __future__ import annotations

import multiprocessing
import resource
import signal
import sqlite3
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from gallery.crash import KINDS, crash

from sameplayer.errors import DataError
from sameplayer.gallery.gallery import Gallery, open_gallery
from sameplayer.gallery.integrity.audit import verify
from sameplayer.gallery.people.enrolment import enrol_pictures
from sameplayer.gallery.privacy.forgetting import forget
from sameplayer.gallery.search.asking import ask_vectors
from sameplayer.gallery.store.sqlite import SqliteDatabase

sqlite_alone = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def test_killed_programs_leave_nothing_half_done(tmp_path: Path) -> None:
    """Twenty of the kills that benchmarks/gallery/crash.py does two hundred of."""
    counts = crash(tmp_path / "club", 20, seed=1)
    assert {what.split(",")[0] for what in counts} >= set(KINDS) - {"forget"}
    assert any("stopped" in what for what in counts)


def _write(folder: Path, pictures, first: int, until: float, made) -> None:
    with open_gallery(folder) as gallery:
        count = 0
        while time.monotonic() < until or count == 0:
            enrol_pictures(
                gallery, {f"Writer {first}-{count}": pictures(100 + first, seed=count)}, actor="w"
            )
            count += 1
            made.put((first, count))


def _read(folder: Path, pictures, row: int, until: float, made) -> None:
    query = np.stack([one.vector for one in pictures(row % 3)])
    with open_gallery(folder) as gallery:
        asked = 0
        while time.monotonic() < until or asked == 0:
            answer = ask_vectors(gallery, query, actor="r")
            assert answer.candidates[0].name == ("Ann", "Bea", "Cleo")[row % 3]
            asked += 1
            made.put((row, asked))


def _told(errors, function, *given) -> None:
    try:
        function(*given)
    except BaseException:
        errors.put(traceback.format_exc())


@sqlite_alone
def test_two_writers_and_four_readers_at_once(gallery: Gallery, pictures) -> None:
    gallery.close()
    context = multiprocessing.get_context("fork")
    errors, made = context.SimpleQueue(), context.Queue()
    until = time.monotonic() + 1.5
    work = [(_write, at) for at in (1000, 2000)] + [(_read, at) for at in range(4)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        processes = [
            context.Process(
                target=_told, args=(errors, what, gallery.folder, pictures, at, until, made)
            )
            for what, at in work
        ]
        for one in processes:
            one.start()
    done: dict[int, int] = {}
    while any(one.is_alive() for one in processes) or not made.empty():
        while not made.empty():
            at, count = made.get()
            done[at] = count
        time.sleep(0.01)
    assert errors.empty(), errors.get()
    assert set(done) == {at for _, at in work}
    with open_gallery(gallery.folder) as again:
        report = verify(again)
        assert report.wrong == ()
        assert len(again.persons()) == 3 + done[1000] + done[2000]
        assert report.events == 2 + sum(done.values())


@sqlite_alone
def test_a_locked_gallery_is_said_to_be_locked(gallery: Gallery, pictures) -> None:
    gallery.close()
    record = SqliteDatabase(gallery.folder / "gallery.sqlite", lock_timeout_s=0.1)
    with Gallery(gallery.folder, record) as again:
        other = sqlite3.connect(gallery.folder / "gallery.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for change in (
            lambda: enrol_pictures(again, {"Dora": pictures(7)}, actor="me"),
            lambda: forget(again, "Ann", actor="me"),
        ):
            with pytest.raises(DataError, match="locked by another program"):
                change()
        other.close()
        assert verify(again).wrong == ()
        assert again.person("Ann").pictures == 4


@contextmanager
def _small_files(most: int) -> Iterator[None]:
    """No file grows over so many bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    held = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, held)


@sqlite_alone
@pytest.mark.parametrize(("content", "most"), [(b"x" * 50_000, 40_000), (b"x" * 10, 100_000)])
def test_a_full_disk_changes_nothing(gallery: Gallery, pictures, content: bytes, most: int) -> None:
    """The disk is full for the pictures, or for the record."""
    gallery.database.erase()
    rows = {f"New {at}": pictures(10 + at, 20, content=content) for at in range(5)}
    with _small_files(most), pytest.raises(DataError, match=r"cannot be written|full|disk failed"):
        enrol_pictures(gallery, rows, actor="me")
    assert [one.name for one in gallery.persons()] == ["Ann", "Bea", "Cleo"]
    with gallery.database.write() as cursor:
        gallery.files.settle(cursor)
    assert verify(gallery).wrong == ()
    assert enrol_pictures(gallery, rows, actor="me").added == 100


@sqlite_alone
def test_a_full_disk_does_not_forget_half(gallery: Gallery) -> None:
    gallery.database.erase()
    with _small_files(20_000), pytest.raises(DataError):
        forget(gallery, "Ann", actor="me")
    assert gallery.person("Ann").pictures == 4
    assert verify(gallery).wrong == ()
    assert forget(gallery, "Ann", actor="me").bytes_found == 0


@sqlite_alone
def test_a_read_only_record_is_said_to_be_read_only(gallery: Gallery, pictures) -> None:
    with gallery.database.write():  # a connection that may only read stands for such a disk
        pass
    gallery.database._connection().execute("PRAGMA query_only = ON")
    with pytest.raises(DataError, match="read-only; nothing was changed"):
        enrol_pictures(gallery, {"Dora": pictures(7)}, actor="me")
    gallery.close()
    with open_gallery(gallery.folder) as again:
        with again.database.write() as cursor:
            again.files.settle(cursor)
        assert verify(again).wrong == ()


@sqlite_alone
def test_damaged_pages_are_found(gallery: Gallery) -> None:
    gallery.database.erase()
    gallery.close()
    path = gallery.folder / "gallery.sqlite"
    size = path.stat().st_size
    rng = np.random.default_rng(0)
    content = bytearray(path.read_bytes())
    content[size // 3 : size // 3 + 30_000] = rng.bytes(30_000)
    path.write_bytes(content)
    with open_gallery(gallery.folder) as again, pytest.raises(DataError, match="damaged; restore"):
        verify(again)


@pytest.mark.parametrize(
    ("name", "value"), [("retention", "[]"), ("known", '"x"'), ("purpose", "{"), ("width", None)]
)
def test_damaged_settings_are_named(gallery: Gallery, name: str, value: str | None) -> None:
    with gallery.database.write() as cursor:
        if value is None:
            cursor.run("DELETE FROM setting WHERE name = ?", name)
        else:
            cursor.run("UPDATE setting SET value = ? WHERE name = ?", value, name)
    with pytest.raises(DataError, match="its settings are damaged"):
        open_gallery(gallery.folder)


@pytest.mark.parametrize("content", [None, "", "no key", "ab" * 8])
def test_without_its_key_a_gallery_is_not_opened(gallery: Gallery, content: str | None) -> None:
    key = gallery.folder / "secret.key"
    if content is None:
        key.unlink()
    else:
        key.write_text(content)
    with pytest.raises(DataError, match=r"secret\.key: .*restore it from a copy"):
        open_gallery(gallery.folder)


def test_a_lost_picture_is_named_and_can_be_forgotten(gallery: Gallery) -> None:
    key = gallery.pictures(gallery.person("Ann").id)[0].id
    gallery.files.path(key).unlink()
    assert verify(gallery).wrong == (f"picture {key}: its file is gone",)
    assert forget(gallery, "Ann", actor="me").pictures == 4
    assert verify(gallery).wrong == ()
