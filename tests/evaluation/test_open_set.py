"""The open-set protocol: who is enrolled and asked about, what is scored, the page, the verb."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sameplayer.cli import main
from sameplayer.data.crops import Crops
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.encoder.load import create_encoder
from sameplayer.errors import DataError, RankingError, SettingError
from sameplayer.evaluation.open_set.config import OpenSetConfig
from sameplayer.evaluation.open_set.page import write_open_set
from sameplayer.evaluation.open_set.scores import NAMES, OpenSetScores, measure_open_set
from sameplayer.ranking.open_set.fit import fit_likelihood
from sameplayer.ranking.open_set.gallery_draws import draw_searches, people_of
from tests.ranking.drawn import unit


def drawn(persons: int, noise: float = 0.6, seed: int = 1, scopes: int = 1) -> Embeddings:
    """Eight pictures a person on two tracks, whose pictures share half of their noise."""
    rng = np.random.default_rng(seed)
    person, track = np.repeat(np.arange(persons), 8), np.repeat(np.arange(2 * persons), 4)
    rows = rng.normal(size=(persons, 16))[person]
    rows = rows + noise * rng.normal(size=(2 * persons, 16))[track]
    rows = rows + noise * rng.normal(size=rows.shape)
    table = pd.DataFrame(
        {
            "image": [f"{number}.png" for number in range(len(rows))],
            "person": person.astype(str),
            "camera": (track % 2).astype(str),
            "game": (person % scopes).astype(str),
        }
    )
    crops = Crops(table, Path("drawn"), "game" if scopes > 1 else None)
    return Embeddings(unit(rows), crops, "an encoder")


@pytest.fixture(scope="module")
def measured() -> OpenSetScores:
    config = OpenSetConfig(enrolled=(5, 20), draws=4, resamples=50)
    return measure_open_set(drawn(80), config)


def test_every_score_is_told_with_an_interval_around_it(measured: OpenSetScores) -> None:
    assert [(one.size, one.asked) for one in measured.galleries] == [
        (5, 1),
        (5, 5),
        (20, 1),
        (20, 5),
    ]
    for one in measured.galleries:
        assert [*one.scores, "FPIR at the first threshold"] == list(NAMES)
        for name, found in one.scores.items():
            if name != "min Cllr":
                assert found.low <= found.value + 0.05, name
                assert found.value <= found.high + 0.05, name
        assert one.searches == (4 * one.size, 4 * (40 - one.size))


def test_a_threshold_does_not_hold_in_a_larger_gallery_but_probabilities_do(
    measured: OpenSetScores,
) -> None:
    small, large = measured.galleries[0], measured.galleries[2]
    assert small.carried == pytest.approx(0.1, abs=0.01)
    assert large.carried > 0.15
    for one in (small, large):
        assert abs(one.scores["bias of nobody"].value) < 0.1


def test_tracks_tell_more_than_crops(measured: OpenSetScores) -> None:
    crops, tracks = measured.galleries[2:]
    assert tracks.scores["OSCR"].value > crops.scores["OSCR"].value
    assert tracks.scores["log loss"].value < crops.scores["log loss"].value


def test_the_same_seed_gives_the_same_and_another_other_galleries() -> None:
    config = OpenSetConfig(enrolled=(5,), asked=(1,), draws=2, resamples=10, fit=0)
    first, again = (measure_open_set(drawn(20), config) for _ in range(2))
    other = measure_open_set(drawn(20), replace(config, seed=1))
    assert json.dumps(first.json()) == json.dumps(again.json())
    assert json.dumps(first.json()) != json.dumps(other.json())


def test_persons_who_were_fitted_to_are_not_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    from sameplayer.evaluation.open_set import draws as open_set_draws

    fitted: list[set[str]] = []

    def fit(part: Embeddings, *, seed: int) -> object:
        fitted.append(set(part.crops.table["person"]))
        return fit_likelihood(part, seed=seed)

    scored: list[set[int]] = []

    def search(vectors: object, people: object, persons: list, *rest: object, **more: object):  # type: ignore[no-untyped-def]
        scored.append({person.code for person in persons})
        return draw_searches(vectors, people, persons, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(open_set_draws, "fit_likelihood", fit)
    monkeypatch.setattr(open_set_draws, "draw_searches", search)
    measure_open_set(drawn(60), OpenSetConfig(enrolled=(5,), asked=(1,), draws=3, resamples=5))
    assert len(fitted) == len(scored) == 3
    for known, asked in zip(fitted, scored, strict=True):
        assert len(known) == len(asked) == 30
        assert not {int(name) for name in known} & asked
    assert fitted[0] != fitted[1]


def test_questions_and_enrolled_pictures_are_of_different_tracks() -> None:
    rows = drawn(12)
    people, rng = people_of(rows.crops), np.random.default_rng(0)
    camera = rows.crops.table["camera"].to_numpy()
    assert people.across
    for person in people.persons:
        enrolled, asked = people.enrol_and_ask(person, 3, 5, rng)
        assert (len(enrolled), len(asked)) == (3, 4)  # a track has four pictures
        assert not set(camera[enrolled]) & set(camera[asked])


@pytest.mark.parametrize(("enrolled", "asked"), [(1, 1), (3, 5), (100, 1), (1, 100), (8, 8)])
def test_with_one_track_questions_and_enrolled_pictures_are_different(
    enrolled: int, asked: int
) -> None:
    rows = drawn(3)
    crops = replace(rows.crops, table=rows.crops.table.drop(columns="camera"))
    people, rng = people_of(crops), np.random.default_rng(0)
    assert not people.across
    for person in people.persons:
        held, own = people.enrol_and_ask(person, enrolled, asked, rng)
        assert min(len(held), len(own)) >= 1
        assert not set(held) & set(own)
        assert len(held) <= enrolled
        assert len(own) <= asked


def test_who_has_one_track_where_others_have_two_is_never_looked_for() -> None:
    rows = drawn(12)
    table = rows.crops.table
    rows = rows.where(~((table["person"] == "3") & (table["camera"] == "1")).to_numpy())
    people, rng = people_of(rows.crops), np.random.default_rng(0)
    code = next(one.code for one in people.persons if len(one.tracks) == 1)
    seen = set()
    for _ in range(30):
        one = draw_searches(
            rows.vectors, people, people.persons, 6, rng, enrolled=(2, 2), asked=(1, 1)
        )
        seen |= set(one.mate[one.person == code])
    assert seen == {-1}


def test_persons_are_compared_within_their_scope_only() -> None:
    config = OpenSetConfig(asked=(1,), fit=0, draws=2, resamples=10)
    found = measure_open_set(drawn(24, scopes=3), config).galleries[0]
    assert found.size == 4
    assert found.searches == (2 * 3 * 4, 2 * 3 * 4)


def test_too_few_persons_to_fit_leave_the_probabilities_out() -> None:
    config = OpenSetConfig(enrolled=(4,), asked=(1,), draws=2, resamples=10)
    found = measure_open_set(drawn(14), config)
    assert "needs at least 10 persons" in found.facts["uncalibrated"]
    assert set(found.galleries[0].scores) == {
        "rank-1",
        "TPIR at FPIR 1 %",
        "TPIR at FPIR 10 %",
        "OSCR",
    }
    assert found.galleries[0].reliability is None
    assert found.galleries[0].searches == (8, 20)


def test_a_likelihood_of_ones_own_is_used_and_one_of_another_encoder_refused() -> None:
    own = fit_likelihood(drawn(40, seed=2))
    config = OpenSetConfig(enrolled=(5,), asked=(1,), draws=2, resamples=10)
    found = measure_open_set(drawn(20), config, own)
    assert found.galleries[0].searches == (10, 30)  # nobody is set aside
    assert found.galleries[0].scores["Cllr"].value < 0.8
    with pytest.raises(RankingError, match="fitted with encoder other"):
        measure_open_set(drawn(20), config, replace(own, encoder="other"))


def test_too_few_persons_are_refused() -> None:
    with pytest.raises(DataError, match=r"galleries of 20 persons.*found 20 persons"):
        measure_open_set(drawn(20), OpenSetConfig(enrolled=(20,), fit=0))
    rows = drawn(20)
    single = rows.where(~rows.crops.table["person"].duplicated().to_numpy())
    with pytest.raises(DataError, match="nobody who is enrolled has further pictures"):
        measure_open_set(single, OpenSetConfig(enrolled=(5,), fit=0))


@pytest.mark.parametrize(
    "wrong",
    [
        {"known": 1.0},
        {"fit": 1.0},
        {"draws": 0},
        {"asked": ()},
        {"enrolled": (0,)},
        {"pictures": 0},
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingError):
        OpenSetConfig(**wrong)  # type: ignore[arg-type]


def test_the_page_holds_the_table_and_both_figures(measured: OpenSetScores, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    write_open_set(page, measured, {"data": "<drawn>"})
    text = page.read_text()
    assert "20 enrolled, tracks of 5" in text
    assert text.count("data:image/png;base64,") == 2
    assert "&lt;drawn&gt;" in text
    assert not re.search(r"https?://", text)
    for name in NAMES:
        assert name in text


def test_the_page_without_probabilities_says_why(tmp_path: Path) -> None:
    config = OpenSetConfig(enrolled=(4,), asked=(1,), draws=1, resamples=5)
    write_open_set(tmp_path / "page.html", measure_open_set(drawn(14), config))
    text = (tmp_path / "page.html").read_text()
    assert re.search("No probabilities:</b> .*needs at least 10 persons", text)
    assert text.count("data:image/png;base64,") == 1


def test_the_verb_prints_and_writes(
    league_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create_encoder("small", pretrained=False, height=64, width=32).save(tmp_path / "small")
    files = ["--report", str(tmp_path / "a.html"), "--json", str(tmp_path / "a.json")]
    command = ["open-set", str(tmp_path / "small"), str(league_folder), "--draws", "2", *files]
    assert main([*command, "--enrolled", "3", "--asked", "1"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^3 enrolled, crops:\n +rank-1 +\d+\.\d % \(", said)
    record = json.loads((tmp_path / "a.json").read_text())
    assert record["galleries"][0]["enrolled"] == 3
    assert "split</th><td>test" in (tmp_path / "a.html").read_text()
    assert main([*command, "--known", "2"]) == 2
    assert "--known is 2.0" in capsys.readouterr().err
