"""Which engine runs what, in which number formats; OpenVINO's rows are onnxruntime's."""

from __future__ import annotations

import sys
import typing
from pathlib import Path

import numpy as np
import pytest

from sameplayer.cli import main
from sameplayer.commands.shared import Compute
from sameplayer.encoder.embeddings import load_embeddings
from sameplayer.encoder.load import load_encoder
from sameplayer.encoder.onnx.export import TOLERANCE, drawn_pictures
from sameplayer.encoder.runtime.engines import CPU_PASS, ENGINES, FORMATS, computed_in
from sameplayer.errors import MissingExtra, SettingError, WeightsError
from tests.encoder.onnx_files import plain_model, signed, spec_record, tiny_encoder, tiny_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_file())
    return path


@pytest.mark.parametrize("count", [1, 3, 4, CPU_PASS, CPU_PASS + 5])
def test_openvino_gives_torchs_rows_for_any_number_of_pictures(count: int, file: Path) -> None:
    pictures = (drawn_pictures(40, 40) * 3)[:count]
    loaded = load_encoder(file, engine="openvino")
    rows = loaded.embed(pictures)
    np.testing.assert_allclose(rows, tiny_encoder().embed(pictures), atol=TOLERANCE)
    assert loaded.engine == "openvino"
    assert loaded.fingerprint() == tiny_encoder().fingerprint()


def test_a_row_does_not_depend_on_what_shares_its_pass(file: Path) -> None:
    loaded, pictures = load_encoder(file, engine="openvino"), drawn_pictures(40, 40)
    whole = loaded.embed(pictures)
    np.testing.assert_array_equal(loaded.embed(pictures[:5]), whole[:5])


def test_openvino_computes_in_bf16_and_stays_near(file: Path) -> None:
    loaded, pictures = load_encoder(file, engine="openvino"), drawn_pictures(40, 40)
    exact, near = loaded.embed(pictures), loaded.embed(pictures, precision="bf16")
    assert (exact * near).sum(axis=1).min() > 0.98


def test_the_command_lines_choices_are_the_engines_and_formats() -> None:
    hints = typing.get_type_hints(Compute)
    assert typing.get_args(typing.get_args(hints["engine"])[0]) == tuple(ENGINES)
    assert typing.get_args(hints["precision"]) == FORMATS


@pytest.mark.parametrize(
    ("engine", "source", "why"),
    [
        ("tensorrt", "colour", "engine is 'tensorrt'; expected one of torch, onnxruntime, open"),
        (
            "openvino",
            "colour",
            r"expected torch for colour; openvino runs ONNX files\. Write one "
            "with: sameplayer export colour",
        ),
        ("torch", "FILE", "expected onnxruntime or openvino for .*tiny.onnx; torch runs presets"),
    ],
)
def test_an_engine_that_does_not_run_the_source_is_refused(
    engine: str, source: str, why: str, file: Path
) -> None:
    with pytest.raises(SettingError, match=why):
        load_encoder(file if source == "FILE" else source, engine=engine)


@pytest.mark.parametrize(
    ("engine", "precision", "stored", "found"),
    [
        ("torch", "bf16", "fp32", "bf16"),
        ("openvino", "bf16", "fp32", "bf16"),
        ("openvino", "fp32", "int8", "int8"),
        ("onnxruntime", "int8", "int8", "int8"),
    ],
)
def test_what_a_precision_comes_to(engine: str, precision: str, stored: str, found: str) -> None:
    assert computed_in(engine, precision, stored) == found


@pytest.mark.parametrize(
    ("engine", "precision", "stored", "why"),
    [
        ("torch", "int8", "fp32", "expected one of fp32, bf16; int8 is computed from an ONNX file"),
        ("onnxruntime", "bf16", "fp32", "one of fp32 with .* bf16 needs torch or openvino"),
        ("openvino", "bf16", "int8", "one of fp32, int8: a file of int8 computes in int8"),
        ("openvino", "fp16", "fp32", r"precision is 'fp16'; expected one of fp32, bf16\."),
    ],
)
def test_a_format_that_cannot_be_computed_is_refused(
    engine: str, precision: str, stored: str, why: str
) -> None:
    with pytest.raises(SettingError, match=why):
        computed_in(engine, precision, stored)


def test_openvino_is_an_extra_and_knows_the_cpu_alone(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_encoder(file, device="auto", engine="openvino")
    assert loaded.to("cpu") is loaded
    with pytest.raises(SettingError, match="device is cuda:7"):
        loaded.to("cuda:7")
    with pytest.raises(SettingError, match="device is meta; expected"):
        loaded.to("meta")
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtra, match=r"The engine openvino needs openvino .* 'openvino'"):
        load_encoder(file, engine="openvino")


def test_a_graph_that_openvino_cannot_run_is_told(tmp_path: Path) -> None:
    path, model = tmp_path / "x.onnx", plain_model()
    model.graph.node[2].op_type = "NoSuchOperator"
    path.write_bytes(signed(model, **spec_record()))
    with pytest.raises(WeightsError, match="OpenVINO cannot run it"):
        load_encoder(path, engine="openvino")


def test_the_verbs_take_an_engine_and_record_it(file: Path, league_folder: Path) -> None:
    out = file.parent / "rows.safetensors"
    words = ["embed", str(file), str(league_folder), "--out", str(out), "--split", "test"]
    assert main([*words, "--engine", "openvino", "--precision", "bf16"]) == 0
    facts = load_embeddings(out).facts
    assert (facts["engine"], facts["precision"]) == ("openvino", "bf16")
