"""Soups of encoders, ViTs without padding, presets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sameplayer.cli import main
from sameplayer.encoder.encoder import create_encoder, load_encoder
from sameplayer.encoder.padding import unpadded_features
from sameplayer.encoder.presets import PRESETS
from sameplayer.encoder.soup import average_encoders
from sameplayer.errors import WeightsError
from sameplayer.training.config import TrainConfig

TINY = "vit_tiny_patch16_224"


def test_a_soup_is_the_mean_of_its_encoders(tmp_path: Path) -> None:
    encoders = [create_encoder("small", pretrained=False, seed=seed) for seed in (1, 2, 3)]
    for encoder in encoders:
        encoder.save(tmp_path / str(encoder.fingerprint()))
    folders = [str(tmp_path / encoder.fingerprint()) for encoder in encoders]
    assert main(["soup", *folders, "--out", str(tmp_path / "soup")]) == 0
    mean = sum(encoder.model.head.weight for encoder in encoders) / 3
    torch.testing.assert_close(load_encoder(tmp_path / "soup").model.head.weight, mean)
    assert main(["soup", *folders, "--out", str(tmp_path / "soup")]) == 2
    other = create_encoder("small", pretrained=False, height=64)
    with pytest.raises(WeightsError, match=r"Encoder 2.*64 x 64"):
        average_encoders([encoders[0], other])


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


def test_presets_of_the_winners_are_theirs_to_the_letter() -> None:
    def recipe(name: str) -> tuple:
        p = PRESETS[name]
        return p.height, p.pairs, p.epochs, p.lr, p.lr_end, p.warmup_epochs, p.augment

    assert recipe("vit-l14-openai") == (224, 16, 4, 4e-5, 1e-5, 1.0, "2022")
    assert recipe("vit-b16-openai") == (224, 16, 4, 4e-5, 1e-5, 1.0, "2022")
    assert recipe("vit-l14-openai-paper") == (224, 16, 8, 4e-5, 4e-6, 2.0, "2022")
    assert recipe("resnet50")[3] == 4e-4
    assert recipe("eva-l14-336") == (336, 32, 8, 4e-5, 1e-5, 1.0, "2023")
    assert recipe("eva-g14-336") == (336, 8, 8, 4e-5, 1e-5, 1.0, "2023")
    assert recipe("eva02-l14-448") == (448, 4, 8, 4e-5, 1e-5, 1.0, "2023")
    assert recipe("beitv2-l16-224") == (224, 32, 8, 4e-5, 1e-5, 1.0, "2023")
    config = TrainConfig(preset="vit-l14-openai").resolved()
    expected = ("polynomial", 0.01, 0.1, 1, 1.0)
    found = (config.schedule, config.weight_decay, config.label_smoothing, config.seed)
    assert (*found, config.warmup_epochs) == expected
