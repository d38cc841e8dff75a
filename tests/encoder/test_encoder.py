"""Encoders: sizes, embedding, saving and loading, networks of one's own."""

from __future__ import annotations

import copy
import errno
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import create_encoder, list_encoders, load_encoder
from sameplayer.encoder.networks.spec import EncoderSpec
from sameplayer.encoder.storage import saved as saved_module
from sameplayer.errors import ConfigError, DataError, MissingFile, SettingError, WeightsError

HALF = (0.5, 0.5, 0.5)
PICTURE = np.random.default_rng(0).integers(0, 255, (90, 40, 3), dtype=np.uint8)


class Own(nn.Module):
    """A network of a user's own, with a width, tied weights and a buffer."""

    def __init__(self, width: int = 6) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, 8, 8)
        self.again = self.conv
        self.register_buffer("shift", torch.arange(width).float())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.again(images).mean(dim=(2, 3)) + self.shift


def own_encoder(width: int = 6) -> Encoder:
    return Encoder.of(Own(width), 32, 16, HALF, HALF, model_args={"width": width})


def build_own(spec: EncoderSpec) -> nn.Module:
    return Own(**spec.model_args)


def test_tall_input_interpolates_positions_and_keeps_the_feature_width() -> None:
    name = "vit_tiny_patch16_224"
    square = create_encoder(name, pretrained=False)
    tall = create_encoder(name, pretrained=False, height=224, width=112)
    assert tall.model.pos_embed.shape[1] < square.model.pos_embed.shape[1]
    rows = tall.embed([np.zeros((200, 80, 3), np.uint8)])
    assert rows.shape == (1, square.feature_width)


def test_saved_encoder_loads_equal(tmp_path: Path) -> None:
    own = create_encoder("small", pretrained=False, seed=4)
    own.save(tmp_path / "enc", epoch=3)
    loaded = load_encoder(tmp_path / "enc")
    assert loaded.fingerprint() == own.fingerprint()
    assert loaded.spec.facts["epoch"] == 3
    np.testing.assert_array_equal(loaded.embed([PICTURE]), own.embed([PICTURE]))
    np.testing.assert_allclose(np.linalg.norm(own.embed([PICTURE]), axis=1), 1, atol=1e-6)


def test_a_weights_file_loads_itself_and_not_its_neighbour(tmp_path: Path) -> None:
    first, second = (create_encoder("small", pretrained=False, seed=seed) for seed in (1, 2))
    first.save(tmp_path)
    second.save(tmp_path / "other")
    renamed = tmp_path / "second.safetensors"
    (tmp_path / "other" / "model.safetensors").replace(renamed)
    assert load_encoder(renamed).fingerprint() == second.fingerprint()
    assert load_encoder(tmp_path / "model.safetensors").fingerprint() == first.fingerprint()
    assert load_encoder(str(tmp_path)).fingerprint() == first.fingerprint()


def test_fingerprint_covers_weights_and_pre_processing() -> None:
    one = create_encoder("small", pretrained=False, seed=1)
    other = create_encoder("small", pretrained=False, seed=2)
    taller = create_encoder("small", pretrained=False, seed=1, height=160, width=80)
    assert len({one.fingerprint(), other.fingerprint(), taller.fingerprint()}) == 3


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


@pytest.mark.parametrize(
    "source", ["runs/typo", "model.safetensors", "checkpoint.pth", "./small", Path("runs/small")]
)
def test_a_path_that_leads_nowhere_is_no_misspelt_preset(source: str | Path) -> None:
    with pytest.raises(MissingFile, match="no such folder or file") as raised:
        load_encoder(source)
    assert "vit-b16" not in str(raised.value)


def test_an_unknown_name_suggests_a_preset() -> None:
    with pytest.raises(ConfigError, match="vit-b16-openai"):
        load_encoder("vit-b16-opena")


def test_a_file_of_others_is_sent_to_load_published(tmp_path: Path) -> None:
    (tmp_path / "theirs.pth").write_bytes(b"weights")
    with pytest.raises(WeightsError, match="load_published"):
        load_encoder(tmp_path / "theirs.pth")
    with pytest.raises(WeightsError, match=r"expected model\.safetensors"):
        load_encoder(tmp_path)


def test_embed_takes_paths_and_arrays_in_batches_and_none(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), PICTURE[:, :, ::-1])
    encoder = create_encoder("small", pretrained=False)
    rows = encoder.embed([tmp_path / "a.png", PICTURE, str(tmp_path / "a.png")], batch_size=2)
    np.testing.assert_allclose(rows, encoder.embed([PICTURE])[[0, 0, 0]], atol=1e-6)
    assert encoder.embed([]).shape == (0, 256)
    with pytest.raises(SettingError, match="batch_size is 0"):
        encoder.embed([PICTURE], batch_size=0)


