"""An exported reader reads real and drawn shirts as the reader does; other files are refused."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from sameplayer.cli import main
from sameplayer.data.images.picture import Picture
from sameplayer.encoder.load import load_encoder
from sameplayer.errors import (
    ConfigError,
    DataError,
    MissingExtra,
    MissingFile,
    SettingError,
    WeightsError,
)
from sameplayer.numbers.network.onnx_export import REAL, TOLERANCE, checked_pictures
from sameplayer.numbers.network.onnx_reader import OnnxReader
from sameplayer.numbers.network.shirt_reader import ShirtReader
from sameplayer.numbers.reader import NUMBERS
from sameplayer.numbers.readers import ReaderSettings, make_reader
from sameplayer.numbers.reading import read_jersey_number
from sameplayer.synthetic.shirts import ShirtView, draw_shirt
from tests.encoder.onnx_files import signed, tiny_file
from tests.numbers.onnx_files import plain_file, plain_reader, shirt_reader

NONE = np.array([*[0.005 / 102] * 101, 0.995 + 0.005 / 102])  # no number visible, as sure as may be


@pytest.fixture
def path(shirt_onnx: Path) -> Path:
    """The package's own reader as an ONNX file."""
    return shirt_onnx


def pictures() -> list[Picture]:
    """Real crops of many sizes, and drawn numbers, two pictures of one size."""
    numbers = ("7", "10", "88", "")
    drawn = [draw_shirt(number, ShirtView(digits=24), seed=3) for number in numbers]
    return [*checked_pictures()[-12:], *drawn]


def test_real_and_drawn_numbers_are_read_as_by_the_reader(path: Path) -> None:
    found, expected = (reader.read(pictures()) for reader in (OnnxReader(path), shirt_reader()))
    assert found.shape == expected.shape == (16, len(NUMBERS) + 1)
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)
    np.testing.assert_allclose(np.exp(found), np.exp(expected), atol=2e-3)
    read = [one.number for one in read_jersey_number(pictures(), OnnxReader(path))]
    assert read == [one.number for one in read_jersey_number(pictures(), shirt_reader())]
    assert read[12:] == ["7", "10", "88", None]
    assert sum(one is not None for one in read[:12]) > 2


def test_onnxruntime_alone_reads_a_batch_of_one_size(path: Path) -> None:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    drawn = np.stack(pictures()[12:])
    (rows,) = session.run(["rows"], {"pictures": drawn})
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, shirt_reader().read(list(drawn)), atol=TOLERANCE)
    for size in ((1, 1), (4, 60), (900, 40)):
        (rows,) = session.run(["rows"], {"pictures": np.full((1, *size, 3), 90, np.uint8)})
        np.testing.assert_allclose(np.exp(rows[0]), NONE, atol=1e-6)


def test_a_batch_of_any_order_reads_as_its_pictures_do_alone(path: Path) -> None:
    mixed = [
        picture for pair in zip(pictures()[12:], pictures()[:4], strict=True) for picture in pair
    ]
    rows = OnnxReader(path, batch=3).read(mixed)
    alone = [OnnxReader(path).read([picture])[0] for picture in mixed]
    np.testing.assert_allclose(np.exp(rows), np.exp(alone), atol=1e-4)
    assert OnnxReader(path).read([]).shape == (0, len(NUMBERS) + 1)


def test_a_roster_leaves_what_it_leaves_of_the_reader(path: Path) -> None:
    names = ("88", "7", "00")
    reader = make_reader(str(path), ReaderSettings(candidates=names))
    assert reader.candidates == names
    found, expected = (one.read(pictures()) for one in (reader, ShirtReader(names)))
    np.testing.assert_allclose(np.exp(found), np.exp(expected), atol=2e-3)
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1, atol=1e-9)


def test_it_has_the_candidates_and_calibration_of_what_was_exported(path: Path) -> None:
    reader = make_reader(str(path))
    assert isinstance(reader, OnnxReader)
    assert reader.candidates == NUMBERS
    assert reader.calibration == shirt_reader().calibration
    assert "shirt.onnx" in reader.name


