"""Events follow each other in time; a clock that was ahead once stops nothing."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from sameplayer.gallery.core import events as history
from sameplayer.gallery.gallery import Gallery
from sameplayer.gallery.integrity.audit import verify
from sameplayer.gallery.people.corrections import rename
from sameplayer.gallery.privacy.forgetting import forget
from sameplayer.gallery.privacy.retention import sweep
from sameplayer.gallery.search.asking import ask_vectors
from sameplayer.gallery.tokens import make_token, revoke_token

ONLY_SQLITE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def _ahead(monkeypatch: pytest.MonkeyPatch, ahead: timedelta) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + ahead

    monkeypatch.setattr(history, "datetime", Clock)


@ONLY_SQLITE
def test_a_clock_that_was_ahead_once_stops_nothing_and_is_recorded(
    gallery: Gallery, pictures, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    token = make_token(gallery, "phone", ["read"])
    with monkeypatch.context() as patched:
        _ahead(patched, timedelta(days=400))
        rename(gallery, "Cleo", "Chloe", actor="me")
    with gallery.database.read() as cursor:
        ahead = history.events(cursor, most=1)[0]
    with caplog.at_level(logging.WARNING):
        rename(gallery, "Ann", "Anna", actor="me")
        ask_vectors(gallery, pictures(1)[0].vector[None], actor="me")
        revoke_token(gallery, token)
        forget(gallery, "Bea", actor="me")
        assert sweep(gallery, actor="me") == []
    assert len([one for one in caplog.messages if "the clock" in one]) == 1
    with gallery.database.read() as cursor:
        later = history.events(cursor, most=5)
    assert {one.at for one in later} == {ahead.at}
    now = datetime.now(UTC)
    for one in later:
        assert one.detail is None or now - datetime.fromisoformat(one.detail["clock"]) < (
            timedelta(hours=1)
        )
    found = verify(gallery)
    assert found.wrong == ()
    assert ["while the clock was before the last event" in one for one in found.notes] == [True]


@ONLY_SQLITE
def test_a_clock_that_is_a_little_behind_is_not_recorded(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _ahead(monkeypatch, -timedelta(minutes=4))
    with caplog.at_level(logging.WARNING):
        rename(gallery, "Ann", "Anna", actor="me")
    assert caplog.messages == []
    assert verify(gallery).notes == ()
