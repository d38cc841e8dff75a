"""The shipped encoders of real people: exact, offline, and what a feature is made of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from sameplayer.encoder import Encoder, create_encoder, load_encoder
from sameplayer.encoder.networks import locations as places
from sameplayer.encoder.networks.colour import colour_features
from sameplayer.encoder.networks.spec import EncoderSpec
from sameplayer.errors import ConfigError, SettingError, WeightsError
from sameplayer.maps import explain

PERSONS = [("person", "features_0287"), ("person-large", "features_0277")]


@pytest.fixture(scope="module")
def pictures(golden: Path) -> list[np.ndarray]:
    shown = np.load(golden / "person-reidentification.npz")["pictures_bgr"]
    return [np.ascontiguousarray(picture[:, :, ::-1]) for picture in shown]


@pytest.fixture(scope="module")
def person() -> Encoder:
    return load_encoder("person")


@pytest.mark.parametrize(("name", "features"), PERSONS)
def test_a_shipped_network_gives_the_published_features(
    name: str, features: str, pictures: list[np.ndarray], golden: Path
) -> None:
    expected = np.load(golden / "person-reidentification.npz")[features]
    encoder = load_encoder(name)
    prepared = np.stack([encoder.prepare(picture) for picture in pictures])
    with torch.no_grad():
        found = encoder.features(encoder.normalise(torch.from_numpy(prepared)))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-4)


def test_similarities_are_those_of_network_and_colours_in_the_stated_shares(
    person: Encoder, pictures: list[np.ndarray]
) -> None:
    network = person.with_views(colour=0.0).embed(pictures)
    colours = colour_features(pictures, person.spec.colour_region)
    share = person.spec.colour
    joined = person.embed(pictures)
    assert 0 < share < 1
    assert joined.shape == (6, person.row_width)
    np.testing.assert_allclose(
        joined @ joined.T,
        (1 - share) * network @ network.T + share * colours @ colours.T,
        atol=1e-5,
    )


def test_a_mirrored_feature_is_the_same_for_the_mirrored_picture(
    person: Encoder, pictures: list[np.ndarray]
) -> None:
    mirrored = [np.ascontiguousarray(picture[:, ::-1]) for picture in pictures]
    both = person.with_views(mirror=True)
    one = person.with_views(mirror=False)
    np.testing.assert_allclose(both.embed(pictures), both.embed(mirrored), atol=1e-5)
    assert np.abs(one.embed(pictures) - one.embed(mirrored)).max() > 1e-3


def test_what_a_feature_is_made_of_is_saved_and_part_of_the_fingerprint(
    person: Encoder, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    other = person.with_views(mirror=False, colour=0.3, colour_region="middle")
    other.save(tmp_path / "other")
    loaded = load_encoder(tmp_path / "other")
    assert loaded.spec.fit == "stretch"
    assert loaded.fingerprint() == other.fingerprint() != person.fingerprint()
    np.testing.assert_array_equal(loaded.embed(pictures), other.embed(pictures))


def test_a_map_shows_what_the_networks_part_rests_on(
    person: Encoder, pictures: list[np.ndarray]
) -> None:
    why = explain(person, pictures[0], pictures[1], method="grad-cam")
    assert why.map_a.shape == pictures[0].shape[:2]
    assert why.map_a.max() > why.map_a.min()
    rows = person.embed(pictures[:2])
    assert why.similarity == pytest.approx(float(rows[0] @ rows[1]), abs=1e-4)
    assert -1 <= why.facts["network_similarity"] <= 1


def test_person_wants_its_own_input_size() -> None:
    with pytest.raises(ConfigError, match="256 x 128"):
        create_encoder("person", pretrained=True, height=128, width=64)


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (3, 900)])
@pytest.mark.parametrize("name", ["person", "colour"])
def test_pictures_of_one_pixel_and_extreme_shape_give_unit_rows(
    name: str, shape: tuple[int, int]
) -> None:
    row = load_encoder(name).embed([np.full((*shape, 3), 128, np.uint8)])
    assert np.isfinite(row).all()
    np.testing.assert_allclose(np.linalg.norm(row), 1, atol=1e-5)


def test_missing_weights_of_the_package_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(places, "SHIPPED", tmp_path)
    with pytest.raises(WeightsError, match=r"person\.safetensors.*install sameplayer again"):
        load_encoder("person")


@pytest.mark.parametrize(
    "change", [{"fit": "crop"}, {"colour": 1.0}, {"colour": -0.1}, {"colour_region": "left"}]
)
def test_a_setting_of_the_feature_out_of_range_is_refused(change: dict) -> None:
    with pytest.raises(SettingError, match=next(iter(change))):
        EncoderSpec("resnet18", 64, 32, (0.5,) * 3, (0.5,) * 3, **change)


def test_person_loads_without_the_hub_and_without_open_sockets() -> None:
    code = (
        "import socket\n"
        "def refuse(*a, **k): raise OSError('no network')\n"
        "socket.socket.connect = refuse\n"
        "import sameplayer\n"
        "print(sameplayer.load_encoder('person').feature_width)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "256"
