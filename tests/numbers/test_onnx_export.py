"""What would not read as the reader does is not written."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from sameplayer.data.images.picture import Picture
from sameplayer.errors import MissingExtra, SettingError, WeightsError
from sameplayer.numbers.network import onnx_export
from sameplayer.numbers.network.onnx_export import export_reader
from tests.numbers.onnx_files import plain_file, shirt_reader


def test_a_graph_that_reads_otherwise_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = shirt_reader()
    monkeypatch.setattr(onnx_export, "graph_bytes", lambda *_: plain_file())
    monkeypatch.setattr(reader, "read", lambda given: _rows(given) + 0.06)
    with pytest.raises(WeightsError, match=r"shirt: its ONNX graph gives values .*at most 5e-02"):
        export_reader(reader, tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(reader, "read", lambda given: _rows(given) + 0.04)
    assert "4.0e-02 from torch's on 25 pictures" in str(export_reader(reader, tmp_path / "x.onnx"))


def _rows(pictures: list[Picture]) -> np.ndarray:
    """What the graph made by hand gives."""
    scores = np.array([one.mean(axis=(0, 1)) * np.arange(1, 4) for one in pictures])
    scores -= scores.max(axis=1, keepdims=True)
    rows: np.ndarray = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return rows


def test_another_name_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"out is .*; expected a file whose name ends"):
        export_reader(shirt_reader(), tmp_path / "reader.bin")


@pytest.mark.parametrize("missing", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_is_named_with_the_extra(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingExtra, match=rf"needs {missing} .* extra 'onnx'"):
        export_reader(shirt_reader(), tmp_path / "x.onnx")
