"""The page of asking, without a browser: what is refused stays on the page."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from sameplayer.gallery.review.queue import reliability
from sameplayer.gallery.tokens import make_token
from sameplayer.ranking.open_set.likelihood import PARTS, Likelihood
from sameplayer.serve.images.uploads import is_video
from sameplayer.serve.pages import query as page_ask
from sameplayer.serve.pages.explain import Why
from tests.serve.conftest import picture
from tests.serve.test_pilot import word


@pytest.fixture
def pages(app, gallery) -> TestClient:
    """A client that is logged in; ``base_url`` is this gallery's pages."""
    one = TestClient(app, raise_server_exceptions=False)
    assert one.post("/login", data={"token": "owner-of-the-tests"}).status_code == 200
    one.base_url = one.base_url.join(f"/g/{gallery.settings.id}/")
    return one


def ask(pages: TestClient, content: bytes, **fields: str):
    found = re.search('name="csrf_token" value="([^"]+)"', pages.get("ask").text)
    assert found
    fields["csrf_token"] = found[1]
    return pages.post("ask", data=fields, files=[("pictures", ("a", content))])


MP4 = b"\0\0\0\x18ftypisom" + bytes(40)


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (
            MP4,
            415,
            "Picture 1: This file type is not supported. Use JPEG, PNG or WebP. A video? "
            "Use sameplayer log.",
        ),
        (
            b"GIF89a" + bytes(40),
            415,
            "Picture 1: This file type is not supported. Use JPEG, PNG or WebP.",
        ),
        (
            picture(high=3),
            422,
            "Picture 1: A picture is too small (40 x 3). Send the crop of one player.",
        ),
        (
            picture()[:300],
            422,
            "Picture 1: Truncated or damaged: JPEG segment C4 at byte 212 "
            "states 181 bytes, and 88 follow. Copy or export the file again.",
        ),
    ],
)
def test_what_is_refused_is_said_on_the_page_which_keeps_what_was_chosen(
    pages: TestClient, content: bytes, status: int, words: str
) -> None:
    answer = ask(pages, content, team="Reds", since="2026-01-02", track="no")
    assert answer.status_code == status
    assert re.search('class="notice" role="alert">([^<]+)<', answer.text)[1] == words  # type: ignore[index]
    assert 'aria-label="Pages"' in answer.text
    assert "Who is this?" in answer.text
    assert 'name="team" maxlength="200" value="Reds"' in answer.text
    assert 'value="2026-01-02"' in answer.text
    assert 'value="no" checked' in answer.text


def test_an_error_of_any_page_keeps_the_menu(pages: TestClient) -> None:
    answer = pages.get("persons/0123456789abcdef")
    assert answer.status_code == 404
    assert 'aria-label="Pages"' in answer.text
    large = ask(pages, bytes(8_000_001))
    assert large.status_code == 413
    assert 'aria-label="Pages"' in large.text
    assert re.search('href="/g/[0-9a-f]+/ask">Go back', large.text)


def test_a_whole_frame_is_answered_with_a_word(pages: TestClient) -> None:
    assert "may be a whole frame" in ask(pages, picture(1, 700, 1200)).text
    assert "may be a whole frame" not in ask(pages, picture(1, 1200, 700)).text


@pytest.mark.parametrize("text", ["²", "٣", "-1", "1" * 16, "a", ""])
def test_numbers_of_other_scripts_in_an_address_are_no_error(pages: TestClient, text: str) -> None:
    assert pages.get("ask", params={"done": text}).status_code == 200
    assert pages.get("history", params={"before": text}).status_code == 200
    form_word = word(pages.get("ask").text, "csrf_token")
    assert pages.post("undo", data={"csrf_token": form_word, "seq": text}).status_code == 404


def test_videos_are_told_from_pictures_by_their_first_bytes() -> None:
    videos = [MP4, b"\x1aE\xdf\xa3", b"RIFF\0\0\0\0AVI LIST", b"OggS", b"\0\0\x01\xba"]
    assert all(map(is_video, videos))
    others = [picture(), b"", b"\0\0\0\x18ftypheic", b"\0\0\0\x18ftypavif", b"RIFF\0\0\0\0WEBP"]
    assert not any(map(is_video, others))


def test_a_question_that_the_page_kept_counts_and_its_chances_sum_to_one(app, gallery) -> None:
    flat = Likelihood(
        (0.0,) * sum(PARTS),
        0.5,
        (0.0,) * 4,
        (1.0,) * 4,
        lowest=-1.0,
        highest=1.0,
        persons=10,
        same=1,
        others=1,
        encoder=gallery.settings.fingerprint,
    )
    gallery.set("me", likelihood=flat.to_record())
    with TestClient(app) as browser:
        browser.post("/login", data={"token": "owner-of-the-tests"})
        here = f"/g/{gallery.settings.id}"
        form_word = word(browser.get(f"{here}/ask").text, "csrf_token")
        files = [("pictures", ("x.jpg", picture(3)))]
        answer = browser.post(f"{here}/ask", data={"csrf_token": form_word}, files=files)
        assert answer.status_code == 200, answer.text
        stated = [float(one) for one in re.findall(r"<b>([0-9.]+) %</b>", answer.text)]
        assert stated == [50.0, 16.6, 16.6, 16.6]  # nobody, or one of three
        kept = browser.post(f"{answer.url.path}/0/keep", data={"csrf_token": form_word})
        question = kept.url.path.rsplit("/", 1)[1]
        said = {"csrf_token": form_word, "do": "nobody", "revision": word(kept.text, "revision")}
        assert browser.post(f"{here}/review/{question}", data=said).status_code == 200
    assert reliability(gallery).answered == 1


@pytest.mark.parametrize("scopes", [["query"], ["query", "correct"], ["query", "read"]])
def test_pictures_of_the_gallery_are_shown_to_those_who_may_read(
    app, client, address, gallery, monkeypatch, scopes
) -> None:
    monkeypatch.setattr(page_ask, "explain_pair", lambda *_: Why(no_map="none", no_numbers="none"))
    files = [("pictures", ("x", picture(seed))) for seed in range(2)]
    client("admin").post(f"{address}/enrol", files=files, data={"name": "Dora"})
    browser, here = TestClient(app), f"/g/{gallery.settings.id}"
    browser.post("/login", data={"token": make_token(gallery, "x", scopes)}, follow_redirects=False)
    form = {"csrf_token": word(browser.get(f"{here}/ask").text, "csrf_token")}
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
    browser.post(
        "/login", data={"token": make_token(gallery, "x", ["correct"])}, follow_redirects=False
    )
    there = path.format(question="0" * 16, picture="0" * 32)
    assert browser.get(f"/g/{gallery.settings.id}/{there}").status_code == 403
