"""Explanations: sizes, facts, what is refused, what a failed test hides, and the verbs."""

from __future__ import annotations

import dataclasses
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from sameplayer.cli import main
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import create_encoder
from sameplayer.errors import ConfigError
from sameplayer.maps.deletion import shares
from sameplayer.maps.explanation import MAPS, Explanation, explain
from sameplayer.maps.method import ImageMap, MapSettings
from sameplayer.maps.overlay import draw_pair, draw_strip
from tests.maps.map_helpers import A, B, reddest


@pytest.mark.parametrize(
    ("method", "architecture"),
    [
        *product(("score-cam", "grad-cam", "random"), ("small", "resnet18")),
        *product(MAPS, ("vit_tiny_patch16_224", "eva02_tiny_patch14_224")),
    ],
)
def test_maps_are_as_large_as_the_pictures(method: str, architecture: str) -> None:
    encoder = create_encoder(architecture, pretrained=False, seed=1, height=64, width=64)
    why = explain(encoder, A.picture, B.picture, method=method, clusters=4)
    for found, one in ((why.map_a, A), (why.map_b, B)):
        assert found.shape == one.picture.shape[:2]
        assert 0 <= found.min() <= found.max() <= 1
    rows = encoder.embed([A.picture, B.picture])
    assert why.similarity == pytest.approx(float(rows[0] @ rows[1]), abs=1e-5)


def test_a_black_crop_gives_a_map_and_no_nan(vit: Encoder, small: Encoder) -> None:
    black = np.zeros((80, 40, 3), np.uint8)
    for encoder in (vit, small):
        why = explain(encoder, black, A.picture, clusters=4)
        assert np.isfinite(why.map_a).all()
        assert why.map_a.shape == (80, 40)


def test_what_cannot_be_explained_says_why(vit: Encoder) -> None:
    pictures = A.picture, B.picture
    with pytest.raises(ConfigError, match=r"block is 12; expected 0 to 11"):
        explain(vit, *pictures, block=12)
    with pytest.raises(ConfigError, match="unknown"):
        explain(vit, *pictures, method="gradcam")
    with pytest.raises(ConfigError, match="LeGrad needs a ViT"):
        explain(create_encoder("small", pretrained=False, seed=1), *pictures, method="legrad")
    with pytest.raises(ConfigError, match="block is 12"):
        explain(vit, *pictures, method="legrad", block=12)
    with pytest.raises(ConfigError, match="clusters is 0"):
        explain(vit, *pictures, clusters=0)
    flat = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(128 * 128 * 3, 4))
    flat.num_features = 4
    with pytest.raises(ConfigError, match="neither transformer blocks nor stages"):
        explain(Encoder(flat, vit.spec), *pictures)


def test_a_map_shows_the_place_that_the_similarity_rests_on() -> None:
    encoder = reddest()
    picture = np.full((64, 64, 3), 60, np.uint8)
    picture[4:28, 4:28, 0] = 250
    picture[:, :, 1:] = 20
    paler = np.where(picture == 250, np.uint8(150), picture)
    for method in ("score-cam", "grad-cam"):
        why = explain(encoder, paler, picture, method=method, coarse=1)
        square = np.zeros((64, 64), bool)
        square[4:28, 4:28] = True
        share, area = shares(why.map_a, {"square": square})["square"]
        assert share > 0.8 > 4 * area


def test_what_a_method_does_to_its_layers_does_not_reach_the_encoder(small: Encoder) -> None:
    def rough(encoder: Encoder, image: Tensor, target: Tensor, settings: MapSettings) -> ImageMap:
        encoder.model.train().register_forward_hook(lambda *given: None)
        assert encoder.model.stem.weight is small.model.stem.weight
        return ImageMap(np.zeros(image.shape[1:], np.float32))

    explain(small, A.picture, B.picture, method=rough)
    assert not small.model.training
    assert not small.model._forward_hooks


def test_an_encoder_in_training_mode_is_not_explained() -> None:
    encoder = create_encoder("small", pretrained=False, seed=1)
    encoder.model.train()
    with pytest.raises(ConfigError, match="training mode"):
        explain(encoder, A.picture, B.picture, method="random")


