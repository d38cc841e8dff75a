"""The pages in a real browser: with scripts and without, by keys, on a phone, in the dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from sameplayer.data.crops import Crops
from sameplayer.encoder.encoder import Encoder
from sameplayer.gallery.gallery import Gallery
from sameplayer.gallery.people import corrections as changes
from tests.serve.club import TOKEN, draw_club, files_of, running


@pytest.fixture
def club(tmp_path: Path, encoder: Encoder, league: Crops) -> Gallery:
    return draw_club(tmp_path / "club", encoder, league)


@pytest.fixture
def address(club: Gallery) -> Iterator[str]:
    with running(club) as found:
        yield found


def opened(browser: Browser, address: str, **how) -> Page:
    """Return a page that is logged in; whatever it complains of is kept in ``complaints``."""
    page = browser.new_context(**how).new_page()
    page.set_default_timeout(8000)
    page.complaints = []  # type: ignore[attr-defined]
    usual = "status of 4", "Autofocus processing was blocked"  # where a key was faster
    page.on(
        "console",
        lambda said: (
            page.complaints.append(said.text)
            if not any(words in said.text for words in usual)
            else None
        ),
    )
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on(
        "request",
        lambda request: (
            page.complaints.append(request.url)
            if not request.url.startswith((address, "data:", "blob:"))
            else None
        ),
    )
    page.goto(address)
    assert page.url == f"{address}/login"
    page.fill("#token", TOKEN)
    page.click("button:text('Log in')")
    return page


def press(page: Page, key: str) -> None:
    """Press a key once the page's script listens."""
    page.wait_for_load_state("load")
    page.keyboard.press(key)


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def page(browser: Browser, address: str, request) -> Iterator[Page]:
    found = opened(browser, address, java_script_enabled=request.param)
    yield found
    assert found.complaints == []
    found.context.close()


def test_a_track_that_is_given_is_answered_with_pictures_and_is_kept_for_a_word(
    page: Page, club: Gallery, league: Crops, tmp_path: Path
) -> None:
    assert page.url.endswith("/ask")
    page.set_input_files("input[type=file]", files_of(league, 3))
    page.click("button:text('Ask')")
    assert page.locator(".answer").count() == 1
    assert page.locator(".query .crop").count() == 3
    assert page.inner_text(".candidate >> nth=0 >> .who a") == "Ada"
    assert "similarity" in page.inner_text(".candidate >> nth=0")
    assert "uncalibrated" in page.inner_text(".uncalibrated")
    page.wait_for_load_state("networkidle")  # the crops are loaded lazily
    sizes = page.eval_on_selector_all(".crop", "all => all.map(i => [i.complete, i.naturalWidth])")
    assert all(wide > 10 for _, wide in sizes)
    assert "Ada" not in page.url
    page.goto(page.url.replace("/asked/", "/asked/x"))
    assert "not held any more" in page.inner_text("main")


def test_without_a_track_every_picture_has_its_answer(page: Page, league, tmp_path) -> None:
    page.set_input_files("input[type=file]", files_of(league, 2))
    page.check("input[value=no]")
    page.click("button:text('Ask')")
    assert page.locator(".answer").count() == 2


def test_a_name_is_changed_and_that_is_undone(page: Page, club: Gallery) -> None:
    key = club.person("Bo").id
    page.click("nav >> text=Persons")
    assert page.locator(".person").count() == 6
    page.click(".person >> text=Bo")
    assert page.url.endswith(f"/persons/{key}")
    page.fill("[aria-label='New name']", "Boris")
    page.click("button:text('Rename')")
    assert page.inner_text("h1") == "Boris"
    assert club.person(key).name == "Boris"
    page.click(".toast button")
    assert page.inner_text("h1") == "Bo"
    assert club.person(key).name == "Bo"


def test_a_stale_page_is_told_so_and_nothing_is_done(page: Page, club: Gallery, address) -> None:
    key = club.person("Bo").id
    page.click("nav >> text=Persons")
    page.click(".person >> text=Bo")
    changes.rename(club, key, "Bob", actor="somebody")
    page.fill("[aria-label='New name']", "Boris")
    page.click("button:text('Rename')")
    assert "Somebody changed this person meanwhile" in page.inner_text(".notice")
    assert page.inner_text("h1") == "Bob"
    assert club.person(key).name == "Bob"


