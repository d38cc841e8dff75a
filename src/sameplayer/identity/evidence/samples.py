"""Samples of tracklets: a few pictures each, spread over time, with embedding, kit and number.

A picture is measured once, while its frame is decoded. Only the measurements are kept, in parts of
one minute of video, so that a stopped run can resume.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np

from sameplayer.common.files import load_arrays, save_arrays
from sameplayer.common.hashing import array_fingerprint, file_fingerprint, part_fingerprint
from sameplayer.data.images.picture import Picture
from sameplayer.data.reading import pixels_of
from sameplayer.data.video.frames import Video, open_video
from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import DataError
from sameplayer.identity.evidence.box_relations import covered_shares, find_merged_boxes
from sameplayer.identity.evidence.kit import shirt_rows
from sameplayer.numbers.reader import NUMBERS, NumberReader
from sameplayer.numbers.reading import clearness
from sameplayer.tracks.camera import Camera
from sameplayer.tracks.tracklets import Tracklets
from sameplayer.tracks.video.checkpoint import part_folder

MOST = 16  # pictures of a tracklet
EACH_S = 0.25  # of a tracklet's time there is at most one
PART_S = 60.0
MARGIN = 0.05  # of a box's height that is cut out on each side, as around crops people trained on
SMALLEST = 8  # pixels: a lower or narrower box shows nothing


@dataclass(frozen=True, eq=False)
class Samples:
    """k pictures of tracklets, in the order of the rows of ``Tracklets.table``.

    box        (k,) int64: the row of the table
    row        (k, d) float16: unit row of the encoder
    shirt      (k, s) float16: unit row of the shirt's colours, ``kit.shirt_rows``
    colour     (k, 3) float32: RGB of the shirt
    number     (k, 102) float32: log-probabilities of NUMBERS, and of none seen
    clear      (k,) float32 over 0: how large and sharp the picture is
    """

    box: np.ndarray
    row: np.ndarray
    shirt: np.ndarray
    colour: np.ndarray
    number: np.ndarray
    clear: np.ndarray

    def __len__(self) -> int:
        return len(self.box)

    def where(self, keep: np.ndarray) -> Samples:
        """Return the pictures for which keep (k,) bool is true."""
        return Samples(*(getattr(self, field.name)[keep] for field in fields(self)))


READ = "read"
MEASURED = tuple(field.name for field in fields(Samples) if field.name != "box")


def choose_boxes(tracklets: Tracklets) -> np.ndarray:
    """Return the rows of the table to sample: the best box of each part of a tracklet's time.

    The best is large, has a high score, is not covered by others, and does not contain two people.
    """
    table = tracklets.table
    worth = (table["height"] * (0.2 + table["score"])).to_numpy(float) * (
        1.02 - covered_shares(table)
    )
    worth[find_merged_boxes(table)] *= 0.01
    time, starts = table["time_s"].to_numpy(float), tracklets.starts
    first = time[starts[:-1]]
    length = time[starts[1:] - 1] - first
    parts = np.clip(np.floor(length / EACH_S).astype(int) + 1, 1, MOST)
    of = np.repeat(np.arange(len(tracklets)), np.diff(starts))
    share = (time - first[of]) / np.maximum(length[of], 1e-9)
    part = np.minimum((share * parts[of]).astype(int), parts[of] - 1)
    order = np.lexsort((-worth, part, of))
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(of[order]) != 0) | (np.diff(part[order]) != 0)
    return np.sort(order[new])


def extract_samples(
    tracklets: Tracklets,
    encoder: Encoder,
    reader: NumberReader,
    *,
    folder: str | Path | None = None,
    batch: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> Samples:
    """Measure the chosen pictures of all tracklets.

    folder      where parts are kept, so that a stopped run can resume. Nothing is kept where the
                encoder or the reader has no ``fingerprint``, a text or a method that returns one
    progress    called with (done, all) pictures

    Pictures of damaged frames are left out (``unreadable_frames``). Raises DataError where no
    picture is left.
    """
    chosen = choose_boxes(tracklets)
    parts, done = list[Samples](), 0
    for camera in tracklets.cameras:
        own = chosen[tracklets.table["camera"].to_numpy()[chosen] == camera.name]
        minute = ((tracklets.table["time_s"].to_numpy()[own] - camera.offset_s) // PART_S).astype(
            int
        )
        for number in np.unique(minute):
            rows = own[minute == number]

            def tell(count: int, before: int = done) -> None:
                if progress is not None:
                    progress(before + count, len(chosen))

            measure = _Extractor(encoder, reader, batch, tell)
            part = _part(tracklets, camera, rows, measure, folder, int(number))
            parts += [] if part is None else [part]
            done += len(rows)
            tell(0, done)
    if len(chosen) and not parts:
        raise DataError(
            f"{tracklets.cameras[0].video}: no frame in which somebody is can be decoded; expected "
            "a whole video. Copy it again."
        )
    return concatenate(parts, tracklets.notes)


def unreadable_frames(tracklets: Tracklets, samples: Samples) -> list[str]:
    """Return a note for each video with damaged frames that were to be sampled."""
    table = tracklets.table.iloc[np.setdiff1d(choose_boxes(tracklets), samples.box)]
    notes = []
    for camera in tracklets.cameras:
        own = table[table["camera"] == camera.name].drop_duplicates("frame")
        times = own["time_s"] - camera.offset_s
        if len(own) == 1:
            notes.append(
                f"{camera.video}: 1 frame is damaged, at {times.min():.1f} s; its pictures are "
                "left out."
            )
        elif len(own):
            notes.append(
                f"{camera.video}: {len(own)} frames are damaged, between {times.min():.1f} and "
                f"{times.max():.1f} s; their pictures are left out."
            )
    return notes


def concatenate(parts: list[Samples], notes: Sequence[str] = ()) -> Samples:
    """Return all samples, in the order of the table's rows.

    notes    on boxes that were left out, for the words of an error
    """
    if not parts:
        raise DataError(
            "Nobody was found in the videos; expected people in some frame. Look whether the "
            "boxes are of these videos, or choose another detector or a smaller tile."
            + "".join(f"\nnote: {note}" for note in notes)
        )
    order = np.argsort(np.concatenate([part.box for part in parts]), kind="stable")
    columns = [
        np.concatenate([getattr(part, field.name) for part in parts])[order]
        for field in fields(Samples)
    ]
    return Samples(*columns)


def _part(
    tracklets: Tracklets,
    camera: Camera,
    rows: np.ndarray,
    measure: _Extractor,
    folder: str | Path | None,
    number: int,
) -> Samples | None:
    """Return the samples of these rows, from the folder where they are there.

    None where none of their frames can be decoded.
    """
    table = tracklets.table.iloc[rows].sort_values("frame", kind="stable")
    boxes = table[["frame", "left", "top", "width", "height"]].to_numpy(float)
    path, settings = None, ""
    if folder is not None and measure.fingerprint is not None:
        path = part_folder(Path(folder), camera.name) / f"look-{number:05d}.safetensors"
        settings = f"{file_fingerprint(camera.video)} {array_fingerprint(boxes)} "
        settings += measure.fingerprint
    kept = None if path is None else load_arrays(path, settings)
    if kept is None or set(kept) != {*MEASURED, READ}:
        kept = measure.all(open_video(camera.video), boxes)
        if path is not None and kept is not None:
            save_arrays(path, kept, settings)
    if kept is None:
        return None
    return Samples(table.index.to_numpy()[kept[READ]], *(kept[name] for name in MEASURED))


@dataclass(frozen=True, eq=False)
class _Extractor:
    """Measures pictures with an encoder and a number reader, ``batch`` at a time."""

    encoder: Encoder
    reader: NumberReader
    batch: int
    tell: Callable[[int], None]

    @cached_property
    def fingerprint(self) -> str | None:
        """What tells its measures from others'; None where a part of it has no fingerprint."""
        parts = [part_fingerprint(self.encoder), part_fingerprint(self.reader)]
        return None if None in parts else " ".join([*map(str, parts), *self.reader.candidates])

    def all(self, video: Video, boxes: np.ndarray) -> dict[str, np.ndarray] | None:
        """Return what is measured of boxes (k, 5): frame, rising, left, top, width, height.

        READ are the rows of the boxes whose frames are not damaged, which the measures are of.
        None where all are damaged.
        """
        waiting: list[Picture] = []
        found: list[tuple[np.ndarray, ...]] = []
        read: list[int] = []
        last, picture = 0, None
        for row, (frame, *box) in enumerate(boxes.tolist()):
            if frame != last:
                last, picture = int(frame), _read(video, int(frame))
            if picture is not None:
                waiting.append(cut_out(picture, box))
                read.append(row)
            if waiting and (len(waiting) == self.batch or row + 1 == len(boxes)):
                found.append(self.some(waiting))
                waiting = []
                self.tell(row + 1)
        if not found:
            return None
        measured = {
            name: np.concatenate([one[at] for one in found]) for at, name in enumerate(MEASURED)
        }
        return {**measured, READ: np.array(read, np.int64)}

    def some(self, pictures: list[Picture]) -> tuple[np.ndarray, ...]:
        shirts, colours = shirt_rows(pictures)
        return (
            self.encoder.embed(pictures).astype(np.float16),
            shirts.astype(np.float16),
            colours.astype(np.float32),
            all_candidates(self.reader, pictures),
            clearness(pictures).astype(np.float32),
        )


