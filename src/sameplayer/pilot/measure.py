"""Measure each picture of the footage: embedding, height, sharpness, kit, track."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from sameplayer.common.files import load_arrays, save_arrays
from sameplayer.data.crops import Crops
from sameplayer.data.images.picture import Picture, quality
from sameplayer.data.tracks import CannotLinks, as_tracks, cannot_links, track_keys
from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import DataError
from sameplayer.identity.evidence.kit import find_kits, shirt_rows
from sameplayer.pilot.config import PilotConfig
from sameplayer.pilot.population import KITS, Pairs

WITHIN = ("game", "camera", "sequence")
UNKNOWN_KIT = -1
SURE_KIT = 0.8  # probability from which a picture is assigned a kit
LEAST_FOR_KITS = 20  # pictures that a scope needs for finding kits
BATCH = 64


@dataclass(frozen=True, eq=False)
class Pictures:
    """n measured pictures of the footage.

    crops          their rows of the crop table
    row            (n,) int row in the whole table
    feature        (n, d) embeddings, unit rows
    height         (n,) pixels
    sharp          (n,) sharpness, as in ``data.quality``
    kit            (n,) int kit; -1: unknown
    track          (n,) int track
    cannot_link    (n, n) bool: of two tracks in one frame
    kits           source of the kits: "table", "colours" or "unknown"
    tracked        whether the table has tracks
    """

    crops: Crops
    row: np.ndarray
    feature: np.ndarray
    height: np.ndarray
    sharp: np.ndarray
    kit: np.ndarray
    track: np.ndarray
    cannot_link: np.ndarray
    kits: str
    tracked: bool

    def pairs(self) -> Pairs:
        """Return all pairs of two tracks within one identity scope."""
        first, second = np.triu_indices(len(self.row), 1)
        scopes = self.crops.scopes()
        open_ = (self.track[first] != self.track[second]) & (scopes[first] == scopes[second])
        first, second = first[open_], second[open_]
        kit = (self.kit[first] == self.kit[second]).astype(int)
        kit[(self.kit[first] < 0) | (self.kit[second] < 0)] = KITS.index("kits unknown")
        return Pairs(
            first,
            second,
            (self.feature @ self.feature.T)[first, second].astype(np.float64),
            self.cannot_link[first, second],
            np.minimum(self.height[first], self.height[second]),
            np.minimum(self.sharp[first], self.sharp[second]),
            kit,
        )


def measure(
    crops: Crops,
    encoder: Encoder,
    config: PilotConfig,
    *,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Pictures:
    """Choose pictures of the footage and measure each once; return the measurements.

    cache       file that keeps them, from which a stopped run is resumed
    progress    called with (done, all)

    Raises DataError for fewer than two pictures or tracks and for unreadable pictures, SettingError
    for a missing column of tracks.
    """
    tracks, tracked = tracks_of(crops, config.track)
    rows = pick_rows(crops, tracks, config)
    if len(np.unique(tracks[rows])) < 2:
        raise DataError(
            f"{crops.root}: {len(rows)} pictures, all of one track; a pilot compares pictures of "
            "at least two tracks."
        )
    chosen = crops.where(rows)
    settings = f"{encoder.fingerprint()} {digest(chosen)}"
    found = load_arrays(cache, settings) if cache is not None else None
    if found is None:
        found = _measure_all(chosen, encoder, progress)
        if cache is not None:
            save_arrays(cache, found, settings)
    kit, kits = _kits(chosen, found["shirt"], found["colour"])
    return Pictures(
        chosen,
        rows,
        found["feature"],
        found["height"],
        found["sharp"],
        kit,
        tracks[rows],
        _cannot_link(crops, tracks, rows),
        kits,
        tracked,
    )


def digest(crops: Crops) -> str:
    """Return a digest of a crop table without its column person."""
    table = crops.table.drop(columns="person")
    text = f"{crops.scope} {table.to_csv(index=False)}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def tracks_of(crops: Crops, column: str) -> tuple[np.ndarray, bool]:
    """Return (n,) the track of each row, and whether the table has tracks.

    Without the column "track" each picture is a track by itself, except in the MOT layout, where a
    person is a track.
    """
    table = crops.table
    if column not in table.columns and column == "track":
        if crops.source != "mot":
            return np.arange(len(table)), False
        column = "person"
    within = [name for name in WITHIN if name != column and table[name].notna().any()]
    if column in table.columns and table[column].isna().all():
        return np.arange(len(table)), False
    filled = table[[*within]].astype("string").fillna("").assign(**{column: table.get(column)})
    if column not in table.columns:
        filled = table  # so that the error lists its columns
    return track_keys(filled, [*within, column]), True


def pick_rows(crops: Crops, tracks: np.ndarray, config: PilotConfig) -> np.ndarray:
    """Return the rows to compare: some of each track, evenly spread, then a random sample of those.

    Rows that show no player (role "distractor") are left out.
    """
    table = crops.table
    frames = table["frame"].to_numpy(dtype=float, na_value=np.nan)
    usable = np.flatnonzero((table["role"] != "distractor").fillna(True).to_numpy(dtype=bool))
    order = usable[np.lexsort((frames[usable], tracks[usable]))]
    ends = np.flatnonzero(np.diff(tracks[order])) + 1
    spread = [
        own[np.linspace(0, len(own) - 1, min(config.each_track, len(own))).round().astype(int)]
        for own in np.split(order, ends)
    ]
    rows = np.concatenate(spread) if len(order) else order
    if len(rows) > config.pictures:
        rng = np.random.default_rng(config.seed)
        rows = rng.choice(rows, config.pictures, replace=False)
    return np.sort(rows)


def _measure_all(
    crops: Crops, encoder: Encoder, progress: Callable[[int, int], None] | None
) -> dict[str, np.ndarray]:
    parts: list[dict[str, np.ndarray]] = []
    for start in range(0, len(crops), BATCH):
        pictures = [crops.read(row) for row in range(start, min(start + BATCH, len(crops)))]
        parts.append(_measure_batch(pictures, encoder))
        if progress is not None:
            progress(start + len(pictures), len(crops))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _measure_batch(pictures: Sequence[Picture], encoder: Encoder) -> dict[str, np.ndarray]:
    shirts, colours = shirt_rows(pictures)
    heights = np.array([picture.shape[0] for picture in pictures], np.float64)
    return {
        "feature": encoder.embed(list(pictures)).astype(np.float32),
        "height": heights,
        "sharp": np.array([quality(picture) for picture in pictures]) / heights,
        "shirt": shirts.astype(np.float32),
        "colour": colours.astype(np.float32),
    }


def _kits(crops: Crops, shirts: np.ndarray, colours: np.ndarray) -> tuple[np.ndarray, str]:
    """Return (n,) the kit of each picture, from the column team or the colours of the shirts."""
    teams = pd.factorize(crops.table["team"])[0]
    if (teams >= 0).mean() >= 0.5:
        return teams, "table"
    kit, scopes = np.full(len(crops), UNKNOWN_KIT), crops.scopes()
    for scope in np.unique(scopes):
        own = np.flatnonzero(scopes == scope)
        if len(own) < LEAST_FOR_KITS:
            continue
        try:
            found = find_kits(shirts[own], np.ones(len(own)), colours[own])
        except DataError:  # all wear the same
            continue
        likely = found.probabilities(shirts[own])
        best = likely.argmax(axis=1)
        kit[own] = np.where(likely.max(axis=1) >= SURE_KIT, best, UNKNOWN_KIT)
    return kit, "colours" if (kit >= 0).any() else "unknown"


def _cannot_link(crops: Crops, tracks: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return (k, k) bool: which chosen pictures are of two tracks in one frame."""
    table = crops.table
    framed = table["frame"].notna().to_numpy()
    placed = table[["camera", "sequence"]].notna().any(axis=None)
    if not framed.any() or not placed:
        return np.zeros((len(rows), len(rows)), bool)
    footage = as_tracks(replace(crops, table=table.assign(track=tracks.astype(str)), scope=None))
    theirs = footage.persons()
    place = np.full(int(tracks.max()) + 1, -1)
    place[tracks[framed]] = theirs
    known = place[tracks[rows]] >= 0
    result = np.zeros((len(rows), len(rows)), bool)
    pairs: CannotLinks = cannot_links(footage)
    result[np.ix_(known, known)] = pairs.among(place[tracks[rows[known]]])
    return result
