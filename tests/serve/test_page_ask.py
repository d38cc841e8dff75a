"""The page of asking, without a browser: what is refused stays on the page."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from sameplayer.gallery.review import reliability
from sameplayer.ranking.likelihood import Likelihood
from sameplayer.ranking.likelihood_terms import PARTS
from sameplayer.serve.uploads import is_video
from tests.serve.conftest import picture


@pytest.fixture
def pages(app, gallery) -> TestClient:
    """A client that is logged in; ``base_url`` is this gallery's pages."""
    one = TestClient(app, raise_server_exceptions=False)
    assert one.post("/login", data={"token": "owner-of-the-tests"}).status_code == 200
    one.base_url = one.base_url.join(f"/g/{gallery.settings.id}/")
    return one


def ask(pages: TestClient, content: bytes, **fields: str):
    found = re.search('name="word" value="([^"]+)"', pages.get("ask").text)
    assert found
    fields["word"] = found[1]
    return pages.post("ask", data=fields, files=[("pictures", ("a", content))])


MP4 = b"\0\0\0\x18ftypisom" + bytes(40)


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (MP4, 415, "Picture 1: This file type is not supported. Use JPEG, PNG or WebP. A video? "
         "Use sameplayer log."),
        (b"GIF89a" + bytes(40), 415, "Picture 1: This file type is not supported. Use JPEG, PNG or "
         "WebP."),
        (picture(high=3), 422, "Picture 1: A picture is too small (40 x 3). Send the crop of one "
         "player."),
        (picture()[:300], 422, "Picture 1: Truncated or damaged: JPEG segment C4 at byte 212 "
         "states 181 bytes, and 88 follow. Copy or export the file again."),
    ],
)  # fmt: skip
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
    assert re.search('href="/g/[0-9a-f]+/ask">Go on', large.text)


def test_a_whole_frame_is_answered_with_a_word(pages: TestClient) -> None:
    assert "may be a whole frame" in ask(pages, picture(1, 700, 1200)).text
    assert "may be a whole frame" not in ask(pages, picture(1, 1200, 700)).text


@pytest.mark.parametrize("text", ["²", "٣", "-1", "1" * 16, "a", ""])
def test_numbers_of_other_scripts_in_an_address_are_no_error(pages: TestClient, text: str) -> None:
    assert pages.get("ask", params={"done": text}).status_code == 200
    assert pages.get("history", params={"before": text}).status_code == 200
    word = re.search('name="word" value="([^"]+)"', pages.get("ask").text)[1]  # type: ignore[index]
    assert pages.post("undo", data={"word": word, "seq": text}).status_code == 409


def test_videos_are_told_from_pictures_by_their_first_bytes() -> None:
    videos = [MP4, b"\x1aE\xdf\xa3", b"RIFF\0\0\0\0AVI LIST", b"OggS", b"\0\0\x01\xba"]
    assert all(map(is_video, videos))
    others = [picture(), b"", b"\0\0\0\x18ftypheic", b"\0\0\0\x18ftypavif", b"RIFF\0\0\0\0WEBP"]
    assert not any(map(is_video, others))


def _field(text: str, name: str) -> str:
    return text.split(f'name="{name}" value="')[1].split('"')[0]


def test_a_question_that_the_page_kept_counts_among_those_answered(app, gallery) -> None:
    flat = Likelihood(
        (0.0,) * sum(PARTS), 0.5, (0.0,) * 4, (1.0,) * 4, lowest=-1.0, highest=1.0, persons=10,
        same=1, others=1, encoder=gallery.settings.fingerprint,
    )  # fmt: skip
    gallery.set("me", likelihood=flat.to_record())
    with TestClient(app) as browser:
        browser.post("/login", data={"token": "owner-of-the-tests"})
        here = f"/g/{gallery.settings.id}"
        word = _field(browser.get(f"{here}/ask").text, "word")
        files = [("pictures", ("x.jpg", picture(3)))]
        answer = browser.post(f"{here}/ask", data={"word": word}, files=files)
        assert answer.status_code == 200, answer.text
        kept = browser.post(f"{answer.url.path}/0/keep", data={"word": word})
        question = kept.url.path.rsplit("/", 1)[1]
        said = {"word": word, "do": "nobody", "revision": _field(kept.text, "revision")}
        assert browser.post(f"{here}/review/{question}", data=said).status_code == 200
    assert reliability(gallery).answered == 1
