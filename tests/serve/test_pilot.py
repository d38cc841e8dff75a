"""A pilot's questions and report, behind the same login."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from sameplayer.gallery.tokens import make_token
from sameplayer.pilot.folder import Pilot
from sameplayer.serve.app import create_app
from tests.serve.club import TOKEN


@pytest.fixture
def client(pilot: Pilot) -> Iterator[TestClient]:
    app = create_app({}, admin_tokens=[TOKEN], pilot=pilot)
    with TestClient(app, follow_redirects=True) as found:
        yield found


def test_a_token_of_a_gallery_opens_no_pilot(pilot, gallery) -> None:
    app = create_app({"club": gallery}, admin_tokens=[TOKEN], pilot=pilot)
    browser = TestClient(app)
    browser.post("/login", data={"token": make_token(gallery, "x", ["correct", "read", "admin"])})
    for path in ("/pilot", "/pilot/report", "/pilot/pictures/0.jpg"):
        assert browser.get(path).status_code == 403
    assert "token of the token file" in browser.get("/pilot").text


def word(text: str, name: str) -> str:
    return text.split(f'name="{name}" value="')[1].split('"')[0]


def test_questions_are_asked_and_answers_kept_behind_the_login(client, pilot) -> None:
    assert "Log in" in client.get("/pilot").text
    asked = client.post("/login", data={"token": TOKEN})
    assert asked.url.path == "/pilot"
    assert "Do both show the same person?" in asked.text
    assert "script-src 'nonce-" in asked.headers["content-security-policy"]
    shown = asked.text.split('<img src="')[1].split('"')[0]
    assert client.get(shown).content.startswith(b"\xff\xd8")
    form = {
        "pair": word(asked.text, "pair"),
        "answer": "yes",
        "csrf_token": word(asked.text, "csrf_token"),
    }
    assert client.post("/pilot/answer", data={**form, "csrf_token": "x"}).status_code == 403
    foreign = {"Origin": "http://evil.example"}
    assert client.post("/pilot/answer", data=form, headers=foreign).status_code == 403
    following = client.post("/pilot/answer", data=form)
    assert word(following.text, "pair") != form["pair"]
    (row,) = (pilot.folder / "answers.csv").read_text().splitlines()[1:]
    assert row.startswith(f"{form['pair']},yes")
    report = client.get("/pilot/report")
    assert report.status_code == 200
    assert "style-src 'nonce-" in report.headers["content-security-policy"]
    assert client.post("/pilot/answer", data={**form, "answer": "?"}).status_code == 422
    assert client.get("/pilot/pictures/none.jpg").status_code == 422