def test_the_verbs_write_it_and_read_with_it(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    monkeypatch.setattr(
        "sameplayer.numbers.network.onnx_export.export_reader",
        lambda *given: made.append(given) or "made",
    )
    assert main(["export", "shirt", "--out", "x.onnx"]) == 0
    assert capsys.readouterr().out == "made\n"
    assert isinstance(made[0][0], ShirtReader)
    tables = [tmp_path / f"{name}.csv" for name in ("onnx", "torch")]
    for reader, out in zip((str(path), "shirt"), tables, strict=True):
        assert main(["jersey", reader, str(REAL / "crops.csv"), "--out", str(out)]) == 0
    lines = [[line.split(",")[-3] for line in out.read_text().splitlines()] for out in tables]
    assert lines[0] == lines[1]
    assert len(lines[0]) == 13


def test_it_reads_without_the_readers_network(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sameplayer.numbers.network.model", None)
    with pytest.raises(ImportError):
        ShirtReader(engine="torch")
    assert np.isfinite(make_reader(str(path)).read(pictures())).all()


FILES = {
    "an encoder": (tiny_file, "holds 'encoder'; expected 'shirt'"),
    "empty": (lambda: b"", "not an ONNX file, or a damaged one"),
    "cut": (lambda: plain_file()[:-9], "not an ONNX file, or a damaged one"),
    "no candidates": (lambda: plain_file(candidates=[]), "its record of the reader is damaged"),
    "words": (lambda: plain_file(candidates=["7", "x"]), "not all numbers 0 to 99, or 00"),
    "lists": (lambda: plain_file(candidates=["7", ["8"]]), "its record of the reader is damaged"),
    "twice": (lambda: plain_file(candidates=["7", "7"]), "no list of different numbers"),
    "more": (lambda: plain_file(candidates=["7", "8", "9"]), "its record says 3 candidates"),
    "no doubt": (lambda: plain_file(doubt=None), "doubt and temperature are no numbers"),
    "cold": (lambda: plain_file(temperature=0), "doubt and temperature are no numbers"),
    "nothing said": (lambda: signed(plain_reader(), kind="shirt"), "KeyError: 'candidates'"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_reader_is_named(name: str, tmp_path: Path) -> None:
    content, why = FILES[name]
    (tmp_path / "x.onnx").write_bytes(content())
    with pytest.raises(WeightsError, match=rf"x\.onnx: .*{why}"):
        make_reader(str(tmp_path / "x.onnx"))


def test_a_reader_is_no_encoder(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(plain_file())
    with pytest.raises(WeightsError, match="holds 'shirt'; expected 'encoder'"):
        load_encoder(tmp_path / "x.onnx")


def test_a_missing_file_and_an_unknown_reader_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(MissingFile, match=r"none\.onnx: no such file"):
        make_reader(str(tmp_path / "none.onnx"))
    words = ["jersey", "none.onnx", str(REAL / "crops.csv"), "--out", str(tmp_path / "x.csv")]
    assert main(words) == 2
    assert "none.onnx: no such file" in capsys.readouterr().err
    with pytest.raises(ConfigError, match=r"'shirt\.onx' is unknown.*a file \(\.onnx\)"):
        make_reader("shirt.onx")


def test_a_missing_runtime_is_named_with_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.onnx").write_bytes(plain_file())
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match=r"needs onnxruntime .* extra 'onnx'"):
        make_reader(str(tmp_path / "x.onnx"))


def test_settings_and_pictures_that_cannot_be_are_told(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(plain_file())
    for wrong in ((), ("7", "9")):
        with pytest.raises(SettingError, match=r"candidates is .*exported with 2 of them"):
            OnnxReader(path, wrong)
    with pytest.raises(SettingError, match="batch is 0"):
        OnnxReader(path, batch=0)
    with pytest.raises(DataError, match=r"Picture 1 is .*expected uint8 RGB"):
        OnnxReader(path).read([np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9), np.uint8)])


def test_a_graph_that_gives_no_probabilities_is_told(tmp_path: Path) -> None:
    model = plain_reader()
    model.graph.node[-1].op_type = "Softmax"
    facts = {"kind": "shirt", "candidates": ["7", "10"], "doubt": 0.0, "temperature": 1.0}
    (tmp_path / "x.onnx").write_bytes(signed(model, **facts))
    with pytest.raises(WeightsError, match="gives no probabilities"):
        OnnxReader(tmp_path / "x.onnx").read([np.zeros((9, 9, 3), np.uint8)])
