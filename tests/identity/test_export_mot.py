"""MOT text: TrackEval reads the files as a whole, and finds the log equal to itself."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trackeval import Evaluator
from trackeval.datasets import MotChallenge2DBox
from trackeval.metrics import CLEAR, HOTA, Identity

from sameplayer.identity.export.boxes import camera_files, identity_ids
from sameplayer.identity.export.registry import export_log
from sameplayer.identity.log.player_log import PlayerLog
from tests.identity.logs import STRANGE, make_log, make_strange_log

SPLIT = "OWN-train"


def evaluated(truth: PlayerLog, found: PlayerLog, folder: Path) -> dict[str, Any]:
    """Return TrackEval's results by camera, of folders as MOTChallenge has them."""
    gt, trackers = folder / "gt", folder / "trackers"
    for path in export_log(truth, "mot", folder / "truth")[:-1]:
        own = gt / SPLIT / path.stem / "gt" / "gt.txt"
        own.parent.mkdir(parents=True)
        rows = [line.split(",") for line in path.read_text().splitlines()]
        own.write_text("".join(",".join([*row[:6], "1", "1", "1"]) + "\n" for row in rows))
        (own.parents[1] / "seqinfo.ini").write_text("[Sequence]\nseqLength=110\n")
    for path in export_log(found, "mot", folder / "found")[:-1]:
        own = trackers / SPLIT / "log" / "data" / path.name
        own.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, own)
    (gt / "seqmaps").mkdir()
    with (gt / "seqmaps" / f"{SPLIT}.txt").open("w", newline="") as file:
        csv.writer(file).writerows([["name"], *([one] for one in camera_files(truth, "").values())])
    quiet = {
        "PRINT_CONFIG": False,
        "PRINT_RESULTS": False,
        "TIME_PROGRESS": False,
        "DISPLAY_LESS_PROGRESS": True,
        "OUTPUT_SUMMARY": False,
        "OUTPUT_DETAILED": False,
        "OUTPUT_EMPTY_CLASSES": False,
        "PLOT_CURVES": False,
        "BREAK_ON_ERROR": True,
        "LOG_ON_ERROR": None,
    }
    dataset = MotChallenge2DBox(
        {
            "GT_FOLDER": str(gt),
            "TRACKERS_FOLDER": str(trackers),
            "BENCHMARK": "OWN",
            "PRINT_CONFIG": False,
        }
    )
    metrics = [HOTA(), CLEAR({"PRINT_CONFIG": False}), Identity({"PRINT_CONFIG": False})]
    results = Evaluator(quiet).evaluate([dataset], metrics)[0]
    return {
        camera: one["pedestrian"]
        for camera, one in results["MotChallenge2DBox"]["log"].items()
        if camera != "COMBINED_SEQ"
    }


@pytest.mark.parametrize("make", [make_log, make_strange_log])
def test_trackeval_finds_the_log_equal_to_itself(
    make: Callable[[Path], PlayerLog], tmp_path: Path
) -> None:
    log = make(tmp_path / "log")
    results = evaluated(log, log, tmp_path)
    assert set(results) == set(camera_files(log, "").values())
    for camera, stem in camera_files(log, "").items():
        own = log.boxes[log.boxes["camera"] == camera]
        who = own["appearance"].map(log.appearances.set_index("appearance")["identity"])
        hota, clear, identity = (results[stem][name] for name in ("HOTA", "CLEAR", "Identity"))
        assert np.mean(hota["HOTA"]) == clear["MOTA"] == identity["IDF1"] == 1
        assert clear["CLR_TP"] == len(own)
        counted = results[stem]["Count"]
        assert counted["GT_IDs"] == counted["IDs"] == who.nunique()


def test_trackeval_finds_two_people_who_were_swapped(tmp_path: Path) -> None:
    log, wrong = (make_log(tmp_path / name, video=False) for name in ("log", "wrong"))
    swapped = wrong.appearances.loc[[4, 1], "identity"].tolist()
    wrong.appearances.loc[[1, 4], "identity"] = swapped
    results = evaluated(log, wrong, tmp_path)
    left, right = results["left"], results["right"]
    assert left["CLEAR"]["IDSW"] == 2
    assert left["Identity"]["IDF1"] == pytest.approx(2 / 3)
    assert right["Identity"]["IDF1"] == 1


def test_a_box_stands_once_in_order_with_a_size_and_a_score(tmp_path: Path) -> None:
    log = make_strange_log(tmp_path)
    log.boxes.loc[0, "score"] = np.nan
    *paths, names = export_log(log, "mot", tmp_path)
    assert [path.name for path in paths] == ["Main camera.txt", "S\u00fcd, 'b'.txt"]
    rows = np.loadtxt(paths[0], delimiter=",")
    assert np.isfinite(rows).all()
    assert (rows[:, 4:6] > 0).all()
    keys = [tuple(row) for row in rows[:, :2]]
    assert keys == sorted(set(keys))
    assert rows[keys.index((1, identity_ids(log)[STRANGE])), 6] == 1
    with names.open(newline="", encoding="utf-8") as file:
        told = {one["identity"]: int(one["id"]) for one in csv.DictReader(file)}
    assert told == identity_ids(log)
