"""Make a pilot from footage: crops of videos, the pairs to ask about, and their pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sameplayer._version import __version__
from sameplayer.common.files import whole_file
from sameplayer.data.crops import Crops
from sameplayer.data.images.picture import encode_picture
from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import DataError
from sameplayer.identity.evidence.samples import MARGIN, choose_boxes
from sameplayer.pilot.config import PilotConfig
from sameplayer.pilot.folder import (
    PICTURES,
    WORK,
    Pilot,
    is_pilot,
    load_pilot,
    refuse_foreign,
    reserve,
    save_pilot,
)
from sameplayer.pilot.measure import Pictures, digest, measure
from sameplayer.pilot.population import (
    Pairs,
    Population,
    count_pairs,
    draw_pairs,
    stratum_of,
    third_of,
)
from sameplayer.tracks.camera import cameras_of
from sameplayer.tracks.stream import find_tracklets

CHANGEABLE = ("pairs", "false_matches", "within", "device")  # when a pilot is resumed


def make_pilot(
    crops: Crops,
    encoder: Encoder,
    out: str | Path,
    config: PilotConfig | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Pilot:
    """Draw the pairs to ask about and write the pilot's folder; return the pilot.

    crops       of the footage; the column person is ignored
    out         a new folder, or that of an earlier run on the same data: it is resumed, more pairs
                are drawn where the config asks for more, and all answers stay
    progress    called with (done, all) pictures measured

    Raises DataError for footage without a question and for a folder of anything else,
    SettingError.
    """
    out, config = Path(out), config or PilotConfig()
    refuse_foreign(out)
    if is_pilot(out):
        _refuse_other(load_pilot(out), crops, encoder, config)
    pictures = measure(
        crops, encoder, config, cache=out / WORK / "measured.safetensors", progress=progress
    )
    facts: dict[str, Any] = {"fingerprint": encoder.fingerprint(), "data": digest(crops)}
    facts |= {"source": crops.root.name, "of_pictures": len(crops)}
    pilot = draw_pilot(pictures, out, config, facts)
    _write_pictures(pictures, pilot.pairs, out / PICTURES)
    save_pilot(pilot)
    return pilot


def draw_pilot(
    pictures: Pictures, folder: Path, config: PilotConfig, facts: dict[str, Any]
) -> Pilot:
    """Return a pilot of some pictures; write nothing.

    facts    recorded facts of the encoder and the footage

    Raises DataError where there is no pair to ask about.
    """
    pairs = pictures.pairs()
    population = count_pairs(pairs)
    drawn = draw_pairs(pairs, population, reserve(config), config.seed)
    known = {
        "sameplayer": __version__,
        **facts,
        "pictures": len(pictures.row),
        "tracked": pictures.tracked,
        "tracks": len(np.unique(pictures.track)),
        "kits": pictures.kits,
        "pairs": len(pairs),
        "known": int(pairs.differ.sum()),
    }
    names = _names(len(pictures.row), config.seed)
    table = _table(pictures, pairs, population, drawn, names)
    return Pilot(folder, config, table, population, _differ(pictures), known)


def _refuse_other(pilot: Pilot, crops: Crops, encoder: Encoder, config: PilotConfig) -> None:
    """Refuse to resume with other data or settings than the answers belong to."""
    for name, found in (("fingerprint", encoder.fingerprint()), ("data", digest(crops))):
        if pilot.facts.get(name) != found:
            what = "encoder" if name == "fingerprint" else "footage"
            raise DataError(
                f"{pilot.folder}: holds a pilot of another {what} ({name} {pilot.facts.get(name)}, "
                f"now {found}). Choose a new folder."
            )
    before, now = asdict(pilot.config), asdict(config)
    for name in before:
        if name not in CHANGEABLE and before[name] != now[name]:
            raise DataError(
                f"{pilot.folder}: was made with {name} {before[name]!r}, now {now[name]!r}. Choose "
                "a new folder, or restore that setting."
            )
    if config.pairs < pilot.config.pairs:
        raise DataError(
            f"{pilot.folder}: has {pilot.config.pairs} pairs; expected at least as many, found "
            f"{config.pairs}."
        )


def _table(
    pictures: Pictures,
    pairs: Pairs,
    population: Population,
    drawn: list[np.ndarray],
    names: list[str],
) -> pd.DataFrame:
    places = np.concatenate(drawn)
    sizes = np.bincount(
        stratum_of(population, pairs.similarity[~pairs.differ]), minlength=len(drawn)
    )
    stratum = np.repeat(np.arange(len(drawn)), [len(part) for part in drawn])
    first, second = pairs.first[places], pairs.second[places]
    return pd.DataFrame(
        {
            "pair": [_pair_name(names[a], names[b]) for a, b in zip(first, second, strict=True)],
            "first": [names[one] for one in first],
            "second": [names[one] for one in second],
            "similarity": pairs.similarity[places].round(6),
            "stratum": stratum,
            "rank": np.concatenate([np.arange(len(part)) for part in drawn]),
            "of": sizes[stratum],
            "height": third_of(population.height, pairs.height[places]),
            "sharp": third_of(population.sharp, pairs.sharp[places]),
            "kit": pairs.kit[places],
            "first_row": pictures.row[first],
            "second_row": pictures.row[second],
            "first_track": pictures.track[first],
            "second_track": pictures.track[second],
        }
    )


def _names(count: int, seed: int) -> list[str]:
    """Return a random name for each picture."""
    words = np.random.default_rng([seed, 7]).bytes(8 * count).hex()
    return [words[start : start + 16] for start in range(0, len(words), 16)]


def _pair_name(first: str, second: str) -> str:
    return hashlib.sha256(f"{first} {second}".encode()).hexdigest()[:12]


def _differ(pictures: Pictures) -> np.ndarray:
    first, second = np.nonzero(np.triu(pictures.cannot_link, 1))
    tracks = np.stack([pictures.track[first], pictures.track[second]], axis=1)
    return np.unique(np.sort(tracks, axis=1), axis=0).astype(np.int64).reshape(-1, 2)


def _write_pictures(pictures: Pictures, table: pd.DataFrame, folder: Path) -> None:
    """Write the missing crops of the drawn pairs."""
    places = {int(row): place for place, row in enumerate(pictures.row)}
    wanted = {
        str(name): places[int(row)]
        for side in ("first", "second")
        for name, row in zip(table[side], table[f"{side}_row"], strict=True)
    }
    for name, place in sorted(wanted.items(), key=lambda item: item[1]):
        path = folder / f"{name}.jpg"
        if not path.is_file():
            content = encode_picture(pictures.crops.read(place), ".jpg", 92)
            with whole_file(path) as partial:
                partial.write_bytes(content)


def crops_of_videos(
    videos: Sequence[str | Path],
    config: PilotConfig,
    *,
    boxes: str | Path | None = None,
    folder: str | Path | None = None,
    progress: Callable[[float, float], None] | None = None,
) -> Crops:
    """Return the clearest boxes of each tracklet in some videos as a crop table.

    boxes       of the people, a file as ``find_tracklets`` takes it; None: the detector finds them
    folder      for intermediate results, from which a stopped run is resumed
    progress    called with (done, all) seconds

    ``image`` is a frame of a video, ``track`` a tracklet, ``camera`` the video; boxes get the
    margin that encoders expect. Raises DataError where nobody is found.
    """
    cameras = cameras_of(videos)
    tracklets = find_tracklets(
        cameras, boxes, fps=config.fps, detector=config.detector, folder=folder, progress=progress
    )
    table = tracklets.table.iloc[choose_boxes(tracklets)]
    if not len(table):
        raise DataError(
            "No people were found in the videos. Choose another detector, or pass boxes."
        )
    paths = {camera.name: camera.video.resolve() for camera in cameras}
    margin = MARGIN * table["height"].to_numpy()
    return Crops(
        pd.DataFrame(
            {
                "image": [
                    f"{paths[camera]}#{frame}"
                    for camera, frame in zip(table["camera"], table["frame"], strict=True)
                ],
                "camera": table["camera"].to_numpy(),
                "frame": table["frame"].to_numpy(),
                "track": table["tracklet"].astype(str).to_numpy(),
                "left": table["left"].to_numpy() - margin,
                "top": table["top"].to_numpy() - margin,
                "width": table["width"].to_numpy() + 2 * margin,
                "height": table["height"].to_numpy() + 2 * margin,
            }
        ),
        next(iter(paths.values())).parent,
        None,
        "table",
    )
