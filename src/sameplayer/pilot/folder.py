"""A pilot in a folder: what is asked, of which pictures, and what all pairs are like.

pilot.json               settings, the encoder's fingerprint, digests; written last
pairs.csv                a row a drawn pair; those of a stratum in their random order
population.safetensors   counts of all pairs, and which tracks are known to differ
pictures/                the crops, under names that say nothing
answers.csv              what people said, see ``answers``
work/                    what was measured of the pictures, for going on
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.common.cells import unguarded_table, write_csv
from sameplayer.common.files import load_arrays, save_arrays, write_text
from sameplayer.errors import DataError, MissingFile, SameplayerError
from sameplayer.pilot.config import PilotConfig
from sameplayer.pilot.rates.population import STRATUM_SHARE, Population

FORMAT = 1
RECORD, PAIRS, POPULATION, PICTURES, WORK = (
    "pilot.json",
    "pairs.csv",
    "population.safetensors",
    "pictures",
    "work",
)
OWN = {RECORD, PAIRS, POPULATION, PICTURES, WORK, "answers.csv", "report.html", "report.json"}
ARRAYS = "sameplayer pilot 1"
FACTS: dict[str, type] = {
    "fingerprint": str,
    "data": str,
    "source": str,
    "pictures": int,
    "of_pictures": int,
    "tracked": bool,
    "tracks": int,
    "kits": str,
    "pairs": int,
    "known": int,
}
COLUMNS = {
    "pair": str,
    "first": str,
    "second": str,
    "similarity": float,
    "stratum": int,
    "rank": int,
    "of": int,
    "height": int,
    "sharp": int,
    "kit": int,
    "first_row": int,
    "second_row": int,
    "first_track": int,
    "second_track": int,
}


@dataclass(frozen=True, eq=False)
class Pilot:
    """A pilot as it lies in its folder, without the answers.

    pairs         a row a drawn pair: pair (its name), first and second (names of pictures),
                  similarity, stratum, rank (its place in the stratum's random order), of (how many
                  pairs the stratum has), height and sharp (thirds, 0 the lowest), kit (index of
                  KITS), and the rows and tracks of the two pictures
    population    counts of all pairs
    differ        (k, 2) tracks that are known to be of two persons
    facts         what was recorded: fingerprint, data, pictures, tracked, kits, ...
    """

    folder: Path
    config: PilotConfig
    pairs: pd.DataFrame
    population: Population
    differ: np.ndarray
    facts: dict[str, Any]

    @cached_property
    def places(self) -> dict[str, int]:
        """Pair -> its place in the table."""
        return {str(pair): place for place, pair in enumerate(self.pairs["pair"])}

    @cached_property
    def tracks(self) -> list[tuple[int, int]]:
        """The two tracks of each pair of the table."""
        columns = self.pairs[["first_track", "second_track"]].to_numpy()
        return [(int(one), int(other)) for one, other in columns]

    @cached_property
    def apart(self) -> frozenset[tuple[int, int]]:
        """The tracks known to differ, the smaller of two first."""
        return frozenset((int(one), int(other)) for one, other in self.differ)

    def picture(self, name: str) -> bytes:
        """Return the JPEG of one picture. Raises DataError for no picture of this pilot."""
        if name not in set(self.pairs["first"]) | set(self.pairs["second"]):
            raise DataError(f"{self.folder}: no picture {name[:40]!r} in this pilot.")
        path = self.folder / PICTURES / f"{name}.jpg"
        try:
            return path.read_bytes()
        except OSError as error:
            raise DataError(
                f"{path}: the picture is gone ({error.strerror or error}). Make the pilot again "
                "in the same folder from the same data; the answers stay."
            ) from error

    def row(self, pair: str) -> pd.Series:
        """Return the row of a pair. Raises DataError for one that is not there."""
        if pair not in self.places:
            raise DataError(
                f"{self.folder}: no pair {pair[:40]!r}; expected one that this pilot asks about."
            )
        return self.pairs.iloc[self.places[pair]]


def is_pilot(folder: str | Path) -> bool:
    """Tell whether a folder holds a finished pilot."""
    return (Path(folder) / RECORD).is_file()


def load_pilot(folder: str | Path) -> Pilot:
    """Read a pilot's folder. Raises MissingFile, and DataError for what is damaged."""
    folder = Path(folder)
    record = _record(folder / RECORD)
    for name, digest in record["files"].items():
        if _digest(folder / name) != digest:
            raise DataError(
                f"{folder / name}: is not what was written with {RECORD}. Make the pilot again in "
                "the same folder from the same data; the answers stay."
            )
    arrays = load_arrays(folder / POPULATION, ARRAYS)
    if arrays is None:
        raise DataError(f"{folder / POPULATION}: cannot be read; expected the pairs' counts.")
    names = [item.name for item in fields(Population)]
    pairs = unguarded_table(pd.read_csv(folder / PAIRS, dtype=COLUMNS, keep_default_na=False))
    population = Population(**{name: arrays[name] for name in names})
    return Pilot(
        folder, _config(folder, record), pairs, population, arrays["differ"], record["facts"]
    )


