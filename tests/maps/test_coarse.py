"""Smaller masked pictures: where they may be, what the facts say, what a map keeps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sameplayer.encoder.load import create_encoder
from sameplayer.maps.explanation import explain
from sameplayer.maps.score_cam import coarse_features
from tests.maps.map_helpers import A, B, alike, images_and_target


def test_pictures_are_halved_only_where_enough_patches_are_left() -> None:
    sides = {128: 1, 208: 1, 224: 2}
    for side, expected in sides.items():
        tower = create_encoder("test_vit", pretrained=False, seed=1, height=224, width=side)
        why = explain(tower, A.picture, B.picture, method="score-cam", clusters=2, check=False)
        assert why.facts["coarse"] == expected
    small = create_encoder("small", pretrained=False, seed=1)
    why = explain(small, A.picture, B.picture, method="score-cam", clusters=2)
    assert why.facts["coarse"] == 2


@pytest.mark.parametrize("name", ["test_efficientnet", "test_coatnet", "levit_128s"])
def test_facts_say_full_size_where_a_tower_took_its_own_pass(name: str) -> None:
    encoder = create_encoder(name, pretrained=False, seed=1)
    asked = explain(encoder, A.picture, B.picture, method="score-cam", clusters=2, coarse=2)
    full = explain(encoder, A.picture, B.picture, method="score-cam", clusters=2, coarse=1)
    assert asked.facts["coarse"] == full.facts["coarse"] == 1
    np.testing.assert_array_equal(asked.map_a, full.map_a)


@pytest.mark.parametrize("coarse", [1, 2])
def test_the_scoring_pass_of_an_unpadded_encoder_gives_its_own_features(coarse: int) -> None:
    name = "vit_tiny_patch16_224"
    encoder = create_encoder(name, pretrained=False, seed=1, height=96, width=96).without_padding()
    image, _ = images_and_target(encoder)
    features, used = coarse_features(encoder, image, coarse)
    assert used == coarse
    with torch.no_grad():
        rows, own = features(image[None]).numpy(), encoder.features(image[None]).numpy()
    if coarse == 1:
        np.testing.assert_allclose(rows, own, atol=1e-5)
    else:
        assert alike(rows, own) > 0.9
