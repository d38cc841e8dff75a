"""The verb jersey."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pandas as pd
import pytest

from sameplayer.cli import main
from sameplayer.data.layouts.sources import read_source
from sameplayer.encoder.load import create_encoder


def test_the_command_writes_a_column_and_scores_it(
    league_folder: Path, tmp_path: Path, tiny: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    out, roster = tmp_path / "numbers.csv", tmp_path / "roster.csv"
    pd.DataFrame({"number": ["7", "23", "00"]}).to_csv(roster, index=False)
    config, weights = tiny
    command = ["jersey", "clip", str(league_folder), "--split", "test", "--model", config]
    command += ["--weights", weights]
    command += ["--by", "sequence", "person", "--roster", str(roster)]
    sheet = tmp_path / "sheet.png"
    more = ["--threshold", "0.0", "--picture", str(sheet)]
    assert main([*command, "--labels", "--out", str(out), *more]) == 0
    assert cv2.imread(str(sheet)).shape[1] > 800
    said = capsys.readouterr().out
    assert "coverage" in said
    assert "digits confused" in said
    table = read_source(out).table
    assert {"read_number", "read_number_probability", "read_number_frames"} <= set(table.columns)
    create_encoder("small", pretrained=False).save(tmp_path / "encoder")
    scores = []
    for weight in ("0", "0.5"):
        evaluate = ["evaluate", str(tmp_path / "encoder"), str(out), "--number-weight", weight]
        assert main([*evaluate, "--json", str(tmp_path / "scores.json")]) == 0
        scores.append(json.loads((tmp_path / "scores.json").read_text())["mAP"])
    assert scores[0] != scores[1]
    capsys.readouterr()
    roster.write_text("number\n7\nten\n")
    assert main([*command, "--labels"]) == 2
    assert "row 3: 'ten'" in capsys.readouterr().err
    assert main(["jersey", "clib", str(league_folder), "--labels"]) == 2
    assert "Did you mean 'clip'" in capsys.readouterr().err
    assert main(["jersey", "ocr", str(league_folder)]) == 2
    assert "jersey needs --out" in capsys.readouterr().err


def test_without_a_reader_the_packages_own_reads(
    league_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "numbers.csv"
    assert main(["jersey", str(league_folder), "--split", "test", "--out", str(out)]) == 0
    asked = read_source(out).table["read_number"].astype("string").fillna("")
    command = ["jersey", "shirt", str(league_folder), "--split", "test", "--out", str(out)]
    assert main([*command, "--labels"]) == 0
    assert "shirt, each alone" in capsys.readouterr().out
    named = read_source(out).table["read_number"].astype("string").fillna("")
    assert named.tolist() == asked.tolist()
    assert (named != "").any()
    with pytest.raises(SystemExit, match="2"):
        main(["jersey", "--out", str(out)])
    assert "expected a reader, which may be left out" in capsys.readouterr().err


def test_the_words_clip_and_ocr_name_readers(
    league_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    assert main(["jersey", "clip", str(league_folder), "--labels"]) == 2
    assert "weights 'openai' of ViT-B-32-quickgelu could not be had" in capsys.readouterr().err
