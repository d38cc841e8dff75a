"""From a footage to a pilot's folder: which pairs are asked about, and their pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd

from sameplayer._version import __version__
from sameplayer.data.crops import Crops
from sameplayer.data.encode import encode_picture
from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import DataError
from sameplayer.files import whole_file
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
from sameplayer.pilot.pictures import Pictures, digest, measure
from sameplayer.pilot.population import (
    Pairs,
    Population,
    count_pairs,
    draw_pairs,
    stratum_of,
    third_of,
)

FREE = ("pairs", "false_matches", "within", "device")  # may change when a pilot goes on


def make_pilot(
    crops: Crops,
    encoder: Encoder,
    out: str | Path,
    config: PilotConfig | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Pilot:
    """Draw the pairs to ask about, and write the pilot's folder.

    crops       of the footage; persons that it names are not looked at
    out         a new folder, or that of an earlier run on the same data: it goes on, more pairs are
                drawn where the config asks for more, and all answers stay
    progress    called with (done, all) pictures looked at

    Raises DataError for a footage of which nothing can be asked and for a folder of anything else,
    SettingError.
    """
    out, config = Path(out), config or PilotConfig()
    refuse_foreign(out)
    if is_pilot(out):
        _refuse_other(load_pilot(out), crops, encoder, config)
    pictures = measure(
        crops, encoder, config, kept=out / WORK / "measured.safetensors", progress=progress
    )
    pairs = pictures.pairs()
    population = count_pairs(pairs)
    drawn = draw_pairs(pairs, population, reserve(config), config.seed)
    names = _names(len(pictures.row), config.seed)
    table = _table(pictures, pairs, population, drawn, names)
    _write_pictures(pictures, table, names, out / PICTURES)
    facts = {
        "sameplayer": __version__, "fingerprint": encoder.fingerprint(), "data": digest(crops),
        "source": crops.root.name, "pictures": len(pictures.row), "of_pictures": len(crops),
        "tracked": pictures.tracked, "tracks": len(np.unique(pictures.track)),
        "kits": pictures.kits, "pairs": len(pairs), "known": int(pairs.differ.sum()),
        **_typical(pictures),
    }  # fmt: skip
    pilot = Pilot(out, config, table, population, _differ(pictures), facts)
    save_pilot(pilot)
    return pilot


def _refuse_other(pilot: Pilot, crops: Crops, encoder: Encoder, config: PilotConfig) -> None:
    """Refuse to go on with other data or settings than the answers are of."""
    for name, found in (("fingerprint", encoder.fingerprint()), ("data", digest(crops))):
        if pilot.facts.get(name) != found:
            what = "encoder" if name == "fingerprint" else "footage"
            raise DataError(
                f"{pilot.folder}: a pilot of another {what} ({name} {pilot.facts.get(name)}, now "
                f"{found}). Choose a new folder."
            )
    before, now = asdict(pilot.config), asdict(config)
    for name in before:
        if name not in FREE and before[name] != now[name]:
            raise DataError(
                f"{pilot.folder}: was made with {name} {before[name]!r}, now {now[name]!r}. Choose "
                "a new folder, or leave that setting."
            )
    if config.pairs < pilot.config.pairs:
        raise DataError(
            f"{pilot.folder}: asks {pilot.config.pairs} questions; expected as many or more, found "
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
    """Return a name for each picture that says nothing of it."""
    words = np.random.default_rng([seed, 7]).bytes(8 * count).hex()
    return [words[start : start + 16] for start in range(0, len(words), 16)]


def _pair_name(first: str, second: str) -> str:
    return hashlib.sha256(f"{first} {second}".encode()).hexdigest()[:12]


def _differ(pictures: Pictures) -> np.ndarray:
    first, second = np.nonzero(np.triu(pictures.apart, 1))
    tracks = np.stack([pictures.track[first], pictures.track[second]], axis=1)
    return np.unique(np.sort(tracks, axis=1), axis=0).astype(np.int64).reshape(-1, 2)


def _typical(pictures: Pictures) -> dict[str, float]:
    return {
        "height_px": float(np.median(pictures.height)),
        "sharpness": float(np.median(pictures.sharp)),
    }


def _write_pictures(
    pictures: Pictures, table: pd.DataFrame, names: list[str], folder: Path
) -> None:
    """Write the crops of the drawn pairs that are not there yet."""
    wanted = set(table["first"]) | set(table["second"])
    for place, name in enumerate(names):
        path = folder / f"{name}.jpg"
        if name in wanted and not path.is_file():
            content = encode_picture(pictures.crops.read(place), ".jpg", 92)
            with whole_file(path) as partial:
                partial.write_bytes(content)


def with_settings(pilot: Pilot, **changed: object) -> Pilot:
    """Return the pilot with other settings of FREE; nothing is written."""
    return replace(pilot, config=replace(pilot.config, **changed))  # type: ignore[arg-type]
