"""Gradient maps: LeGrad is what finite differences say, and both leave the network as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import create_encoder
from sameplayer.errors import ConfigError
from sameplayer.maps.explanation import explain
from sameplayer.maps.gradients import legrad as legrad_map
from sameplayer.maps.layers import finished
from sameplayer.maps.method import MapSettings
from tests.maps.map_helpers import A, B, alike, images_and_target


def legrad(
    encoder: Encoder, image: torch.Tensor, target: torch.Tensor, block: int | None = None
) -> np.ndarray:
    return legrad_map(encoder, image, target, MapSettings(block=block)).values


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


def test_gradients_are_not_left_behind_in_the_weights() -> None:
    encoder = create_encoder("test_vit", pretrained=False, seed=1)
    for method in ("grad-cam", "legrad"):
        explain(encoder, A.picture, B.picture, method=method)
    assert all(weights.grad is None for weights in encoder.model.parameters())


def test_a_tower_that_caches_for_evaluation_is_explained_after_it_embedded() -> None:
    encoder = create_encoder("levit_128s", pretrained=False, seed=1)
    encoder.embed([A.picture])
    assert explain(encoder, A.picture, B.picture, method="grad-cam").map_a.max() > 0


def test_legrad_of_a_tower_without_attention_is_refused() -> None:
    for name in ("small", "test_resnet", "gmlp_ti16_224"):
        with pytest.raises(ConfigError, match="LeGrad needs a ViT"):
            explain(
                create_encoder(name, pretrained=False, seed=1),
                A.picture,
                B.picture,
                method="legrad",
            )
