"""How far a number reader holds, on drawn shirts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from sameplayer.data.images.picture import Picture
from sameplayer.errors import SettingError
from sameplayer.evaluation.robustness.numbers import FACTORS, Factor, measure_number_robustness
from sameplayer.evaluation.robustness.page import write_robustness
from sameplayer.numbers.reader import NUMBERS
from sameplayer.synthetic.shirts import ShirtView
from tests.numbers.told import evidence


class Always:
    """A reader that sees one number in large pictures and none in small ones."""

    name, candidates = "always", NUMBERS

    def __init__(self, number: str, least: int = 0) -> None:
        self.number, self.least = number, least
        self.seen: list[Picture] = []

    def read(self, pictures: Sequence[Picture]) -> np.ndarray:
        self.seen += pictures
        return np.stack([self._row(picture) for picture in pictures])

    def _row(self, picture: Picture) -> np.ndarray:
        seen = self.number if picture.shape[0] >= self.least else ""
        return evidence({seen: 0.9}, NUMBERS)


def _only(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "sameplayer.evaluation.robustness.numbers._number", lambda seed, place, digits: number
    )


def test_right_precise_and_abstained_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    _only("7", monkeypatch)
    result = measure_number_robustness(Always("7", 200), ["height"], pictures=4)
    small, large = result.of("height")[-1], result.of("height")[0]
    assert (large.right, large.precision, large.abstained) == (1, 1, 0)
    assert (small.right, small.abstained) == (0, 1)
    assert np.isnan(small.precision)
    assert large.right_interval[0] < 0.6  # four pictures say little
    wrong = measure_number_robustness(Always("8"), ["height"], pictures=4).of("height")[0]
    assert (wrong.right, wrong.precision, wrong.abstained) == (0, 0, 0)


def test_naming_none_where_none_is_is_right() -> None:
    blind = measure_number_robustness(Always("7", 10_000), ["number"], pictures=5)
    assert [one.right for one in blind.of("number")] == [1, 0, 0]
    seeing = measure_number_robustness(Always("7"), ["number"], pictures=5)
    assert seeing.of("number")[0].right == 0


def test_only_one_thing_is_varied_at_a_time() -> None:
    reader = Always("7")
    result = measure_number_robustness(reader, ["turn", "lean"], pictures=2, seed=3)
    first = [result.examples["turn", "0 degrees"], result.examples["lean", "0 degrees"]]
    assert (first[0] == first[1]).all()
    assert (first[0] != result.examples["turn", "60 degrees"]).any()
    assert len(reader.seen) == 2 * (6 + 6)
    again = measure_number_robustness(Always("7"), ["lean"], pictures=1, seed=3)
    assert (again.examples["lean", "30 degrees"] == result.examples["lean", "30 degrees"]).all()


def test_the_threshold_and_the_other_settings_count() -> None:
    sure = measure_number_robustness(
        Always("7"), ["lean"], pictures=1, threshold=0.95, view=ShirtView(digits=20)
    )
    assert {one.abstained for one in sure.levels} == {1}
    assert sure.examples["lean", "0 degrees"].shape[0] == pytest.approx(640 * 20 / 92, abs=1)
    assert sure.facts["threshold"] == 0.95


def test_results_become_a_table_a_frame_json_and_a_page(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    result = measure_number_robustness(
        Always("7", 100), ["number", "height"], pictures=2, progress=lambda *one: told.append(one)
    )
    assert told[-1] == (22, 22)
    assert len(result.to_frame()) == 11
    assert "12 pixels" in result.table()
    record = json.loads(json.dumps(result.json()))
    assert record["levels"][-1]["precision"] is None
    write_robustness(tmp_path / "page.html", result)
    page = (tmp_path / "page.html").read_text()
    assert page.count("data:image/png") == 2
    assert page.count("data:image/jpeg") == 11
    assert "nothing here is a real picture" in page


def test_an_own_factor_is_an_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Factor(lambda: {"small": 9, "large": 90}, lambda view, high: ShirtView(digits=high))
    monkeypatch.setitem(FACTORS, "size", own)
    levels = measure_number_robustness(Always("7", 100), ["size"], pictures=1).of("size")
    assert [one.level for one in levels] == ["small", "large"]
    assert [one.abstained for one in levels] == [1, 0]


def test_unknown_factors_and_no_pictures_are_refused() -> None:
    with pytest.raises(SettingError, match=r"vary is 'fonts'; .* Did you mean 'font'\?"):
        measure_number_robustness(Always("7"), ["fonts"])
    with pytest.raises(SettingError, match="pictures is 0; expected 1 or more"):
        measure_number_robustness(Always("7"), pictures=0)
    with pytest.raises(SettingError, match="vary is empty"):
        measure_number_robustness(Always("7"), [])
