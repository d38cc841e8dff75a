"""The public functions say what they take where a caller gives something else."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sameplayer as sp
from sameplayer.data.crops import write_crops
from sameplayer.encoder import average_encoders, calibrate, export_encoder, load_published
from sameplayer.encoder import load as given_module
from sameplayer.encoder.load import create_encoder
from sameplayer.encoder.onnx_encoder import OnnxEncoder
from sameplayer.encoder.speed import crops_per_second
from sameplayer.errors import ConfigError
from sameplayer.numbers.clip import ClipReader
from sameplayer.numbers.network.onnx_reader import OnnxReader
from sameplayer.numbers.network.shirt_reader import ShirtReader
from sameplayer.numbers.readers import ReaderSettings

ENCODER = create_encoder("small", pretrained=False, height=32, width=16)
PICTURE = np.random.default_rng(2).integers(0, 255, (40, 20, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def few(league: sp.Crops) -> sp.Crops:
    return league.select("query", "gallery").where(np.arange(6))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda crops: sp.embed(crops, ENCODER),
            r"embed takes \(encoder: Encoder or str or Path, crops: Crops or str or Path\); "
            r"found \(Crops, Encoder\)\.",
        ),
        (lambda crops: sp.embed(ENCODER, [PICTURE]), r"found \(Encoder, list\)"),
        (lambda crops: sp.train("RUN", crops), r"train takes .* found \(str, Crops, NoneType, Non"),
        (lambda crops: sp.train(crops, "RUN", {"lr": 1}), r"config: TrainConfig or None"),
        (lambda crops: sp.rank(crops), r"rank takes \(embeddings: Embeddings, .* found \(Crops, N"),
        (
            lambda crops: sp.evaluate(sp.embed(ENCODER, crops)),
            r"evaluate takes \(ranking: Ranking\); found \(Embeddings\). Rank embeddings first",
        ),
        (lambda crops: sp.rerank(sp.embed(ENCODER, crops), 3), r"rerank takes \(query: ndarray"),
        (lambda crops: sp.read_source(crops), r"read_source takes \(path: .* found \(Crops\)"),
        (lambda crops: sp.check_crops([crops]), r"check_crops takes"),
        (lambda crops: sp.split_by_person("league"), r"found \(str\)\. Read a folder"),
        (lambda crops: sp.load_encoder(ENCODER), r"load_encoder takes .* found \(Encoder\)"),
        (lambda crops: sp.same(PICTURE, PICTURE, crops), r"same takes .* found \(Crops\)"),
        (lambda crops: sp.same(PICTURE, ENCODER), "A picture must be .* found Encoder"),
        (lambda crops: sp.explain(PICTURE, PICTURE, ENCODER), r"explain takes .* found \(ndarray"),
        (lambda crops: calibrate(crops, ENCODER), r"calibrate takes .* found \(Crops, Encoder\)"),
        (lambda crops: average_encoders(["a", "b"]), r"average_encoders takes .* found \(str\)"),
        (lambda crops: export_encoder("a.onnx", ENCODER), r"export_encoder takes .* \(str, Enc"),
        (lambda crops: ENCODER.embed(PICTURE), r"write \[picture\]"),
        (lambda crops: ENCODER.embed("a.jpg"), r"write \[picture\]"),
        (lambda crops: sp.read_jersey_number(PICTURE), r"write \[picture\]"),
        (lambda crops: sp.read_crops(crops), r"read_crops takes .* found \(Crops\)"),
        (lambda crops: sp.load_embeddings([1]), r"load_embeddings takes .* found \(list\)"),
        (lambda crops: sp.open_gallery(None), r"open_gallery takes .* found \(NoneType\)"),
        (lambda crops: sp.create_gallery(ENCODER, "G", purpose="x"), r"found \(Encoder, str\)"),
        (lambda crops: sp.fuse(crops), r"fuse takes .* found \(Crops\)\. For rankings"),
        (lambda crops: sp.fuse([np.eye(2)], [1]), r"method is \[1\]; expected one of"),
        (lambda crops: sp.load_encoder("colour", device=None), "device is of type NoneType"),
        (lambda crops: sp.embed(ENCODER, crops, batch_size="8"), "batch_size is of type str"),
        (lambda crops: sp.explain(ENCODER, PICTURE, PICTURE, method=3), "method is of type int"),
    ],
)
def test_arguments_of_other_types_are_refused_with_what_is_taken(
    call: Callable[[sp.Crops], Any], words: str, few: sp.Crops
) -> None:
    with pytest.raises(ConfigError, match=words):
        call(few)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("purpose", None), ("purpose", b"x"), ("retention", "365d"), ("basis", 3), ("known", "half")],
)
def test_a_gallery_is_not_made_with_settings_of_other_types(
    setting: str, value: Any, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"purpose": "test", setting: value}
    with pytest.raises(ConfigError, match=f"{setting} is of type {type(value).__name__}"):
        sp.create_gallery(tmp_path / "G", "colour", **settings)
    assert not (tmp_path / "G").exists()


def test_paths_and_names_stand_for_crops_and_encoders(few: sp.Crops, tmp_path: Path) -> None:
    ENCODER.save(tmp_path / "encoder")
    write_crops(few, tmp_path / "few.csv")
    found = sp.embed(tmp_path / "encoder", str(tmp_path / "few.csv"))
    np.testing.assert_allclose(found.vectors, sp.embed(ENCODER, few).vectors, atol=1e-6)
    assert sp.check_crops(tmp_path / "few.csv") == sp.check_crops(few)
    by_path = sp.explain(str(tmp_path / "encoder"), PICTURE, PICTURE, method="random")
    assert by_path.similarity == pytest.approx(1, abs=1e-5)


def test_the_order_of_channels_is_as_said() -> None:
    turned = PICTURE[:, :, ::-1]
    np.testing.assert_array_equal(ENCODER.embed([turned], order="bgr"), ENCODER.embed([PICTURE]))
    assert sp.same(turned, turned, ENCODER, order="bgr") == sp.same(PICTURE, PICTURE, ENCODER)
    assert sp.same(turned, PICTURE, ENCODER).similarity < 0.999
    why = sp.explain(ENCODER, turned, turned, method="grad-cam", order="bgr")
    np.testing.assert_array_equal(
        why.map_a, sp.explain(ENCODER, PICTURE, PICTURE, method="grad-cam").map_a
    )


def test_the_shipped_encoder_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[object] = []

    def load(source: object) -> sp.Encoder:
        loaded.append(source)
        return ENCODER

    monkeypatch.setattr(given_module, "load_encoder", load)
    monkeypatch.setattr(given_module, "_kept", type(given_module._kept)(1))
    for _ in range(3):
        sp.same(PICTURE, PICTURE)
    assert loaded == ["person"]
    for _ in range(2):
        sp.same(PICTURE, PICTURE, "RUN")
    assert loaded == ["person", "RUN", "RUN"]


def test_a_device_that_is_not_named_is_auto() -> None:
    takers: list[Callable[..., Any]] = [
        sp.load_encoder,
        sp.open_gallery,
        load_published,
        crops_per_second,
        OnnxEncoder,
        ShirtReader,
        ClipReader,
        OnnxReader,
        ReaderSettings,
        sp.TrainConfig,
    ]
    for taker in takers:
        assert signature(taker).parameters["device"].default == "auto", taker
