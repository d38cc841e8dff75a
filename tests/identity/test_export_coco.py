"""COCO: pycocotools and supervision read the log, and score it as equal to itself."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import supervision as sv
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from sameplayer.identity.export.boxes import identity_ids
from sameplayer.identity.export.registry import export_log
from sameplayer.identity.log.log_files import text_or
from sameplayer.identity.log.player_log import PlayerLog
from tests.identity.logs import SAMPLED, empty_log, make_log, make_strange_log


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> PlayerLog:
    return make_strange_log(tmp_path_factory.mktemp("match"))


@pytest.fixture(scope="module")
def path(log: PlayerLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_log(log, "coco", tmp_path_factory.mktemp("out"))[0]


@pytest.fixture(scope="module")
def coco(path: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def test_pycocotools_finds_each_box_with_its_track_and_who_it_is(
    log: PlayerLog, coco: COCO
) -> None:
    frames: dict[int, tuple[str, int]] = {}
    names = {one["id"]: one["name"] for one in coco.dataset["videos"]}
    for image in coco.loadImgs(coco.getImgIds()):
        frames[image["id"]] = names[image["video_id"]], image["frame_id"] + 1
        assert (image["width"], image["height"]) == (640, 360)
    told = log.boxes.merge(log.appearances.drop(columns="camera"), on="appearance")
    told["camera"] = pd.Categorical(told["camera"], [camera.name for camera in log.cameras])
    told = told.sort_values(["camera", "frame", "appearance"])
    annotations = coco.loadAnns(coco.getAnnIds())
    ids = identity_ids(log)
    for one, row in zip(annotations, told.itertuples(), strict=True):
        assert frames[one["image_id"]] == (row.camera, row.frame)
        exact = [row.left, row.top, max(row.width, 0.01), row.height]
        np.testing.assert_allclose(one["bbox"], exact, atol=0.0051)
        assert one["area"] == pytest.approx(one["bbox"][2] * one["bbox"][3], abs=1e-3)
        assert one["score"] == pytest.approx(row.score, abs=5e-5)
        assert (one["track_id"], one["iscrowd"]) == (ids[row.identity], 0)
        assert one["attributes"] == {
            "identity": row.identity,
            "name": text_or(row.name),
            "team": row.team,
            "number": text_or(row.number),
            "sure": row.sure,
        }
    assert [one["name"] for one in coco.loadCats(coco.getCatIds())] == ["player"]


def test_only_frames_with_people_are_images(coco: COCO) -> None:
    files = [image["file_name"] for image in coco.dataset["images"]]
    looked = [frame for frame in SAMPLED if frame != 76]
    assert files[:-3] == [f"Main camera/{frame:06d}.jpg" for frame in looked]
    assert files[-3:] == [f"S\u00fcd, 'b'/{frame:06d}.jpg" for frame in (14, 26, 39)]


def test_cocoeval_scores_the_log_against_itself_as_perfect(coco: COCO) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        found = coco.loadRes(json.loads(json.dumps(coco.dataset["annotations"])))
        score = COCOeval(coco, found, "bbox")
        score.evaluate()
        score.accumulate()
        score.summarize()
    assert score.stats[0] == pytest.approx(1)


def test_supervision_makes_a_detection_data_set_of_it(
    log: PlayerLog, path: Path, tmp_path: Path
) -> None:
    _, images, found = sv.dataset.formats.coco.load_coco_annotations(str(tmp_path), str(path))
    assert len(images) == 11
    assert sum(map(len, found.values())) == len(log.boxes)
    first = found[str(tmp_path / "Main camera" / "000001.jpg")]
    own = log.boxes[(log.boxes["camera"] == "Main camera") & (log.boxes["frame"] == 1)]
    exact = own[["left", "top"]].to_numpy()
    np.testing.assert_allclose(first.xyxy[:, :2], exact, atol=0.0051)


def test_a_log_of_nobody_and_one_of_two_videos_are_read(tmp_path: Path) -> None:
    for log, boxes in ((empty_log(tmp_path / "a"), 0), (make_log(tmp_path / "b"), 40)):
        (path,) = export_log(log, "coco", tmp_path)
        with contextlib.redirect_stdout(io.StringIO()):
            assert len(COCO(str(path)).getAnnIds()) == boxes
