"""The package's own reader: shipped weights, real and drawn shirts, bad input."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sameplayer.errors import DataError, SettingError, WeightsError
from sameplayer.numbers.network.model import likely_places
from sameplayer.numbers.network.shirt_reader import WEIGHTS, ShirtReader
from sameplayer.numbers.reader import NUMBERS
from sameplayer.numbers.reading import read_jersey_number, read_track_number
from sameplayer.synthetic.league import draw_crop, make_person

DRAWN = ((0, 1), (2, 0), (7, 0))  # persons of the drawn league and a frame that shows it
REAL = {  # crops of volleyball in which anyone can read the number, or none
    "reid_test/query/0042_0004_00.jpeg": "7",
    "reid_test/gallery/0034_0003_09.jpeg": "7",
    "reid_test/gallery/0043_0004_02.jpeg": "19",
    "reid_test/gallery/0046_0004_05.jpeg": "1",
    "reid_training/0021_0002_02.jpeg": "5",
    "reid_training/0004_0001_08.jpeg": "4",
    "reid_training/0003_0001_00.jpeg": "",
    "reid_training/0007_0001_00.jpeg": "",
    "reid_test/query/0027_0003_00.jpeg": "",
    "reid_test/query/0037_0004_00.jpeg": "",
}


@pytest.fixture(scope="module")
def reader() -> ShirtReader:
    return ShirtReader()


def test_the_weights_are_shipped_and_small() -> None:
    assert WEIGHTS.stat().st_size < 4e6
    assert all(value.dtype == torch.float16 for value in load_file(WEIGHTS).values())


def test_real_shirts_are_read_and_none_is_made_up(reader: ShirtReader, volleyball: Path) -> None:
    pictures = [cv2.imread(str(volleyball / "data_reid" / name))[:, :, ::-1] for name in REAL]
    found = [one.number or "" for one in read_jersey_number(pictures, reader)]
    assert found == list(REAL.values())


def test_drawn_shirts_are_read(reader: ShirtReader) -> None:
    pictures = [draw_crop(person, frame, 1).picture for person, frame in DRAWN]
    found = [one.number for one in read_jersey_number(pictures, reader)]
    assert found == [make_person(person, 1).number for person, _ in DRAWN]


def test_it_reads_where_none_is_named(reader: ShirtReader) -> None:
    pictures = [draw_crop(2, frame, 1).picture for frame in range(2)]
    asked = read_jersey_number(pictures, reader)
    assert read_jersey_number(pictures) == asked
    assert read_track_number(pictures) == read_track_number(pictures, reader)


def test_a_batch_reads_as_its_pictures_do_alone(reader: ShirtReader) -> None:
    pictures = [draw_crop(person, 0, 1).picture for person in range(5)]
    rows = reader.read(pictures)
    assert rows.shape == (5, len(NUMBERS) + 1)
    np.testing.assert_allclose(np.exp(rows).sum(axis=1), 1, atol=1e-6)
    alone = np.concatenate([reader.read([one]) for one in pictures])
    np.testing.assert_allclose(np.exp(rows), np.exp(alone), atol=1e-4)
    np.testing.assert_allclose(ShirtReader(batch=2).read(pictures), rows, atol=1e-3)
    assert reader.read([]).shape == (0, len(NUMBERS) + 1)


def test_a_roster_leaves_its_numbers_and_none_in_proportion(reader: ShirtReader) -> None:
    pictures = [draw_crop(person, 0, 1).picture for person in range(4)]
    names = ("7", "23", "00")
    few, all_shares = (np.exp(one.read(pictures)) for one in (ShirtReader(names), reader))
    kept = all_shares[:, [*map(NUMBERS.index, names), -1]]
    np.testing.assert_allclose(few, kept / kept.sum(axis=1, keepdims=True), atol=0.02)
    for wrong in ((), ("7", "100")):
        with pytest.raises(SettingError, match=r"candidates is .*expected numbers 0 to 99, or 00"):
            ShirtReader(wrong)
    with pytest.raises(SettingError, match="batch is 0"):
        ShirtReader(batch=0)


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.full((4, 60, 3), 200, np.uint8),
        np.full((900, 40, 3), 90, np.uint8),
        np.full((160, 60, 3), 127, np.uint8),
        np.zeros((160, 60, 3), np.uint8),
        np.tile(np.arange(200, dtype=np.uint8)[:, None, None], (1, 80, 3)),
        np.random.default_rng(4).integers(0, 255, (160, 64, 3)).astype(np.uint8),
    ],
    ids=["a pixel", "a sliver", "extreme", "grey", "black", "a ramp", "noise"],
)
def test_where_no_shirt_is_no_number_is_named(picture: np.ndarray, reader: ShirtReader) -> None:
    found = read_jersey_number([picture], reader)[0]
    assert found.number is None
    assert found.visible < 0.5


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((90, 40), np.uint8),
        np.zeros((90, 40, 4), np.uint8),
        np.zeros((0, 40, 3), np.uint8),
        np.zeros((90, 40, 3), np.float32),
        "crop.png",
    ],
    ids=["grey", "alpha", "empty", "float", "a path"],
)
def test_what_is_no_picture_is_named(picture: object, reader: ShirtReader) -> None:
    good = np.zeros((90, 40, 3), np.uint8)
    with pytest.raises(DataError, match=r"Picture 1 is .*expected uint8 RGB"):
        reader.read([good, picture])  # type: ignore[list-item]


def test_cells_that_agree_on_a_number_make_one_place() -> None:
    maps = np.zeros((5, 20, 14))
    maps[0] = -20
    maps[0, 6, 5], maps[0, 6, 6], maps[0, 15, 3] = 3.0, 3.0, 2.0
    maps[1, 6, 5], maps[1, 6, 6] = 0.5, -0.5  # both say: between them
    maps[3:, 6, 5:7] = np.log(2)
    shares, boxes = places_in(maps)
    whole = 1 + 2 * np.exp(3) + np.exp(2)
    assert shares == pytest.approx([2 * np.exp(3) / whole, np.exp(2) / whole], abs=1e-6)
    np.testing.assert_allclose(boxes[0], [48, 52, 32, 32], atol=1e-6)
    np.testing.assert_allclose(boxes[1], [28, 124, 16, 16], atol=1e-3)
    maps[0, 2, 11] = 1.9  # a third is left out
    assert (places_in(maps)[0] > 0).sum() == 2
    maps[0, 15, 3] = maps[0, 2, 11] = -3
    assert (places_in(maps)[0] > 0).tolist() == [True, False]
    for unlikely in (-90, -9):
        maps[0] = -90
        maps[0, 6, 5] = unlikely
        assert not places_in(maps)[0].any()


def places_in(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    shares, boxes = likely_places(torch.from_numpy(maps)[None])
    return shares[0].numpy(), boxes[0].numpy()


def test_weights_that_give_no_probabilities_are_told() -> None:
    reader = ShirtReader(device="cpu")
    reader.network.finder.answer.bias.data[0] = float("nan")
    with pytest.raises(WeightsError, match="give no probabilities"):
        reader.read([draw_crop(person, 0).picture for person in (0, 2)])


def test_weights_that_are_missing_or_damaged_say_so(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.safetensors: no such file.*install it again"):
        ShirtReader(weights=tmp_path / "none.safetensors")
    cut, other, bare = (tmp_path / f"{name}.safetensors" for name in ("cut", "other", "bare"))
    cut.write_bytes(WEIGHTS.read_bytes()[:5000])
    save_file({"weight": torch.zeros(3)}, other, {"temperature": "1"})
    save_file(load_file(WEIGHTS), bare)
    for path in (cut, other, bare):
        with pytest.raises(WeightsError, match=rf"{path.name}: these are not the weights"):
            ShirtReader(weights=path)


def test_without_torch_it_reads_as_with_it(volleyball: Path) -> None:
    light, heavy = ShirtReader(device="cpu"), ShirtReader(device="cpu", engine="torch")
    assert (light.engine, heavy.engine) == ("onnxruntime", "torch")
    assert light.fingerprint == heavy.fingerprint
    shown = [cv2.imread(str(path))[:, :, ::-1] for path in sorted(volleyball.rglob("*.jpeg"))[:60]]
    apart = np.abs(np.exp(light.read(shown)) - np.exp(heavy.read(shown)))
    assert np.median(apart.max(axis=1)) < 1e-4
    assert apart.max() < 0.02  # a pixel of what is cut out that rounding decides otherwise


def test_asked_for_its_network_it_reads_by_torch() -> None:
    reader = ShirtReader(device="cpu")
    mark = reader.fingerprint
    reader.network.finder.answer.bias.data[0] += 1
    assert reader.engine == "torch"
    assert reader.fingerprint != mark
    with pytest.raises(SettingError, match="engine is 'openvino'; expected torch or onnxruntime"):
        ShirtReader(engine="openvino")
