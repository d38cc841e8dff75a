"""Damaged encoder folders are errors of ours, whatever is damaged."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import create_encoder, load_encoder
from sameplayer.encoder.storage.saved import is_saved
from sameplayer.errors import WeightsError
from tests.encoder.test_encoder import HALF, Own, build_own


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("saved")
    Encoder.of(Own(), 32, 16, HALF, HALF, model_args={"width": 6}).save(out)
    return out


def with_record(folder: Path, out: Path, change: dict[str, Any] | str) -> Path:
    """A copy whose record, in both files, is changed."""
    record = json.loads((folder / "encoder.json").read_text())
    text = change if isinstance(change, str) else json.dumps({**record, **change})
    out.mkdir(exist_ok=True)
    (out / "encoder.json").write_text(text)
    save_file(load_file(folder / "model.safetensors"), out / "model.safetensors", {"encoder": text})
    return out


def test_tampered_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match="fingerprint"):
        load_encoder(tmp_path, build=build_own)


@pytest.mark.parametrize(
    "change",
    [
        {"height": 10**9},
        {"height": 64},
        {"height": "64"},
        {"height": None},
        {"mean": 5},
        {"mean": [[0.5], 0.5, 0.5]},
        {"std": {}},
        {"model_args": [1]},
        {"model_args": {"width": 10**9}},
        {"architecture": ["a"]},
        {"architecture": "resnet50"},
        {"own_module": "no"},
        {"own_module": False},
        {"calibration": 3},
        {"calibration": {"slope": "steep"}},
        {"calibration": {}},
        {"facts": "none"},
        {"fingerprint": None},
        "",
        "null",
        "[]",
        "[" * 100_000,
        '{"architecture": "small"}',
    ],
    ids=lambda change: str(change)[:40],
)
def test_a_damaged_record_is_refused_before_a_network_is_built(
    folder: Path, tmp_path: Path, change: dict[str, Any] | str
) -> None:
    with_record(folder, tmp_path / "bad", change)

    def build(spec: object) -> Any:
        raise AssertionError("must not be built")

    with pytest.raises(WeightsError):
        load_encoder(tmp_path / "bad", build=build)


@pytest.mark.parametrize(
    "scale", [torch.zeros(2), torch.tensor(float("nan")), torch.tensor(1), None]
)
def test_a_scale_that_is_no_number_is_refused(
    folder: Path, tmp_path: Path, scale: torch.Tensor | None
) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["logit_scale"]
    if scale is not None:
        weights["logit_scale"] = scale
    text = (folder / "encoder.json").read_text()
    save_file(weights, tmp_path / "model.safetensors", {"encoder": text})
    with pytest.raises(WeightsError):
        load_encoder(tmp_path, build=build_own)


def test_a_record_that_timm_cannot_build_is_refused(tmp_path: Path) -> None:
    Encoder.of(Own(), 32, 16, HALF, HALF).save(tmp_path)

    def build(spec: object) -> Any:
        raise TypeError("unexpected keyword")

    with pytest.raises(WeightsError, match="Own cannot be built"):
        load_encoder(tmp_path, build=build)


def test_a_timm_model_of_another_version_is_refused(tmp_path: Path) -> None:
    encoder = create_encoder("test_resnet", pretrained=False)
    renamed = Encoder(encoder.model, replace(encoder.spec, architecture="resnet_of_2031"))
    renamed.save(tmp_path)
    with pytest.raises(WeightsError, match="resnet_of_2031 cannot be built"):
        load_encoder(tmp_path)


@settings(max_examples=150)
@given(data=st.data())
def test_any_damage_to_an_encoder_is_an_error_of_ours(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    bad = tmp_path_factory.getbasetemp() / "damaged"
    shutil.copytree(folder, bad, dirs_exist_ok=True)
    content = bytearray((bad / "model.safetensors").read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    kind = data.draw(st.sampled_from(["cut", "flip", "insert"]))
    if kind == "cut":
        del content[place:]
    elif kind == "flip":
        content[place] ^= data.draw(st.integers(1, 255))
    else:
        content[place:place] = data.draw(st.binary(min_size=1, max_size=8))
    (bad / "model.safetensors").write_bytes(content)
    try:
        load_encoder(bad, build=build_own)
    except WeightsError:
        return
    assert kind == "flip"  # within the part of the record that no fingerprint covers


@pytest.mark.parametrize("name", ["model.pth", "model.pth.tar-60", "weights", "model.safetensors"])
def test_a_checkpoint_of_others_is_told_by_what_is_in_it(
    folder: Path, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    (save_file if name.endswith("safetensors") else torch.save)({"a": torch.ones(2)}, path)
    assert not is_saved(path)
    assert is_saved(folder)
    assert is_saved(folder / "model.safetensors")
    assert is_saved("person")
    assert is_saved(tmp_path / "typo.pth")
    assert is_saved(tmp_path) == (name != "model.safetensors")  # a folder as the hub keeps it
