"""How far an encoder holds: curves of corrupted pictures against the clean ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest

from sameplayer.data.corruption.corrupted_crops import CorruptedCrops
from sameplayer.data.corruption.corruptions import CORRUPTIONS as BUILT_IN
from sameplayer.data.crops import Crops
from sameplayer.data.images.picture import Picture
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import RankingError, SettingError
from sameplayer.evaluation import RobustnessConfig, measure_robustness, scores
from sameplayer.evaluation.robustness.page import write_robustness
from sameplayer.evaluation.robustness.scores import CorruptedScore, Robustness
from sameplayer.ranking import RERANKERS, rank
from sameplayer.ranking.config import RankConfig
from tests.ranking.drawn import unit

CORRUPTIONS = ("grey=50,100", "height=256,32", "hidden-below=25")


def hues(pictures: Sequence[Picture]) -> np.ndarray:
    """Return unit rows (n, 384): shares of hue, saturation and value in three stripes."""
    rows = []
    for picture in pictures:
        hsv = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2HSV)
        limits = [0, 180, 0, 256, 0, 256]
        parts = [
            cv2.calcHist([third], [0, 1, 2], None, [8, 4, 4], limits).ravel()
            for third in np.array_split(hsv, 3)
        ]
        rows.append(np.sqrt(np.concatenate(parts)))
    features = np.array(rows, np.float32)
    return features / np.linalg.norm(features, axis=1, keepdims=True)


@dataclass
class ByColour:
    """An embedder that knows colours and nothing else, and writes down what it was given."""

    seen: list[Crops] = field(default_factory=list)

    def __call__(self, crops: Crops) -> Embeddings:
        self.seen.append(crops)
        pictures = [crops.read(row) for row in range(len(crops))]
        return Embeddings(hues(pictures), crops, "colours")


class Small(Encoder):
    """An encoder of hues, without a network."""

    engine = "none"

    def __init__(self) -> None:
        self.spec = SimpleNamespace(architecture="small", weights="none")  # type: ignore[assignment]

    def prepare(self, picture: Picture) -> Picture:
        return picture

    def unit_rows(self, prepared: Sequence[Picture], precision: str) -> np.ndarray:
        return hues(prepared)

    def fingerprint(self) -> str:
        return "small"

    def computed_in(self, precision: str) -> str:
        return precision


@pytest.fixture(scope="module")
def crops(league: Crops) -> Crops:
    return league.of_split("test")


@pytest.fixture(scope="module")
def result(crops: Crops) -> Robustness:
    return measure_robustness(ByColour(), crops, RobustnessConfig(CORRUPTIONS))


def test_clean_scores_are_those_of_evaluate(crops: Crops, result: Robustness) -> None:
    plain = scores.evaluate(rank(ByColour()(crops)))
    assert result.clean.mAP == pytest.approx(plain.mAP)
    assert result.clean.top1 == pytest.approx(plain.cmc["market1501"][0])
    assert result.clean.lost == 0
    assert result.facts["queries"] == 8
    assert result.facts["persons"] == 8
    assert result.facts["around_the_box"] == "mirrored"


def test_who_knows_only_colour_is_lost_without_it(result: Robustness) -> None:
    half, none = result.of("grey")
    assert none.lost > half.lost > 0.01
    assert none.lost == pytest.approx(result.clean.mAP - none.mAP)
    assert none.interval[0] <= none.mAP <= none.interval[1]
    assert none.lost_interval[0] <= none.lost <= none.lost_interval[1]
    way = result.gives_way("grey", points=100 * half.lost + 0.01)
    assert way is none
    assert f"points lost from {none.level:g} %" in result.verdict("grey", 100 * half.lost + 0.01)


def test_pictures_that_are_low_already_lose_nothing(result: Robustness) -> None:
    assert result.of("height")[0].lost == 0
    assert result.of("height")[0].mAP == result.clean.mAP


def test_the_gallery_is_embedded_once_and_never_harmed(crops: Crops) -> None:
    embedder, told = ByColour(), []
    measure_robustness(
        embedder, crops, RobustnessConfig(CORRUPTIONS), progress=lambda *one: told.append(one)
    )
    queries, gallery = len(crops.select("query")), len(crops.select("gallery"))
    assert [len(one) for one in embedder.seen] == [queries, gallery, *[queries] * 5]
    assert [isinstance(one, CorruptedCrops) for one in embedder.seen] == [False] * 2 + [True] * 5
    assert told[-1] == (gallery + 6 * queries, gallery + 6 * queries)
    assert told == sorted(told)


def test_both_parts_are_harmed_where_that_is_asked_for(crops: Crops, result: Robustness) -> None:
    embedder = ByColour()
    both = measure_robustness(embedder, crops, RobustnessConfig(["grey=100"], "both"))
    sizes = [len(one) for one in embedder.seen]
    assert sizes[2:] == sizes[:2]
    assert both.of("grey")[0].mAP > result.of("grey")[1].mAP  # grey among grey is fairer
    assert both.facts["corrupted"] == "both"


def test_an_encoder_is_embedded_as_embed_does_it(crops: Crops, result: Robustness) -> None:
    encoder: object = Small()
    told: list[tuple[int, int]] = []
    again = measure_robustness(
        encoder,
        crops,
        RobustnessConfig(CORRUPTIONS, batch_size=3),
        progress=lambda *one: told.append(one),
    )
    assert [one.mAP for one in again.levels] == [one.mAP for one in result.levels]
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]


def test_a_re_ranking_counts_for_clean_and_harmed_pictures(
    crops: Crops, result: Robustness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_name(query: np.ndarray, gallery: np.ndarray, config: RankConfig) -> np.ndarray:
        return np.tile(np.arange(len(gallery), dtype=np.float32), (len(query), 1))

    monkeypatch.setitem(RERANKERS, "by name", by_name)
    config = RobustnessConfig(["grey=100"], ranking=RankConfig("by name"))
    again = measure_robustness(ByColour(), crops, config)
    expected = scores.evaluate(rank(ByColour()(crops), rerank="by name")).mAP
    assert again.clean.mAP == again.of("grey")[0].mAP == pytest.approx(expected)
    assert again.facts["rerank"] == "by name"


def test_results_become_a_table_a_frame_json_and_a_page(
    crops: Crops, result: Robustness, tmp_path: Path
) -> None:
    frame = result.to_frame()
    assert len(frame) == 6
    assert frame["mAP"].tolist() == [one.mAP for one in (result.clean, *result.levels)]
    table = result.table()
    assert f"{100 * result.of('grey')[1].mAP:.1f}" in table
    assert "points lost from" in table
    record = json.loads(json.dumps(result.json()))
    assert record["levels"][1]["level"] == 100
    assert set(record["5_points_lost_from"]) == {"grey", "height", "hidden-below"}
    write_robustness(tmp_path / "page.html", result, crops, {"data": "<b>drawn</b>"})
    page = (tmp_path / "page.html").read_text()
    assert page.count("data:image/png") == 3
    assert page.count("data:image/jpeg") == 3 + 5
    assert "&lt;b&gt;drawn" in page
    assert "the picture is mirrored" in page
    assert 'src="http' not in page


def _levels(*lost: float) -> Robustness:
    def score(level: float, less: float) -> CorruptedScore:
        return CorruptedScore("blur", level, "pixels", 0.9 - less, (0, 1), 1, less, (less - 0.1, 1))

    return Robustness(score(0, 0), tuple(score(n, one) for n, one in enumerate(lost, 1)))


@pytest.mark.parametrize(
    ("lost", "level", "words"),
    [
        ((0.01, 0.06, 0.2), 2, "5 points lost from 2 pixels; may be chance"),
        ((0.06, 0.01, 0.2), 3, "5 points lost from 3 pixels"),
        ((0.06, 0.2, 0.01), None, "holds to the last level tried, 3 pixels"),
    ],
    ids=["falls", "a dip that is made up for", "a last level that holds"],
)
def test_an_encoder_gives_way_where_it_stays_down(
    lost: tuple[float, ...], level: float | None, words: str
) -> None:
    made = _levels(*lost)
    found = made.gives_way("blur")
    assert (None if found is None else found.level) == level
    assert made.verdict("blur") == words


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (60, 20)], ids=str)
def test_pictures_of_one_pixel_extreme_shape_and_no_colour_are_measured(
    size: tuple[int, int], tmp_path: Path
) -> None:
    rows = []
    for number in range(6):
        grey = np.full((*size, 3), 40 * number, np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.png"), grey)
        role = "query" if number % 2 else "gallery"
        rows.append({"image": f"{number}.png", "person": str(number // 2), "role": role})
    crops = Crops(pd.DataFrame(rows), tmp_path)

    def colours(part: Crops) -> Embeddings:
        means = [part.read(row).reshape(-1, 3).mean(axis=0) + 1 for row in range(len(part))]
        return Embeddings(unit(np.array(means)), part, "mean colours")

    hard = {name: corruption.levels[-1:] for name, corruption in BUILT_IN.items()}
    result = measure_robustness(colours, crops, RobustnessConfig(hard))
    assert result.of("grey")[0].lost == 0
    few = replace(result, levels=result.levels[:2])
    write_robustness(tmp_path / "page.html", few, crops)


def test_what_cannot_be_measured_is_refused(crops: Crops) -> None:
    with pytest.raises(SettingError, match="corrupted is 'gallery'; expected query or both"):
        RobustnessConfig(corrupted="gallery")
    with pytest.raises(SettingError, match="jpeg from 1 to 100"):
        RobustnessConfig(["jpeg=200"])
    with pytest.raises(RankingError, match="0 queries and"):
        measure_robustness(ByColour(), crops.select("gallery"))
    strangers = crops.where(
        (crops.table["role"] == "query") | (crops.table["person"] == "nobody")
    ).table.assign(role=["query", *["gallery"] * 7])
    with pytest.raises(RankingError, match="nothing to score"):
        measure_robustness(ByColour(), Crops(strangers, crops.root))
