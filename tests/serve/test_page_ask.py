"""Asking on a page: what each scope lets people see of the answer."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from sameplayer.serve import page_ask
from sameplayer.serve.tokens import make_token
from sameplayer.serve.why import Why
from tests.serve.conftest import picture
from tests.serve.test_pilot import word


@pytest.mark.parametrize("scopes", [["answer"], ["answer", "correct"], ["answer", "read"]])
def test_pictures_of_the_gallery_are_shown_to_those_who_may_read(
    app, client, address, gallery, monkeypatch, scopes
) -> None:
    monkeypatch.setattr(page_ask, "why_of", lambda *_: Why(no_map="none", no_numbers="none"))
    files = [("pictures", ("x", picture(seed))) for seed in range(2)]
    client("admin").post(f"{address}/enrol", files=files, data={"name": "Dora"})
    browser, here = TestClient(app), f"/g/{gallery.settings.id}"
    browser.post("/login", data={"token": make_token(gallery, "x", scopes)}, follow_redirects=False)
    form = {"word": word(browser.get(f"{here}/ask").text, "word")}
    answer = browser.post(f"{here}/ask", files=files[:1], data=form)
    assert "Dora" in answer.text
    reads = "read" in scopes
    for part in (f"{here}/pictures/", "/why/", f"{here}/persons/"):
        assert (part in answer.text) == reads, part
    key = gallery.pictures(gallery.person("Dora").id)[0].id
    expected = 200 if reads else 403
    assert browser.get(f"{here}/pictures/{key}.jpg").status_code == expected
    assert browser.get(f"{answer.url.path}/0/why/{key}").status_code == expected
    kept = browser.post(f"{answer.url.path}/0/keep", data=form)
    assert kept.status_code in (200, 422)


@pytest.mark.parametrize("path", ["review", "alike", "review/{question}/why/{picture}"])
def test_pages_with_pictures_want_read_beside_correct(app, gallery, path) -> None:
    browser = TestClient(app)
    browser.post("/login", data={"token": make_token(gallery, "x", ["correct"])},
                 follow_redirects=False)  # fmt: skip
    there = path.format(question="0" * 16, picture="0" * 32)
    assert browser.get(f"/g/{gallery.settings.id}/{there}").status_code == 403
