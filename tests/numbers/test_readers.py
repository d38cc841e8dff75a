"""Readers: CLIP with tiny random weights, text recognition, both; who is made by which name."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from torch.nn import functional

from sameplayer.errors import ConfigError, MissingExtra, MissingFile, WeightsError
from sameplayer.numbers.clip import ClipReader
from sameplayer.numbers.network.shirt_reader import ShirtReader
from sameplayer.numbers.reader import VIEWS, view
from sameplayer.numbers.readers import READERS, BothReaders, OcrReader, ReaderSettings, make_reader
from sameplayer.numbers.reading import read_jersey_number, read_track_number
from sameplayer.synthetic.league import draw_crop, make_person
from tests.numbers.told import Told, evidence

VISIBLE = ((0, 1), (2, 0), (5, 0), (7, 0))  # persons of the drawn league and a frame that shows it


def test_clip_reads_as_its_two_towers_say(tiny: tuple[str, str]) -> None:
    config, weights = tiny
    templates, nothing = ("number {}", "a {} shirt"), ("nothing",)
    reader = ClipReader(
        config, weights, ("7", "23"), templates=templates, nothing=nothing, views=("whole",)
    )
    pictures = [draw_crop(1, frame, 1).picture for frame in range(3)]
    model, _, prepare = open_clip.create_model_and_transforms("tiny-clip", pretrained=weights)
    model.eval()
    from PIL import Image

    with torch.no_grad():
        images = torch.stack([prepare(Image.fromarray(one)) for one in pictures])
        image = functional.normalize(model.encode_image(images), dim=1)
        text = []
        for sentences in (["number 7", "a 7 shirt"], ["number 23", "a 23 shirt"], ["nothing"]):
            tokens = open_clip.get_tokenizer("tiny-clip")(sentences)
            text.append(functional.normalize(model.encode_text(tokens), dim=1).mean(dim=0))
        vectors = functional.normalize(torch.stack(text), dim=1)
        expected = torch.softmax(model.logit_scale.exp() * image @ vectors.T, dim=1).numpy()
    np.testing.assert_allclose(np.exp(reader.read(pictures)), expected, atol=1e-5)
    answers = read_jersey_number(pictures, reader, threshold=0.99)
    assert all(one.number is None for one in answers)
    assert sum(answers[0].probabilities.values()) == pytest.approx(answers[0].visible, abs=1e-5)


def test_clip_without_weights_network_or_text_tower_says_so(
    tiny: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(WeightsError, match="could not be had"):
        ClipReader("ViT-B-32-quickgelu", "no-such-file.safetensors")
    with pytest.raises(WeightsError, match="'vit_base_patch16_224' with a text tower"):
        ClipReader("vit_base_patch16_224")
    with pytest.raises(ConfigError, match="where the number goes"):
        ClipReader(*tiny, templates=("a shirt",))
    for wrong in ((), ("legs",)):
        with pytest.raises(ConfigError, match=r"expected one or more of whole, torso, chest"):
            ClipReader(*tiny, views=wrong)


def test_clip_averages_its_views(tiny: tuple[str, str]) -> None:
    pictures = [draw_crop(1, 0, 1).picture]
    views = [ClipReader(*tiny, ("7", "23"), views=(name,)).read(pictures) for name in VIEWS]
    mean = np.mean(views, axis=0)
    expected = mean - np.log(np.exp(mean).sum(axis=1, keepdims=True))
    joint = ClipReader(*tiny, ("7", "23"), views=tuple(VIEWS)).read(pictures)
    np.testing.assert_allclose(joint, expected, atol=1e-5)
    picture = np.arange(100 * 20 * 3, dtype=np.uint32).reshape(100, 20, 3)
    np.testing.assert_array_equal(view(picture, "torso"), picture[12:60])
    np.testing.assert_array_equal(view(picture, "chest"), picture[16:46, 3:17])
    assert view(picture[:1, :1], "chest").shape == (1, 1, 3)


def test_text_recognition_reads_drawn_numbers_and_nothing_on_plain_cloth() -> None:
    reader = OcrReader()
    for person, frame in VISIBLE:
        found = read_track_number([draw_crop(person, frame, 1).picture], reader)
        assert found.number == make_person(person, 1).number
    plain = np.full((160, 60, 3), (40, 60, 190), np.uint8)
    black = np.zeros((160, 60, 3), np.uint8)
    for answer in read_jersey_number([plain, black], reader):
        assert answer.number is None
        assert answer.visible < 0.1
    with pytest.raises(ConfigError, match="certainty"):
        OcrReader(certainty=1.5)


def test_both_readers_agree_to_be_surer_and_must_share_candidates(tiny: tuple[str, str]) -> None:
    names = ("4", "14", "7")
    one, other = (Told(evidence({"14": p})[None], names) for p in (0.6, 0.8))
    picture = [np.zeros((8, 4, 3), np.uint8)]
    both = np.exp(BothReaders([one, other]).read(picture))[0]
    mean = np.sqrt(np.exp(one.rows[0]) * np.exp(other.rows[0]))
    np.testing.assert_allclose(both, mean / mean.sum(), rtol=1e-6)
    with pytest.raises(ConfigError, match="different candidates"):
        BothReaders([one, ClipReader(*tiny, ("4",))])


def test_readers_are_made_by_name(tiny: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    config, weights = tiny
    settings = ReaderSettings(model=config, weights=weights, candidates=("7", "23"))
    assert isinstance(make_reader(settings=settings), ShirtReader)
    assert isinstance(make_reader("ocr", settings), OcrReader)
    assert make_reader("shirt+ocr").name == "shirt + RapidOCR"
    clip, both = make_reader("clip", settings), make_reader("ocr+clip", settings)
    assert isinstance(clip, ClipReader)
    assert isinstance(both, BothReaders)
    assert clip.candidates == both.candidates == ("7", "23")
    monkeypatch.setitem(READERS, "told", lambda settings: Told(np.zeros((1, 3)), ("7", "23")))
    assert isinstance(make_reader("told"), Told)
    with pytest.raises(ConfigError, match=r"'clib' is unknown\. Did you mean 'clip'\?"):
        make_reader("ocr+clib", settings)


def test_a_configuration_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="no such configuration"):
        ClipReader(str(tmp_path / "none.json"))
    (tmp_path / "list.json").write_text("[1, 2]")
    with pytest.raises(WeightsError, match=r"list\.json: not an OpenCLIP configuration"):
        ClipReader(str(tmp_path / "list.json"))
    with pytest.raises(WeightsError, match="Did you mean 'ViT-B-32-quickgelu'"):
        ClipReader("ViT-B-32-quickgel")


def test_a_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(MissingExtra, match=r"pip install 'sameplayer\[numbers\]'.*'\.\[numbers\]'"):
        make_reader("ocr")
