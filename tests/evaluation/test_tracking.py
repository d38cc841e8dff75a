"""Scores of tracks: equal to TrackEval's, and right where the answer is known by hand."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import trackeval

from sameplayer.common.boxes import overlaps
from sameplayer.errors import DataError, SettingError
from sameplayer.evaluation.logs.tracking_scores import BOX, score_tracking

COLUMNS = ["camera", "frame", *BOX]


def _walk(seed: int, frames: int = 40, people: int = 8) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two cameras of people who walk through each other; ids change, boxes miss and are false."""
    rng = np.random.default_rng(seed)
    truth, found = [], []
    for camera in ("left", "right"):
        places, ids = rng.uniform(0, 250, (people, 2)), rng.permutation(2 * people)[:people]
        for frame in range(1, frames + 1):
            places += rng.normal(0, 6, places.shape)
            if rng.random() < 0.2:
                ids = rng.permutation(2 * people)[:people]
            for person in range(people):
                box = (*places[person], 40.0, 80.0)
                if rng.random() < 0.85:
                    truth.append((camera, frame, *box, f"p{person}"))
                if rng.random() < 0.85:
                    loose = np.add(box, rng.normal(0, 5, 4))
                    found.append((camera, frame, *loose, int(ids[person])))
            if rng.random() < 0.3:
                found.append((camera, frame, 900.0, 900.0, 20.0, 40.0, 99))
    return (
        pd.DataFrame(truth, columns=[*COLUMNS, "person"]),
        pd.DataFrame(found, columns=[*COLUMNS, "identity"]),
    )


