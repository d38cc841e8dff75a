"""An ONNX file stands wherever a run can be named, and says what it cannot do."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from sameplayer.cli import main
from sameplayer.encoder.embeddings import load_embeddings
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import load_encoder
from sameplayer.encoder.matching import same
from sameplayer.encoder.networks.colour import COLOURS
from sameplayer.encoder.onnx.export import TOLERANCE, drawn_pictures, export_encoder
from sameplayer.encoder.onnx_encoder import OnnxEncoder
from sameplayer.encoder.soup import average_encoders
from sameplayer.errors import SettingError, WeightsError
from tests.encoder.onnx_files import (
    plain_model,
    resigned,
    signed,
    spec_record,
    tiny_encoder,
    tiny_file,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_file())
    return path


def test_it_embeds_as_the_encoder_that_was_exported(file: Path) -> None:
    encoder, loaded = tiny_encoder(), load_encoder(file)
    pictures = drawn_pictures(40, 40)
    np.testing.assert_allclose(loaded.embed(pictures), encoder.embed(pictures), atol=TOLERANCE)
    assert loaded.embed([]).shape == (0, encoder.row_width)


def test_it_is_what_the_encoder_was(file: Path) -> None:
    encoder, loaded = tiny_encoder(), load_encoder(file, device="auto")
    assert loaded.spec == encoder.spec
    assert loaded.fingerprint() == encoder.fingerprint()
    assert (loaded.row_width, loaded.feature_width) == (encoder.row_width, encoder.feature_width)
    assert loaded.log_scale.item() == encoder.log_scale.item()
    assert loaded.to("cpu") is loaded
    assert loaded.device.type == "cpu"
    picture = drawn_pictures(30, 20)[-1]
    assert same(picture, picture[:, ::-1], loaded).similarity == pytest.approx(1, abs=0.2)


def test_what_needs_the_torch_network_says_that_a_file_has_none(file: Path) -> None:
    loaded = load_encoder(file)
    for use in (
        lambda: loaded.with_views(mirror=False),
        lambda: loaded.without_padding(),
        lambda: loaded.save(file.parent / "saved"),
        lambda: average_encoders([loaded, loaded]),
        lambda: export_encoder(loaded, file.parent / "again.onnx"),
        lambda: copy.deepcopy(loaded).features(torch.zeros(1, 3, 24, 16)),
    ):
        with pytest.raises(WeightsError, match=r"tiny.onnx: an ONNX file holds no torch network"):
            use()
    assert [path.name for path in file.parent.iterdir()] == ["tiny.onnx"]


def test_other_number_formats_and_devices_are_refused(file: Path) -> None:
    loaded = load_encoder(file)
    with pytest.raises(SettingError, match="precision is 'bf16'; expected one of fp32 with"):
        loaded.embed(drawn_pictures(30, 20), precision="bf16")
    with pytest.raises(SettingError, match="device is cuda:7"):
        load_encoder(file, device="cuda:7")


def test_the_verbs_that_take_a_run_take_a_file(
    file: Path, league_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    league, picture = str(league_folder), next(league_folder.rglob("*.jpeg"))
    out = file.parent / "rows.safetensors"
    assert main(["evaluate", str(file), league]) == 0
    assert "mAP" in capsys.readouterr().out
    assert main(["search", str(file), league, "0", "--k", "3"]) == 0
    assert main(["same", str(picture), str(picture), "--encoder", str(file)]) == 0
    assert "similarity 1.0000" in capsys.readouterr().out
    assert main(["embed", str(file), league, "--out", str(out)]) == 0
    assert load_embeddings(out).fingerprint == tiny_encoder().fingerprint()


@pytest.mark.parametrize(
    "words",
    [
        ["train", "LEAGUE", "--out", "OUT", "--weights", "FILE"],
        ["explain", "FILE", "PICTURE", "PICTURE", "--out", "OUT"],
        ["soup", "FILE", "FILE", "--out", "OUT"],
        ["calibrate", "FILE", "LEAGUE", "--out", "OUT"],
        ["export", "FILE", "--out", "OUT.onnx"],
    ],
    ids=lambda words: words[0],
)
def test_the_verbs_that_need_torch_say_so_and_leave_nothing(
    words: list[str], file: Path, league_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"LEAGUE": league_folder, "OUT": file.parent / "out", "FILE": file}
    places["PICTURE"] = next(league_folder.rglob("*.jpeg"))
    places["OUT.onnx"] = file.parent / "out.onnx"
    assert main([str(places.get(word, word)) for word in words]) == 2
    assert "an ONNX file holds no torch network" in capsys.readouterr().err
    assert [path.name for path in file.parent.iterdir()] == ["tiny.onnx"]


def test_the_verb_writes_a_file_and_says_how_near_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "colour.onnx"
    assert main(["export", "colour", "--out", str(path)]) == 0
    assert f"rows of {COLOURS}; at most" in capsys.readouterr().out
    assert isinstance(load_encoder(path), OnnxEncoder)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"columns": 7}, "its record says 7 columns"),
        ({"columns": "many"}, "record of the encoder is damaged"),
        ({"height": 0}, "record of the encoder is damaged .*height is 0"),
        ({"log_scale": None}, "record of the encoder is damaged"),
        ({"fingerprint": 3}, "record of the encoder is damaged"),
        ({"calibration": {"slope": "x"}}, "record of the encoder is damaged"),
    ],
)
def test_a_record_that_says_something_else_is_refused(
    changes: dict[str, object], why: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(resigned(tiny_file(), **changes))
    with pytest.raises(WeightsError, match=why):
        load_encoder(path)


def test_a_graph_that_onnxruntime_cannot_run_or_that_takes_something_else_is_told(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.onnx"
    model = plain_model()
    model.graph.node[2].op_type = "NoSuchOperator"
    path.write_bytes(signed(model, **spec_record()))
    with pytest.raises(WeightsError, match="onnxruntime cannot run it"):
        load_encoder(path)
    model = plain_model()
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    path.write_bytes(signed(model, **spec_record()))
    with pytest.raises(WeightsError, match=r"takes .* expected pictures, uint8"):
        load_encoder(path)


@pytest.mark.parametrize(
    ("shape", "why"), [([-1, 3], "gave 1024 rows for 2 pictures"), ([5, 3], "onnxruntime stopped")]
)
def test_a_graph_that_stops_or_gives_other_rows_is_told(
    shape: list[int], why: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.onnx"
    pictures = [np.zeros((high, 9, 3), np.uint8) for high in (2, 40)]
    path.write_bytes(signed(plain_model(), **(spec_record() | {"height": 32, "width": 16})))
    assert load_encoder(path).embed(pictures).shape == (2, 3)
    model = plain_model()
    model.graph.initializer.append(numpy_helper.from_array(np.array(shape), "shape"))
    model.graph.node[2].CopyFrom(helper.make_node("Reshape", ["values", "shape"], ["rows"]))
    path.write_bytes(signed(model, **(spec_record() | {"height": 32, "width": 16})))
    loaded: Encoder = load_encoder(path)
    with pytest.raises(WeightsError, match=why):
        loaded.embed(pictures)
