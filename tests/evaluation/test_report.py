"""The report in a real browser: it shows what it says, alone and without errors."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Page, sync_playwright

from sameplayer.data.crops import Crops
from sameplayer.data.synthetic import histogram_features
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.evaluation.report import write_report
from sameplayer.evaluation.scores import Scores, evaluate
from sameplayer.ranking.ranking import Ranking, rank


@pytest.fixture(scope="module")
def ranked(league: Crops) -> tuple[Ranking, Scores]:
    crops = league.where((league.table["split"] == "test").to_numpy())
    pictures = [crops.read(row) for row in range(len(crops))]
    ranking = rank(Embeddings(histogram_features(pictures), crops, "histogram"))
    return ranking, evaluate(ranking)


@pytest.fixture(scope="module")
def page(
    tmp_path_factory: pytest.TempPathFactory, ranked: tuple[Ranking, Scores]
) -> Iterator[Page]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    report = tmp_path_factory.mktemp("report") / "report.html"
    write_report(report, *ranked, {"data": "<b>drawn</b> league"}, best=2, worst=3, strip=6)
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1000, "height": 900})
        opened.asked, opened.said = [], []  # type: ignore[attr-defined]
        opened.on("request", lambda request: opened.asked.append(request.url))  # type: ignore[attr-defined]
        opened.on("console", lambda message: opened.said.append(message.text))  # type: ignore[attr-defined]
        opened.goto(report.as_uri())
        yield opened
        browser.close()


def test_the_page_needs_nothing_else_and_makes_no_complaint(page: Page) -> None:
    assert [url for url in page.asked if not url.startswith(("data:", "file:"))] == []  # type: ignore[attr-defined]
    assert page.said == []  # type: ignore[attr-defined]


def test_every_picture_is_drawn(page: Page) -> None:
    sizes = page.eval_on_selector_all("img", "all => all.map(i => i.naturalWidth)")
    assert len(sizes) == 1 + 5 * 7
    assert min(sizes) > 0


def test_scores_and_facts_are_readable(page: Page, ranked: tuple[Ranking, Scores]) -> None:
    text = page.inner_text("body")
    assert f"{100 * ranked[1].mAP:.2f} %" in text
    assert "<b>drawn</b> league" in text
    assert page.locator("td.n").first.is_visible()


def test_borders_and_signs_agree_with_the_ranking(
    page: Page, ranked: tuple[Ranking, Scores]
) -> None:
    ranking, scores = ranked
    worst = int(np.argsort(scores.per_query_ap, kind="stable")[0])
    person = ranking.query.table["person"].iat[worst]
    nearest = ranking.order()[worst, :6]
    right = [ranking.gallery.table["person"].iat[g] == person for g in nearest]
    strip = page.locator(".query").first.locator("figure:not(.asked)")
    shown = [strip.nth(i).inner_text() for i in range(strip.count())]
    assert [text.startswith("✓") for text in shown] == right
    distances = [float(re.sub("[^0-9.]", "", text)) for text in shown]
    assert distances == pytest.approx(ranking.distance[worst, nearest].tolist(), abs=6e-4)
    colours = page.eval_on_selector_all(
        ".query .strip figure:not(.asked) img",
        "all => all.map(i => getComputedStyle(i).borderTopColor)",
    )
    green = [c == "rgb(26, 143, 60)" for c in colours[:6]]
    assert green == right


def test_the_page_fits_a_narrow_screen(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
