"""Numbers: CLIP's zero-shot reading with tiny random weights, text recognition, tracks, rosters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import open_clip
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from sameplayer.cli import main
from sameplayer.data.crops import Crops
from sameplayer.data.images import Picture
from sameplayer.data.sources import read_source
from sameplayer.data.synthetic import draw_crop, make_person
from sameplayer.encoder.embed import embed
from sameplayer.encoder.encoder import create_encoder
from sameplayer.errors import ConfigError, DataError, RankingError, WeightsError
from sameplayer.numbers.readers import NUMBERS, VIEWS, BothReaders, ClipReader, OcrReader, view
from sameplayer.numbers.reading import (
    combine,
    fit_temperature,
    read_jersey_number,
    read_track_number,
    reading,
    tempered,
)
from sameplayer.numbers.scores import score_numbers
from sameplayer.numbers.tables import check_roster, read_numbers
from sameplayer.ranking.numbers import contradiction, with_numbers
from sameplayer.ranking.ranking import rank

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "patch_size": 8, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
VISIBLE = ((0, 1), (2, 0), (5, 0), (7, 0))  # persons of the drawn league and a frame that shows it


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Configuration and weights file of a tiny CLIP."""
    folder = tmp_path_factory.mktemp("clip")
    config = folder / "tiny-clip.json"
    config.write_text(json.dumps(TINY))
    open_clip.add_model_config(config)
    torch.manual_seed(3)
    model = open_clip.create_model("tiny-clip", pretrained=None)
    save_file(model.state_dict(), folder / "tiny-clip.safetensors")
    return str(config), str(folder / "tiny-clip.safetensors")


class Told:
    """A reader that is told what to see, by the red of the first pixel."""

    name = "told"

    def __init__(self, rows: np.ndarray, candidates: Sequence[str] = NUMBERS) -> None:
        self.rows, self.candidates = rows, tuple(candidates)

    def read(self, pictures: Sequence[Picture]) -> np.ndarray:
        return self.rows[[int(picture[0, 0, 0]) for picture in pictures]]


def evidence(shares: dict[str, float], candidates: Sequence[str] = ("4", "14", "7")) -> np.ndarray:
    rest = (1 - sum(shares.values())) / (len(candidates) + 1 - len(shares))
    return np.log([shares.get(one, rest) for one in (*candidates, "")])


def test_clip_reads_as_its_two_towers_say(tiny: tuple[str, str]) -> None:
    config, weights = tiny
    templates, nothing = ("number {}", "a {} shirt"), ("nothing",)
    reader = ClipReader(config, weights, ("7", "23"), templates=templates, nothing=nothing,
                        views=("whole",))  # fmt: skip
    pictures = [draw_crop(1, frame).picture for frame in range(3)]
    model, _, prepare = open_clip.create_model_and_transforms("tiny-clip", pretrained=weights)
    model.eval()
    from PIL import Image

    with torch.no_grad():
        images = torch.stack([prepare(Image.fromarray(one)) for one in pictures])
        image = functional.normalize(model.encode_image(images), dim=1)
        text = []
        for sentences in (["number 7", "a 7 shirt"], ["number 23", "a 23 shirt"], ["nothing"]):
            tokens = open_clip.get_tokenizer("tiny-clip")(sentences)
            text.append(functional.normalize(model.encode_text(tokens), dim=1).mean(dim=0))
        vectors = functional.normalize(torch.stack(text), dim=1)
        expected = torch.softmax(model.logit_scale.exp() * image @ vectors.T, dim=1).numpy()
    np.testing.assert_allclose(np.exp(reader.read(pictures)), expected, atol=1e-5)
    answers = read_jersey_number(pictures, reader, threshold=0.99)
    assert all(one.number is None for one in answers)
    assert sum(answers[0].probabilities.values()) == pytest.approx(answers[0].visible, abs=1e-5)


