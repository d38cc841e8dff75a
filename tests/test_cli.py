"""The commands as a user calls them: results, exit codes, error texts, no traceback."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import cv2
import pytest

import sameplayer
from sameplayer import TrainConfig, train
from sameplayer.cli import main
from sameplayer.data.crops import Crops, write_crops
from sameplayer.data.splits import hold_out
from sameplayer.evaluation.submission import read_submission
from sameplayer.synthetic import league as drawing

FAST = [
    "--preset",
    "small",
    "--epochs",
    "1",
    "--pairs",
    "6",
    "--height",
    "64",
    "--width",
    "32",
    "--validate",
    "none",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, league: Crops) -> Path:
    out = tmp_path_factory.mktemp("cli") / "run"
    train(
        league, out, TrainConfig("small", epochs=1, pairs=6, height=64, width=32, validate="none")
    )
    return out


def test_synth_then_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "drawn"
    monkeypatch.setattr(drawing, "draw_league", partial(drawing.draw_league, frames=3))
    assert main(["synth", str(out), "--persons", "12", "--seed", "2", "--clips", "1"]) == 0
    assert main(["check", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "synergy" in shown
    assert "no problems" in shown
    assert main(["check", str(out / "clips")]) == 0
    next(out.rglob("reid_test/query/*.jpeg")).write_bytes(b"")
    assert main(["check", str(out)]) == 1
    assert "unreadable picture: row" in capsys.readouterr().out


def test_train_evaluate_embed_submit(
    tmp_path: Path, league_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, run = str(league_folder), tmp_path / "run"
    assert main(["train", data, "--out", str(run), *FAST]) == 0
    scores, page = tmp_path / "scores.json", tmp_path / "report.html"
    arguments = ["--json", str(scores), "--report", str(page), "--rerank", "k-reciprocal"]
    assert main(["evaluate", str(run), data, *arguments]) == 0
    assert "mAP" in capsys.readouterr().out
    record = json.loads(scores.read_text())
    assert set(record["cmc"]) == {"allshots", "market1501", "cuhk03"}
    assert set(record["cmc"]["allshots"]) == {"1", "5", "10"}
    assert record["queries"] == 8
    assert record["gallery"] == 40
    assert page.stat().st_size > 20_000
    assert main(["embed", str(run), data, "--out", str(tmp_path / "all.safetensors")]) == 0
    out = tmp_path / "distances.csv"
    assert main(["submit", str(run), str(run), data, "--out", str(out), "--fuse", "combined"]) == 0
    distance, query_ids, gallery_ids = read_submission(out)
    assert distance.shape == (6, 30)
    assert len(set(query_ids.tolist() + gallery_ids.tolist())) == 36


def test_python_and_the_command_line_score_the_same(
    tmp_path: Path, league: Crops, run: Path
) -> None:
    alone = league.table["person"].ne("1") | league.table["person"].duplicated()
    crops = hold_out(league.where(league.table["person"].notna() & alone), share=0.5)
    write_crops(crops, tmp_path / "crops.csv")
    again = sameplayer.read_source(tmp_path / "crops.csv").of_split("test")
    embeddings = sameplayer.embed(sameplayer.load_encoder(run), again)
    scores = sameplayer.evaluate(sameplayer.rank(embeddings))
    file = tmp_path / "scores.json"
    assert main(["evaluate", str(run), str(tmp_path / "crops.csv"), "--json", str(file)]) == 0
    assert json.loads(file.read_text()) == json.loads(json.dumps(scores.json()))


def test_config_repeats_a_run_to_the_bit(tmp_path: Path, league_folder: Path, run: Path) -> None:
    again = tmp_path / "again"
    config = str(run / "config.json")
    assert main(["train", str(league_folder), "--out", str(again), "--config", config]) == 0
    first = (run / "last" / "model.safetensors").read_bytes()
    assert (again / "last" / "model.safetensors").read_bytes() == first
    other = tmp_path / "other"
    arguments = ["--out", str(other), f"--config={config}", "--seed", "5"]
    assert main(["train", str(league_folder), *arguments]) == 0
    assert (other / "last" / "model.safetensors").read_bytes() != first


def test_rerank_and_fuse_saved_results(
    tmp_path: Path, league_folder: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, rows = str(league_folder), str(tmp_path / "test.safetensors")
    assert main(["embed", str(run), data, "--split", "test", "--out", rows]) == 0
    a, b, fused = (str(tmp_path / f"{name}.csv") for name in "abf")
    assert main(["rerank", rows, "--k1", "6", "--out", a]) == 0
    assert "points (95 % interval" in capsys.readouterr().out
    assert main(["rerank", rows, "--k1", "6", "--one-by-one", "--out", b]) == 0
    joint, alone = read_submission(a)[0], read_submission(b)[0]
    assert joint.shape == alone.shape == (8, 40)
    assert main(["fuse", a, b, "--out", fused, "--weights", "1", "3", "--normalise", "rank"]) == 0
    assert read_submission(fused)[0].max() <= 1
    assert main(["evaluate", str(run), data, "--expand", "2", "--memory-gb", "0.001"]) == 0


def test_seeds_compare_and_show_batch(
    tmp_path: Path, league_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = str(league_folder), tmp_path / "runs"
    settings = [
        "--preset",
        "small",
        "--pairs",
        "6",
        "--epochs",
        "1",
        "--folds",
        "4",
        "--height",
        "64",
        "--width",
        "32",
    ]
    assert main(["train", data, "--out", str(out), "--seeds", "1", "2", *settings]) == 0
    assert "over 2 seeds" in capsys.readouterr().out
    (out / "seed-2" / "state.pt").unlink()
    resumed = ["train", data, "--out", str(out), "--seeds", "1", "2", "--resume"]
    assert main(resumed) == 0
    assert "over 2 seeds" in capsys.readouterr().out
    runs, page = [str(out / "seed-1"), str(out / "seed-2")], tmp_path / "compare.html"
    assert main(["compare", *runs, data, "--out", str(page)]) == 0
    shown = capsys.readouterr().out
    assert shown.count("seed-") == 2
    assert "points, p = " in shown
    assert "data:image/png;base64," in page.read_text()
    assert "http" not in page.read_text()
    picture = tmp_path / "batch.png"
    batch = ["--preset", "small", "--augment", "2023"]
    assert main(["show-batch", data, "--out", str(picture), *batch]) == 0
    assert "16 pairs" in capsys.readouterr().out
    high, wide = cv2.imread(str(picture)).shape[:2]
    assert (high, wide) == (2 * 128, 16 * 64)


def test_evaluate_says_when_persons_are_told_apart_elsewhere_than_in_training(
    league_folder: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(run), str(league_folder)]) == 0
    assert "told apart" not in capsys.readouterr().err
    assert main(["evaluate", str(run), str(league_folder), "--scope", "sequence"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "trained with persons told apart within a set; here it is a sequence" in said


def test_a_resumed_run_keeps_its_scope_without_being_told(
    league_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders, weights = (tmp_path / "whole", tmp_path / "cut"), []
    short = [str(league_folder), *FAST, "--epochs", "2", "--pairs", "2"]
    for out in folders:
        assert main(["train", *short, "--out", str(out), "--scope", "game"]) == 0
    (folders[1] / "state.pt").unlink()  # as if killed before the first state
    assert main(["train", str(league_folder), "--out", str(folders[1]), "--resume"]) == 0
    for out in folders:
        weights.append((out / "last" / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]
    assert json.loads((folders[1] / "config.json").read_text())["data"]["scope"] == "game"
    command = ["train", str(league_folder), "--out", str(folders[1]), "--resume"]
    assert main([*command, "--scope", "set"]) == 2
    assert "scope was game, now set" in capsys.readouterr().err


def test_a_reader_of_the_output_who_leaves_gets_no_traceback(
    league_folder: Path, run: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "sameplayer", "evaluate", str(run), str(league_folder)]
    scores = tmp_path / "scores.json"
    with subprocess.Popen(
        [*command, "--json", str(scores)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 141
    assert "Traceback" not in said
    assert "BrokenPipe" not in said
    assert json.loads(scores.read_text())["queries"] == 8


BAD = {
    "no folder": (["check", "{tmp}/nowhere"], "no such folder or table"),
    "empty folder": (["check", "{tmp}/empty"], "the folder is empty"),
    "unknown layout": (["check", "{tmp}/odd"], "Looked for"),
    "unknown source": (["check", "{data}", "--source", "sinergy"], "Did you mean 'synergy'"),
    "file as folder": (["check", "{run}/config.json", "--source", "mot"], "a file; expected"),
    "unknown preset": (["train", "{data}", "--out", "{tmp}/r", "--preset", "smal"], "Did you mean"),
    "used run folder": (
        ["train", "{data}", "--out", "{run}", "--pairs", "6"],
        "already holds files",
    ),
    "batch too large": (
        ["train", "{data}", "--out", "{tmp}/r", "--preset", "small", "--pairs", "99"],
        "pairs",
    ),
    "setting out of range": (["train", "{data}", "--out", "{tmp}/r", "--lr", "-1"], "--lr is -1"),
    "no config": (["train", "{data}", "--out", "{tmp}/r", "--config", "{tmp}/x"], "configuration"),
    "no run": (["evaluate", "{tmp}/nowhere", "{data}"], "nowhere"),
    "no split": (["evaluate", "{run}", "{data}", "--split", "valid"], "no split 'valid'"),
    "k1": (["evaluate", "{run}", "{data}", "--rerank", "hard", "--k1", "0"], "k1 is 0"),
    "hidden persons": (["evaluate", "{run}", "{data}", "--split", "challenge"], "match"),
    "one run": (["compare", "{run}", "{data}"], "expected 2 or more run folders"),
    "memory": (
        ["evaluate", "{run}", "{data}", "--rerank", "hard", "--memory-gb", "0"],
        "--memory-gb",
    ),
    "one file": (["fuse", "{file}", "--out", "{tmp}/f.csv"], "expected two or more"),
    "no matrix": (["fuse", "{file}", "{file}", "--out", "{tmp}/f.csv"], "a header of 0"),
    "no embeddings": (["rerank", "{file}"], "not an embeddings file"),
    "device": (
        ["evaluate", "{run}", "{data}", "--device", "gpu"],
        "--device is gpu; expected auto",
    ),
    "no CUDA": (["embed", "{run}", "{data}", "--out", "{tmp}/e", "--device", "cuda:7"], "CUDA"),
    "no run of this name": (["evaluate", "runs/typo", "{data}"], "no such folder or file"),
    "two queries fit": (["search", "{run}", "{data}", "query"], "which fits 8 of 8 queries"),
    "no picture": (["same", "{file}", "{file}", "--encoder", "{run}"], "file: "),
    "no ids": (["submit", "{run}", "{data}", "--out", "{tmp}/s.csv", "--split", "test"], "id"),
    "report in a file": (["evaluate", "{run}", "{data}", "--report", "{file}/a.html"], "written"),
    "json in a file": (["evaluate", "{run}", "{data}", "--json", "{file}/a.json"], "written"),
    "demo folder in use": (["demo", "--out", "{data}"], "already holds files"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_message_and_exit_code_2(
    case: str, tmp_path: Path, league_folder: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "notes.txt").write_text("nothing")
    file = tmp_path / "file"
    file.write_text("in the way")
    arguments, expected = BAD[case]
    places = {"tmp": tmp_path, "data": league_folder, "run": run, "file": file}
    assert main([argument.format(**places) for argument in arguments]) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert "Traceback" not in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty", "file", "odd"]


def test_unknown_flag_exits_with_2_and_a_hint() -> None:
    command = [sys.executable, "-m", "sameplayer.cli", "check", ".", "--sorce", "mot"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--source" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_ctrl_c_in_an_epoch_leaves_the_last_finished_one(
    tmp_path: Path, league_folder: Path
) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "sameplayer.cli", "train", str(league_folder)]
    settings = ["--out", str(out), "--epochs", "300", "--pairs", "6", "--validate", "none"]
    settings += ["--preset", "small", "--height", "64", "--width", "32"]
    process = subprocess.Popen(
        [*command, *settings],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell may ignore it
    )
    deadline = time.monotonic() + 120
    while not (out / "best" / "model.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "stopped" in said
    assert "Traceback" not in said
    with open(out / "metrics.csv", newline="") as file:
        assert int(list(csv.DictReader(file))[-1]["epoch"]) >= 1
    assert main(["evaluate", str(out), str(league_folder)]) == 0
    assert not [p for p in out.rglob("*") if "partial" in p.name]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_said_and_nothing_half_written_stays(
    tmp_path: Path,
    league_folder: Path,
    run: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Path, "touch", lambda path, *_: path.symlink_to("/dev/full"))
    arguments = ["submit", str(run), str(league_folder), "--out", str(tmp_path / "s.csv")]
    assert main(arguments) == 2
    assert "No space left" in capsys.readouterr().err
    page = tmp_path / "r.html"
    assert main(["evaluate", str(run), str(league_folder), "--report", str(page)]) == 2
    assert "No space left" in capsys.readouterr().err
    scores = str(tmp_path / "j.json")
    assert main(["evaluate", str(run), str(league_folder), "--json", scores]) == 2
    assert "No space left" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_full_disk_while_logging_an_epoch(tmp_path: Path, league_folder: Path) -> None:
    if not shutil.which("prlimit") and sys.platform != "linux":
        pytest.skip("file size limits are set as on Linux")
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000));"
        "from sameplayer.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["train", str(league_folder), "--out", str(tmp_path / "run"), *FAST]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "run").rglob("*.partial"))
