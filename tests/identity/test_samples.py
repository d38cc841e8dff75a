"""Sampling people while their frames are decoded, and what is kept of it for a later run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from sameplayer.data.images.picture import Picture
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import load_encoder
from sameplayer.errors import DataError
from sameplayer.identity.evidence import sampling
from sameplayer.identity.evidence.samples import MOST, Samples, samples_of
from sameplayer.identity.evidence.sampling import SampleCamera
from sameplayer.numbers.reader import NUMBERS
from sameplayer.tracks.boxes import Boxes
from sameplayer.tracks.camera import Camera, cameras_of
from sameplayer.tracks.stream import find_tracklets
from sameplayer.tracks.tracklets import Tracklets
from sameplayer.tracks.video import detect_pass
from sameplayer.tracks.video.checkpoint import PartFolder
from tests.identity.logs import HUES, box_of, draw_video

FRAMES = 50  # ten a second


class Reads:
    """Reads one number in every picture; two of them differ in that alone."""

    name, candidates = "always", NUMBERS

    def __init__(self, number: str, fingerprint: str | None = None) -> None:
        self.number, self.pictures = number, 0
        if fingerprint is not None:
            self.fingerprint = fingerprint

    def read(self, pictures: Sequence[Picture]) -> np.ndarray:
        self.pictures += len(pictures)
        row = np.full(len(NUMBERS) + 1, 1e-4)
        row[NUMBERS.index(self.number)] = 0.99
        return np.log(np.tile(row, (len(pictures), 1)))


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder("colour")


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_video(tmp_path_factory.mktemp("match") / "left.mp4", FRAMES)


def boxes(people: int = 4) -> Boxes:
    frame = np.repeat(np.arange(1, FRAMES + 1), people)
    xywh = np.array([box_of(at % people, int(f)) for at, f in enumerate(frame)])
    return Boxes(frame, xywh, np.full(len(frame), 0.9), np.full(len(frame), -1))


def seen(
    video: Path, encoder: Encoder, reader: Reads, folder: Path | None = None, fps: float = 10
) -> tuple[Tracklets, Samples, dict[str, SampleCamera]]:
    watched: dict[str, SampleCamera] = {}

    def watch(camera: Camera, parts: PartFolder) -> SampleCamera:
        return watched.setdefault(camera.name, SampleCamera(encoder, reader, parts))

    tracklets = find_tracklets(
        cameras_of([video]), boxes(), fps=fps, cuts=[], folder=folder, watch=watch
    )
    return tracklets, samples_of(tracklets, parts_of(watched))[0], watched


def parts_of(watched: dict[str, SampleCamera]) -> dict[str, list[dict[str, np.ndarray]]]:
    return {name: camera.parts for name, camera in watched.items()}


def test_each_tracklet_is_sampled_over_its_time_and_each_frame_decoded_once(
    video: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []
    look = detect_pass._Notes.look
    monkeypatch.setattr(
        detect_pass._Notes,
        "look",
        lambda own, frame: decoded.append(frame.number) or look(own, frame),
    )
    tracklets, samples, _ = seen(video, encoder, Reads("7", "a"))
    assert decoded == list(range(1, FRAMES + 1))
    of = tracklets.table["tracklet"].to_numpy()[samples.box]
    assert (np.bincount(of, minlength=len(tracklets)) > 0).all()
    assert np.bincount(of).max() <= MOST
    time = tracklets.table["time_s"].to_numpy()[samples.box]
    assert time[of == 0].max() - time[of == 0].min() > 0.8 * (FRAMES - 1) / 10 * 0.5


def test_the_small_pictures_show_the_people_of_their_boxes(video: Path, encoder: Encoder) -> None:
    tracklets, samples, watched = seen(video, encoder, Reads("7"))
    pictures = samples_of(tracklets, parts_of(watched))[1]
    assert len(pictures) == len(samples)
    for row in pictures.itertuples():
        crop = cv2.imdecode(np.frombuffer(row.picture, np.uint8), cv2.IMREAD_COLOR_RGB)
        person = round((row.left - 8 - row.frame % 10) / 36)
        middle = crop[crop.shape[0] // 2, crop.shape[1] // 2].astype(int)
        assert np.abs(middle - HUES[person]).max() < 40


def test_however_long_somebody_is_seen_few_pictures_are_held() -> None:
    gathered = sampling._Gathered()
    picture = np.zeros((20, 20, 3), np.uint8)
    none = Boxes(*(np.zeros((0, *shape)) for shape in ((), (4,), (), ())))
    for number in range(3000):
        view = detect_pass.View(
            number + 1, number / 50, picture, none, np.zeros((0, 32)), 0.0, np.zeros(2)
        )
        gathered.offer(view, np.array([2.0, 2, 10, 10]), float(number % 7), 0.9)
        assert len(gathered._best) <= 2 * MOST
    chosen = gathered.chosen()
    assert len(chosen) == MOST
    assert {one.worth for one in chosen} == {6.0}, "the best of each part"
    assert np.diff([one.time for one in chosen]).max() < 2.5 * 60 / MOST


def test_two_boxes_of_a_flash_are_not_measured() -> None:
    gathered = sampling._Gathered()
    picture = np.zeros((20, 20, 3), np.uint8)
    none = Boxes(*(np.zeros((0, *shape)) for shape in ((), (4,), (), ())))
    view = detect_pass.View(1, 0.0, picture, none, np.zeros((0, 32)), 0.0, np.zeros(2))
    gathered.offer(view, np.array([2.0, 2, 10, 10]), 1.0, 0.35)
    assert gathered.chosen() == []
    gathered.offer(view, np.array([2.0, 2, 10, 10]), 2.0, 0.6)
    assert len(gathered.chosen()) == 1


def test_readings_of_a_reader_without_a_fingerprint_are_not_taken_for_another_s(
    video: Path, encoder: Encoder, tmp_path: Path
) -> None:
    for number in ("7", "8"):
        samples = seen(video, encoder, Reads(number), tmp_path)[1]
        assert (samples.number.argmax(axis=1) == NUMBERS.index(number)).all()
    assert not list(tmp_path.rglob("look-*"))


def test_readings_are_kept_under_the_reader_s_fingerprint(
    video: Path, encoder: Encoder, tmp_path: Path
) -> None:
    readers = [Reads("7", "a"), Reads("8", "a"), Reads("8", "b")]
    results = [seen(video, encoder, reader, tmp_path)[1] for reader in readers]
    found = [NUMBERS[one.number.argmax(axis=1)[0]] for one in results]
    assert found == ["7", "7", "8"]
    assert readers[1].pictures == 0
    for field in fields(Samples):
        if field.name != "number":
            first, *others = (getattr(one, field.name) for one in results)
            assert all((other == first).all() for other in others)


def test_a_stopped_run_goes_on_with_whole_parts(
    video: Path, encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detect_pass, "PART_S", 1.0)
    _, whole, _ = seen(video, encoder, Reads("7", "a"))

    def stopping(own: SampleCamera, part: int, finish: object = SampleCamera.finish) -> None:
        if part == 3:
            raise KeyboardInterrupt
        finish(own, part)  # type: ignore[operator]

    with monkeypatch.context() as stopped:
        stopped.setattr(SampleCamera, "finish", stopping)
        with pytest.raises(KeyboardInterrupt):
            seen(video, encoder, Reads("7", "a"), tmp_path)
    assert len(list(tmp_path.rglob("look-*"))) == 3
    reader = Reads("7", "a")
    _, again, _ = seen(video, encoder, reader, tmp_path)
    assert 0 < reader.pictures < len(whole)
    for field in fields(Samples):
        assert (getattr(again, field.name) == getattr(whole, field.name)).all()


def test_nobody_in_the_videos_is_told(video: Path, encoder: Encoder) -> None:
    nobody = partial(find_tracklets, cameras_of([video]), cuts=[], fps=5)
    none = Boxes(np.zeros(0, np.int64), np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))
    with pytest.raises(DataError, match="Nobody was found"):
        samples_of(nobody(none), {})
