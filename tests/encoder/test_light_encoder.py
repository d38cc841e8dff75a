"""The shipped encoders on a CPU by onnxruntime: torch's rows and fingerprints."""

from __future__ import annotations

import copy
import pickle
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from sameplayer.encoder import Encoder, create_encoder, load_encoder
from sameplayer.encoder.light_encoder import LightEncoder, torch_form
from sameplayer.encoder.networks import locations as places
from sameplayer.encoder.onnx.export import drawn_pictures
from sameplayer.encoder.runtime.onnx_session import OnnxSession
from sameplayer.errors import SettingError, WeightsError

VIEWS = [{}, {"mirror": False}, {"colour": 0.0}, {"colour": 0.2, "colour_region": "middle"}]


@pytest.fixture(scope="module", params=["person", "person-large"])
def both(request: pytest.FixtureRequest) -> tuple[Encoder, Encoder]:
    return load_encoder(request.param), load_encoder(request.param, engine="torch")


def test_its_spec_and_fingerprint_are_torchs(both: tuple[Encoder, Encoder]) -> None:
    light, heavy = both
    assert (type(light), type(heavy)) == (LightEncoder, Encoder)
    assert (light.engine, heavy.engine) == ("onnxruntime", "torch")
    assert light.spec == heavy.spec
    assert light.fingerprint() == heavy.fingerprint()
    assert str(light) == str(heavy)
    assert (light.row_width, light.device) == (heavy.row_width, heavy.device)
    assert light.log_scale.item() == pytest.approx(heavy.log_scale.item())


@pytest.mark.parametrize("views", VIEWS)
def test_its_rows_are_torchs_with_all_views(both: tuple[Encoder, Encoder], views: dict) -> None:
    light, heavy = (one.with_views(**views) for one in both)
    pictures = drawn_pictures(256, 128)
    assert isinstance(light, LightEncoder)
    assert light.fingerprint() == heavy.fingerprint()
    np.testing.assert_allclose(light.embed(pictures), heavy.embed(pictures), atol=1e-4)


def test_asked_for_its_network_it_is_a_torch_encoder_from_then_on() -> None:
    one = load_encoder("person")
    other, pictures = copy.deepcopy(one), drawn_pictures(40, 40)[:3]
    rows, mark = one.embed(pictures), one.fingerprint()
    for value in one.model.parameters():
        value.data *= 1.01
    assert (type(one), one.engine) == (Encoder, "torch")
    assert one.fingerprint() != mark
    assert np.abs(one.embed(pictures) - rows).max() > 1e-3
    assert other.fingerprint() == mark
    np.testing.assert_array_equal(other.embed(pictures), rows)


def test_reading_its_torch_network_leaves_it_as_it_is() -> None:
    one = load_encoder("person")
    assert type(torch_form(one)) is Encoder
    assert torch_form(one).model is torch_form(one).model
    assert torch_form(heavy := torch_form(one)) is heavy
    assert (type(one), one.engine) == (LightEncoder, "onnxruntime")


def test_bf16_is_torchs() -> None:
    one = load_encoder("person")
    assert one.embed(drawn_pictures(40, 40)[:2], precision="bf16").shape == (2, one.row_width)
    assert one.engine == "torch"
    with pytest.raises(SettingError, match="int8 is computed from an ONNX file"):
        load_encoder("person").computed_in("int8")


def test_a_pickled_copy_gives_the_same_rows() -> None:
    one = load_encoder("person").with_views(colour=0.1)
    again, pictures = pickle.loads(pickle.dumps(one)), drawn_pictures(40, 40)[:3]
    assert again.spec == one.spec
    np.testing.assert_array_equal(again.embed(pictures), one.embed(pictures))


def test_the_engine_can_be_named_and_must_fit_the_device() -> None:
    assert isinstance(load_encoder("person", engine="onnxruntime", device="cpu"), LightEncoder)
    with pytest.raises(SettingError, match="expected torch for person"):
        load_encoder("person", engine="openvino")
    with pytest.raises(SettingError, match="device is tpu; expected auto, cpu"):
        load_encoder("person", device="tpu")


@pytest.mark.parametrize("ending", [".safetensors", ".onnx"])
def test_a_missing_part_of_the_package_is_named(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in places.SHIPPED.glob("person.*"):
        if path.suffix != ending:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(places, "SHIPPED", tmp_path)
    with pytest.raises(WeightsError, match=rf"person{ending}.*install sameplayer again"):
        load_encoder("person")


def test_damaged_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in places.SHIPPED.glob("person.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes()[: 10_000 * (path.suffix[1] == "s")])
    monkeypatch.setattr(places, "SHIPPED", tmp_path)
    with pytest.raises(WeightsError, match=r"person\.safetensors: damaged"):
        load_encoder("person")


@pytest.mark.parametrize("name", ["person", "person-large"])
def test_the_graph_says_what_the_encoder_is(name: str) -> None:
    light = load_encoder(name)
    assert isinstance(light, LightEncoder)
    record, spec = light._session.record, create_encoder(name, pretrained=True).spec
    assert {key: record[key] for key in asdict(spec)}.items() >= {
        "architecture": spec.architecture,
        "height": 256,
        "width": 128,
        "fit": spec.fit,
        "weights": spec.weights,
    }.items()
    assert isinstance(light._session._session, OnnxSession)
