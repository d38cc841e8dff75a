"""supervision: the file is as CSVSink writes it, and Detections made of it are the log."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import supervision as sv

from sameplayer.identity.export.boxes import identity_ids
from sameplayer.identity.export.registry import export_log
from sameplayer.identity.log.log_files import text_or
from tests.identity.logs import empty_log, make_strange_log

TEXTS = {"identity": str, "name": str, "number": str, "team": str}
CORNERS = ["x_min", "y_min", "x_max", "y_max"]


def test_detections_made_of_the_file_are_the_log(tmp_path: Path) -> None:
    log = make_strange_log(tmp_path)
    ids = identity_ids(log)
    for camera, path in zip(log.cameras, export_log(log, "supervision", tmp_path), strict=True):
        table = pd.read_csv(path, dtype=TEXTS)
        own = log.boxes[log.boxes["camera"] == camera.name]
        told = own.merge(log.appearances.drop(columns="camera"), on="appearance")
        assert sorted(set(table["frame_index"])) == sorted(set(own["frame"] - 1))
        for index, rows in table.groupby("frame_index"):
            found = sv.Detections(
                xyxy=rows[CORNERS].to_numpy(),
                confidence=rows["confidence"].to_numpy(),
                class_id=rows["class_id"].to_numpy(),
                tracker_id=rows["tracker_id"].to_numpy(),
            )
            exact = told[told["frame"] == index + 1]
            low, size = exact[["left", "top"]].to_numpy(), exact[["width", "height"]].to_numpy()
            np.testing.assert_allclose(found.xyxy[:, :2], low, atol=0.0051)
            high = low + np.maximum(size, 0.01)
            np.testing.assert_allclose(found.xyxy[:, 2:], high, atol=0.0051)
            assert (found.area > 0).all()
            np.testing.assert_allclose(found.confidence, exact["score"], atol=5e-5)
            assert found.tracker_id.tolist() == [ids[one] for one in exact["identity"]]
            assert rows["sure"].tolist() == exact["sure"].tolist()
            for name in TEXTS:
                assert [*map(text_or, rows[name])] == [*map(text_or, exact[name])]


def test_the_columns_are_those_of_csv_sink(tmp_path: Path) -> None:
    names = ("frame_index", "identity", "name", "number", "sure", "team")
    own = sv.Detections(np.array([[1.0, 2, 3, 4]]), class_id=np.zeros(1, int))
    with sv.CSVSink(str(tmp_path / "sink.csv")) as sink:
        sink.append(own, dict.fromkeys(names, 0))
    header = (tmp_path / "sink.csv").read_text().splitlines()[0]
    (path,) = export_log(empty_log(tmp_path), "supervision", tmp_path)
    assert path.read_text().splitlines() == [header]
