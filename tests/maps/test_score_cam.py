"""Score-CAM equals the common implementation."""

from __future__ import annotations

import numpy as np
import torch
from pytorch_grad_cam import ScoreCAM
from torch.nn import functional

from sameplayer.encoder.encoder import Encoder
from sameplayer.maps.method import MapSettings
from sameplayer.maps.score_cam import score_cam as score_cam_map
from tests.maps.map_helpers import alike, images_and_target


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
