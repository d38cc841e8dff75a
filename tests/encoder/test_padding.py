"""Leaving padding out: a feature depends on its own picture alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sameplayer.encoder.load import create_encoder, load_encoder
from sameplayer.encoder.networks.padding import unpadded_features
from sameplayer.errors import SettingError

TINY = "vit_tiny_patch16_224"


def test_features_without_padding_depend_on_their_own_picture_alone() -> None:
    encoder = create_encoder(TINY, pretrained=False, height=96, width=96).without_padding()
    rng = np.random.default_rng(2)
    sizes = ((96, 30), (80, 60), (50, 90), (96, 96))
    pictures = [rng.integers(1, 255, (*size, 3), dtype=np.uint8) for size in sizes]
    pictures.append(np.zeros((96, 40, 3), np.uint8))
    together = encoder.embed(pictures)
    alone = np.concatenate([encoder.embed([picture]) for picture in pictures])
    np.testing.assert_allclose(together, alone, atol=2e-6)
    padded = replace(encoder.spec, drop_padding=False)
    full = type(encoder)(encoder.model, padded)
    np.testing.assert_allclose(together[3], full.embed([pictures[3]])[0], atol=2e-6)
    assert np.abs(together[0] - full.embed([pictures[0]])[0]).max() > 1e-4
    assert encoder.fingerprint() != full.fingerprint()
    cut = [encoder.prepare(p) for p in pictures[:1]]
    images = encoder.normalise(torch.from_numpy(np.stack(cut)))
    black = encoder.normalise(torch.zeros((1, 1, 1, 3), dtype=torch.uint8)).flatten()
    seen: list[int] = []
    hook = encoder.model.blocks[0].register_forward_hook(lambda m, i, o: seen.append(o.shape[1]))
    unpadded_features(encoder.model, images, black)
    hook.remove()
    assert seen == [1 + 6 * 2]  # 30 of 96 columns reach into the two middle patch columns


def test_an_unpadded_encoder_is_saved_as_one(tmp_path: Path) -> None:
    encoder = create_encoder(TINY, pretrained=False, height=64, width=64).without_padding()
    encoder.save(tmp_path / "saved")
    loaded = load_encoder(tmp_path / "saved")
    assert loaded.spec.drop_padding
    assert loaded.fingerprint() == encoder.fingerprint()


@pytest.mark.parametrize("name", ["small", "test_resnet", "test_vit2"])
def test_a_tower_without_class_token_cannot_leave_padding_out(name: str) -> None:
    encoder = create_encoder(name, pretrained=False)
    with pytest.raises(SettingError, match=r"drop_padding is True.*tall input"):
        encoder.without_padding()
