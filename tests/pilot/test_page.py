"""Questions, answers, and the pages that show them."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from sameplayer.data.crops import Crops
from sameplayer.errors import DataError
from sameplayer.pilot import next_question, record_answer, report
from sameplayer.pilot.acquisition import answer_from_table
from sameplayer.pilot.folder import Pilot
from sameplayer.pilot.page import Links, render_question, render_report


def test_all_questions_can_be_answered_and_then_there_is_none(pilot: Pilot) -> None:
    asked = []
    while (pair := next_question(pilot)) is not None:
        asked.append(pair)
        record_answer(pilot, pair, "no")
    assert len(asked) == len(set(asked)) <= 120
    assert "no more questions" in render_question(pilot, None)


def test_somebody_else_is_asked_about_another_pair(pilot: Pilot) -> None:
    first = next_question(pilot)
    assert first is not None
    assert next_question(pilot) == first
    assert next_question(pilot, skip=[first]) not in (first, None)


def test_the_page_works_as_plain_forms_and_tells_no_name_and_no_similarity(pilot: Pilot) -> None:
    pair = next_question(pilot)
    page = render_question(pilot, pair, Links(answer="/say", hidden=(("token", "<&>"),)))
    assert page.count('<form method="post" action="/say">') == 3
    assert re.findall('name="answer" value="(\\w+)"', page) == ["yes", "no", "unsure"]
    assert page.count('name="token" value="&lt;&amp;&gt;"') == 3
    row = pilot.row(str(pair))
    assert page.count("data:image/jpeg") == 2
    assert f"{row['similarity']:.2f}" not in re.sub('base64,[^"]*', "", page)


def test_a_server_may_serve_the_pictures(pilot: Pilot) -> None:
    pair = str(next_question(pilot))
    page = render_question(pilot, pair, Links(picture=lambda name: f"/picture/{name}"))
    names = re.findall("/picture/(\\w+)", page)
    assert names == [pilot.row(pair)["first"], pilot.row(pair)["second"]]
    assert pilot.picture(names[0])[:2] == b"\xff\xd8"
    assert "data:" not in page


def test_the_report_of_a_league_holds_figures_and_says_what_it_does_not_know(
    pilot: Pilot, named: Crops
) -> None:
    nothing = report(pilot)
    assert not nothing["enough"]
    assert "No rates yet" in render_report(pilot, nothing)
    answer_from_table(pilot, named)
    found = report(pilot)
    low, middle, high = found["overall"]["missed"]
    assert 0 <= low < middle < high <= 1
    page = render_report(pilot, found)
    assert "http" not in page
    assert "Threshold by wanted false match rate" in page


def test_pairs_that_could_not_be_told_are_counted_and_named(pilot: Pilot) -> None:
    record_answer(pilot, str(next_question(pilot)), "unsure")
    found = report(pilot)
    assert json.loads(json.dumps(found))["answers"]["unsure"] == 1
    assert "1 of 1 pairs are undecided" in found["notes"][0]


def test_an_unknown_pair_or_answer_is_refused_and_nothing_is_kept(pilot: Pilot) -> None:
    with pytest.raises(DataError, match="no pair 'nobody'"):
        record_answer(pilot, "nobody", "yes")
    with pytest.raises(DataError, match="expected yes, no, unsure"):
        record_answer(pilot, str(next_question(pilot)), "maybe")
    assert not (pilot.folder / "answers.csv").exists()


def test_a_picture_that_is_gone_is_named(pilot: Pilot) -> None:
    pair = str(next_question(pilot))
    (pilot.folder / "pictures" / f"{pilot.row(pair)['first']}.jpg").unlink()
    with pytest.raises(DataError, match=r"cannot read the picture.*answers stay"):
        render_question(pilot, pair)
    with pytest.raises(DataError, match="no picture"):
        pilot.picture("../pilot")


def test_more_questions_can_be_asked_of_the_same_draw(pilot: Pilot) -> None:
    few = replace(pilot, config=replace(pilot.config, pairs=1))
    record_answer(few, str(next_question(few)), "no")
    assert next_question(few) is None
    assert next_question(pilot) is not None
