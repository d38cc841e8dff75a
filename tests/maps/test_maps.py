"""Maps equal the common implementation's, rest on what is drawn there, and refuse what has none."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from pytorch_grad_cam import ScoreCAM
from torch.nn import functional

from sameplayer.cli import main
from sameplayer.data.synthetic import draw_crop
from sameplayer.encoder.encoder import Encoder, create_encoder
from sameplayer.errors import ConfigError
from sameplayer.maps.deletion import faithfulness, shares
from sameplayer.maps.gradients import legrad as legrad_map
from sameplayer.maps.layers import finished
from sameplayer.maps.method import MapSettings
from sameplayer.maps.overlay import overlay
from sameplayer.maps.score_cam import MAPS, explain, random_map
from sameplayer.maps.score_cam import score_cam as score_cam_map

A, B = draw_crop(3, 0), draw_crop(3, 4)


@pytest.fixture(scope="module")
def vit() -> Encoder:
    return create_encoder("vit_tiny_patch16_224", pretrained=False, height=128, width=128, seed=4)


@pytest.fixture(scope="module")
def small() -> Encoder:
    return create_encoder("small", pretrained=False)


def images_and_target(encoder: Encoder) -> tuple[torch.Tensor, torch.Tensor]:
    encoder.model.eval()
    pictures = np.stack([encoder.prepare(one.picture) for one in (A, B)])
    images = encoder.normalise(torch.from_numpy(pictures))
    with torch.no_grad():
        return images[0], functional.normalize(encoder.features(images), dim=1)[1]


def common_map(encoder: Encoder, layer: torch.nn.Module, grid: int | None) -> np.ndarray:
    """pytorch-grad-cam's ScoreCAM with the cosine similarity to B as its target."""
    image, target = images_and_target(encoder)

    def similarity(row: torch.Tensor) -> torch.Tensor:
        return functional.normalize(row, dim=0) @ target

    def to_grid(tokens: torch.Tensor) -> torch.Tensor:
        return tokens[:, 1:].transpose(1, 2).unflatten(2, (grid, grid))

    cam = ScoreCAM(encoder.model, [layer], reshape_transform=to_grid if grid else None)
    return cam(image[None], [similarity])[0]


def score_cam(
    encoder: Encoder, image: torch.Tensor, target: torch.Tensor, coarse: int = 1, **settings: int
) -> tuple[np.ndarray, int]:
    made = score_cam_map(encoder, image, target, MapSettings(coarse=coarse, **settings))
    return made.values, made.facts["passes"]


def legrad(
    encoder: Encoder, image: torch.Tensor, target: torch.Tensor, block: int | None = None
) -> np.ndarray:
    return legrad_map(encoder, image, target, MapSettings(block=block)).values


def alike(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_the_full_map_of_a_vit_is_the_common_one(vit: Encoder) -> None:
    expected = common_map(vit, vit.model.blocks[-1].norm1, 8)
    exact, passes = score_cam(vit, *images_and_target(vit))
    assert passes == 192
    np.testing.assert_allclose(exact, expected, atol=1e-2)
    assert alike(exact, expected) > 0.9999
    fast, passes = score_cam(vit, *images_and_target(vit), coarse=2)
    assert passes == 192
    assert alike(fast, expected) > 0.99
    grouped, passes = score_cam(vit, *images_and_target(vit), clusters=32)
    assert passes == 32
    assert alike(grouped, expected) > 0.99


def test_the_full_map_of_a_convolutional_network_is_the_common_one(small: Encoder) -> None:
    expected = common_map(small, small.model.stages[1], None)
    exact, passes = score_cam(small, *images_and_target(small))
    assert passes == 64  # the stage of 16 x 8, the last with 7 places along its shorter side
    assert alike(exact, expected) > 0.9999


@pytest.mark.parametrize(
    ("method", "architecture"),
    [
        *product(("score-cam", "grad-cam", "random"), ("small", "resnet18")),
        *product(MAPS, ("vit_tiny_patch16_224", "eva02_tiny_patch14_224")),
    ],
)
def test_maps_are_as_large_as_the_pictures(method: str, architecture: str) -> None:
    encoder = create_encoder(architecture, pretrained=False, height=64, width=64)
    why = explain(encoder, A.picture, B.picture, method=method, clusters=4)
    for found, one in ((why.map_a, A), (why.map_b, B)):
        assert found.shape == one.picture.shape[:2]
        assert 0 <= found.min() <= found.max() <= 1
    rows = encoder.embed([A.picture, B.picture])
    assert why.similarity == pytest.approx(float(rows[0] @ rows[1]), abs=1e-5)


def test_legrad_is_what_finite_differences_of_the_attention_say() -> None:
    encoder = create_encoder("test_vit", pretrained=False, height=64, width=64, seed=2)
    image, target = (one.double() for one in images_and_target(encoder))
    encoder.model.double()
    last = encoder.model.blocks[-1].attn
    moved = torch.zeros(2, 17, 17, dtype=torch.float64)
    last.fused_attn = False
    hook = last.attn_drop.register_forward_hook(lambda layer, given, made: made + moved)

    def similarity() -> float:
        return float(functional.normalize(encoder.features(image[None]), dim=1)[0] @ target)

    slopes, step = torch.zeros_like(moved), 1e-4
    with torch.no_grad():
        for place in np.ndindex(*moved.shape):
            ends = []
            for sign in (step, -step):
                moved[place] = sign
                ends.append(similarity())
            moved[place] = 0
            slopes[place] = (ends[0] - ends[1]) / (2 * step)
    hook.remove()
    last.fused_attn = True
    expected = slopes.clamp_min(0).mean(dim=(0, 1))[1:].reshape(4, 4)
    found = legrad(encoder, image, target, block=-1)
    np.testing.assert_allclose(found, finished(expected, image), atol=1e-5)
    assert last.fused_attn is True
    assert alike(legrad(encoder, image, target), found) < 0.999


def test_pictures_are_halved_only_where_enough_patches_are_left(small: Encoder) -> None:
    sides = {128: 1, 208: 1, 224: 2}
    for side, expected in sides.items():
        tower = create_encoder("test_vit", pretrained=False, height=224, width=side)
        why = explain(tower, A.picture, B.picture, clusters=2)
        assert why.facts["coarse"] == expected
    assert explain(small, A.picture, B.picture, clusters=2).facts["coarse"] == 2


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
        explain(create_encoder("small", pretrained=False), *pictures, method="legrad")
    with pytest.raises(ConfigError, match="block is 12"):
        explain(vit, *pictures, method="legrad", block=12)
    with pytest.raises(ConfigError, match="clusters is 0"):
        explain(vit, *pictures, clusters=0)
    flat = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(128 * 128 * 3, 4))
    flat.num_features = 4
    with pytest.raises(ConfigError, match="neither transformer blocks nor stages"):
        explain(Encoder(flat, vit.spec), *pictures)


