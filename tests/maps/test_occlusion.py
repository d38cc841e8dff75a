"""Occlusion: windows are worth what hiding them costs, and what showing them alone gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import create_encoder
from sameplayer.maps.deletion import shares
from sameplayer.maps.explanation import explain
from sameplayer.maps.method import MapSettings
from sameplayer.maps.occlusion import occlusion
from tests.maps.map_helpers import A, images_and_target, reddest


def test_the_map_lies_where_the_similarity_comes_from() -> None:
    picture = np.full((64, 64, 3), 60, np.uint8)
    picture[4:28, 4:28, 0] = 250
    picture[:, :, 1:] = 20
    paler = np.where(picture == 250, np.uint8(150), picture)
    why = explain(reddest(), paler, picture, method="occlusion", check=False)
    square = np.zeros((64, 64), bool)
    square[2:30, 2:30] = True
    share, area = shares(why.map_a, {"square": square})["square"]
    assert share > 0.8 > 4 * area


def test_windows_over_padding_cost_no_passes_and_batches_change_nothing() -> None:
    encoder = create_encoder("small", pretrained=False, seed=1, height=64, width=64)
    image, target = images_and_target(encoder)
    whole = occlusion(encoder, image, target)
    assert whole.facts["windows"] == 100
    assert 20 < whole.facts["passes"] < 190  # a tall crop in a square: half of it is padding
    parts = occlusion(encoder, image, target, MapSettings(batch_size=7))
    np.testing.assert_allclose(parts.values, whole.values, atol=1e-4)


def test_a_picture_of_one_colour_gives_no_map() -> None:
    encoder = create_encoder("small", pretrained=False, seed=1, height=64, width=32)
    plain = np.full((64, 32, 3), 90, np.uint8)
    why = explain(encoder, plain, A.picture, method="occlusion")
    assert why.map_a.max() == pytest.approx(0)
    assert why.refusals[0] is not None


def test_mirrored_views_count_as_in_the_row() -> None:
    plain = create_encoder("small", pretrained=False, seed=1, height=64, width=32)
    encoder = Encoder(plain.model, replace(plain.spec, mirror=True))
    image, target = images_and_target(encoder)
    one = occlusion(encoder, image, target).values
    other = occlusion(encoder, image.flip(2), target).values
    np.testing.assert_allclose(one, other[:, ::-1], atol=1e-3)
