"""Whose time is over is forgotten, and nobody else; a wrong clock forgets nobody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sameplayer.cli import main
from sameplayer.errors import DataError, SettingError
from sameplayer.gallery.core.records import Consent
from sameplayer.gallery.integrity.audit import verify
from sameplayer.gallery.people.consent import set_policy
from sameplayer.gallery.people.corrections import remove_pictures
from sameplayer.gallery.people.enrolment import enrol_pictures
from sameplayer.gallery.privacy.retention import Incomplete, due, loose, sweep
from sameplayer.gallery.reverting.undo import undo
from sameplayer.gallery.search.asking import ask_ready

NOW = datetime.now(UTC)
# what these say is said above the store: their statements run on PostgreSQL in the others
sqlite_alone = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def _names(gallery, now: datetime) -> dict[str, str]:
    return {person.name: why for person, why in due(gallery, now)}


def test_a_person_goes_the_day_after_the_last(gallery) -> None:
    day = (NOW + timedelta(days=10)).date()
    set_policy(gallery, "Ann", actor="me", expires=day.isoformat())
    assert _names(gallery, NOW + timedelta(days=10)) == {}
    assert _names(gallery, NOW + timedelta(days=11)) == {"Ann": f"to be kept until {day}"}
    set_policy(gallery, "Ann", actor="me", expires="")
    assert _names(gallery, NOW + timedelta(days=11)) == {}


def test_retention_counts_from_the_last_picture(gallery, pictures) -> None:
    gallery.set("me", retention=100)
    assert _names(gallery, NOW + timedelta(days=99)) == {}
    why = "no new picture for over 100 days"
    assert _names(gallery, NOW + timedelta(days=101)) == dict.fromkeys(("Ann", "Bea", "Cleo"), why)
    with gallery.database.write() as cursor:  # as if they had come long ago
        cursor.run("UPDATE picture SET added = ?", "2020-01-01T00:00:00.000+00:00")
    enrol_pictures(gallery, {"Bea": pictures(1, seed=3)}, actor="me")
    assert set(_names(gallery, NOW + timedelta(hours=1))) == {"Ann", "Cleo"}


def test_a_dry_run_lists_and_a_sweep_forgets(gallery, pictures) -> None:
    set_policy(gallery, "Ann", actor="me", expires="2026-01-01")
    planned = sweep(gallery, actor="me", dry_run=True)
    assert [(one.person, one.pictures) for one in planned] == [(gallery.person("Ann").id, 4)]
    done = sweep(gallery, actor="me")
    assert [(one.person, one.pictures, one.bytes_found) for one in done] == [
        (planned[0].person, 4, 0)
    ]
    assert [one.name for one in gallery.persons()] == ["Bea", "Cleo"]
    assert enrol_pictures(gallery, {"Ann": pictures(0)}, actor="me").suppressed == 4
    assert sweep(gallery, actor="me") == []
    assert verify(gallery).wrong == ()


@sqlite_alone
def test_who_was_removed_goes_after_a_month_and_may_come_back(gallery, pictures) -> None:
    enrol_pictures(gallery, {"Dora": pictures(7)}, actor="me")
    undo(gallery, actor="me")
    assert _names(gallery, NOW + timedelta(days=29)) == {}
    later = NOW + timedelta(days=31)
    assert _names(gallery, later) == {"Dora": "removed over 30 days ago"}
    assert [one.bytes_found for one in sweep(gallery, actor="me", now=later)] == [0]
    assert enrol_pictures(gallery, {"Dora": pictures(7)}, actor="me").added == 4


def test_removed_pictures_go_and_those_that_are_kept_stay(gallery) -> None:
    person = gallery.person("Ann").id
    gone = [one.id for one in gallery.pictures(person)[:2]]
    remove_pictures(gallery, gone, actor="me")
    assert loose(gallery, NOW + timedelta(days=29)) == []
    later = NOW + timedelta(days=31)
    assert [set(one.pictures) for one in loose(gallery, later)] == [set(gone)]
    receipts = sweep(gallery, actor="me", now=later)
    assert [(one.pictures, one.persons, one.bytes_found) for one in receipts] == [(2, 0, 0)]
    assert gallery.person("Ann").pictures == 2
    assert not any(gallery.files.path(key).exists() for key in gone)
    assert verify(gallery).wrong == ()


def test_old_questions_go_by_retention(gallery, pictures) -> None:
    gallery.set("me", retention=400)
    asked = ask_ready(gallery, pictures(8), actor="me", keep=True)
    enrol_pictures(gallery, {"Ann": pictures(0, seed=5)}, actor="me")
    assert loose(gallery, NOW + timedelta(days=399)) == []
    with gallery.database.write() as cursor:
        cursor.run("UPDATE question SET asked = ?", "2020-01-01T00:00:00.000+00:00")
    receipts = sweep(gallery, actor="me")
    assert [(one.pictures, one.bytes_found) for one in receipts] == [(4, 0)]
    with gallery.database.read() as cursor:
        assert cursor.one("SELECT 1 FROM question WHERE id = ?", asked.question) is None
    assert verify(gallery).wrong == ()


@sqlite_alone
def test_a_clock_behind_the_last_event_forgets_by_its_own_day(gallery) -> None:
    set_policy(gallery, "Ann", actor="me", expires="2020-01-01")
    assert sweep(gallery, actor="me", now=datetime(2019, 12, 31, tzinfo=UTC)) == []
    assert len(sweep(gallery, actor="me", now=NOW - timedelta(days=1))) == 1
    assert len(gallery.persons()) == 2


@sqlite_alone
def test_a_clock_that_was_ahead_keeps_nobody_longer(gallery) -> None:
    set_policy(gallery, "Ann", actor="me", expires="2020-01-01")
    with gallery.database.write() as cursor:
        cursor.run("UPDATE event SET at = ?", "2020-06-01T00:00:00.000+00:00")
    assert len(sweep(gallery, actor="me", now=datetime(2020, 1, 3, tzinfo=UTC))) == 1
    assert [one.name for one in gallery.persons()] == ["Bea", "Cleo"]


@sqlite_alone
def test_the_last_day_ends_in_utc_and_the_last_moment_is_kept(gallery) -> None:
    set_policy(gallery, "Ann", actor="me", expires="2026-12-31")
    west = timezone(timedelta(hours=-8))
    assert _names(gallery, datetime(2026, 12, 31, 15, 59, tzinfo=west)) == {}
    assert set(_names(gallery, datetime(2026, 12, 31, 16, 0, tzinfo=west))) == {"Ann"}
    gallery.set("me", retention=100)
    added = datetime.fromisoformat(
        max(one.added for one in gallery.pictures(gallery.person("Bea").id))
    )
    assert "Bea" not in _names(gallery, added + timedelta(days=100))
    assert "Bea" in _names(gallery, added + timedelta(days=100, milliseconds=1))


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_one_deletion_that_fails_stops_no_other(gallery, pictures, capsys) -> None:
    enrol_pictures(gallery, {"Dora Testname": pictures(7)}, actor="me")
    for name in ("Ann", "Bea", "Dora Testname"):
        set_policy(gallery, name, actor="me", expires="2026-01-01")
    copy = gallery.folder / "copy.txt"
    copy.write_bytes(b"Dora Testname")
    key = gallery.person("Dora Testname").id
    for forgotten in (2, 0):
        with pytest.raises(Incomplete, match=rf"{key}: .*in copy\.txt at byte 0") as error:
            sweep(gallery, actor="me")
        assert (len(error.value.receipts), len(error.value.errors)) == (forgotten, 1)
    assert [one.name for one in gallery.persons()] == ["Cleo"]
    set_policy(gallery, "Cleo", actor="me", expires="2026-01-01")
    assert main(["gallery", "sweep", str(gallery.folder)]) == 2
    said = capsys.readouterr()
    assert "1 forgotten, with 4 pictures" in said.out
    assert key in said.err
    copy.unlink()
    assert [one.person for one in sweep(gallery, actor="me")] == [key]


@sqlite_alone
def test_a_policy_is_an_event_and_its_day_a_day(gallery) -> None:
    event = set_policy(gallery, "Ann", actor="me", basis="contract", consent="letter of 1 May")
    assert event.kind == "policy"
    assert (gallery.person("Ann").basis, gallery.person("Ann").consent) == (
        "contract",
        "letter of 1 May",
    )
    for day in ("soon", "2026-13-01", "20261231"):
        with pytest.raises(SettingError, match="a day such as"):
            set_policy(gallery, "Ann", actor="me", expires=day)
        with pytest.raises(SettingError, match="a day such as"):
            Consent(expires=day)
    with pytest.raises(DataError, match="basis, consent and expires"):
        set_policy(gallery, "Ann", actor="me")
    undo(gallery, actor="me")
    assert gallery.person("Ann").basis is None
