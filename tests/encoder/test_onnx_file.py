"""What an ONNX file says of itself is checked, and no other file is ever read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch
from onnx import TensorProto, helper

from sameplayer.encoder.runtime import onnx_session
from sameplayer.encoder.runtime.onnx_session import RECORD, OnnxSession, read_content
from sameplayer.errors import MissingFile, WeightsError
from tests.encoder.onnx_files import plain_model, signed

CPU = torch.device("cpu")


def write(folder: Path, content: bytes) -> Path:
    path = folder / "file.onnx"
    path.write_bytes(content)
    return path


def refused(folder: Path, content: bytes, why: str) -> None:
    with pytest.raises(WeightsError, match=why):
        OnnxSession(read_content(write(folder, content)), CPU, "file.onnx", "encoder")


def test_a_file_of_ours_is_read_with_its_record(tmp_path: Path) -> None:
    content = signed(plain_model(), columns=3)
    session = OnnxSession(read_content(write(tmp_path, content)), CPU, "file.onnx", "encoder")
    assert (session.record["kind"], session.record["columns"]) == ("encoder", 3)
    onnx.checker.check_model(onnx.load_from_string(content))


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\xff" * 40, b"\x08" + b"\x80" * 20])
def test_what_is_no_onnx_file_is_refused(tmp_path: Path, content: bytes) -> None:
    refused(tmp_path, content, r"file\.onnx: not an ONNX file, or a damaged one")


@pytest.mark.parametrize("text", [None, "[]", "no JSON", "[" * 100_000], ids=str)
def test_a_file_of_others_is_refused_and_the_command_named(
    tmp_path: Path, text: str | None
) -> None:
    model = plain_model()
    if text is not None:
        model.metadata_props.add(key=RECORD, value=text)
    refused(tmp_path, model.SerializeToString(), "sameplayer export ENCODER --out FILE")


def test_a_file_that_is_cut_short_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    content = signed(plain_model())
    for end in range(0, len(content), 7):
        refused(tmp_path, content[:end], "file.onnx: ")


def test_another_format_and_another_kind_are_told(tmp_path: Path) -> None:
    refused(tmp_path, signed(plain_model(), format=2), "of format 2; this version .* format 1")
    refused(tmp_path, signed(plain_model(), kind="numbers"), "holds 'numbers'; expected 'encoder'")


def elsewhere() -> onnx.TensorProto:
    """A tensor whose values lie in another file."""
    tensor = TensorProto(name="weight", data_type=TensorProto.FLOAT, dims=[3])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")
    return tensor


def in_weights(model: onnx.ModelProto) -> None:
    model.graph.initializer[1].CopyFrom(elsewhere())


def in_attribute(model: onnx.ModelProto) -> None:
    node = helper.make_node("Constant", [], ["more"])
    node.attribute.add(name="value", type=onnx.AttributeProto.TENSOR).t.CopyFrom(elsewhere())
    model.graph.node.append(node)


def in_branch(model: onnx.ModelProto) -> None:
    branch = helper.make_graph([], "branch", [], [], [elsewhere()])
    model.graph.node.append(helper.make_node("If", ["yes"], ["no"], then_branch=branch))


def in_function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Constant", [], ["more"])
    node.attribute.add(name="value", type=onnx.AttributeProto.TENSOR).t.CopyFrom(elsewhere())
    opsets = [helper.make_opsetid("", 18)]
    model.functions.append(helper.make_function("", "F", [], ["more"], [node], opsets))


@pytest.mark.parametrize("hide", [in_weights, in_attribute, in_branch, in_function])
def test_weights_in_other_files_are_never_read(
    tmp_path: Path, hide: Callable[[onnx.ModelProto], None]
) -> None:
    model = plain_model()
    hide(model)
    refused(tmp_path, signed(model), "keeps weights in other files, which are never read")


def test_operators_of_others_are_refused(tmp_path: Path) -> None:
    model = plain_model()
    model.graph.node[2].domain = "com.others"
    refused(tmp_path, signed(model), "onnxruntime cannot run it")


def test_an_entry_that_is_written_in_an_unusual_way_is_seen_too(tmp_path: Path) -> None:
    for length in (b"\x08", b"\x88\x00", b"\x88\x80\x00"):
        content = signed(plain_model()) + b"\n" + length + b"location"
        refused(tmp_path, content, "keeps weights in other files")


def test_a_missing_folder_and_too_large_file_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MissingFile):
        read_content(tmp_path / "none.onnx")
    with pytest.raises(WeightsError, match="cannot be read"):
        read_content(tmp_path)
    monkeypatch.setattr(onnx_session, "LARGEST", 20)
    refused(tmp_path, signed(plain_model()), "over 2 GiB")
