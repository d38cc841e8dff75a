"""No file of an open record is opened beside it: the record's locks stay as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from sameplayer.data.images.picture import encode_picture
from sameplayer.errors import DataError
from sameplayer.gallery.integrity.audit import verify, write_events
from sameplayer.gallery.people.consent import set_policy
from sameplayer.gallery.people.corrections import confirm, merge, remove_pictures
from sameplayer.gallery.people.enrolment import enrol_pictures
from sameplayer.gallery.privacy.byte_patterns import CHUNK, traces_of
from sameplayer.gallery.privacy.byte_search import search
from sameplayer.gallery.privacy.forgetting import forget
from sameplayer.gallery.privacy.retention import sweep
from sameplayer.gallery.privacy.subject_export import export_person
from sameplayer.gallery.re_embedding import re_embed
from sameplayer.gallery.reverting.undo import undo
from sameplayer.gallery.search.asking import ask_ready
from sameplayer.gallery.store.file_identity import identity

sqlite_alone = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
LOCKS = Path("/proc/locks")
OPENED: list[str] = []
watching = False


def _watch(event: str, given: tuple) -> None:
    if watching and event == "open" and isinstance(given[0], (str, bytes)):
        OPENED.append(os.path.realpath(os.fsdecode(given[0])))


sys.addaudithook(_watch)


@contextmanager
def watched() -> Iterator[list[str]]:
    """Collect the paths that Python code of this process opens."""
    global watching
    OPENED.clear()
    watching = True
    try:
        yield OPENED
    finally:
        watching = False


def _locks(folder: Path) -> set[tuple[str, ...]]:
    """The locks on the record's files: kind, owner, file, range."""
    inodes = {str(path.stat().st_ino) for path in folder.glob("gallery.sqlite*")}
    lines = [line.split()[1:] for line in LOCKS.read_text().splitlines()]
    return {tuple(one) for one in lines if one[4].rpartition(":")[2] in inodes}


@sqlite_alone
def test_forgetting_leaves_the_locks_of_the_record(gallery) -> None:
    if not LOCKS.exists():
        pytest.skip("no /proc/locks on this system")
    before = _locks(gallery.folder)
    assert before
    assert forget(gallery, "Ann", actor="me").bytes_found == 0
    assert _locks(gallery.folder) == before


@sqlite_alone
def test_what_is_enrolled_after_forgetting_is_seen_by_other_programs(gallery, pictures) -> None:
    """The last program to close a record removes its log: it must not think that it is the last."""
    other = (
        "import sqlite3, sys; record = sqlite3.connect(sys.argv[1]); "
        "print([row[0] for row in record.execute('SELECT name FROM person ORDER BY name')])"
    )

    def names() -> str:
        program = [sys.executable, "-c", other, str(gallery.folder / "gallery.sqlite")]
        return subprocess.run(program, capture_output=True, text=True, check=True).stdout.strip()

    forget(gallery, "Ann", actor="me")
    assert names() == "['Bea', 'Cleo']"
    enrol_pictures(gallery, {"Dora": pictures(7)}, actor="me")
    assert names() == "['Bea', 'Cleo', 'Dora']"


@sqlite_alone
def test_no_verb_opens_a_file_of_the_record(gallery, pictures, encoder, tmp_path) -> None:
    content = encode_picture(np.full((80, 40, 3), 90, np.uint8), ".jpg")
    rows = {"Dora": pictures(7, content=content), "Eve": pictures(8, content=content)}
    os.link(gallery.folder / "gallery.sqlite", gallery.folder / "linked.sqlite")
    with gallery.database.read() as cursor:
        kept = [row[0] for row in cursor.rows("SELECT id FROM picture")]
    gallery.files.write(dict.fromkeys(kept, content))
    with watched() as opened:
        enrol_pictures(gallery, rows, actor="me")
        answer = ask_ready(gallery, pictures(0, seed=4, content=content), actor="me", keep=True)
        confirm(gallery, answer.question, "Ann", actor="me")
        merge(gallery, "Ann", "Bea", actor="me")
        undo(gallery, actor="me")
        remove_pictures(gallery, kept[:1], actor="me")
        set_policy(gallery, "Eve", actor="me", expires="2020-01-01")
        assert len(sweep(gallery, actor="me")) == 1
        re_embed(gallery, tmp_path / "anew", encoder, actor="me")
        export_person(gallery, "Ann", tmp_path / "copy.zip", actor="me")
        write_events(gallery, tmp_path / "events.csv", actor="me")
        verify(gallery)
        forget(gallery, "Ann", actor="me")
    own = os.path.realpath(gallery.folder)
    assert opened
    assert not [path for path in opened if path.startswith(own) and ".sqlite" in path]


@pytest.mark.parametrize("outside", [False, True])
def test_files_are_searched_whole_and_in_order(tmp_path: Path, outside: bool) -> None:
    """Here, or by a child process, whatever their names; one that is not there is empty."""
    contents = [b"", b"name", os.urandom(2 * CHUNK) + b"name", os.urandom(2 * CHUNK + 1)]
    paths = [tmp_path / f"{at} \u00e9" for at in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    own = frozenset(map(identity, paths)) if outside else frozenset()
    found = search(traces_of(b"key", [("name", b"name")]), [*paths, tmp_path / "none"], own)
    assert [(one.file, one.offset) for one in found] == [(paths[1], 0), (paths[2], 2 * CHUNK)]
    assert list(search(traces_of(b"key", []), [])) == []


def test_pieces_are_found_across_the_parts_that_a_file_is_read_in(tmp_path: Path) -> None:
    """Each place is given once, wherever the parts end, beside pieces that are longer."""
    piece = b"a piece of twenty-four b"
    traces = traces_of(b"key", [("name", piece), ("picture", os.urandom(64)), ("name", b"four")])
    path = tmp_path / "file"
    for at in (0, 10, CHUNK - 30, CHUNK - 24, CHUNK - 10, CHUNK, CHUNK + 5, 2 * CHUNK - 12):
        content = bytearray(os.urandom(2 * CHUNK + 12))
        content[at : at + len(piece)] = piece
        path.write_bytes(content)
        found = sorted((one.offset, one.piece.length) for one in search(traces, [path]))
        assert found == [(at, 24), (at + 18, 4)]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read \(Is a directory\)"):
        list(search(traces_of(b"key", [("name", b"name")]), [tmp_path]))


def test_a_reader_that_dies_is_no_search(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").write_bytes(b"name")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    own = frozenset({identity(tmp_path / "file")})
    with pytest.raises(DataError, match="cannot be read"):
        list(search(traces_of(b"key", [("name", b"name")]), [tmp_path / "file"], own))