def test_clip_without_weights_network_or_text_tower_says_so(
    tiny: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(WeightsError, match="could not be had"):
        ClipReader("ViT-B-32-quickgelu", "no-such-file.safetensors")
    with pytest.raises(WeightsError, match="'vit_base_patch16_224' with a text tower"):
        ClipReader("vit_base_patch16_224")
    with pytest.raises(ConfigError, match="where the number goes"):
        ClipReader(*tiny, templates=("a shirt",))
    for wrong in ((), ("legs",)):
        with pytest.raises(ConfigError, match=r"expected one or more of whole, torso, chest"):
            ClipReader(*tiny, views=wrong)


def test_clip_averages_its_views(tiny: tuple[str, str]) -> None:
    pictures = [draw_crop(1, 0).picture]
    views = [ClipReader(*tiny, ("7", "23"), views=(name,)).read(pictures) for name in VIEWS]
    mean = np.mean(views, axis=0)
    expected = mean - np.log(np.exp(mean).sum(axis=1, keepdims=True))
    joint = ClipReader(*tiny, ("7", "23"), views=tuple(VIEWS)).read(pictures)
    np.testing.assert_allclose(joint, expected, atol=1e-5)
    picture = np.arange(100 * 20 * 3, dtype=np.uint32).reshape(100, 20, 3)
    np.testing.assert_array_equal(view(picture, "torso"), picture[12:60])
    np.testing.assert_array_equal(view(picture, "chest"), picture[16:46, 3:17])
    assert view(picture[:1, :1], "chest").shape == (1, 1, 3)


def test_a_track_sums_evidence_and_leaves_out_frames_that_see_nothing() -> None:
    rows = np.stack([
        evidence({"4": 0.45, "14": 0.45}),
        evidence({"4": 0.2, "14": 0.6}),
        evidence({"": 0.97}),
        evidence({"4": 0.4, "14": 0.5}),
    ])  # fmt: skip
    reader = Told(rows, ("4", "14", "7"))
    pictures = [np.full((40, 20, 3), value, np.uint8) for value in range(4)]
    found = read_track_number(pictures, reader)
    assert (found.number, found.frames) == ("14", 3)
    # By hand: three equal frames, products of the shares among numbers.
    within = [np.exp(row[:3]) / np.exp(row[:3]).sum() for row in rows[[0, 1, 3]]]
    product = np.prod(within, axis=0)
    hidden = np.exp(rows[[0, 1, 3], 3]).mean()
    expected = (1 - hidden) * product[1] / product.sum()
    assert found.probability == pytest.approx(expected, rel=1e-6)
    cooler = read_track_number(pictures, reader, temperature=4)
    shares = product**0.25 / (product**0.25).sum()
    assert cooler.probability == pytest.approx((1 - hidden) * shares[1], rel=1e-6)
    assert cooler.visible == pytest.approx(found.visible)
    nobody = combine(rows[[2, 2]], np.ones(2))
    assert np.exp(nobody[-1]) == pytest.approx(0.97)
    heavy = combine(rows[:2], np.array([1.0, 3.0]))
    assert heavy[1] - heavy[0] > combine(rows[:2], np.ones(2))[1] - combine(rows[:2], np.ones(2))[0]


def test_abstention_needs_a_probability_below_the_threshold() -> None:
    row = evidence({"14": 0.6})
    assert reading(row, ("4", "14", "7"), 0.5).number == "14"
    unsure = reading(row, ("4", "14", "7"), 0.7)
    assert (unsure.number, round(unsure.probability, 3)) == (None, 0.6)
    assert unsure.top(1) == [("14", pytest.approx(0.6))]


@pytest.mark.parametrize(("wrong", "row"), [(["4", "100"], 1), (["x7"], 0), (["4", "5", ""], 2)])
def test_a_roster_that_holds_no_number_names_the_row(wrong: list[str], row: int) -> None:
    with pytest.raises(DataError, match=f"row {row}"):
        check_roster(wrong)
    assert check_roster(["00", "7", "7", " 23"]) == ("00", "7", "23")


def test_text_recognition_reads_drawn_numbers_and_nothing_on_plain_cloth() -> None:
    reader = OcrReader()
    for person, frame in VISIBLE:
        found = read_track_number([draw_crop(person, frame).picture], reader)
        assert found.number == make_person(person, 1).number
    plain = np.full((160, 60, 3), (40, 60, 190), np.uint8)
    black = np.zeros((160, 60, 3), np.uint8)
    for answer in read_jersey_number([plain, black], reader):
        assert answer.number is None
        assert answer.visible < 0.1
    with pytest.raises(ConfigError, match="certainty"):
        OcrReader(certainty=1.5)


def test_both_readers_agree_to_be_surer_and_must_share_candidates(tiny: tuple[str, str]) -> None:
    names = ("4", "14", "7")
    one, other = (Told(evidence({"14": p})[None], names) for p in (0.6, 0.8))
    picture = [np.zeros((8, 4, 3), np.uint8)]
    both = np.exp(BothReaders([one, other]).read(picture))[0]
    mean = np.sqrt(np.exp(one.rows[0]) * np.exp(other.rows[0]))
    np.testing.assert_allclose(both, mean / mean.sum(), rtol=1e-6)
    with pytest.raises(ConfigError, match="different candidates"):
        BothReaders([one, ClipReader(*tiny, ("4",))])


def test_calibration_makes_overconfident_readings_honest() -> None:
    rng, names = np.random.default_rng(5), ("4", "14")
    truth = rng.choice(names, 400).tolist()
    guess = [one if rng.random() < 0.7 else names[one == "4"] for one in truth]
    rows = np.stack([evidence({one: 0.97, "": 0.01}, names) for one in guess])
    readings = [reading(row, names, 0.5) for row in rows]
    nothing = reading(evidence({"": 0.9}, names), names, 0.5)
    temperature = fit_temperature([*readings, nothing, readings[0]], [*truth, "4", ""])
    cooler = [reading(row, names, 0.5) for row in tempered(rows, temperature)]
    right = np.mean([one == known for one, known in zip(guess, truth, strict=True)])
    assert cooler[0].probability == pytest.approx(0.99 * right, abs=0.01)
    assert cooler[0].visible == pytest.approx(readings[0].visible)
    errors = [score_numbers(some, truth).calibration_error for some in (readings, cooler)]
    assert errors[0] == pytest.approx(0.97 - right, abs=1e-6)
    assert errors[1] < 0.02
    assert fit_temperature(cooler, truth) == pytest.approx(1, abs=0.01)
    with pytest.raises(DataError, match="that see a number"):
        fit_temperature([nothing], ["4"])
    with pytest.raises(DataError, match="'9' is none of"):
        fit_temperature(readings[:1], ["9"])
    with pytest.raises(ConfigError, match="temperature is 0"):
        tempered(rows, 0)


def test_scores_of_readings_by_hand() -> None:
    names = ("4", "14", "17")
    shares = [{"14": 0.9}, {"14": 0.8}, {"4": 0.7}, {"": 0.9}, {"17": 0.4}]
    readings = [reading(evidence(one, names), names, 0.5) for one in shares]
    scores = score_numbers(readings, ["14", "17", "4", "", "17"])
    assert (scores.readings, scores.numbered, scores.coverage) == (5, 4, 0.6)
    assert scores.precision == pytest.approx(2 / 3)
    assert scores.accuracy == pytest.approx(3 / 5)
    assert scores.coverage_at_90 == pytest.approx(1 / 5)
    assert scores.confusions == {("7", "4"): 1}
    assert scores.confidence == pytest.approx(0.8)
    # Of the four that see a number: 0.9 and 0.7 right, 0.8 wrong, 0.4 right, each in its own step.
    assert scores.calibration_error == pytest.approx((0.1 + 0.8 + 0.3 + 0.6) / 4)
    with pytest.raises(RankingError, match="1 labels"):
        score_numbers(readings, ["4"])


def test_numbers_in_a_table_move_the_ranking(league: Crops) -> None:
    crops = league.of_split("test")
    known = crops.table["number"].where(crops.table["number"].notna(), None)
    table = crops.table.assign(read_number=known, read_number_probability=0.9)
    encoder = create_encoder("small", pretrained=False)
    numbered = embed(encoder, Crops(table, crops.root, crops.scope, crops.source))
    ranking = rank(numbered)
    moved = with_numbers(ranking, 0.5)
    numbers = [
        one.table["read_number"].fillna("").to_numpy() for one in (moved.query, moved.gallery)
    ]
    added = moved.distance - ranking.distance
    for q, g in ((0, 0), (0, 9), (3, 20)):
        if "" in (numbers[0][q], numbers[1][g]):
            expected = 0.0
        else:
            expected = 0.5 * (0.81 if numbers[0][q] != numbers[1][g] else -0.81)
        assert added[q, g] == pytest.approx(expected, abs=1e-5)
    shares = np.array([[0.6, 0.1, 0.3]])
    assert contradiction(shares, shares)[0, 0] == pytest.approx(0.49 - 2 * (0.36 + 0.01))
    with pytest.raises(DataError, match="read numbers first"):
        with_numbers(rank(embed(encoder, crops)), 0.5)
    with pytest.raises(ConfigError, match="number-weight"):
        with_numbers(ranking, -1)


def test_reading_by_track_needs_its_columns(league: Crops) -> None:
    crops = league.of_split("test").where(np.arange(4))
    rows = np.tile(evidence({"7": 0.9}, NUMBERS), (256, 1))
    readings, places = read_numbers(crops, Told(rows), ("person",))
    assert sum(len(one) for one in places) == 4
    assert {one.number for one in readings} == {"7"}
    with pytest.raises(ConfigError, match="--by clothes"):
        read_numbers(crops, Told(rows), ("clothes",))


def test_the_command_writes_a_column_and_scores_it(
    league_folder: Path, tmp_path: Path, tiny: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    out, roster = tmp_path / "numbers.csv", tmp_path / "roster.csv"
    pd.DataFrame({"number": ["7", "23", "00"]}).to_csv(roster, index=False)
    config, weights = tiny
    command = ["jersey", config, str(league_folder), "--split", "test", "--weights", weights]
    command += ["--by", "sequence", "person", "--roster", str(roster)]
    sheet = tmp_path / "sheet.png"
    more = ["--threshold", "0.0", "--picture", str(sheet)]
    assert main([*command, "--labels", "True", "--out", str(out), *more]) == 0
    assert cv2.imread(str(sheet)).shape[1] > 800
    said = capsys.readouterr().out
    assert "coverage" in said
    assert "digits confused" in said
    table = read_source(out).table
    assert {"read_number", "read_number_probability", "read_number_frames"} <= set(table.columns)
    create_encoder("small", pretrained=False).save(tmp_path / "encoder")
    scores = []
    for weight in ("0", "0.5"):
        evaluate = ["evaluate", str(tmp_path / "encoder"), str(out), "--number-weight", weight]
        assert main([*evaluate, "--json", str(tmp_path / "scores.json")]) == 0
        scores.append(json.loads((tmp_path / "scores.json").read_text())["mAP"])
    assert scores[0] != scores[1]
    capsys.readouterr()
    roster.write_text("number\n7\nten\n")
    assert main([*command, "--labels", "True"]) == 2
    assert "row 1: 'ten'" in capsys.readouterr().err
    create_encoder("small", pretrained=False).save(tmp_path / "run" / "best")
    assert main(["jersey", str(tmp_path / "run"), str(league_folder), "--labels", "True"]) == 2
    assert "without a text tower" in capsys.readouterr().err
    assert main(["jersey", str(league_folder)]) == 2


def test_real_shirts_of_the_volleyball_test_persons(volleyball: Path) -> None:
    truth = pd.read_csv(Path(__file__).parent / "data" / "volleyball_numbers.csv", dtype=str)
    known = truth.set_index("person")["number"].fillna("")
    crops = read_source(volleyball / "data_reid", scope="sequence").of_split("test")
    shown = crops.where(crops.table["person"].isin(["34", "39", "42"]).to_numpy())
    readings, places = read_numbers(shown, OcrReader(), ("person",))
    numbers = {
        shown.table["person"].iat[p[0]]: r.number for r, p in zip(readings, places, strict=True)
    }
    assert sum(numbers[person] == known[person] for person in numbers) >= 2
    assert all(numbers[person] in (known[person], None) for person in numbers)