def test_ticked_pictures_are_split_off(page: Page, club: Gallery) -> None:
    page.click("nav >> text=Persons")
    page.click(".person >> text=Cy")
    page.check(".tick input >> nth=0")
    page.check(".tick input >> nth=1")
    page.fill("[aria-label='Name of the other player']", "Cyra")
    page.click("button:text('Split off')")
    assert page.inner_text("h1") == "Cyra"
    assert club.person("Cyra").pictures == 2
    assert club.person("Cy").pictures == 1


def test_both_persons_are_shown_before_they_are_merged(page: Page, club: Gallery) -> None:
    page.click("nav >> text=Persons")
    page.click(".person >> text=Dee")
    page.fill("[aria-label='Name of the same person']", "Eli")
    page.click("button:text('Compare')")
    assert page.locator(".both h2").all_inner_texts() == ["Dee", "Eli"]
    assert page.locator(".both .crop").count() == 6
    page.click("button:text('One person: Dee')")
    assert club.person("Dee").pictures == 6
    assert club.person("Eli").id == club.person("Dee").id
    page.click(".toast button")
    assert club.person("Eli").pictures == 3


def test_a_restricted_person_is_never_answered(page: Page, club, league, tmp_path) -> None:
    page.click("nav >> text=Persons")
    page.click(".person >> text=Ada")
    page.click("button:text('Restrict')")
    assert "never suggested in answers" in page.inner_text(".headline")
    page.click("nav >> text=Ask")
    page.set_input_files("input[type=file]", files_of(league, 2))
    page.click("button:text('Ask')")
    assert "Ada" not in page.inner_text("main")


def test_nobody_logged_in_sees_a_picture(browser: Browser, address: str, club: Gallery) -> None:
    here = f"{address}/g/{club.settings.id}"
    picture = club.pictures(club.person("Ada").id)[0].id
    other = browser.new_context().new_page()
    for path in ("ask", "persons", f"pictures/{picture}.jpg"):
        other.goto(f"{here}/{path}")
        assert other.url == f"{address}/login"
    other.fill("#token", "wrong")
    other.click("button:text('Log in')")
    assert "unknown, expired or revoked" in other.inner_text(".notice")
    other.context.close()


def test_a_video_that_is_chosen_is_refused_before_it_is_sent(browser: Browser, address) -> None:
    page = opened(browser, address)
    said = page.locator("[data-wrong]")
    assert not said.is_visible()
    film = {"name": "match.mp4", "mimeType": "video/mp4", "buffer": b"x"}
    page.set_input_files("input[type=file]", [film])  # type: ignore[list-item]
    said.wait_for()
    assert said.inner_text() == (
        "match.mp4: this file type is not supported. Use JPEG, PNG or WebP. A video? Use "
        "sameplayer log."
    )
    page.context.close()


def test_the_printed_address_logs_in_where_the_login_is_open_already(browser, address) -> None:
    page = browser.new_context().new_page()
    page.goto(f"{address}/login")
    page.goto(f"{address}/login#{TOKEN}")  # the same page: nothing is loaded
    page.wait_for_url("**/ask")
    page.click("text=Log out everywhere")
    assert page.url == f"{address}/login"
    page.context.close()


