"""What is exported of a log can be read back: as boxes of another log, and as a source of crops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sameplayer.data.annotations.read import read_annotations
from sameplayer.data.layouts.sources import read_source
from sameplayer.identity.export.boxes import boxes_with_identity, video_facts
from sameplayer.identity.export.registry import export_log
from sameplayer.identity.log.player_log import PlayerLog
from sameplayer.tracks.detection.box_files import read_boxes
from tests.identity.logs import make_log, make_strange_log

READ = ("mot", "cvat", "label-studio", "coco", "supervision", "gsr")
OF_IDENTITIES = ("mot", "coco", "supervision", "gsr")  # their tracks are identities
LOGS: dict[str, Callable[[Path], PlayerLog]] = {"log": make_log, "strange": make_strange_log}
SIDES = ["left", "top", "width", "height"]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PlayerLog]:
    return {name: make(tmp_path_factory.mktemp(name)) for name, make in LOGS.items()}


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("which", LOGS)
def test_boxes_tracks_and_gaps_are_those_of_the_log(
    name: str, which: str, logs: dict[str, PlayerLog], tmp_path: Path
) -> None:
    log = logs[which]
    boxes = boxes_with_identity(log)
    paths = [path for path in export_log(log, name, tmp_path) if path.stem != "labels"]
    for place, camera in enumerate(log.cameras):
        path = paths[0] if name in ("coco", "label-studio") else paths[place]
        facts = video_facts(log, camera)
        size = np.array([facts.width, facts.height] * 2)
        found = read_boxes(path, facts.frames, camera=camera.name)  # some lie outside the picture
        xywh = found.xywh * size if name == "label-studio" else found.xywh
        by = "identity" if name in OF_IDENTITIES else "appearance"
        own = boxes[boxes["camera"] == camera.name].sort_values(["frame", "left"])
        order = np.lexsort((xywh[:, 0], found.frame))
        assert found.frame[order].tolist() == own["frame"].tolist()
        unit = 1e-6 * size if name == "label-studio" else 0.01
        error = np.abs(xywh[order] - own[SIDES].to_numpy(float))
        assert (error[own["width"] > 1] <= unit + 1e-9).all()
        pairs = pd.DataFrame({"read": found.track[order], "was": own[by].to_numpy()})
        assert len(pairs.drop_duplicates()) == pairs["read"].nunique() == pairs["was"].nunique()


@pytest.mark.parametrize("name", ["cvat", "label-studio", "coco"])
def test_who_it_is_is_read_back(name: str, logs: dict[str, PlayerLog], tmp_path: Path) -> None:
    log = logs["log"]
    table = read_annotations(export_log(log, name, tmp_path)[0]).table
    own = boxes_with_identity(log)
    if name == "cvat":
        own = own[own["camera"] == "left"]
    known = [
        sorted(frame[["name", "team", "number"]].fillna("").itertuples(index=False, name=None))
        for frame in (table, own.assign(name=own["identity"]))
    ]
    assert known[0] == known[1]
    assert set(table["label"]) == {"player"}


@pytest.mark.parametrize("name", ["cvat", "gsr", "supervision", "coco"])
def test_an_export_beside_its_video_is_a_source_of_crops(
    name: str, logs: dict[str, PlayerLog], tmp_path: Path
) -> None:
    log = logs["log"]
    folder = tmp_path / "left"
    folder.mkdir()
    (folder / "left.mp4").write_bytes((log.cameras[0].video).read_bytes())
    path = export_log(log, name, tmp_path / "out")[0]
    path.rename(folder / path.name)
    crops = read_source(folder)
    own = log.boxes[log.boxes["camera"] == "left"]
    assert sorted(crops.table["frame"]) == sorted(own["frame"])
    assert sorted(crops.table["left"]) == pytest.approx(sorted(own["left"]), abs=0.01)
    assert crops.read(0).shape[:2] == (56, 20)