def test_an_encoder_of_ones_own_is_saved_and_loaded_again(tmp_path: Path) -> None:
    encoder = own_encoder()
    assert encoder.feature_width == 6
    encoder.save(tmp_path)
    loaded = load_encoder(tmp_path, build=build_own)
    assert loaded.fingerprint() == encoder.fingerprint()
    assert loaded.spec == encoder.spec
    assert loaded.spec.own_module
    assert json.loads((tmp_path / "encoder.json").read_text())["architecture"] == "Own"
    np.testing.assert_array_equal(loaded.embed([PICTURE]), encoder.embed([PICTURE]))


def test_an_encoder_of_ones_own_says_what_it_needs_to_load(tmp_path: Path) -> None:
    own_encoder().save(tmp_path)
    with pytest.raises(WeightsError, match=r"Own is a module.*build=function"):
        load_encoder(tmp_path)
    with pytest.raises(WeightsError, match=r"another architecture.*of another shape"):
        load_encoder(tmp_path, build=lambda spec: Own(7))
    with pytest.raises(ConfigError, match="build is for a saved encoder"):
        load_encoder("small", build=build_own)


def test_a_network_that_is_no_encoder_is_refused() -> None:
    class Maps(nn.Module):
        def forward(self, images: torch.Tensor) -> Any:
            return images

    scaled = Own()
    scaled.logit_scale = nn.Parameter(torch.tensor(1.0))
    cases: list[tuple[nn.Module, str]] = [
        (Maps(), r"Maps gives \(1, 3, 32, 16\)"),
        (nn.Linear(7, 2), "Linear takes no pictures of 32 x 16"),
        (scaled, "logit_scale"),
    ]
    for module, words in cases:
        with pytest.raises(ConfigError, match=words):
            Encoder.of(module, 32, 16, HALF, HALF)
    with pytest.raises(SettingError, match="height is -5"):
        Encoder.of(Own(), -5, 16, HALF, HALF)


def test_an_encoder_without_weights_embeds_and_is_saved(tmp_path: Path) -> None:
    class MeanColour(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.mean(dim=(2, 3))

    encoder = Encoder.of(MeanColour(), 8, 8, (0, 0, 0), (1, 1, 1))
    assert encoder.embed([PICTURE]).shape == (1, 3)
    encoder.save(tmp_path)
    assert load_encoder(tmp_path, build=lambda spec: MeanColour()).spec == encoder.spec


def test_facts_that_json_cannot_hold_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be written as JSON"):
        own_encoder().save(tmp_path / "enc", when=object())
    assert not (tmp_path / "enc").exists()


def test_the_fingerprint_is_computed_once_and_again_after_every_change_of_the_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder = own_encoder()
    computed: list[str] = []
    compute = saved_module.fingerprint_of
    monkeypatch.setattr(
        saved_module,
        "fingerprint_of",
        lambda *given: computed.append(compute(*given)) or computed[-1],
    )
    first = encoder.fingerprint()
    for change in (
        lambda weight: weight.add_(1),
        lambda weight: weight.copy_(weight * 2),
        lambda weight: setattr(weight, "data", weight.data.half()),
        lambda weight: setattr(weight, "data", weight.data.float() / 3),
    ):
        known = encoder.fingerprint()
        assert known == encoder.fingerprint() == computed[-1]
        with torch.no_grad():
            change(next(encoder.model.parameters()))
        assert encoder.fingerprint() not in {known, first}
    assert len(computed) == 5
    assert copy.deepcopy(encoder).fingerprint() == computed[-1]


def test_players_in_the_boxes_of_a_frame_are_embedded_as_their_crops_are() -> None:
    encoder = load_encoder("colour")
    frame = np.random.default_rng(3).integers(0, 256, (90, 120, 3)).astype(np.uint8)
    boxes = np.array([[10, 5, 40, 80], [-7, 20, 30, 200]], np.float32)
    rows = encoder.embed_boxes(frame, boxes)
    np.testing.assert_array_equal(rows, encoder([frame[5:80, 10:40], frame[20:90, :30]]))
    swapped = encoder.embed_boxes(frame[:, :, ::-1], boxes, order="bgr")
    np.testing.assert_array_equal(swapped, rows)
    assert encoder.embed_boxes(frame, np.zeros((0, 4))).shape == (0, encoder.row_width)
    with pytest.raises(DataError, match=r"shape \(4,\); expected finite numbers \(n, 4\)"):
        encoder.embed_boxes(frame, boxes[0])
    with pytest.raises(DataError, match=r"Box 1 .* holds no pixel of the frame of 120 x 90"):
        encoder.embed_boxes(frame, np.array([[0, 0, 9, 9], [500, 0, 510, 9]]))


def test_encoders_are_listed_by_name_and_timms_by_a_pattern() -> None:
    assert list_encoders()[:2] == ["person", "person-large"]
    assert "vit_base_patch16_dinov3.lvd1689m" in list_encoders("*dinov3*")
    assert list_encoders("person*") == ["person", "person-large"]