def test_facts_name_what_decided_the_map(vit: Encoder) -> None:
    facts = explain(
        vit, A.picture, B.picture, method="score-cam", channels=20, clusters=5, block=3
    ).facts
    assert facts == {
        "method": "score-cam",
        "block": 3,
        "layer": "blocks.3.norm1",
        "channels": 20,
        "passes": 5,
        "coarse": 1,
    }


def test_a_method_of_ones_own_is_a_name_or_a_function(
    small: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def centre(
        encoder: Encoder, image: torch.Tensor, target: torch.Tensor, settings: MapSettings
    ) -> ImageMap:
        values = np.zeros(image.shape[1:], np.float32)
        values[image.shape[1] // 2, image.shape[2] // 2] = settings.block or 1
        return ImageMap(values, {"dots": 1})

    why = explain(small, A.picture, B.picture, method=centre)
    assert why.facts == {"method": "centre", "block": None, "dots": 1}
    assert why.map_a.shape == A.picture.shape[:2]
    assert why.map_a.max() > 0
    monkeypatch.setitem(MAPS, "centre", centre)
    np.testing.assert_array_equal(
        explain(small, A.picture, B.picture, method="centre").map_a, why.map_a
    )


def in_the_corner(
    encoder: Encoder, image: torch.Tensor, target: torch.Tensor, settings: MapSettings
) -> ImageMap:
    values = np.zeros(image.shape[1:], np.float32)
    values[-8:, -8:] = 1
    return ImageMap(values)


def test_a_map_that_fails_its_test_is_not_drawn() -> None:
    encoder, picture = reddest(), np.full((64, 64, 3), 20, np.uint8)
    picture[4:28, 4:28, 0] = 250
    good, bad = (explain(encoder, picture, picture, method=way) for way in (None, in_the_corner))
    assert good.refusals == (None, None)
    assert all("is worth" in str(words) for words in bad.refusals)
    assert explain(encoder, picture, picture, method=in_the_corner, check=False).check_a is None

    def drawn(why: Explanation) -> tuple[list[bool], str]:
        axes = [one for one in draw_pair(picture, picture, why).axes if one.get_title()]
        return [bool(one.images) for one in axes], " ".join(t.get_text() for t in axes[1].texts)

    assert drawn(good) == ([True, True, True, True], "")
    pictures, words = drawn(bad)
    assert pictures == [True, False, False, True]
    assert words.startswith("no map:")
    mixed = dataclasses.replace(good, check_a=bad.check_a)
    assert drawn(mixed)[0] == [True, False, True, True]
    strip = draw_strip(picture, [(picture, mixed, "1")], "title")
    assert sum(bool(one.images) for one in strip.axes) == 3
    assert sum(t.get_text().startswith("no map:") for one in strip.axes for t in one.texts) == 1


def test_explain_takes_paths(small: Encoder, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), A.picture[:, :, ::-1])
    named = explain(small, tmp_path / "a.png", B.picture, clusters=2)
    given = explain(small, A.picture, B.picture, clusters=2)
    np.testing.assert_array_equal(named.map_a, given.map_a)


def test_the_command_draws_a_pair_and_a_strip(league_folder: Path, tmp_path: Path) -> None:
    create_encoder("small", pretrained=False, seed=1).save(tmp_path / "run")
    queries = sorted((league_folder / "reid_test" / "query").iterdir())
    run, out = str(tmp_path / "run"), tmp_path / "pair.png"
    pair = ["explain", run, str(queries[0]), str(queries[1]), "--out", str(out), "--clusters", "4"]
    assert main(pair) == 0
    assert cv2.imread(str(out)).shape[1] > 500
    strip = ["--out", str(tmp_path / "strip.png"), "--clusters", "4", "--strip", "3"]
    assert main(["explain-query", run, str(league_folder), queries[2].name, *strip]) == 0
    assert cv2.imread(str(tmp_path / "strip.png")).shape[1] > 400
    assert main(["explain-query", run, str(league_folder), "nobody", *strip]) == 2
    assert main(["explain", run, str(queries[0]), "--out", str(out)]) == 2  # no run named: pictures
