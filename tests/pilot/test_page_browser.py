"""The question's page in a real browser: keys, no script, a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, Page, Route

from sameplayer.data.crops import Crops
from sameplayer.pilot import next_question, record_answer, report
from sameplayer.pilot.acquisition import answer_from_table
from sameplayer.pilot.folder import Pilot
from sameplayer.pilot.labels import read_answers
from sameplayer.pilot.page import render_question, render_report

HOME = "http://127.0.0.1:9/"


def served(pilot: Pilot) -> Callable[[Route], None]:
    """Stands for a server: shows the next question, keeps what a form sends."""

    def serve(route: Route) -> None:
        if route.request.method == "POST":
            form = parse_qs(route.request.post_data or "")
            record_answer(pilot, form["pair"][0], form["answer"][0])
        page = render_question(pilot, next_question(pilot))
        route.fulfill(body=page, content_type="text/html")

    return serve


@pytest.fixture(params=[True, False], ids=["script", "no script"])
def page(browser: Browser, pilot: Pilot, request: pytest.FixtureRequest) -> Iterator[Page]:
    opened = browser.new_page(
        java_script_enabled=request.param, viewport={"width": 390, "height": 800}
    )
    opened.route(f"{HOME}**", served(pilot))
    opened.goto(HOME)
    yield opened
    opened.close()


def test_a_click_answers_with_and_without_script(page: Page, pilot: Pilot) -> None:
    for words in ("same", "different", "cannot tell"):
        with page.expect_navigation():
            page.get_by_role("button", name=words).first.click()
    assert _said(pilot) == ["yes", "no", "unsure"]
    assert page.title() == "Same or not? 3 of 120"


def test_keys_answer_and_the_page_fits_a_phone(browser: Browser, pilot: Pilot) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 700})
    page.route(f"{HOME}**", served(pilot))
    page.goto(HOME)
    for key in ("y", "n", "?", "N"):
        with page.expect_navigation():
            page.keyboard.press(key)
    assert _said(pilot) == ["yes", "no", "unsure", "no"]
    for key in ("x", "Control+y"):
        page.keyboard.press(key)
    assert len(_said(pilot)) == 4
    wide = page.evaluate("document.documentElement.scrollWidth")
    low = page.evaluate("document.querySelector('.keys').getBoundingClientRect().bottom")
    assert wide <= 360
    assert low <= 700
    page.close()


def test_light_and_dark_and_no_request_to_anybody(
    browser: Browser, pilot: Pilot, named: Crops
) -> None:
    answer_from_table(pilot, named)
    asked: list[str] = []
    papers = set()
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme, viewport={"width": 360, "height": 700})  # type: ignore[arg-type]
        page.on("request", lambda request: asked.append(request.url))
        page.set_content(render_report(pilot, report(pilot, more=False)))
        papers.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert page.locator("svg polyline").count() == 2
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.close()
    assert len(papers) == 2
    assert not [url for url in asked if not url.startswith(("data:", "about:"))]


def _said(pilot: Pilot) -> list[str]:
    return [said for _, said in read_answers(pilot.folder / "answers.csv", pilot.places)]
