"""A file of int8: near float32's rows, of its own fingerprint, run by both engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sameplayer.cli import main
from sameplayer.data.crops import Crops
from sameplayer.encoder import load
from sameplayer.encoder.embed import embed
from sameplayer.encoder.embeddings import load_embeddings
from sameplayer.encoder.load import load_encoder
from sameplayer.encoder.onnx import int8 as onnx_int8
from sameplayer.encoder.onnx.int8 import Int8File, export_int8
from sameplayer.encoder.runtime.engines import ENGINES
from sameplayer.errors import DataError, RankingError, SettingError, WeightsError
from tests.encoder.onnx_files import record_of, tiny_encoder, tiny_file

ON_FILES = [name for name in ENGINES if name != "torch"]


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """The float32 graph is traced once for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_int8, "encoder_content", lambda _: tiny_file())
        yield


@pytest.fixture(scope="module")
def written(league: Crops, tmp_path_factory: pytest.TempPathFactory) -> Int8File:
    out = tmp_path_factory.mktemp("int8") / "tiny.onnx"
    return export_int8(tiny_encoder(), league.select("train").where(np.arange(40)), out)


@pytest.mark.parametrize("engine", ON_FILES)
def test_its_rows_are_near_those_of_float32_but_not_equal(
    engine: str, written: Int8File, league: Crops
) -> None:
    few = league.select("query")
    loaded = load_encoder(written.path, engine=engine)
    rounded, exact = embed(loaded, few), embed(tiny_encoder(), few)
    cosines = (rounded.vectors * exact.vectors).sum(axis=1)
    assert 0.97 < cosines.min() < cosines.max() < 1
    assert rounded.facts["precision"] == "int8"
    assert rounded.facts["engine"] == engine


def test_its_products_are_of_whole_numbers(written: Int8File) -> None:
    import onnx

    kinds = [node.op_type for node in onnx.load(written.path).graph.node]
    assert "QuantizeLinear" in kinds
    assert record_of(written.path.read_bytes())["precision"] == "int8"


def test_a_row_depends_on_its_picture_alone(written: Int8File, league: Crops) -> None:
    few = [league.read(row) for row in range(6)]
    loaded = load_encoder(written.path)
    np.testing.assert_array_equal(loaded.embed(few)[2:3], loaded.embed(few[2:3]))


def test_its_rows_are_not_mixed_with_those_of_float32(
    written: Int8File, league: Crops, tmp_path: Path
) -> None:
    loaded, plain = load_encoder(written.path), tiny_encoder()
    assert loaded.fingerprint() == written.fingerprint != plain.fingerprint()
    embed(loaded, league.where(np.arange(4))).save(tmp_path / "rows.safetensors")
    with pytest.raises(RankingError, match="stale embeddings"):
        load_embeddings(tmp_path / "rows.safetensors", plain.fingerprint())


def test_other_ranges_make_another_fingerprint_and_the_same_the_same(
    written: Int8File, league: Crops, tmp_path: Path
) -> None:
    crops = league.select("train").where(np.arange(40))
    again = export_int8(tiny_encoder(), crops, tmp_path / "again.onnx")
    other = export_int8(tiny_encoder(), crops, tmp_path / "other.onnx", seed=2)
    assert again.path.read_bytes() == written.path.read_bytes()
    assert other.fingerprint != written.fingerprint
    assert (again.calibrating, again.compared) == (20, 20)


def test_what_loses_too_much_and_what_cannot_be_calibrated_is_not_written(
    league: Crops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "x.onnx"
    with pytest.raises(DataError, match="7 crops; expected at least 8"):
        export_int8(tiny_encoder(), league.where(np.arange(7)), out)
    with pytest.raises(SettingError, match=r"out is .*; expected a file whose name ends"):
        export_int8(tiny_encoder(), league, tmp_path / "x.bin")
    monkeypatch.setattr(onnx_int8, "LEAST_COSINE", 1.1)
    with pytest.raises(WeightsError, match=r"rows have a cosine below .* Nothing was written"):
        export_int8(tiny_encoder(), league.where(np.arange(8)), out)
    assert not list(tmp_path.iterdir())


def test_the_verb_writes_it_and_the_reader_has_none(
    league_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "tiny.onnx"
    monkeypatch.setattr(load, "load_encoder", lambda *_, **__: tiny_encoder())
    assert main(["export", "tiny", "--out", str(out), "--int8", str(league_folder)]) == 0
    assert "ranges of 64 crops; cosine to float32" in capsys.readouterr().out
    assert load_encoder(out).computed_in() == "int8"
    assert main(["export", "shirt", "--out", str(out), "--int8", str(league_folder)]) == 2
    assert "the shirt-number reader has no int8" in capsys.readouterr().err
