"""A soup is the mean of its encoders, and refuses encoders of several kinds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sameplayer.cli import main
from sameplayer.encoder.calibration import Calibration
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import create_encoder, load_encoder
from sameplayer.encoder.soup import average_encoders
from sameplayer.errors import WeightsError


def test_a_soup_is_the_mean_of_its_encoders(tmp_path: Path) -> None:
    encoders = [create_encoder("small", pretrained=False, seed=seed) for seed in (1, 2, 3)]
    for encoder in encoders:
        encoder.save(tmp_path / str(encoder.fingerprint()))
    folders = [str(tmp_path / encoder.fingerprint()) for encoder in encoders]
    assert main(["soup", *folders, "--out", str(tmp_path / "soup")]) == 0
    mean = sum(encoder.model.head.weight for encoder in encoders) / 3
    torch.testing.assert_close(load_encoder(tmp_path / "soup").model.head.weight, mean)
    assert main(["soup", *folders, "--out", str(tmp_path / "soup")]) == 2


def test_a_soup_of_one_or_of_several_kinds_is_refused() -> None:
    encoder = create_encoder("small", pretrained=False)
    other = create_encoder("small", pretrained=False, height=64)
    with pytest.raises(WeightsError, match=r"Encoder 2.*64 x 64"):
        average_encoders([encoder, other])
    for few in ([], [encoder]):
        with pytest.raises(WeightsError, match="two or more"):
            average_encoders(few)


def test_a_soup_forgets_the_calibration_of_its_encoders() -> None:
    encoder = create_encoder("small", pretrained=False)
    spec = replace(encoder.spec, calibration=Calibration(9.0, -3.0, 0.5, 20, 20, ""))
    soup = average_encoders([Encoder(encoder.model, spec), encoder])
    assert soup.spec.calibration is None