def _read(video: Video, number: int) -> Picture | None:
    """Return a frame, or None where it is damaged."""
    try:
        return video.read(number)
    except DataError:
        return None


def name_of(reader: NumberReader) -> str:
    return getattr(reader, "name", type(reader).__name__)


def cut_out(picture: Picture, box: Sequence[float]) -> Picture:
    """Return a box and a little around it; at the edge, what there is of it."""
    left, top, width, height = box
    more = MARGIN * height
    high, wide = picture.shape[:2]
    wider = (left - more, top - more, width + 2 * more, height + 2 * more)
    inside = pixels_of(wider, wide, high) or (0, 0, 0, 0)
    x0, y0 = min(inside[0], wide - SMALLEST), min(inside[1], high - SMALLEST)
    x1, y1 = max(inside[2], x0 + SMALLEST), max(inside[3], y0 + SMALLEST)
    return np.ascontiguousarray(picture[max(y0, 0) : y1, max(x0, 0) : x1])


def all_candidates(reader: NumberReader, pictures: list[Picture]) -> np.ndarray:
    """Return log-probabilities (n, 102) of all NUMBERS; unknown ones are unlikely."""
    rows = np.full((len(pictures), len(NUMBERS) + 1), -12.0, np.float32)
    columns = [*(NUMBERS.index(one) for one in reader.candidates), len(NUMBERS)]
    rows[:, columns] = reader.read(pictures)
    return rows
