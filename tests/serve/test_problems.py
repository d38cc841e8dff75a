"""Errors as callers see them: problem details, and causes for the log alone."""

from __future__ import annotations

import logging

import pytest

from sameplayer.errors import DataError, InternalError, MissingFile, Stale, Unavailable
from sameplayer.serve.http.http_errors import as_refused, body_of

SECRET = 'PostgreSQL, schema sameplayer_15b5: the server at "127.0.0.1", port 54999 is away'


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Stale("x"), 409),
        (MissingFile("x"), 404),
        (DataError("x"), 422),
        (Unavailable("x"), 503),
        (InternalError("x"), 500),
        (ZeroDivisionError("x"), 500),
    ],
)
def test_an_error_has_the_status_of_its_class_and_the_members_of_rfc_9457(error, status) -> None:
    said = body_of(as_refused(error))
    assert said["status"] == status
    assert said["type"] == "about:blank"
    assert said["title"]
    assert said["detail"]


def test_where_the_database_is_stands_in_the_log_alone(caplog) -> None:
    with caplog.at_level(logging.ERROR, "sameplayer.serve"):
        refused = as_refused(Unavailable(SECRET))
    assert "54999" in caplog.text
    assert not any(one in str(body_of(refused)) for one in ("PostgreSQL", "15b5", "127.0.0.1"))


def test_an_error_names_no_folder_and_no_database(app, gallery) -> None:
    for named in (gallery.folder, gallery.database.name):
        refused = as_refused(DataError(f"{named}: a bad value"), app.state.service.hidden)
        assert refused.said["what"] == "the gallery: a bad value"


def test_strangers_learn_nothing_of_a_database_that_is_away(app, client, gallery, monkeypatch):
    def away():
        raise Unavailable(SECRET)

    monkeypatch.setattr(gallery.database, "read", away)
    ready = client().get("/readyz")
    assert (ready.status_code, ready.text) == (503, "database not reachable\n")
    wrong = {"Authorization": f"Bearer {'0' * 12}.wrong"}
    for answer in (
        client().get("/v1/galleries", headers=wrong),
        client().post("/login", data={"token": f"{'0' * 12}.wrong"}),
    ):
        assert answer.status_code == 503
        assert not any(one in answer.text for one in ("PostgreSQL", "15b5", "127.0.0.1"))
    monkeypatch.undo()
    assert client().post("/login", data={"token": "\0a.b"}).status_code == 401


def test_a_mistake_of_ours_is_no_reason_to_send_it_again(
    client, address, gallery, monkeypatch, caplog
) -> None:
    def mistaken():
        raise InternalError('near "FROM": syntax error')

    reader = client("read")
    monkeypatch.setattr("sameplayer.serve.api.read.gallery_out", lambda *_: mistaken())
    with caplog.at_level(logging.ERROR):
        answer = reader.get(address)
    assert answer.status_code == 500
    assert "retry-after" not in answer.headers
    assert "syntax" not in answer.text
    assert "mistaken" in caplog.text
