"""The verbs log and log-export: what they write, keep and refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sameplayer.cli import main
from sameplayer.data.check import check_crops
from sameplayer.data.crops import read_crops
from sameplayer.errors import DataError
from sameplayer.identity import pipeline as match
from sameplayer.identity.inputs.corrections import (
    Correction,
    FramePoint,
    read_corrections,
    write_corrections,
)
from sameplayer.identity.log.log_files import load_log, save_log
from sameplayer.identity.log.player_log import PlayerLog
from sameplayer.synthetic.match import draw_match

SAME = Correction("same", FramePoint("left", 1, 20, 50), FramePoint("right", 4, 22, 50))
NOT = Correction("different", FramePoint("left", 1, 20, 50), FramePoint("left", 22, 60, 50))


FAST = ("--no-maps", "--encoder", "colour")


class Told:
    """Stands for identify_players: notes what it was given, and gives a log that is there."""

    def __init__(self, log: PlayerLog) -> None:
        self.log = log
        self.given: list[dict[str, Any]] = []
        self.error: Exception | None = None

    def __call__(self, *values: Any, **named: Any) -> PlayerLog:
        names = ("videos", "boxes", "roster", "corrections")
        self.given.append({**dict(zip(names, values, strict=False)), **named})
        if self.error is not None:
            raise self.error
        for done in (0.0, 1.5, 3.0):
            named["progress"]("finding people", done, 3.0)
        return self.log


@pytest.fixture
def told(log: PlayerLog, monkeypatch: pytest.MonkeyPatch) -> Told:
    made = Told(log)
    monkeypatch.setattr(match, "identify_players", made)
    return made


@pytest.fixture
def run(told: Told, tmp_path: Path) -> Callable[..., int]:
    videos = [str(one.video) for one in told.log.cameras]

    def call(*words: str) -> int:
        return main(["log", *videos, "--out", str(tmp_path / "LOG"), *FAST, *words])

    return call


def test_log_writes_the_log_its_page_and_what_is_asked_for(
    run: Callable[..., int], told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--export", "sportscode", "gsr", "--annotate", "--crops"]
    assert run(*words, "--fps", "2", "--tile", "640", "--offsets", "0", "0.5") == 0
    out = tmp_path / "LOG"
    assert {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} == {
        "log.parquet",
        "log.csv",
        "boxes.parquet",
        "links.parquet",
        "players.csv",
        "log.json",
        "report.html",
        "tracks/left.txt",
        "tracks/right.txt",
        "tracks/names.csv",
        "sportscode.xml",
        "gsr/left.json",
        "gsr/right.json",
        "annotated/left.mp4",
        "annotated/right.mp4",
        "crops.csv",
        "crops.json",
    }
    (given,) = told.given
    assert given["folder"] == out / "work"
    assert given["boxes"] is given["roster"] is given["cuts"] is None
    assert (given["config"].fps, given["config"].tile_size()) == (2.0, 640)
    assert given["offsets"] == (0.0, 0.5)
    shown = capsys.readouterr().out
    assert "4 players and others, 8 appearances, 6 of them sure" in shown
    assert f"page: {out / 'report.html'}" in shown
    assert len(load_log(out)) == 8
    assert check_crops(read_crops(out / "crops.csv")) == []


def test_a_log_without_anybody_known_is_whole_but_for_the_crops(
    run: Callable[..., int], told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told.log = replace(told.log, appearances=told.log.appearances.assign(name=None, number=None))
    assert run("--annotate", "--crops") == 2
    shown = capsys.readouterr()
    assert "Nobody in the log has a name or a number" in shown.err
    assert f"page: {tmp_path / 'LOG' / 'report.html'}" in shown.out
    assert (tmp_path / "LOG" / "annotated" / "left.mp4").is_file()


def test_a_correction_is_kept_and_holds_in_every_later_run(
    run: Callable[..., int], told: Told, tmp_path: Path
) -> None:
    kept = tmp_path / "LOG" / "corrections.csv"
    assert run() == 0
    assert not kept.exists()
    write_corrections([SAME], tmp_path / "a.csv")
    assert run("--corrections", str(tmp_path / "a.csv")) == 0
    assert run() == 0
    write_corrections([SAME, NOT], tmp_path / "b.csv")
    assert run("--corrections", str(tmp_path / "b.csv")) == 0
    assert run("--corrections", str(kept)) == 0
    assert [given["corrections"] for given in told.given] == [
        [],
        [SAME],
        [SAME],
        [SAME, NOT],
        [SAME, NOT],
    ]
    assert read_corrections(kept) == (SAME, NOT)


def test_corrections_that_are_refused_are_not_kept_and_the_log_stays(
    run: Callable[..., int], told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_corrections([SAME], tmp_path / "a.csv")
    write_corrections([NOT], tmp_path / "b.csv")
    assert run("--corrections", str(tmp_path / "a.csv")) == 0
    before = {path: path.read_bytes() for path in (tmp_path / "LOG").glob("*.*")}
    told.error = DataError("Corrections, rows 0, 1 contradict each other. Take one of them out.")
    assert run("--corrections", str(tmp_path / "b.csv")) == 2
    said = capsys.readouterr().err
    assert f"rows count on through {tmp_path / 'LOG' / 'corrections.csv'} and then" in said
    assert str(tmp_path / "b.csv") in said
    assert {path: path.read_bytes() for path in (tmp_path / "LOG").glob("*.*")} == before


def test_boxes_and_cuts_are_of_the_cameras_in_their_order(
    run: Callable[..., int], told: Told
) -> None:
    assert run("--boxes", "a.txt", "b.txt", "--cuts", "c.txt", "d.txt") == 0
    assert run("--boxes", "all.csv") == 0
    assert told.given[0]["boxes"] == {"left": Path("a.txt"), "right": Path("b.txt")}
    assert told.given[0]["cuts"] == {"left": Path("c.txt"), "right": Path("d.txt")}
    assert told.given[1]["boxes"] == Path("all.csv")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--export", "sportcode"], "--export is 'sportcode'; expected one of mot"),
        (["--boxes", "a", "b", "c"], "--boxes is 3 files; expected a file for each of the 2"),
        (["--cuts", "a"], "--cuts is 1 files; expected a file for each of the 2"),
        (["--fps", "0"], "--fps is 0.0; expected more than 0"),
        (["--threshold", "1.5"], "--threshold is 1.5"),
        (["--corrections", "none.csv"], "none.csv: no such file"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(
    run: Callable[..., int],
    told: Told,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    try:
        status = run(*words)
    except SystemExit as stopped:  # settings are checked while the words are read
        status = int(stopped.code or 0)
    assert status == 2
    assert said in " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert told.given == []
    assert not (tmp_path / "LOG").exists()


def test_log_export_writes_a_saved_log_for_other_tools(
    log: PlayerLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = save_log(log, tmp_path / "LOG")
    assert main(["log-export", str(folder), "--to", "cvat", "label-studio"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        str(folder / "cvat" / "left.xml"),
        str(folder / "cvat" / "right.xml"),
        str(folder / "cvat" / "labels.json"),
        str(folder / "label-studio.json"),
        str(folder / "label-studio.xml"),
    ]
    assert main(["log-export", str(folder), "--to", "mot", "--out", str(tmp_path / "X")]) == 0
    assert (tmp_path / "X" / "tracks" / "left.txt").is_file()
    assert main(["log-export", str(folder), "--to", "xls"]) == 2
    assert "--to is 'xls'; expected one of mot, sportscode" in capsys.readouterr().err
    assert main(["log-export", str(folder), "--to", "mot", "mot"]) == 2
    assert "--to is 'mot' twice; expected each once" in capsys.readouterr().err
    assert main(["log-export", str(folder), "--to"]) == 2
    assert "--to is empty; expected one or more of mot" in capsys.readouterr().err
    assert main(["log-export", str(tmp_path / "no"), "--to", "mot"]) == 2


def test_a_small_match_goes_from_videos_to_a_page_and_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(
        draw_match(tmp_path / "m", 3, seconds=3, cameras=1, fps=3, size=(320, 180), players=2)
    )
    words = ["log", "camera1.mp4", "--out", "LOG", "--boxes", "boxes.csv", "--roster", "roster.csv"]
    assert main([*words, "--fps", "3", "--no-maps"]) == 0
    first = load_log("LOG")
    assert len(first) > 3
    assert json.loads(Path("LOG/log.json").read_text())["cameras"][0]["video"] == "../camera1.mp4"
    assert first.facts["videos"] == {
        "camera1": {"width": 320, "height": 180, "frames": 9, "seconds": 3.0}
    }
    parts = {path: path.stat().st_mtime_ns for path in Path("LOG/work").rglob("*.safetensors")}
    assert parts
    shown = first.boxes.groupby("frame")["appearance"].agg(set)
    a, b = sorted(next(one for one in shown if len(one) > 1))[:2]
    places = []
    for appearance in (a, b):
        box = first.boxes[first.boxes["appearance"] == appearance].iloc[0]
        middle = box["left"] + box["width"] / 2, box["top"] + box["height"] / 2
        places.append(FramePoint("camera1", int(box["frame"]), *map(float, middle)))
    write_corrections([Correction("different", *places)], "mine.csv")
    assert main([*words, "--fps", "3", "--no-maps", "--corrections", "mine.csv"]) == 0
    assert {path: path.stat().st_mtime_ns for path in parts} == parts
    again = load_log("LOG")
    assert again.facts["corrections"] == 1
    who = again.appearances.set_index("appearance")["identity"]
    assert who[a] != who[b]
    np.testing.assert_array_equal(again.boxes["left"], first.boxes["left"])
    assert "page: LOG/report.html" in capsys.readouterr().out
