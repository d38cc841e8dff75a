"""What is left is found wherever the gallery keeps anything, and only that."""

from __future__ import annotations

from pathlib import Path

import pytest

from sameplayer.errors import DataError
from sameplayer.gallery.gallery import open_gallery
from sameplayer.gallery.people.corrections import merge
from sameplayer.gallery.people.enrolment import enrol_pictures
from sameplayer.gallery.privacy.forgetting import forget

sqlite_alone = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
WORDS = (
    "NULL",
    "TABLE",
    "SQLite",
    "SQLite format 3",
    "INTEGER",
    "state",
    "event",
    "salt",
    "kind",
    "previous",
    "person",
    "kept",
    "removed",
    "gallery",
    "sqlite_autoindex",
    "changed",
    "picture",
    "sameplayer",
)


@sqlite_alone
def test_words_of_the_record_itself_are_no_residue(gallery, pictures) -> None:
    """Names that stand in the schema, in the file's head, or all over what others' events say."""
    rows = {f"Long {at}": pictures(20 + at, 60, content=None) for at in range(6)}
    enrol_pictures(gallery, rows, actor="me")  # one event that goes on over several pages
    enrol_pictures(
        gallery,
        {one: pictures(40 + at, 1, content=None) for at, one in enumerate(WORDS)},
        actor="me",
    )
    for word in WORDS[1:]:
        merge(gallery, WORDS[0], word, actor="me")
    assert forget(gallery, WORDS[0], actor="me").bytes_found == 0
    assert not {one.name for one in gallery.persons()} & set(WORDS)


@sqlite_alone
@pytest.mark.parametrize(
    "name",
    [
        "forget-me.bin",
        "old/secret.key",
        "old/forget-0123456789abcdef.json",
        "old/gallery.sqlite-shm",
        "pictures/zz/stray.jpg",
    ],
)
def test_only_the_gallerys_own_files_are_left_out(gallery, pictures, name: str) -> None:
    enrol_pictures(gallery, {"Dora Testname": pictures(7)}, actor="me")
    path = gallery.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"about Dora Testname")
    with pytest.raises(DataError, match=rf"bytes are left: name in {name} at byte 6"):
        forget(gallery, "Dora Testname", actor="me")
    assert path.exists()
    path.unlink()
    assert forget(gallery, "Dora Testname", actor="me").bytes_found == 0


@sqlite_alone
def test_links_to_where_the_gallery_lies_are_followed(gallery, pictures, tmp_path: Path) -> None:
    """The pictures, or the record itself, on another disk."""
    enrol_pictures(gallery, {"Dora Testname": pictures(7)}, actor="me")
    gallery.close()
    disk = tmp_path / "disk"
    disk.mkdir()
    for name in ("pictures", "gallery.sqlite"):
        (gallery.folder / name).rename(disk / name)
        (gallery.folder / name).symlink_to(disk / name)
    (disk / "pictures" / "copy.bin").write_bytes(b"Dora Testname")
    with open_gallery(gallery.folder) as again:
        assert set(again.database.files()) >= {disk / "gallery.sqlite"}
        with pytest.raises(DataError, match=r"name in .*copy\.bin at byte 0"):
            forget(again, "Dora Testname", actor="me")
        (disk / "pictures" / "copy.bin").unlink()
        receipt = forget(again, "Dora Testname", actor="me")
    assert receipt.bytes_found == 0
    assert receipt.files >= 13
    assert not any(b"Dora Testname" in path.read_bytes() for path in disk.rglob("*.sqlite*"))