def save_pilot(pilot: Pilot) -> None:
    """Write the pilot's files but the pictures, pilot.json last. Raises DataError."""
    folder = pilot.folder
    (folder / RECORD).unlink(missing_ok=True)
    population = {item.name: getattr(pilot.population, item.name) for item in fields(Population)}
    save_arrays(folder / POPULATION, {**population, "differ": pilot.differ}, ARRAYS)
    write_csv(pilot.pairs, folder / PAIRS)
    save_settings(pilot)


def save_settings(pilot: Pilot) -> None:
    """Write pilot.json, with the digests of the files that are there."""
    record = {
        "format": FORMAT,
        "settings": asdict(pilot.config),
        "facts": pilot.facts,
        "files": {name: _digest(pilot.folder / name) for name in (PAIRS, POPULATION)},
    }
    write_text(pilot.folder / RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def refuse_foreign(folder: Path) -> None:
    """Raise DataError where a folder for a pilot is a file or holds what no pilot does."""
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: a file; expected a folder for the pilot, new or its own.")
    strange = {one.name for one in folder.iterdir()} - OWN if folder.exists() else set()
    strange = {name for name in strange if not name.endswith(".partial")}
    if strange:
        raise DataError(
            f"{folder}: already holds {min(strange)!r}, which is no part of a pilot; choose a new "
            "folder."
        )


def reserve(config: PilotConfig) -> int:
    """Return how many pairs of a stratum are drawn, at most."""
    return max(10, int(np.ceil(config.pairs * STRATUM_SHARE)))


def _record(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise MissingFile(
            f"{path}: no such file; expected the folder of a pilot that was finished. Make one: "
            "sameplayer pilot DATA --out PILOT"
        )
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise DataError(f"{path}: expected a pilot's record, found no JSON ({error}).") from error
    good = isinstance(record, dict) and record.get("format") == FORMAT
    parts = ("settings", "facts", "files")
    if not good or not all(isinstance(record.get(name), dict) for name in parts):
        raise DataError(f"{path}: no record of a pilot of format {FORMAT}.")
    wrong = [name for name, kind in FACTS.items() if type(record["facts"].get(name)) is not kind]
    if wrong:
        raise DataError(
            f"{path}: the fact {wrong[0]!r} is not there as a {FACTS[wrong[0]].__name__}."
        )
    if set(record["files"]) != {PAIRS, POPULATION}:
        raise DataError(f"{path}: names other files than a pilot has.")
    return record


def _config(folder: Path, record: dict[str, Any]) -> PilotConfig:
    try:
        return PilotConfig(**record["settings"])
    except (TypeError, SameplayerError) as error:
        raise DataError(f"{folder / RECORD}: settings that no pilot has ({error}).") from error


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise MissingFile(f"{path}: no such file; expected a part of the pilot.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error
