"""Looking at pictures of tracklets, and what is kept of it for a later run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sameplayer.data.images.picture import Picture
from sameplayer.data.video.frames import Video
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import load_encoder
from sameplayer.errors import DataError
from sameplayer.identity.evidence.samples import extract_samples, unreadable_frames
from sameplayer.numbers.reader import NUMBERS
from sameplayer.tracks.camera import cameras_of
from sameplayer.tracks.tracklets import Tracklets
from tests.identity.logs import box_of, draw_video


class Reads:
    """Reads one number in every picture; two of them differ in that alone."""

    name, candidates = "always", NUMBERS

    def __init__(self, number: str, fingerprint: str | None = None) -> None:
        self.number = number
        if fingerprint is not None:
            self.fingerprint = fingerprint

    def read(self, pictures: Sequence[Picture]) -> np.ndarray:
        row = np.full(len(NUMBERS) + 1, 1e-4)
        row[NUMBERS.index(self.number)] = 0.99
        return np.log(np.tile(row, (len(pictures), 1)))


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder("colour")


@pytest.fixture(scope="module")
def tracklets(tmp_path_factory: pytest.TempPathFactory) -> Tracklets:
    video = draw_video(tmp_path_factory.mktemp("match") / "left.mp4", 6)
    rows = [(0, "left", 0, frame, frame / 10, *box_of(0, frame), 0.9) for frame in (1, 3, 6)]
    columns = ["tracklet", "camera", "shot", "frame", "time_s", "left", "top", "width", "height"]
    return Tracklets(pd.DataFrame(rows, columns=[*columns, "score"]), cameras_of([video]))


def test_readings_of_a_reader_without_a_fingerprint_are_not_taken_for_another_s(
    tracklets: Tracklets, encoder: Encoder, tmp_path: Path
) -> None:
    for number in ("7", "8"):
        seen = extract_samples(tracklets, encoder, Reads(number), folder=tmp_path)
        assert (seen.number.argmax(axis=1) == NUMBERS.index(number)).all()
    assert list(tmp_path.iterdir()) == []


def test_readings_are_kept_under_the_reader_s_fingerprint(
    tracklets: Tracklets, encoder: Encoder, tmp_path: Path
) -> None:
    found = [
        extract_samples(tracklets, encoder, Reads(*reader), folder=tmp_path).number.argmax(axis=1)[
            0
        ]
        for reader in (("7", "a"), ("8", "a"), ("8", "b"))
    ]
    assert [NUMBERS[number] for number in found] == ["7", "7", "8"]


def test_a_damaged_frame_costs_its_pictures_and_is_told(
    tracklets: Tracklets, encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Video.read

    def damaged(self: Video, number: int) -> Picture:
        if number == 3:
            raise DataError("frame 3 is damaged")
        return read(self, number)

    monkeypatch.setattr(Video, "read", damaged)
    for _ in range(2):  # the second time from what is kept
        seen = extract_samples(tracklets, encoder, Reads("7", "a"), folder=tmp_path)
        assert seen.box.tolist() == [0, 2]
        assert len(seen.row) == len(seen.clear) == 2
    (note,) = unreadable_frames(tracklets, seen)
    assert "left.mp4: 1 frame is damaged, at 0.3 s; " in note
    monkeypatch.setattr(Video, "read", lambda *_: damaged(*_[:1], 3))  # type: ignore[call-arg]
    with pytest.raises(DataError, match="no frame in which somebody is can be decoded"):
        extract_samples(tracklets, encoder, Reads("7", "a"))
