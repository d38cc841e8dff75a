"""Files of torch.save are read to the last value without torch.load, within their own size."""

from __future__ import annotations

import io
import pickle
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sameplayer.encoder.storage import torch_files
from sameplayer.encoder.storage.state_dicts import read_state
from sameplayer.encoder.storage.torch_files import read_torch
from sameplayer.errors import WeightsError

BASE = torch.arange(60, dtype=torch.float32).view(3, 4, 5)
TENSORS = {
    "plain": BASE,
    "view": BASE[1:, 2],
    "turned": BASE.permute(2, 0, 1),
    "the same memory": BASE.view(-1)[7:9],
    "half": BASE.half(),
    "bfloat16": BASE.bfloat16(),
    "double": BASE.double() / 3,
    "numbers": BASE.long() - 2**40,
    "small": BASE.to(torch.int8),
    "flags": BASE > 9,
    "single": torch.tensor(0.5),
    "no rows": torch.zeros(0, 4),
    "parameter": torch.nn.Parameter(torch.ones(3)),
    "buffer": torch.nn.Buffer(torch.ones(3)),
}


class _Model(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(2, 2)


def _save(path: Path, value: Any, old: bool) -> None:
    torch.save(value, path, _use_new_zipfile_serialization=not old)


@pytest.mark.parametrize("old", [False, True], ids=["zip", "before torch 1.6"])
def test_every_value_is_read_as_torch_reads_it(tmp_path: Path, old: bool) -> None:
    path = tmp_path / "x.pth"
    held = [TENSORS["plain"], {3: BASE}]  # behind a list or a number: passed over
    _save(path, {"a": {"b": TENSORS}, "list": held, "kept": sys.version, "rate": 0.1}, old)
    found = read_torch(path).tensors
    assert set(found) == {f"a.b.{name}" for name in TENSORS}
    for name, value in TENSORS.items():
        assert found[f"a.b.{name}"].dtype == value.dtype
        assert torch.equal(found[f"a.b.{name}"], value.data), name


@pytest.mark.parametrize("old", [False, True], ids=["zip", "before torch 1.6"])
@pytest.mark.parametrize(("value", "place"), [(_Model(), ""), ({"model": _Model()}, "['model']")])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_whole_module_is_refused_with_how_to_save_its_weights(
    tmp_path: Path, value: Any, place: str, old: bool
) -> None:
    _save(tmp_path / "x.pth", value, old)
    with pytest.raises(WeightsError, match=r"holds a whole module \(.*_Model") as error:
        read_state(tmp_path / "x.pth")
    assert f"torch.load('x.pth', weights_only=False){place}.state_dict()" in str(error.value)


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ([torch.ones(2)], "found list"),
        ({"epoch": np.int64(3)}, r"epoch \(numpy\._core\.multiarray\.scalar\)"),
        ({"weight": np.ones(3)}, r"'weight' is no plain tensor \(numpy\._core\.multiarray"),
        ({"weight": torch.eye(3).to_sparse()}, "_rebuild_sparse_tensor"),
        ({"weight": torch.zeros(1).expand(10**9)}, "'weight' is no plain tensor"),
    ],
)
def test_what_is_no_weights_is_told(tmp_path: Path, value: Any, word: str) -> None:
    torch.save(value, tmp_path / "x.pth")
    with pytest.raises(WeightsError, match=word):
        read_state(tmp_path / "x.pth")


def _numpy_archive() -> bytes:
    target = io.BytesIO()
    np.savez(target, weight=np.ones(3))
    return target.getvalue()


def _packed() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("weights/model.pth", b"x")
    return target.getvalue()


def _script() -> bytes:
    target = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)), target)
    return target.getvalue()


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"<!DOCTYPE html><html>Google Drive", "web page"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\x1f\x8b\x08" + bytes(50), "unpack it"),
        (b"model.pth".ljust(257, b"\0") + b"ustar", "unpack it"),
        (b'{"weight_map": {}}', "JSON"),
        (_numpy_archive(), "numpy arrays"),
        (_packed(), "unpack it"),
        (_script(), "TorchScript"),
        (b"", "empty"),
        (b"\xff\xd8\xff\xe0 a picture", "it begins with"),
    ],
    ids=["lfs", "page", "hdf5", "gzip", "tar", "json", "npz", "zip", "script", "empty", "picture"],
)
def test_another_kind_of_file_is_told_by_what_is_in_it(
    tmp_path: Path, content: bytes, word: str
) -> None:
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=word):
        read_state(tmp_path / "x.pth")


@pytest.mark.parametrize("old", [False, True], ids=["zip", "before torch 1.6"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.99])
def test_a_file_cut_short_is_refused(tmp_path: Path, old: bool, kept: float) -> None:
    path = tmp_path / "x.pth"
    _save(path, {"weight": torch.ones(1000)}, old)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(WeightsError, match="its end is missing"):
        read_state(path)


def test_a_changed_value_in_a_zip_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save({"weight": torch.full((1000,), 7.0)}, path)
    content = path.read_bytes()
    path.write_bytes(content.replace(torch.tensor(7.0).numpy().tobytes(), b"abcd", 1))
    with pytest.raises(WeightsError, match="damaged"):
        read_state(path)


def test_entries_that_lie_one_upon_the_other_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save({f"w{place}": torch.full((5000,), float(place)) for place in range(40)}, path)
    with zipfile.ZipFile(path) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:  # forty names for one place in the file
        for name, content in parts.items():
            if "/data/" not in name:
                archive.writestr(name, content)
        archive.writestr("x/data/0", parts["x/data/0"])
        first = archive.getinfo("x/data/0")
        for place in range(1, 40):
            again = zipfile.ZipInfo(f"x/data/{place}")
            again.header_offset, again.CRC = first.header_offset, first.CRC
            again.file_size = again.compress_size = first.file_size
            archive.filelist.append(again)
    with pytest.raises(WeightsError):
        read_state(path)


def test_dictionaries_that_hold_each_other_many_times_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_files, "MOST_NAMES", 5000)
    tree: dict[str, Any] = {"weight": torch.ones(1)}
    for _ in range(6):
        tree = {str(branch): tree for branch in range(8)}
    torch.save(tree, tmp_path / "x.pth")
    with pytest.raises(WeightsError, match="more than 5000 values"):
        read_state(tmp_path / "x.pth")


def test_a_pickle_of_arrays_is_told_as_such(tmp_path: Path) -> None:
    state = {"model": {"conv1.weight": np.ones(3)}, "__author__": "somebody"}
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(state))
    with pytest.raises(WeightsError, match=r"'model\.conv1\.weight' is no plain tensor \(numpy"):
        read_state(tmp_path / "x.pkl")
