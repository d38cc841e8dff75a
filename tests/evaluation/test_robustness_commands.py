"""The verbs robustness and robustness-numbers, and evaluate by group."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sameplayer.cli import main
from sameplayer.commands import shared
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import create_encoder
from sameplayer.numbers import readers
from sameplayer.numbers.readers import ReaderSettings
from tests.evaluation.test_robustness_numbers import Always


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoder") / "small"
    create_encoder("small", pretrained=False, height=64, width=32).save(folder)
    return folder


def test_robustness_writes_a_page_and_a_record(
    encoder: Path, league_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, record = tmp_path / "page.html", tmp_path / "scores.json"
    command = ["robustness", str(encoder), str(league_folder), "--out", str(page)]
    more = ["--json", str(record), "--corruptions", "height=48,24", "grey", "--corrupted", "both"]
    assert main([*command, *more]) == 0
    said = capsys.readouterr().out
    assert re.search(r"height +24 pixels", said)
    assert "grey    " in said
    told = json.loads(record.read_text())
    assert [one["level"] for one in told["levels"]] == [48, 24, 50, 75, 100]
    assert told["facts"]["corrupted"] == "both"
    assert f"data</th><td>{league_folder}" in page.read_text()


def test_where_no_encoder_is_named_it_is_person(
    league_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def load(self: shared.Compute, run: str) -> Encoder:
        asked.append(run)
        return create_encoder("small", pretrained=False, height=64, width=32)

    monkeypatch.setattr(shared.Compute, "load", load)
    page = tmp_path / "page.html"
    assert (
        main(["robustness", str(league_folder), "--out", str(page), "--corruptions", "grey=100"])
        == 0
    )
    assert asked == ["person"]
    assert "run</th><td>person" in page.read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--corruptions", "blurr"],
            "--corruptions is 'blurr'; expected one of height, .*mean 'blur'?",
        ),
        (
            ["--corruptions", "jpeg=500"],
            "--corruptions is jpeg=500; expected levels of jpeg from 1 to 100",
        ),
        (["--split", "valid"], "no split 'valid'"),
    ],
    ids=str,
)
def test_robustness_refuses_before_anything_is_written(
    words: list[str],
    message: str,
    encoder: Path,
    league_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = tmp_path / "page.html"
    command = ["robustness", str(encoder), str(league_folder), "--out", str(page)]
    assert main([*command, *words]) == 2
    assert re.search(message, capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []


def test_evaluate_by_group_prints_and_writes_the_groups(
    encoder: Path,
    league_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = tmp_path / "scores.json"
    command = ["evaluate", str(encoder), str(league_folder), "--json", str(record)]
    assert main([*command, "--by", "team", "kind"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^team a +4 +4\*", said, re.M)
    assert "kind player" in said
    groups = json.loads(record.read_text())["groups"]
    assert {(one["column"], one["group"]) for one in groups} >= {("team", "a"), ("team", "b")}
    monkeypatch.setattr(shared.Compute, "embed", None)  # a wrong column is told before
    assert main([*command, "--by", "skin"]) == 2
    assert "--by is 'skin'; expected one of the table's columns: " in capsys.readouterr().err


def test_robustness_of_a_reader_writes_a_page_and_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def always(settings: ReaderSettings) -> Always:
        return Always("7", 100)

    monkeypatch.setitem(readers.READERS, "always", always)
    page, record = tmp_path / "page.html", tmp_path / "shares.json"
    command = ["robustness-numbers", "always", "--out", str(page), "--json", str(record)]
    assert main([*command, "--vary", "height", "--pictures", "2"]) == 0
    assert re.search(r"height +8 pixels", capsys.readouterr().out)
    assert json.loads(record.read_text())["facts"]["reader"] == "always"
    assert page.stat().st_size > 10_000
    assert main([*command, "--vary", "heigth"]) == 2
    assert "--vary is 'heigth'" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["robustness", "robustness-numbers"])
def test_help_names_every_harm_and_factor(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    from sameplayer.data.corruption.corruptions import CORRUPTIONS
    from sameplayer.evaluation.robustness.numbers import FACTORS

    with pytest.raises(SystemExit):
        main([verb, "--help"])
    said = " ".join(re.sub(r"[│\n]", " ", capsys.readouterr().out).split())
    for name in CORRUPTIONS if verb == "robustness" else FACTORS:
        assert name in said
    assert shared.RUN.split(",")[0] in said or verb == "robustness-numbers"
