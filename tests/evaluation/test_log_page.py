"""The page of a log in a real browser: timelines, pictures on a click, corrections to save."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page

from sameplayer.data.images.picture import Picture
from sameplayer.encoder.load import create_encoder
from sameplayer.errors import ConfigError, DataError, MissingExtra, SettingError
from sameplayer.evaluation.logs import page_links as log_page_links
from sameplayer.evaluation.logs.page import write_log_page
from sameplayer.evaluation.logs.page_crops import Album
from sameplayer.evaluation.logs.page_rows import axis, in_order, percent, player_rows
from sameplayer.identity.inputs.corrections import FramePoint, locate_corrections, read_corrections
from sameplayer.identity.log.player_log import APPEARANCES, BOXES, LINKS, PlayerLog, clock
from sameplayer.numbers.reader import NUMBERS
from sameplayer.tracks.camera import Camera
from tests.identity.logs import ODD, empty_log, make_log


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, log: PlayerLog) -> Path:
    path = tmp_path_factory.mktemp("page") / "log.html"
    write_log_page(log, path)
    return path


@pytest.fixture
def page(browser: Browser, written: Path) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1000, "height": 900})
    complaints: list[str] = []
    urls: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda request: urls.append(request.url))
    opened.goto(written.as_uri())
    yield opened
    assert complaints == []
    assert [url for url in urls if not url.startswith(("data:", "file:", "blob:"))] == []
    opened.close()


def rows_of(page: Page, folder: Path) -> list[tuple[str, FramePoint, FramePoint | None, str]]:
    path = folder / "corrections.csv"
    path.write_text(page.input_value("#rows"), encoding="utf-8")
    return [(one.kind, one.first, one.second, one.player) for one in read_corrections(path)]


def test_each_appearance_is_a_strip_at_its_time_in_the_line_of_its_player(
    page: Page, log: PlayerLog
) -> None:
    strips = page.eval_on_selector_all(
        "#lines rect",
        """all => all.map(r => [Number(r.dataset.a), Number(r.getAttribute('x')),
           Number(r.getAttribute('width')), r.classList.contains('u'),
           r.closest('.line').querySelector('.who').textContent,
           r.getBoundingClientRect().width])""",
    )
    table = log.appearances.set_index("appearance")
    assert sorted(one[0] for one in strips) == list(table.index)
    whole = table["end_s"].max()
    for number, left, wide, unsure, who, pixels in strips:
        row = table.loc[number]
        assert left == pytest.approx(1000 * row["start_s"] / whole, abs=0.2)
        assert wide == pytest.approx(1000 * (row["end_s"] - row["start_s"]) / whole, abs=0.2)
        assert unsure == (not row["sure"])
        assert who == row["identity"]
        assert pixels > 100


def test_pointing_at_a_strip_tells_when_where_and_how_sure(page: Page) -> None:
    page.hover("rect[data-a='2']")
    assert page.inner_text("#tip") == f"{ODD}: 0:00.5 to 0:01.7, right, 97 %"
    page.focus("rect[data-a='4']")
    assert page.inner_text("#tip") == "blue 00 ?: 0:01.7 to 0:02.9, left, 55 %"
    assert page.get_attribute("rect[data-a='4']", "aria-label") == (
        "0:01.7 to 0:02.9, left, 55 %, not sure"
    )


def test_what_a_person_said_is_shown_as_said(page: Page) -> None:
    page.focus("rect[data-a='5']")
    assert page.inner_text("#tip") == "blue 00: 0:00.5 to 0:01.7, right, confirmed by you"
    page.click("rect[data-a='5']")
    assert "You confirmed this" in page.inner_text("#shown")


def test_who_somebody_could_be_is_told_apart_from_how_sure_the_identity_is(
    page: Page, tmp_path: Path
) -> None:
    card = page.locator("#unsure ~ .cards .card").nth(1)
    assert "Probably unknown 2 (55 %)\nunknown 2 could be red 7: 60 %" in card.inner_text()
    assert "could be red 7: 60 %" in page.locator("#players ~ .wide").inner_text()
    card.locator("button[data-who='red 7']").click()
    assert [(kind, player) for kind, _, _, player in rows_of(page, tmp_path)] == [("is", "red 7")]


def test_a_click_shows_the_pictures_of_that_appearance(page: Page) -> None:
    assert page.is_hidden("#shown")
    page.click("rect[data-a='6']")
    assert page.inner_text("#shown b") == "6:"
    sizes = page.eval_on_selector_all("#shown img", "all => all.map(i => i.naturalWidth)")
    assert len(sizes) >= 2
    assert min(sizes) > 10
    greens = page.evaluate(
        """() => [...document.querySelectorAll('#shown img')].map(i => {
          const c = document.createElement('canvas'); c.width = i.naturalWidth;
          c.height = i.naturalHeight; const g = c.getContext('2d'); g.drawImage(i, 0, 0);
          return [...g.getImageData(c.width / 2, c.height / 2, 1, 1).data] })"""
    )
    assert all(green > red + 60 and green > blue + 60 for red, green, blue, _ in greens)
    page.keyboard.press("Escape")
    assert page.is_hidden("#shown")


def test_the_keyboard_goes_from_strip_to_strip_and_opens_one(page: Page) -> None:
    page.focus("#lines .line:first-child rect:first-child")
    page.keyboard.press("ArrowRight")
    second = page.evaluate("document.activeElement.dataset.a")
    page.keyboard.press("ArrowDown")
    below = page.evaluate("document.activeElement.dataset.a")
    assert len({second, below}) == 2
    page.keyboard.press("Enter")
    assert page.inner_text("#shown b") == f"{below}:"
    stops = page.eval_on_selector_all("rect[tabindex='0']", "all => all.length")
    assert stops == 4


def test_corrections_made_by_clicking_are_read_back(
    page: Page, log: PlayerLog, tmp_path: Path
) -> None:
    page.locator("#least ~ .cards").first.locator("button[data-say='different']").first.click()
    page.click("rect[data-a='7']")
    page.fill("#shown input", "blue 00")
    page.click("#shown button:text-is('Name this player')")
    page.click("#shown button:text('Compare with another bar')")
    page.click("rect[data-a='6']")
    page.click("#shown button:text('Same player as 7')")
    rows = rows_of(page, tmp_path)
    assert [(kind, player) for kind, _, _, player in rows] == [
        ("different", ""),
        ("is", "blue 00"),
        ("same", ""),
    ]
    tables = log.boxes.rename(columns={"appearance": "tracklet"})
    found = locate_corrections(read_corrections(tmp_path / "corrections.csv"), tables)
    assert found.tolist() == [[3, 4], [7, -1], [7, 6]]


def test_the_last_word_on_a_pair_counts_and_a_row_can_be_taken_out(
    page: Page, tmp_path: Path
) -> None:
    card = page.locator("#least ~ .cards").first.locator(".card").first
    card.locator("[data-say='same']").click()
    card.locator("[data-say='different']").click()
    assert [kind for kind, *_ in rows_of(page, tmp_path)] == ["different"]
    assert card.locator("button.done").inner_text() == "Different players"
    page.click("#undo")
    assert rows_of(page, tmp_path) == []


def test_a_correction_is_confirmed_where_it_is_made(page: Page) -> None:
    told = page.locator("#status")
    page.click("rect[data-a='7']")
    page.fill("#shown input", "blue 00")
    page.click("#shown button:text-is('Name this player')")
    assert told.inner_text() == "1 correction, not saved yet. The last: 7 is blue 00"
    seen = told.evaluate("one => one.getBoundingClientRect().bottom <= innerHeight")
    assert seen
    assert page.evaluate("scrollY") == 0
    page.click("#undo")
    assert told.inner_text() == "0 corrections left."


def test_an_unsure_one_is_named_by_a_button_and_odd_names_survive(
    page: Page, tmp_path: Path
) -> None:
    card = page.locator("#unsure ~ .cards .card").first
    words = card.inner_text()
    assert "Probably blue 00 (55 %), or blue unknown 1 (30 %)" in words
    card.locator("button[data-who='blue 00']").click()
    assert [(kind, player) for kind, _, _, player in rows_of(page, tmp_path)] == [("is", "blue 00")]
    card.locator("button[data-who='blue unknown 1']").click()  # nobody's name: an appearance of his
    page.click("rect[data-a='7']")
    page.fill("#shown input", ODD)
    page.click("#shown button:text-is('Name this player')")
    rows = rows_of(page, tmp_path)
    assert [(one[0], one[3]) for one in rows] == [("is", "blue 00"), ("same", ""), ("is", ODD)]
    assert page.locator("button[data-who='unknown 2']").is_hidden()


def test_the_download_is_what_stands_in_the_page(page: Page, tmp_path: Path) -> None:
    page.locator("[data-say='same']").first.click()
    with page.expect_download() as waiting:
        page.click("#save")
    waiting.value.save_as(tmp_path / "c.csv")
    assert waiting.value.suggested_filename == "corrections.csv"
    assert (tmp_path / "c.csv").read_text() == page.input_value("#rows")
    assert len(read_corrections(tmp_path / "c.csv")) == 1


def test_players_facts_links_and_contradictions_are_readable(page: Page, log: PlayerLog) -> None:
    text = page.inner_text("body")
    assert "4 players and others, 2 of them with a name or number; 8 appearances" in text
    assert "Appearance 4: <two> numbers." in text
    assert "Weakest joins: please check these" in text
    assert "Closest pairs that were not joined" in text
    first = page.locator("#least ~ .cards").first.locator(".card").first.inner_text()
    assert re.search(r"appearance\s+-0\.1\s+number\s+\+0\.0", first)
    assert "59.9 % same player" in first
    shown = page.locator("#players ~ .wide tbody tr")
    assert shown.count() == 4
    assert all(one.locator("img").count() >= 2 for one in shown.all()[:3])
    sizes = page.eval_on_selector_all("img", "all => all.map(i => i.naturalWidth)")
    assert min(sizes) > 10


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone_in_light_and_dark(
    browser: Browser, written: Path, scheme: str
) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(written.as_uri())
    page.click("rect[data-a='0']")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    ink, paper = (
        sum(map(int, re.findall(r"\d+", page.evaluate(f"getComputedStyle(document.body).{what}"))))
        for what in ("color", "backgroundColor")
    )
    assert (ink < paper) == (scheme == "light")
    assert abs(ink - paper) > 500
    page.close()


def large_log(tmp_path: Path, players: int = 120, appearances: int = 6000) -> PlayerLog:
    number = np.arange(appearances)
    who = [f"white {one % players}" for one in number]
    table = pd.DataFrame(
        {
            "appearance": number,
            "identity": who,
            "name": None,
            "team": "white",
            "number": [str(one % players) for one in number],
            "camera": "left",
            "shot": 0,
            "start_s": number * 0.9,
            "end_s": number * 0.9 + 4,
            "first_frame": 1,
            "last_frame": 9,
            "frames": 3,
            "probability": 0.9,
            "sure": number % 9 > 0,
            "second": "white 1",
            "second_probability": 0.1,
            "could_be": None,
            "could_be_probability": None,
            "rests_on": "appearance",
        }
    )
    boxes = pd.DataFrame(
        {
            "appearance": np.repeat(number, 3),
            "camera": "left",
            "frame": np.tile([1, 4, 9], appearances),
            "time_s": 0.0,
            "left": 8.0,
            "top": 24.0,
            "width": 20.0,
            "height": 56.0,
            "score": 0.9,
        }
    )
    links = pd.DataFrame(
        [(a, a + players, 2.0, 1.0, 1.0, 0.0, 0.0, True) for a in range(40)], columns=list(LINKS)
    )
    source = make_log(tmp_path, frames=12)
    cameras = (Camera("left", source.cameras[0].video),)
    return PlayerLog(table[list(APPEARANCES)], boxes[list(BOXES)], links, cameras, {})


def test_thousands_of_appearances_keep_the_page_small_and_it_says_what_it_left_out(
    browser: Browser, tmp_path: Path
) -> None:
    write_log_page(large_log(tmp_path), tmp_path / "log.html", most=400)
    assert (tmp_path / "log.html").stat().st_size < 4e6
    page = browser.new_page()
    page.goto((tmp_path / "log.html").as_uri())
    assert page.locator("#lines .line").count() == 120
    assert page.locator("#lines rect").count() == 6000
    assert page.locator("#unsure ~ .cards .card").count() == 60
    text = page.inner_text("body")
    assert re.search(r"\d+ pictures: \d+ of 6000 appearances have one or more", text)
    assert "607 more are in the timelines" in text
    page.locator("rect[data-a='5900']").click(force=True)
    assert "No picture of this appearance is in the page." in page.inner_text("#shown")
    page.close()


def unescaped(path: Path) -> str:
    return html.unescape(path.read_text())


def test_a_video_that_is_gone_costs_its_pictures_and_not_the_page(tmp_path: Path) -> None:
    log = make_log(tmp_path / "match")
    log.cameras[1].video.unlink()
    write_log_page(log, tmp_path / "log.html")
    page = unescaped(tmp_path / "log.html")
    assert page.count("No pictures of camera right: ") == 1
    assert "of 8 appearances have one or more" in page
    assert page.count("<rect") == 8
    assert "data:image/jpeg" in page


def test_damaged_frames_are_counted_and_not_listed(
    log: PlayerLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object) -> None:
        raise DataError("frame 4 is damaged")

    monkeypatch.setattr(Album, "picture", damaged)
    album = Album(log, 5)
    for appearance in (0, 1, 2):
        album.ask(appearance, 1)
    album.read()
    assert album.notes == [
        "2 pictures of camera left missing. The first: frame 4 is damaged",
        "1 picture of camera right missing. The first: frame 4 is damaged",
    ]


def test_nobody_on_screen_gives_a_page_that_says_so(tmp_path: Path) -> None:
    write_log_page(empty_log(tmp_path), tmp_path / "log.html")
    assert "Nobody was found." in unescaped(tmp_path / "log.html")


def test_maps_and_numbers_are_shown_of_links(log: PlayerLog, tmp_path: Path) -> None:
    class Reader:
        name, candidates = "told", NUMBERS

        def read(self, pictures: Sequence[Picture]) -> np.ndarray:
            row = np.full(len(NUMBERS) + 1, 1e-6)
            row[NUMBERS.index("7")] = 0.9
            row[-1] = 1 - row[:-1].sum()
            return np.log(np.tile(row, (len(pictures), 1)))

    encoder = create_encoder("small", pretrained=False)
    write_log_page(log, tmp_path / "log.html", encoder=encoder, reader=Reader)
    page = unescaped(tmp_path / "log.html")
    assert page.count("heat maps of what in each picture") == 3
    assert page.count("no. 7 read (0.90)") == 2 * 4


@pytest.mark.parametrize("error", [ConfigError("no grid of features"), AttributeError("no grid")])
def test_maps_and_numbers_that_fail_cost_only_themselves(
    log: PlayerLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    def make() -> None:
        raise MissingExtra("Reading numbers needs rapidocr.")

    monkeypatch.setattr("sameplayer.maps.explanation.explain", fail)
    encoder = create_encoder("small", pretrained=False)
    write_log_page(log, tmp_path / "log.html", encoder=encoder, reader=make)  # type: ignore[arg-type]
    page = unescaped(tmp_path / "log.html")
    assert re.search(r"No maps: (AttributeError: )?no grid", page)
    assert "No numbers: Reading numbers needs rapidocr." in page
    assert page.count("<rect") == 8


def test_somebody_unknown_who_is_hardly_seen_is_folded_away(log: PlayerLog, tmp_path: Path) -> None:
    table = log.appearances
    end = table["end_s"].where(table["appearance"] != 7, table["start_s"] + 0.2)
    write_log_page(replace(log, appearances=table.assign(end_s=end)), tmp_path / "log.html")
    page = unescaped(tmp_path / "log.html")
    assert page.count("<rect") == 8
    folded = page.split("1 unknown, each on screen for less than half a second")[1]
    assert 'data-a="7"' in folded.split("</details>")[0]
    assert '<th scope="row">unknown 2' not in page
    assert '<th scope="row">blue unknown 1' in page


def test_words_of_the_log_are_never_markup(log: PlayerLog, tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script>"
    table = log.appearances.assign(identity=evil, name=evil, rests_on=evil)
    log = replace(log, appearances=table, facts={"contradictions": [evil], "x": evil})
    write_log_page(log, tmp_path / "log.html")
    text = (tmp_path / "log.html").read_text()
    assert evil not in text
    assert text.count("<script") == 2


def test_the_page_refers_to_nothing_outside(written: Path) -> None:
    text = written.read_text()
    assert not re.search(r'(src|href)="(?!data:)', text)
    assert "default-src 'none'" in text
    assert [path.name for path in written.parent.iterdir()] == ["log.html"]


def test_crops_are_asked_for_once_spread_and_up_to_the_limit(log: PlayerLog) -> None:
    album = Album(log, 5)
    album.ask(0, 1)
    album.ask(0, 3)
    album.ask(0, 3)
    assert len(album) == len(album.chosen[0]) == 3
    album.ask(1, 4)
    assert len(album) == 5
    album.ask(999, 2)
    told: list[tuple[int, int]] = []
    album.read(lambda *of: told.append(of))
    assert told[-1] == (5, 5)
    assert len(album.of(0)) == 3
    with pytest.raises(SettingError, match="most is -1"):
        write_log_page(log, "never.html", most=-1)


def test_an_appearance_without_a_box_of_its_own_is_in_the_page(
    log: PlayerLog, tmp_path: Path
) -> None:
    left = replace(log, boxes=log.boxes[log.boxes["appearance"] != 4])
    write_log_page(left, tmp_path / "log.html")
    assert unescaped(tmp_path / "log.html").count("<rect") == 8


def test_a_clear_moment_is_shown_rather_than_a_crossing(log: PlayerLog) -> None:
    boxes = log.boxes[log.boxes["appearance"] < 2]
    boxes = boxes.assign(appearance=0, frame=range(1, 11), left=8.0)
    alone = Album(replace(log, boxes=boxes), 9)
    assert alone.places()[0][0] == 5  # the first of three equally clear ones in the middle
    other = boxes[boxes["frame"] == 5].assign(appearance=1, left=12.0)
    crossed = Album(replace(log, boxes=pd.concat([boxes, other])), 9)
    assert crossed.places()[0][0] == 6


def test_somebody_who_is_not_in_the_log_yet_can_be_named_and_nobody_cannot(
    browser: Browser, log: PlayerLog, tmp_path: Path
) -> None:
    second = {4: "=blue 21", 7: "somebody new"}  # what a spreadsheet would run is kept from it
    table = log.appearances.assign(
        second=[second.get(number, "") for number in log.appearances["appearance"]]
    )
    write_log_page(replace(log, appearances=table), tmp_path / "log.html")
    page = browser.new_page()
    page.goto((tmp_path / "log.html").as_uri())
    page.click("button[data-who='=blue 21']")
    (row,) = rows_of(page, tmp_path)
    assert ",'=blue 21," in page.input_value("#rows")
    assert (row[0], row[3]) == ("is", "=blue 21")
    assert page.locator("button[data-who='somebody new']").is_hidden()
    page.close()


def test_one_appearance_is_in_two_links_of_a_group_at_most(log: PlayerLog) -> None:
    pairs = [(0, other, 0.1 * other, 0.0, 0.0, 0.0, 0.0, True) for other in range(1, 8)]
    pairs += [(5, 6, 5.0, 0.0, 0.0, 0.0, 0.0, True)]
    groups = log_page_links.link_groups(
        replace(log, links=pd.DataFrame(pairs, columns=list(LINKS)))
    )
    shown = {one.key: [(link["first"], link["second"]) for link in one.links] for one in groups}
    assert shown == {"least": [(0, 1), (0, 2), (5, 6)], "surest": [(0, 7), (0, 6)]}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0:00.0"), (7.46, "0:07.5"), (59.97, "1:00.0"), (3723.04, "1:02:03.0"), (-1.5, "-0:01.5")],
)
def test_moments_are_told_as_clocks(seconds: float, words: str) -> None:
    assert clock(seconds) == words


def test_marks_of_the_axis_are_round_and_few(tmp_path: Path) -> None:
    log = large_log(tmp_path, appearances=600)
    marks = axis(log)
    assert [words for _, words in marks] == ["0:00", "2:00", "4:00", "6:00", "8:00"]
    assert marks[1][0] == pytest.approx(100 * 120 / (599 * 0.9 + 4), abs=0.01)
    rows = player_rows(log, in_order(log), Album(log, 0))
    assert {row["share"] for row in rows} == {"90 %"}
    assert {row["colour"] for row in rows} == {"white"}


def test_percentages_of_one_question_are_100_at_most() -> None:
    for first in np.linspace(0, 1, 201):
        words = percent(first), percent(1 - first, first)
        assert sum(int(one.split()[0]) for one in words) <= 100
    assert percent(None) == ""