class Reddest(torch.nn.Module):
    """Features that rest on one place: the red of the upper left quarter."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 4, 4, bias=False))
        with torch.no_grad():
            self.stages[0].weight.zero_()
            for channel in range(8):
                self.stages[0].weight[channel, 0, channel % 4] = 1 + channel / 8
        self.num_features = 8

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.stages(images).relu()
        high, wide = maps.shape[2] // 2, maps.shape[3] // 2
        return maps[:, :, :high, :wide].mean(dim=(2, 3)) + 0.3 * (-1) ** torch.arange(8)


def test_a_map_shows_the_place_that_the_similarity_rests_on() -> None:
    spec = create_encoder("small", pretrained=False, height=64, width=64).spec
    encoder = Encoder(Reddest(), spec)
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


def test_faithfulness_tells_a_good_map_from_a_random_and_a_reversed_one() -> None:
    spec = create_encoder("small", pretrained=False, height=64, width=64).spec
    encoder = Encoder(Reddest(), spec)
    picture = np.random.default_rng(1).integers(0, 60, (64, 64, 3), dtype=np.uint8)
    picture[4:28, 4:28, 0] = 250
    good = np.zeros((64, 64), np.float32)
    good[4:28, 4:28] = 1
    honest = faithfulness(encoder, picture, picture, good)
    reverse = faithfulness(encoder, picture, picture, 1 - good)
    chance = faithfulness(encoder, picture, picture, random_map((64, 64), 3))
    assert honest.deletion_area < chance.deletion_area < reverse.deletion_area + 1e-6
    assert honest.insertion_area > reverse.insertion_area
    assert honest.deletion[0] == pytest.approx(1, abs=1e-5)
    assert honest.insertion[-1] == pytest.approx(1, abs=1e-5)
    with pytest.raises(ConfigError, match="same size"):
        faithfulness(encoder, picture, picture, good[:10])


def test_shares_of_a_map_of_zeros_are_nan_and_areas_are_not() -> None:
    share, area = shares(np.zeros((4, 4)), {"half": np.eye(4, dtype=bool)})["half"]
    assert np.isnan(share)
    assert area == 0.25


def test_overlay_is_grey_where_nothing_is_and_yellow_where_most_is() -> None:
    picture = np.full((2, 2, 3), 128, np.uint8)
    drawn = overlay(picture, np.array([[0.0, 1.0], [0.0, 1.0]], np.float32))
    assert drawn[0, 1, 0] > drawn[0, 1, 2] + 80
    assert abs(int(drawn[0, 0, 0]) - int(drawn[0, 0, 1])) < 40


def test_the_command_draws_a_pair_and_a_strip(league_folder: Path, tmp_path: Path) -> None:
    create_encoder("small", pretrained=False).save(tmp_path / "run")
    queries = sorted((league_folder / "reid_test" / "query").iterdir())
    run, out = str(tmp_path / "run"), tmp_path / "pair.png"
    pair = ["explain", run, str(queries[0]), str(queries[1]), "--out", str(out), "--clusters", "4"]
    assert main(pair) == 0
    assert cv2.imread(str(out)).shape[1] > 500
    strip = ["explain", run, str(league_folder), "--out", str(tmp_path / "strip.png")]
    assert main([*strip, "--query", queries[2].name, "--clusters", "4", "--strip", "3"]) == 0
    assert cv2.imread(str(tmp_path / "strip.png")).shape[1] > 400
    assert main([*strip, "--query", "nobody"]) == 2
    assert main(["explain", run, str(queries[0]), "--out", str(out)]) == 2
