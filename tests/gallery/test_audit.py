"""Whatever is changed behind the gallery's back is found."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from sameplayer.errors import SettingError
from sameplayer.gallery.audit import verify, write_events
from sameplayer.gallery.enrolment import enrol_pictures
from sameplayer.gallery.forget import forget


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


@pytest.mark.parametrize(
    ("sql", "values", "word"),
    [
        ("UPDATE event SET actor = ? WHERE seq = 2", ("you",), "event 2: changed since"),
        ("UPDATE event SET detail = ? WHERE seq = 2", ("{}",), "event 2: its detail was changed"),
        ("UPDATE event SET detail = NULL, salt = NULL WHERE seq = ?", (2,), "1 events have lost"),
        ("UPDATE person SET mean = ? WHERE name = 'Bea'", (b"\0" * 3456,), "mean is not that"),
        ("UPDATE person SET pictures = ? WHERE name = 'Bea'", (5,), "5 pictures by the row, 4"),
        ("UPDATE picture SET state = ? WHERE id = (SELECT MIN(id) FROM picture)", ("removed",),
         "4 pictures by the row, 3"),
        ("DELETE FROM vector WHERE picture = (SELECT MIN(id) FROM picture WHERE state = ?)",
         ("kept",), "has no vector"),
    ],
)  # fmt: skip
def test_a_changed_row_is_found(gallery, sql: str, values: tuple, word: str) -> None:
    _run(gallery, sql, *values)
    assert word in _wrong(gallery)


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
    with pytest.raises(SettingError, match="csv"):
        write_events(gallery, tmp_path / "events.txt", actor="me")
