"""shirt joined with text recognition on the torso: real crops, when it is asked, bad input."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from sameplayer.data.images.picture import Picture
from sameplayer.errors import DataError, MissingExtra, WeightsError
from sameplayer.identity.inputs.log_config import LogConfig
from sameplayer.identity.pipeline import load_networks
from sameplayer.numbers import readers
from sameplayer.numbers.joined import JoinedReader, unsure
from sameplayer.numbers.network import pose, torso
from sameplayer.numbers.network.shirt_reader import ShirtReader
from sameplayer.numbers.network.torso import TorsoReader, cut_window, decode_digits
from sameplayer.numbers.reader import NUMBERS
from sameplayer.numbers.readers import make_reader
from sameplayer.numbers.reading import read_jersey_number

MISSED = {  # crops of volleyball that ``shirt`` does not read
    "reid_test/query/0046_0004_00.jpeg": "1",
    "reid_training/0008_0001_08.jpeg": "5",
    "reid_training/0008_0001_09.jpeg": "5",
}
NOTHING = ("reid_training/0003_0001_00.jpeg", "reid_test/query/0027_0003_00.jpeg")


@pytest.fixture(scope="module")
def reader() -> JoinedReader:
    return JoinedReader()


def crops(volleyball: Path, names: object) -> list[Picture]:
    return [cv2.imread(str(volleyball / "data_reid" / name))[:, :, ::-1] for name in names]


def test_the_pose_network_is_shipped_small_and_named_in_the_notice() -> None:
    assert pose.POSE.stat().st_size < 3e6
    notice = Path(__file__).parents[2] / "NOTICE"
    assert f"src/sameplayer/numbers/network/{pose.POSE.name}\n" in notice.read_text()


def test_numbers_that_shirt_misses_are_read(reader: JoinedReader, volleyball: Path) -> None:
    pictures = crops(volleyball, [*MISSED, *NOTHING])
    alone = [one.number for one in read_jersey_number(pictures, make_reader("shirt"))]
    joined = [one.number for one in read_jersey_number(pictures, reader)]
    assert alone == [None] * len(pictures)
    assert joined == [*MISSED.values(), *[None] * len(NOTHING)]


def test_rows_are_probabilities_and_do_not_depend_on_the_batch(
    reader: JoinedReader, volleyball: Path
) -> None:
    pictures = crops(volleyball, MISSED)
    rows = reader.read(pictures)
    assert rows.shape == (len(pictures), len(NUMBERS) + 1)
    np.testing.assert_allclose(np.exp(rows).sum(axis=1), 1, atol=1e-6)
    alone = np.concatenate([reader.read([one]) for one in pictures])
    np.testing.assert_allclose(np.exp(rows), np.exp(alone), atol=1e-3)
    few = JoinedReader(("5", "7"))
    assert few.read(pictures).shape == (len(pictures), 3)
    assert np.exp(few.read(pictures))[1, 0] > 0.5


def test_a_torso_is_found_upright_in_a_real_crop(volleyball: Path) -> None:
    (picture,) = crops(volleyball, ["reid_training/0008_0001_08.jpeg"])
    found = pose.TorsoFinder().find(picture)
    left, right, hip, other = found
    assert left[0] < right[0]
    assert other[0] < hip[0]
    assert max(left[1], right[1]) < min(hip[1], other[1])
    assert (found > 0).all()
    assert (found < picture.shape[1::-1]).all()


def test_nothing_is_seen_where_nothing_can_be(reader: JoinedReader) -> None:
    rng = np.random.default_rng(0)
    shapes = ((8, 8), (160, 60), (12, 200), (7, 3), (160, 1))
    flat = [np.full((*size, 3), value, np.uint8) for size in shapes for value in (0, 128, 255)]
    noise = [rng.integers(0, 256, (160, 64, 3), np.uint8) for _ in range(3)]
    assert [one.number for one in read_jersey_number([*flat, *noise], reader)] == [None] * 18
    torsos = TorsoReader().scores([*flat, *noise])
    assert torsos.shape == (18, len(NUMBERS))
    assert not torsos[: len(flat)].any()
    assert reader.read([]).shape == (0, len(NUMBERS) + 1)
    assert TorsoReader().scores([]).shape == (0, len(NUMBERS))
    with pytest.raises(DataError, match="expected uint8 RGB"):
        reader.read([np.zeros((40, 20), np.uint8)])


def test_where_nobody_is_present_shirt_alone_counts(
    reader: JoinedReader, volleyball: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = crops(volleyball, MISSED)
    monkeypatch.setattr(pose, "PRESENT", 1.1)
    np.testing.assert_array_equal(reader.read(pictures), make_reader("shirt").read(pictures))


def test_a_grey_picture_is_read_like_a_coloured_one(reader: JoinedReader, volleyball: Path) -> None:
    grey = [one.mean(axis=2).astype(np.uint8) for one in crops(volleyball, NOTHING)]
    assert [
        one.number for one in read_jersey_number([np.dstack([one] * 3) for one in grey], reader)
    ] == [None, None]


def test_only_what_shirt_is_unsure_of_is_asked() -> None:
    shares = np.array([[0.95, 0.0, 0.05], [0.01, 0.01, 0.98], [0.6, 0.1, 0.3], [0.1, 0.1, 0.8]])
    assert unsure(shares).tolist() == [False, False, True, True]


def test_one_digit_of_a_window_counts_for_the_number_that_it_is_cut_from() -> None:
    reader = JoinedReader(("2", "4", "42", "7"))
    shares, scores = np.array([0.02, 0.02, 0.6, 0.02, 0.34]), np.array([0.5, 0.0, 0.0, 0.0])
    joined = reader._joined(shares, scores)
    assert joined.argmax() == 2
    assert joined[2] > 0.9
    shares[2] = 0.02  # nothing else says 42
    assert reader._joined(shares, scores).argmax() == 0


def test_steps_are_decoded_as_ctc_does() -> None:
    steps = np.full((6, 11), 0.01)
    for step, (column, share) in enumerate(
        [(0, 0.9), (5, 0.7), (5, 0.9), (0, 1), (5, 0.8), (3, 1)]
    ):
        steps[step, column] = share
    assert decode_digits(steps) == ("442", 0.8)
    assert decode_digits(steps[:1]) == ("", 0.0)


def test_a_window_is_cut_between_shoulders_and_hips() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[20:50, 30:70] = 200  # the upper half of the torso
    corners = np.array([[30, 20], [70, 20], [70, 80], [30, 80]], float)
    upper = cut_window(picture, corners, 0, 0.5, 0)
    assert upper.shape == (48, 64, 3)
    assert upper[1:-1, 1:-1].min() > 190
    assert cut_window(picture, corners, 0.6, 1, 0).max() < 10
    assert cut_window(picture, np.zeros((4, 2)), 0, 0.5, 0).shape == (48, 16, 3)


def test_without_the_extra_auto_is_shirt(monkeypatch: pytest.MonkeyPatch) -> None:
    pose.open_network.cache_clear()
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    assert isinstance(make_reader("auto"), ShirtReader)
    with pytest.raises(MissingExtra, match=r"sameplayer\[numbers\]"):
        make_reader("joined")


def test_another_release_without_the_recogniser_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torso, "MODEL", "no-such.onnx")
    with pytest.raises(WeightsError, match=r"has no no-such\.onnx; install 3\.10"):
        make_reader("joined")
    assert isinstance(make_reader("auto"), ShirtReader)


def test_a_log_says_which_reader_it_used() -> None:
    _, default = load_networks(LogConfig(encoder="colour", reader="auto"))
    assert default.name == "shirt, text recognition on the torso"
    assert default.fingerprint != make_reader("shirt").fingerprint
    assert default.fingerprint == readers.READERS["joined"](readers.ReaderSettings()).fingerprint
    _, alone = load_networks(LogConfig(encoder="colour"))
    assert alone.name == "shirt"
