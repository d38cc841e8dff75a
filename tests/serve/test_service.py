"""Who a request comes from: found once, and never more than the token allows."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from sameplayer.gallery.core.events import events
from sameplayer.gallery.search.asking import ask_ready
from sameplayer.gallery.tokens import find_token, make_token, revoke_token
from sameplayer.serve import service
from sameplayer.serve.http.http_errors import Refused
from sameplayer.serve.http.limits import Limits
from sameplayer.serve.service import ADMIN, Service


def test_a_token_that_is_revoked_between_two_looks_never_becomes_the_owner(
    gallery, monkeypatch
) -> None:
    text = make_token(gallery, "x", ["read"])

    def revoked_after(own, given):
        found = find_token(own, given)
        revoke_token(own, text)
        return found

    monkeypatch.setattr(service, "find_token", revoked_after)
    served = Service({"club": gallery}, Limits(), ["owner-of-the-tests"])
    found = served.caller(text, None)
    assert (found.token.id, found.token.scopes) == (text.split(".")[0], ("read",))
    assert found.galleries == (gallery,)
    assert not found.is_admin
    with pytest.raises(Refused, match="invalid token"):
        served.caller(text, None)
    owner = served.caller("owner-of-the-tests", None)
    assert (owner.token, owner.galleries) == (ADMIN, (gallery,))


def looks(gallery, actor: str) -> list[set[str]]:
    """Return whom the looks of a caller are about, the first first."""
    with gallery.database.read() as cursor:
        found = events(cursor, most=1000)
    return [set(one.subjects) for one in found[::-1] if (one.kind, one.actor) == ("look", actor)]


@pytest.mark.parametrize(
    "path",
    [
        "persons",
        "persons/find",
        "persons/{ann}",
        "persons/{ann}/pictures",
        "persons/{ann}/events",
        "events",
        "pictures/{picture}",
    ],
)
def test_every_look_over_the_api_is_an_event_about_whom_it_shows(client, address, gallery, path):
    reader, ann = client("read"), gallery.person("Ann").id
    there = path.format(ann=ann, picture=gallery.pictures(ann)[0].id)
    actor = f"token {reader.headers['Authorization'].split()[1].split('.')[0]}"
    for _ in range(3):
        answer = (
            reader.post(f"{address}/{there}", json={"name": "Ann"})
            if path.endswith("find")
            else reader.get(f"{address}/{there}")
        )
        assert answer.status_code == 200
    everybody = {one.id for one in gallery.persons()}
    assert looks(gallery, actor) == [everybody if path in ("persons", "events") else {ann}]


@pytest.mark.parametrize(
    "path",
    [
        "persons",
        "persons/{ann}",
        "persons/{ann}/merge/{bea}",
        "pictures/{picture}.jpg",
        "review",
        "review/{question}",
        "alike",
        "history",
        "forget/{ann}",
    ],
)
def test_every_page_that_shows_a_person_is_a_look(app, gallery, pictures, path) -> None:
    question = ask_ready(gallery, pictures(0, 2, seed=5), actor="me", keep=True).question
    ann, bea = gallery.person("Ann").id, gallery.person("Bea").id
    there = path.format(ann=ann, bea=bea, question=question, picture=gallery.pictures(ann)[0].id)
    text = make_token(gallery, "x", ["admin"])
    browser = TestClient(app)
    browser.post("/login", data={"token": text}, follow_redirects=False)
    for _ in range(2):
        assert browser.get(f"/g/{gallery.settings.id}/{there}").status_code == 200
    (seen,) = looks(gallery, f"token {text.split('.')[0]}")
    assert ann in seen


def test_a_question_that_is_shown_is_a_look_and_none_is_kept_where_nobody_wants_them(
    client, address, gallery, pictures
) -> None:
    question = ask_ready(gallery, pictures(0, 2, seed=5), actor="me", keep=True).question
    reader, ann = client("read"), gallery.person("Ann").id
    actor = f"token {reader.headers['Authorization'].split()[1].split('.')[0]}"
    reader.get(f"{address}/questions/{question}")
    reader.get(f"{address}/questions")
    (seen,) = looks(gallery, actor)
    assert {question, ann} <= seen
    gallery.set("me", audit_reads=False)
    reader.get(f"{address}/persons/{gallery.person('Cleo').id}/pictures")
    assert len(looks(gallery, actor)) == 1


def test_a_stored_scope_answer_of_an_older_gallery_is_query(gallery) -> None:
    text = make_token(gallery, "phone", ["query"])
    with gallery.database.write() as cursor:
        cursor.run("UPDATE token SET scopes = 'answer'")
    found = find_token(gallery, text)
    assert found is not None
    assert found.scopes == ("query",)
