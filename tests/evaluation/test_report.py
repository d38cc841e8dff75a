"""The report in a real browser: it shows what it says, alone and without errors."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from sameplayer.data.crops import Crops
from sameplayer.data.images.picture import Picture
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.encoder.load import create_encoder
from sameplayer.encoder.networks.colour import colour_features
from sameplayer.errors import ConfigError, MissingExtra
from sameplayer.evaluation import Scores, evaluate, write_report
from sameplayer.evaluation.ranked_strips import ShownNumbers, Strips
from sameplayer.numbers.reader import NUMBERS, NumberReader
from sameplayer.ranking import Ranking, rank


@pytest.fixture(scope="module")
def ranked(league: Crops) -> tuple[Ranking, Scores]:
    crops = league.where((league.table["split"] == "test").to_numpy())
    pictures = [crops.read(row) for row in range(len(crops))]
    ranking = rank(Embeddings(colour_features(pictures), crops, "histogram"))
    return ranking, evaluate(ranking)


@pytest.fixture(scope="module")
def page(
    tmp_path_factory: pytest.TempPathFactory, ranked: tuple[Ranking, Scores], browser: Browser
) -> Page:
    report = tmp_path_factory.mktemp("report") / "report.html"
    write_report(report, *ranked, {"data": "<b>drawn</b> league"}, best=2, worst=3, strip=6)
    opened = browser.new_page(viewport={"width": 1000, "height": 900})
    opened.goto(report.as_uri())
    return opened


def test_the_page_needs_nothing_else_and_makes_no_complaint(page: Page) -> None:
    urls, complaints = [], []
    page.on("request", lambda request: urls.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.reload()
    assert urls
    assert [url for url in urls if not url.startswith(("data:", "file:"))] == []
    assert complaints == []


def test_each_picture_is_read_once(
    tmp_path: Path, ranked: tuple[Ranking, Scores], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, read = [], Crops.read

    def counted(crops: Crops, row: int) -> Picture:
        seen.append((crops is ranked[0].query, row))
        return read(crops, row)

    monkeypatch.setattr(Crops, "read", counted)
    encoder = create_encoder("colour", pretrained=False)
    write_report(tmp_path / "report.html", *ranked, {}, encoder=encoder)
    assert len(seen) == len(set(seen)) > 0


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


def test_maps_and_contradicting_numbers_are_shown(
    browser: Browser, ranked: tuple[Ranking, Scores], tmp_path: Path
) -> None:
    ranking, scores = ranked
    nearest = ranking.order()

    def numbered(crops: Crops, numbers: list[str | None]) -> Crops:
        return replace(
            crops, table=crops.table.assign(read_number=numbers, read_number_probability=0.93)
        )

    worst = int(np.argsort(scores.per_query_ap, kind="stable")[0])
    items: list[str | None] = [None] * len(ranking.gallery)
    items[nearest[worst, 0]], items[nearest[worst, 1]] = "14", "4"
    told = replace(
        ranking,
        query=numbered(ranking.query, ["4"] * len(ranking.query)),
        gallery=numbered(ranking.gallery, items),
    )
    report = tmp_path / "report.html"
    encoder = create_encoder("small", pretrained=False)
    write_report(report, told, scores, {}, best=1, worst=1, strip=4, encoder=encoder)
    page = browser.new_page()
    page.goto(report.as_uri())
    first = page.locator(".query").first
    assert "same appearance, numbers 4 and 14" in first.inner_text()
    assert first.locator(".clash").count() == 1
    assert "no. 14 (0.93) ≠" in first.locator(".clash").inner_text()
    assert "no. 4 (0.93)" in first.inner_text()
    maps = page.locator(".map")
    wrong = sum(
        told.gallery.table["person"].iat[row[0]] != told.query.table["person"].iat[query]
        for query, row in enumerate(nearest)
    )
    assert maps.count() == 2 + min(wrong, 2)
    assert "The best query's first match" in maps.first.inner_text()
    widths = page.eval_on_selector_all(".map img", "all => all.map(i => i.naturalWidth)")
    assert min(widths) > 400
    page.close()


def test_numbers_are_read_for_the_pictures_shown(
    ranked: tuple[Ranking, Scores], tmp_path: Path
) -> None:
    class Reader:
        name, candidates, asked = "told", NUMBERS, 0

        def read(self, pictures: Sequence[Picture]) -> np.ndarray:
            self.asked += len(pictures)
            row = np.full(len(NUMBERS) + 1, 1e-6)
            row[7] = 0.9
            row[-1] = 1 - row[:-1].sum()
            return np.log(np.tile(row, (len(pictures), 1)))

    reader = Reader()
    write_report(tmp_path / "r.html", *ranked, {}, best=1, worst=1, strip=9, reader=reader)
    assert (tmp_path / "r.html").read_text().count("no. 7 (0.90)") == reader.asked == 2 * (1 + 5)


def written(tmp_path: Path, ranked: tuple[Ranking, Scores], **parts: object) -> str:
    write_report(tmp_path / "r.html", *ranked, {}, best=1, worst=1, strip=3, **parts)
    return html.unescape((tmp_path / "r.html").read_text())


@pytest.mark.parametrize("error", [ConfigError("no grid of features"), AttributeError("no grid")])
def test_an_encoder_without_maps_costs_the_maps_and_not_the_report(
    ranked: tuple[Ranking, Scores],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("sameplayer.maps.explanation.explain", fail)
    page = written(tmp_path, ranked, encoder=create_encoder("small", pretrained=False))
    assert re.search(r"No maps: (AttributeError: )?no grid", page)
    assert f"{100 * ranked[1].mAP:.2f} %" in page
    assert "What matches rest on" not in page
    assert page.count("✓") + page.count("✗") == 2 * 3


def test_an_encoder_that_drops_padding_still_gets_its_report(
    ranked: tuple[Ranking, Scores], tmp_path: Path
) -> None:
    encoder = create_encoder(
        "vit_tiny_patch16_224", pretrained=False, height=64, width=32
    ).without_padding()
    page = written(tmp_path, ranked, encoder=encoder)
    assert "No maps: " in page or "What matches rest on" in page
    assert f"{100 * ranked[1].mAP:.2f} %" in page


def test_a_reader_that_is_not_installed_costs_the_numbers_and_not_the_report(
    ranked: tuple[Ranking, Scores], tmp_path: Path
) -> None:
    asked = []

    def make() -> NumberReader:
        asked.append(1)
        raise MissingExtra("Reading numbers needs rapidocr.")

    page = written(tmp_path, ranked, reader=make)
    assert "No shirt numbers read: Reading numbers needs rapidocr." in page
    assert f"{100 * ranked[1].mAP:.2f} %" in page
    assert len(asked) == 1
    assert "No shirt numbers" not in written(tmp_path, ranked)


def test_damaged_numbers_in_a_table_are_shown_as_far_as_they_go(
    ranked: tuple[Ranking, Scores], tmp_path: Path
) -> None:
    ranking, scores = ranked
    damaged = ranking.gallery.table.assign(
        read_number=np.resize(["x", "00", None], len(ranking.gallery)),
        read_number_probability="much",
    )
    query = ranking.query.table.assign(read_number="4")
    told = replace(
        ranking,
        gallery=replace(ranking.gallery, table=damaged),
        query=replace(ranking.query, table=query),
    )
    assert "no. 4 (?)" in written(tmp_path, (told, scores))


def test_pictures_that_are_not_scored_are_not_shown(
    ranked: tuple[Ranking, Scores], tmp_path: Path
) -> None:
    ranking, _ = ranked
    query = int(np.flatnonzero(ranking.distance.min(axis=1) < np.inf)[0])
    person = ranking.query.table["person"].iat[query]
    own = (ranking.gallery.table["person"] == person).to_numpy()
    camera = np.where(own & (np.cumsum(own) < own.sum()), "1", "2")
    seen = replace(
        ranking,
        query=replace(ranking.query, table=ranking.query.table.assign(camera="1")),
        gallery=replace(ranking.gallery, table=ranking.gallery.table.assign(camera=camera)),
    )
    listed = Strips(seen, evaluate(seen), 3, ShownNumbers(None)).listed(query)
    assert len(listed) == (~own).sum() + 1


def test_settings_of_the_ranking_stand_in_the_page(
    ranked: tuple[Ranking, Scores], tmp_path: Path
) -> None:
    ranking = replace(ranked[0], rerank="hard", facts={"rerank": "hard", "k1": 23})
    page = written(tmp_path, (ranking, ranked[1]))
    assert page.count("<th>rerank</th><td>hard</td>") == 1
    assert "<th>k1</th><td>23</td>" in page


def test_report_stands_alone_and_marks_right_and_wrong(
    ranked: tuple[Ranking, Scores], tmp_path: Path
) -> None:
    ranking, scores = ranked
    write_report(tmp_path / "r.html", ranking, scores, {"data": "<league>"})
    page = (tmp_path / "r.html").read_text()
    assert "✓" in page
    assert "✗" in page
    assert "&lt;league&gt;" in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert f"{100 * scores.mAP:.2f} %" in page
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]
