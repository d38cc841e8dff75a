"""The verb pilot: what it writes, says and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sameplayer.cli import main
from sameplayer.data.crops import Crops, write_crops
from sameplayer.pilot import load_pilot, next_question
from sameplayer.pilot.folder import Pilot
from sameplayer.synthetic.match import draw_match

SMALL = ["--pairs", "150", "--encoder", "colour", "--device", "cpu"]


@pytest.fixture
def table(named: Crops, tmp_path: Path) -> Path:
    write_crops(named, tmp_path / "crops.csv")
    return tmp_path / "crops.csv"


def test_known_persons_answer_and_the_report_is_written(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "PILOT"
    words = ["--known", "--within", "0.5"]
    assert main(["pilot", str(table), "--out", str(out), *SMALL, *words]) == 0
    said = capsys.readouterr().out
    assert "150 of 150 questions answered" in said
    assert "missed %" in said
    found = json.loads((out / "report.json").read_text())
    assert found["enough"]
    assert found["answers"]["asked"] == 150
    assert "What to expect" in (out / "report.html").read_text()


def test_answers_come_from_a_file_all_or_none(
    pilot: Pilot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = next_question(pilot)
    given = tmp_path / "mine.csv"
    given.write_text(f"pair,answer\n{pair},no\nnobody,yes\n")
    assert main(["pilot", str(pilot.folder), "--answers", str(given)]) == 2
    assert "line 3 names the pair 'nobody'" in capsys.readouterr().err
    assert not (pilot.folder / "answers.csv").exists()
    given.write_text(f"pair,answer\n{pair},no\n")
    assert main(["pilot", str(pilot.folder), "--answers", str(given)]) == 0
    assert "1 of 120 questions answered" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "No footage given"),
        (["."], "is not the folder of a pilot"),
        (["PILOT", "--known"], "sameplayer pilot DATA --out PILOT --known"),
        (["a", "b", "--out", "P"], "one folder or table of crops, or videos"),
        (["nothing.csv", "--out", "P"], "nothing.csv"),
        (["LEAGUE", "--out", "P", "--within", "2"], "--within is 2"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    words: list[str],
    says: str,
    pilot: Pilot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["pilot", *words]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "P").exists()


def test_videos_become_tracks_and_those_seen_together_are_not_asked_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("av")
    match = draw_match(tmp_path / "MATCH", 1, seconds=2, players=3, size=(640, 360))
    videos = [str(match / f"camera{number}.mp4") for number in (1, 2)]
    boxes = ["--boxes", str(match / "boxes.csv")]
    out = tmp_path / "PILOT"
    assert main(["pilot", *videos, "--out", str(out), *boxes, *SMALL]) == 0
    assert "0 of 150 questions answered" in capsys.readouterr().out
    made = load_pilot(out)
    assert made.facts["tracked"]
    assert made.facts["known"] > 0
    assert len(made.differ) > 0
    tracks = {tuple(sorted(pair)) for pair in made.tracks}
    assert not tracks & made.cannot_link


def test_boxes_belong_to_videos(table: Path, tmp_path: Path) -> None:
    words = ["pilot", str(table), "--out", str(tmp_path / "P"), "--boxes", "boxes.csv"]
    assert main(words) == 2