def _reference(truth: pd.DataFrame, found: pd.DataFrame) -> dict[str, float]:
    """TrackEval's answer."""
    person = np.unique(truth["person"], return_inverse=True)[1]
    identity = np.unique(found["identity"], return_inverse=True)[1]
    one, two = (table.groupby(["camera", "frame"]).indices for table in (truth, found))
    first, second = truth[BOX].to_numpy(), found[BOX].to_numpy()
    none = np.empty(0, int)
    pairs = [(one.get(key, none), two.get(key, none)) for key in sorted({*one, *two})]
    data = {
        "num_gt_ids": person.max() + 1,
        "num_tracker_ids": identity.max() + 1,
        "num_gt_dets": len(truth),
        "num_tracker_dets": len(found),
        "num_timesteps": len(pairs),
        "gt_ids": [person[rows] for rows, _ in pairs],
        "tracker_ids": [identity[rows] for _, rows in pairs],
        "similarity_scores": [overlaps(first[a], second[b])[0] for a, b in pairs],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        hota = trackeval.metrics.HOTA().eval_sequence(data)
        ids = trackeval.metrics.Identity().eval_sequence(data)
    names = ("HOTA", "DetA", "AssA", "DetRe", "DetPr", "AssRe", "AssPr")
    means = {name.lower(): float(np.mean(hota[name])) for name in names}
    return means | {name.lower(): float(ids[name]) for name in ("IDF1", "IDP", "IDR")}


@pytest.mark.parametrize("seed", range(6))
def test_random_tracks_score_as_trackeval_scores_them(seed: int) -> None:
    truth, found = _walk(seed)
    scores = score_tracking(truth, found).as_dict()
    for name, expected in _reference(truth, found).items():
        assert 0 < expected < 1
        assert scores[name] == pytest.approx(expected, abs=1e-9), name


def test_frames_that_only_one_side_has_score_as_trackeval_scores_them() -> None:
    truth, found = _walk(7)
    truth, found = truth[truth["frame"] > 10], found[found["frame"] < 30]
    scores = score_tracking(truth, found).as_dict()
    for name, expected in _reference(truth, found).items():
        assert scores[name] == pytest.approx(expected, abs=1e-9), name


def test_the_order_of_rows_and_the_names_of_ids_do_not_matter() -> None:
    truth, found = _walk(8)
    mixed = found.sample(frac=1, random_state=1).assign(
        identity=lambda table: "id " + table["identity"].astype(str)
    )
    one, two = score_tracking(truth, found), score_tracking(truth, mixed)
    assert one.as_dict() == pytest.approx(two.as_dict(), abs=1e-12)


def _line(people: int = 2, frames: int = 10, camera: str = "left") -> pd.DataFrame:
    """People who stand apart."""
    rows = [
        (camera, frame, 100.0 * person, 0.0, 40.0, 80.0, f"p{person}")
        for frame in range(1, frames + 1)
        for person in range(people)
    ]
    return pd.DataFrame(rows, columns=[*COLUMNS, "person"])


def _predict(truth: pd.DataFrame, identity: Callable[[pd.Series], object]) -> pd.DataFrame:
    return truth.assign(identity=truth.apply(identity, axis=1)).drop(columns="person")


def test_a_perfect_answer_scores_one() -> None:
    truth = _line()
    scores = score_tracking(truth, truth.rename(columns={"person": "identity"}))
    for name in ("hota", "deta", "assa", "idf1", "idp", "idr", "purity", "identities_a_person"):
        assert getattr(scores, name) == pytest.approx(1)
    assert (scores.twice, scores.persons, scores.identities) == (0, 2, 2)


def test_an_identity_that_changes_half_way_halves_association() -> None:
    truth = _line(people=1)
    found = _predict(truth, lambda row: row["frame"] > 5)
    scores = score_tracking(truth, found)
    assert scores.deta == pytest.approx(1)
    assert scores.assa == pytest.approx(0.5)
    assert scores.idf1 == pytest.approx(0.5)
    assert scores.purity == 1
    assert scores.identities_a_person == 2


def test_an_identity_for_two_people_is_impure_and_in_two_places() -> None:
    truth = _line()
    scores = score_tracking(truth, _predict(truth, lambda row: "everyone"))
    assert scores.purity == pytest.approx(0.5)
    assert scores.twice == 10
    assert scores.identities_a_person == 1


def test_one_person_in_two_cameras_is_one_identity() -> None:
    truth = pd.concat([_line(1, camera="left"), _line(1, camera="right")])
    apart = score_tracking(truth, _predict(truth, lambda row: row["camera"]))
    joined = score_tracking(truth, _predict(truth, lambda row: "one"))
    assert apart.assa == pytest.approx(0.5)
    assert joined.assa == pytest.approx(1)
    assert joined.twice == 0, "the same frame of two cameras is not two places in one"


def test_a_box_that_overlaps_too_little_counts_for_nobody() -> None:
    truth = _line(people=1)
    found = truth.rename(columns={"person": "identity"}).assign(left=25.0)  # IoU 15 / 65
    scores = score_tracking(truth, found)
    assert scores.idf1 == 0
    assert scores.purity == 0
    assert scores.hota == pytest.approx(4 / 19), "at 0.05, 0.1, 0.15 and 0.2 alone"


def test_nothing_found_and_nothing_there_score_nothing() -> None:
    truth = _line()
    found = truth.rename(columns={"person": "identity"})
    for one, two in ((truth, found[:0]), (truth[:0], found), (truth[:0], found[:0])):
        scores = score_tracking(one, two)
        assert scores.hota == scores.idf1 == scores.purity == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda truth: truth.drop(columns="width"), "lacks the columns width"),
        (lambda truth: truth.assign(width=0.0), "empty or not finite"),
        (lambda truth: truth.assign(left=np.nan), "empty or not finite"),
        (lambda truth: pd.concat([truth, truth]), "twice"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    wrong: Callable[[pd.DataFrame], pd.DataFrame], said: str
) -> None:
    truth = _line()
    with pytest.raises(DataError, match=said):
        score_tracking(wrong(truth), truth.rename(columns={"person": "identity"}))


@pytest.mark.parametrize("iou", [0, 1.5, float("nan")])
def test_an_overlap_out_of_range_is_refused(iou: float) -> None:
    truth = _line()
    with pytest.raises(SettingError, match="iou"):
        score_tracking(truth, truth.rename(columns={"person": "identity"}), iou)
