"""Encoders with random weights that several tests of maps look into."""

from __future__ import annotations

import pytest

from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import create_encoder


@pytest.fixture(scope="module")
def vit() -> Encoder:
    return create_encoder("vit_tiny_patch16_224", pretrained=False, height=128, width=128, seed=4)


@pytest.fixture(scope="module")
def small() -> Encoder:
    return create_encoder("small", pretrained=False, seed=1)
