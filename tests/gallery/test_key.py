"""A gallery is opened with its own key only, which is a file of the user's own."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import pytest

from sameplayer.errors import DataError
from sameplayer.gallery.core.key import KEY, make_key
from sameplayer.gallery.gallery import Gallery, create_gallery, open_gallery
from sameplayer.gallery.integrity.audit import verify
from sameplayer.gallery.people.enrolment import enrol_pictures

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def test_another_gallerys_key_is_refused(gallery: Gallery, store: str | None) -> None:
    gallery.close()
    own = (gallery.folder / KEY).read_text()
    make_key(gallery.folder)
    with pytest.raises(DataError, match=r"secret\.key: the key of another gallery"):
        open_gallery(gallery.folder)
    (gallery.folder / KEY).write_text(own)
    with open_gallery(gallery.folder) as opened:
        assert verify(opened).wrong == ()


@pytest.mark.parametrize("kind", ["fifo", "folder"])
def test_what_is_no_file_is_no_key_and_is_not_waited_for(gallery: Gallery, kind: str) -> None:
    (gallery.folder / KEY).unlink()
    make = os.mkfifo if kind == "fifo" else os.mkdir
    make(gallery.folder / KEY)
    with pytest.raises(DataError, match=r"secret\.key: .*restore it from a copy"):
        open_gallery(gallery.folder)


def test_a_gallery_is_for_nobody_else_whatever_the_umask(
    tmp_path: Path, encoder, pictures, store: str | None
) -> None:
    before = os.umask(0)
    try:
        with create_gallery(tmp_path / "new", encoder, purpose="test") as made:
            enrol_pictures(made, {"Ann": pictures(0, 1)}, actor="me")
            paths = [made.folder, *made.folder.rglob("*")]
            modes = {stat.S_IMODE(one.stat().st_mode) for one in paths if one.is_file()}
            assert modes == {0o600}
            modes = {stat.S_IMODE(one.stat().st_mode) for one in paths if one.is_dir()}
            assert modes == {0o700}
            assert verify(made).notes == ()
    finally:
        os.umask(before)


def test_a_key_that_all_may_read_is_warned_of_and_told_by_the_audit(
    gallery: Gallery, caplog: pytest.LogCaptureFixture
) -> None:
    (gallery.folder / KEY).chmod(0o644)
    gallery.folder.chmod(0o755)
    with caplog.at_level(logging.WARNING), open_gallery(gallery.folder) as opened:
        (note,) = verify(opened).notes
    assert "every user of this machine may read secret.key; run: chmod" in note
    assert f"chmod 600 {gallery.folder / KEY}" in caplog.text
    assert stat.S_IMODE((gallery.folder / KEY).stat().st_mode) == 0o644


def test_pictures_get_the_rights_of_their_folder(gallery: Gallery, store: str | None) -> None:
    before = os.umask(0o007)
    try:
        gallery.files.folder.chmod(0o770)
        gallery.files.write({"cd" * 16: b"picture"})
        path = gallery.files.path("cd" * 16)
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert stat.S_IMODE(gallery.files.journal(["x"]).stat().st_mode) == 0o660
    finally:
        os.umask(before)
