"""An exported graph gives the encoder's rows, or nothing is written."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import timm
import torch
from torch import Tensor, nn

from sameplayer.cli import main
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import load_encoder
from sameplayer.encoder.onnx import export as onnx_export
from sameplayer.encoder.onnx.export import TOLERANCE, drawn_pictures, export_encoder
from sameplayer.errors import MissingExtra, SettingError, WeightsError
from tests.encoder.onnx_files import TinyNetwork, encoder_of, tiny_encoder, tiny_file


def rows_of(content: bytes | str, pictures: np.ndarray) -> np.ndarray:
    """What a user without this package gets: nothing but onnxruntime."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (rows,) = session.run(["rows"], {"pictures": pictures})
    return rows


def test_onnxruntime_alone_gives_the_rows_of_pictures_of_any_size() -> None:
    encoder = tiny_encoder()
    assert encoder.spec.mirror
    assert encoder.spec.colour
    assert encoder.spec.fit == "letterbox"
    for picture in drawn_pictures(40, 40):
        rows = rows_of(tiny_file(), picture[None])
        np.testing.assert_allclose(rows, encoder.embed([picture]), atol=TOLERANCE)
        assert abs(np.linalg.norm(rows) - 1) < 1e-5


def test_a_batch_of_one_size_and_one_of_fitted_pictures_give_the_same_rows() -> None:
    encoder = tiny_encoder()
    pictures = np.random.default_rng(1).integers(0, 256, (5, 50, 30, 3)).astype(np.uint8)
    expected = encoder.embed(list(pictures))
    fitted = np.stack([encoder.prepare(picture) for picture in pictures])
    np.testing.assert_allclose(rows_of(tiny_file(), pictures), expected, atol=TOLERANCE)
    np.testing.assert_allclose(rows_of(tiny_file(), fitted), expected, atol=TOLERANCE)


def test_the_shipped_encoder_is_exported_where_none_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, encoder = tmp_path / "person.onnx", load_encoder("person")
    assert main(["export", "--out", str(path)]) == 0
    said = capsys.readouterr().out
    assert f"{path.stat().st_size / 1e6:.1f} MB, rows of {encoder.row_width}; at most" in said
    assert "on 10 pictures" in said
    loaded, pictures = load_encoder(path), drawn_pictures(90, 45)
    assert loaded.fingerprint() == encoder.fingerprint()
    np.testing.assert_allclose(loaded.embed(pictures), encoder.embed(pictures), atol=TOLERANCE)


def test_an_encoder_without_padding_gives_the_same_rows(tmp_path: Path) -> None:
    torch.manual_seed(2)
    vit = timm.models.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=16, depth=1, num_heads=2, num_classes=0
    )
    encoder = Encoder.of(vit, 32, 32, (0.5,) * 3, (0.5,) * 3, name="vit").without_padding()
    export_encoder(encoder, tmp_path / "vit.onnx")
    pictures = drawn_pictures(32, 12)
    expected = encoder.embed(pictures)
    padded = Encoder(encoder.model, replace(encoder.spec, drop_padding=False))
    assert np.abs(padded.embed(pictures) - expected).max() > 10 * TOLERANCE
    found = rows_of(str(tmp_path / "vit.onnx"), pictures[-1][None])
    np.testing.assert_allclose(found, expected[-1:], atol=TOLERANCE)


class Otherwise(TinyNetwork):
    """Gives something else while it is exported."""

    def forward(self, images: Tensor) -> Tensor:
        features = super().forward(images)
        return features + 0.5 if torch.compiler.is_exporting() else features


class Deciding(TinyNetwork):
    """Looks at values to decide what to compute, which no graph can."""

    def forward(self, images: Tensor) -> Tensor:
        features = super().forward(images)
        return features if features[0, 0].item() > 0 else -features


@pytest.mark.parametrize(
    ("network", "why"),
    [
        (Otherwise, "gives values .* from torch's; expected at most 1e-04"),
        (Deciding, "torch cannot export it to ONNX"),
    ],
)
def test_what_would_not_be_the_same_is_not_written(
    network: type[nn.Module], why: str, tmp_path: Path
) -> None:
    with pytest.raises(WeightsError, match=why):
        export_encoder(encoder_of(network()), tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


def test_a_file_tells_nothing_of_the_machine_that_wrote_it() -> None:
    for word in (b"site-packages", b".py", b"stack_trace", str(Path.home()).encode() + b"/"):
        assert word not in tiny_file()


def test_another_name_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"out is .*; expected a file whose name ends"):
        export_encoder(tiny_encoder(), tmp_path / "encoder.bin")


def test_weights_over_2_gib_and_folders_that_cannot_be_written_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match="cannot be written"):
        onnx_export.write_graph(tmp_path / "file" / "x.onnx", tiny_file())
    monkeypatch.setattr(onnx_export, "LARGEST", 100)
    with pytest.raises(WeightsError, match="over 2 GiB"):
        export_encoder(tiny_encoder(), tmp_path / "x.onnx")


@pytest.mark.parametrize("missing", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_is_named_with_the_extra(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingExtra, match=rf"needs {missing} .* extra 'onnx'"):
        export_encoder(tiny_encoder(), tmp_path / "x.onnx")