def test_pictures_beside_each_other_are_shown_whole(page: Page, club: Gallery) -> None:
    page.click("nav >> text=Persons")
    page.click(".person >> text=Ada")
    page.wait_for_load_state("load")
    fits = page.eval_on_selector_all(
        ".alike .crop", "all => all.map(one => getComputedStyle(one).objectFit)"
    )
    assert set(fits) == {"contain"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_a_phone(browser: Browser, address, club, league, tmp_path, scheme):
    page = opened(browser, address, viewport={"width": 360, "height": 740}, color_scheme=scheme)
    here = f"{address}/g/{club.settings.id}"
    ada, bo = club.person("Ada").id, club.person("Bo").id
    changes.rename(club, bo, "B" * 60 + " " + "o" * 60, actor="me")
    page.set_input_files("input[type=file]", files_of(league, 3))
    page.click("button:text('Ask')")
    pages = [
        page.url,
        *(
            f"{here}/{one}"
            for one in (
                "ask",
                "persons",
                f"persons/{bo}",
                f"persons/{ada}/merge/{bo}",
                "review",
                "alike",
                "history",
                f"forget/{bo}",
            )
        ),
    ]
    for one in pages:
        page.goto(one)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360, (one, wide)
    assert page.complaints == []
    page.context.close()


def test_a_question_is_answered_by_a_key_and_that_is_undone_by_one(
    browser: Browser, address: str, club: Gallery
) -> None:
    page = opened(browser, address)
    page.click("nav >> text=Review")
    waiting = page.locator(".bands b").nth(0)
    assert waiting.inner_text() == "6"
    first = page.inner_text(".candidate >> nth=0 >> b")
    question = page.get_attribute(".question", "data-question")
    before = club.person(first).pictures
    press(page, "y")
    page.wait_for_selector(".toast")
    assert waiting.inner_text() == "5"
    assert club.person(first).pictures == before + 2
    press(page, "u")
    page.wait_for_selector(f"[data-question='{question}']")
    assert club.person(first).pictures == before
    second = page.inner_text(".candidate >> nth=1 >> b")
    held = club.person(second).pictures
    press(page, "2")
    expect(waiting).to_have_text("5")
    assert club.person(second).pictures == held + 2
    press(page, "s")
    page.wait_for_selector(".toast")
    press(page, "0")
    expect(waiting).to_have_text("4")
    press(page, "n")
    page.wait_for_selector(".toast")
    press(page, "?")
    assert page.is_visible(".keys dl")
    press(page, "/")
    page.keyboard.type("Yan")
    press(page, "Enter")
    assert page.input_value("[aria-label='Another name']") == "Yan"
    page.click("button:text('Somebody new')")
    expect(waiting).to_have_text("3")
    assert club.person("Yan").pictures == 2
    press(page, "m")
    page.wait_for_url("**/merge/**")
    kinds = [page.url.split("/")[-2], page.locator(".both h2").count()]
    assert kinds == ["merge", 2]
    assert page.complaints == []
    page.context.close()


def test_the_review_works_without_scripts_and_a_stale_word_is_refused(
    page: Page, club: Gallery
) -> None:
    page.click("nav >> text=Review")
    question = page.get_attribute(".question", "data-question") or ""
    changes.mark_unknown(club, question, actor="somebody")
    page.click("button:has-text('Nobody we know')")
    assert "Somebody changed this meanwhile" in page.inner_text(".notice")
    assert page.get_attribute(".question", "data-question") != question
    assert page.inner_text(".bands b >> nth=0") == "5"
    page.click("button:has-text('Later')")
    page.click("button:has-text('No') >> nth=0")
    assert page.inner_text(".bands b >> nth=0") == "5"


def test_why_is_shown_on_demand(page: Page, club: Gallery, league: Crops) -> None:
    page.set_input_files("input[type=file]", files_of(league, 1))
    page.click("button:text('Ask')")
    assert page.locator(".reasons").count() == 0
    page.click(".why a >> nth=0")
    page.wait_for_selector(".reasons")
    words = page.inner_text(".reasons")
    assert "No map:" not in words  # each of the two maps is there, or failed its test
    assert page.locator(".maps figure").count() + words.count("No map of") == 4
    assert "number" in words.lower()


def test_history_undoes_what_can_be_undone(page: Page, club: Gallery) -> None:
    changes.rename(club, "Flo", "Florence", actor="coach")
    page.click("nav >> text=History")
    assert "coach renamed a player" in page.inner_text(".events li >> nth=0")
    page.click(".events li >> nth=0 >> text=Undo")
    assert club.person("Flo").pictures == 3
    assert "undid a change" in page.inner_text(".events li >> nth=0")
    assert "undone by" in page.inner_text(".events li:has-text('renamed a player')")


def test_a_person_is_exported_and_is_forgotten_once_the_name_is_typed(
    page: Page, club: Gallery
) -> None:
    page.click("nav >> text=Persons")
    page.click(".person >> text=Bo")
    with page.expect_download() as waiting:
        page.click("button:text('Export')")
    assert Path(waiting.value.path()).read_bytes().startswith(b"PK")
    page.click("text=Forget…")
    page.fill("#name", "Bob")
    page.click("text=Forget for good")
    assert "not the name" in page.inner_text(".notice")
    page.fill("#name", "Bo")
    page.click("text=Forget for good")
    assert page.inner_text("h1") == "Forgotten"
    assert "downloaded-by-token" in page.inner_text("main")
    assert [one.name for one in club.persons("active")] == ["Ada", "Cy", "Dee", "Eli", "Flo"]


def test_persons_who_are_alike_are_shown_in_pairs(page: Page, club: Gallery) -> None:
    page.click("nav >> text=Review")
    page.click("text=Possible duplicates")
    assert page.locator(".pairs li").count() == 15
    page.click(".pairs li >> nth=0 >> text=Compare")
    assert page.locator(".both h2").count() == 2
