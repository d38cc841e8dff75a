"""Encoders: names, sizes, saving, refusing what does not fit."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch

from sameplayer.data.crops import Crops
from sameplayer.encoder import saved as saved_module
from sameplayer.encoder.build import build_model, spec_of
from sameplayer.encoder.embed import embed
from sameplayer.encoder.embeddings import Embeddings, load_embeddings
from sameplayer.encoder.encoder import create_encoder, load_encoder
from sameplayer.encoder.presets import PRESETS
from sameplayer.errors import ConfigError, DataError, RankingError, WeightsError


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_names_an_architecture_that_exists(name: str) -> None:
    preset = PRESETS[name]
    spec = spec_of(preset.architecture, preset.height, preset.width)
    assert (spec.height, spec.width) == (preset.height, preset.width)
    assert (spec.activation == "quickgelu") == ("openai" in name)


def test_tall_input_interpolates_positions_and_keeps_the_feature_width() -> None:
    name = "vit_tiny_patch16_224"
    square = create_encoder(name, pretrained=False)
    tall = create_encoder(name, pretrained=False, height=224, width=112)
    assert tall.model.pos_embed.shape[1] < square.model.pos_embed.shape[1]  # type: ignore[union-attr,index,operator]
    rows = tall.embed([np.zeros((200, 80, 3), np.uint8)])
    assert rows.shape == (1, square.feature_width)


def test_saved_encoder_loads_equal(tmp_path: Path) -> None:
    own = create_encoder("small", pretrained=False, seed=4)
    own.save(tmp_path / "enc", epoch=3)
    loaded = load_encoder(tmp_path / "enc")
    assert loaded.fingerprint() == own.fingerprint()
    assert loaded.spec.facts["epoch"] == 3
    pictures = [np.random.default_rng(0).integers(0, 255, (90, 40, 3), dtype=np.uint8)]
    np.testing.assert_array_equal(loaded.embed(pictures), own.embed(pictures))
    np.testing.assert_allclose(np.linalg.norm(own.embed(pictures), axis=1), 1, atol=1e-6)


def test_fingerprint_covers_weights_and_pre_processing() -> None:
    one = create_encoder("small", pretrained=False, seed=1)
    other = create_encoder("small", pretrained=False, seed=2)
    taller = create_encoder("small", pretrained=False, seed=1, height=160, width=80)
    assert len({one.fingerprint(), other.fingerprint(), taller.fingerprint()}) == 3


def test_tampered_encoder_is_refused(tmp_path: Path) -> None:
    create_encoder("small", pretrained=False).save(tmp_path)
    file = tmp_path / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(WeightsError, match="fingerprint"):
        load_encoder(tmp_path)


def test_full_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = create_encoder("small", pretrained=False)
    encoder.save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(weights: object, path: Path, metadata: object) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(saved_module, "save_file", full)
    with pytest.raises(WeightsError, match="No space left"):
        create_encoder("small", pretrained=False, seed=9).save(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_unknown_name_suggests_a_preset() -> None:
    with pytest.raises(ConfigError, match="vit-b16-openai"):
        load_encoder("vit-b16-opena")


def test_without_network_the_error_says_how_to_bring_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    build = timm.create_model

    def no_network(*names: Any, pretrained: bool = False, **settings: Any) -> Any:
        if pretrained:
            raise ConnectionError("no route")
        return build(*names, **settings)

    monkeypatch.setattr(timm, "create_model", no_network)
    with pytest.raises(WeightsError, match="SAMEPLAYER_WEIGHTS"):
        load_encoder("vit-b16-openai")


def test_weights_come_from_the_local_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build_model(spec_of("resnet10t.c3_in1k"), seed=5)
    torch.save(model.state_dict(), tmp_path / "resnet10t.c3_in1k.pth")
    monkeypatch.setenv("SAMEPLAYER_WEIGHTS", str(tmp_path))
    loaded = load_encoder("resnet10t.c3_in1k")
    for name, value in loaded.model.state_dict().items():
        assert torch.equal(value, model.state_dict()[name])


def test_wrong_picture_array_is_refused() -> None:
    encoder = create_encoder("small", pretrained=False)
    with pytest.raises(ConfigError, match="float32"):
        encoder.embed([np.zeros((10, 10, 3), np.float32)])  # type: ignore[list-item]


def test_embeddings_round_trip_and_refuse_a_stale_or_foreign_file(
    league: Crops, tmp_path: Path
) -> None:
    encoder = create_encoder("small", pretrained=False)
    made = embed(encoder, league.select("query"))
    made.save(tmp_path / "e.safetensors")
    loaded = load_embeddings(tmp_path / "e.safetensors", encoder.fingerprint())
    np.testing.assert_array_equal(loaded.vectors, made.vectors)
    assert loaded.crops.table.equals(made.crops.table)
    with pytest.raises(RankingError, match="stale"):
        load_embeddings(tmp_path / "e.safetensors", "0" * 16)
    (tmp_path / "foreign").write_bytes(b"foreign")
    with pytest.raises(DataError, match="not an embeddings file"):
        load_embeddings(tmp_path / "foreign")


def test_embed_equals_embedding_one_by_one(league: Crops) -> None:
    encoder = create_encoder("small", pretrained=False)
    few = league.select("query")
    paths = [few.path(row) for row in range(len(few))]
    np.testing.assert_allclose(
        embed(encoder, few, batch_size=3).vectors, encoder.embed(paths), atol=1e-5
    )


def test_nan_or_long_rows_are_refused(league: Crops) -> None:
    few = league.where(np.arange(2))
    with pytest.raises(RankingError, match="NaN"):
        Embeddings(np.array([[1, 0], [np.nan, 0]], np.float32), few, "f")
    with pytest.raises(RankingError, match="length"):
        Embeddings(np.array([[1, 0], [2, 0]], np.float32), few, "f")
