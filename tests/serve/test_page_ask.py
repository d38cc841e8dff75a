"""The page "who is this?": what it keeps is as good as what the API keeps."""

from __future__ import annotations

from starlette.testclient import TestClient

from sameplayer.gallery.review import reliability
from sameplayer.ranking.likelihood import Likelihood
from sameplayer.ranking.likelihood_terms import PARTS
from tests.serve.conftest import picture


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
