"""A pilot's folder.

pilot.json               settings, the encoder's fingerprint, digests; written last
pairs.csv                one row per drawn pair; within a stratum in random order
population.safetensors   counts of all pairs, and tracks known to differ
pictures/                the crops, under random names
answers.csv              people's answers, see ``labels``
work/                    measurements, from which a stopped run is resumed
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
from sameplayer.pilot.population import STRATUM_SHARE, Population

FORMAT = 1
RECORD, PAIRS, POPULATION = "pilot.json", "pairs.csv", "population.safetensors"
PICTURES, WORK = "pictures", "work"
REMAKE = "Make the pilot again in the same folder from the same data; the answers stay."
OWN = {RECORD, PAIRS, POPULATION, PICTURES, WORK, "answers.csv", "report.html", "report.json"}
ARRAYS = "sameplayer pilot 1"
FACTS: dict[str, type] = {
    **dict.fromkeys(("fingerprint", "data", "source", "kits"), str),
    **dict.fromkeys(("pictures", "of_pictures", "tracks", "pairs", "known"), int),
    "tracked": bool,
}
COLUMNS: dict[str, type] = {
    **dict.fromkeys(("pair", "first", "second"), str),
    "similarity": float,
    **dict.fromkeys(("stratum", "rank", "of", "height", "sharp", "kit"), int),
    **dict.fromkeys(("first_row", "second_row", "first_track", "second_track"), int),
}


@dataclass(frozen=True, eq=False)
class Pilot:
    """A pilot as stored in its folder, without the answers.

    pairs         one row per drawn pair: pair (its name), first and second (names of pictures),
                  similarity, stratum, rank (index in the stratum's random order), of (number of
                  pairs in the stratum), height and sharp (thirds, 0 the lowest), kit (index of
                  KITS), and the rows and tracks of the two pictures
    population    counts of all pairs
    differ        (k, 2) tracks that are known to be of different persons
    facts         recorded facts: fingerprint, data, pictures, tracked, kits, ...
    """

    folder: Path
    config: PilotConfig
    pairs: pd.DataFrame
    population: Population
    differ: np.ndarray
    facts: dict[str, Any]

    def __repr__(self) -> str:
        return f"Pilot({str(self.folder)!r}, {len(self.pairs)} pairs)"

    @cached_property
    def places(self) -> dict[str, int]:
        """Pair -> its index in the table."""
        return {str(pair): place for place, pair in enumerate(self.pairs["pair"])}

    @cached_property
    def tracks(self) -> list[tuple[int, int]]:
        """The two tracks of each pair of the table."""
        columns = self.pairs[["first_track", "second_track"]].to_numpy()
        return [(int(one), int(other)) for one, other in columns]

    @cached_property
    def cannot_link(self) -> frozenset[tuple[int, int]]:
        """Pairs of tracks known to differ, the smaller first."""
        return frozenset((int(one), int(other)) for one, other in self.differ)

    def picture(self, name: str) -> bytes:
        """Return the JPEG of a picture. Raises DataError for a name not in this pilot."""
        if name not in set(self.pairs["first"]) | set(self.pairs["second"]):
            raise DataError(f"{self.folder}: this pilot has no picture {name[:40]!r}.")
        path = self.folder / PICTURES / f"{name}.jpg"
        try:
            return path.read_bytes()
        except OSError as error:
            raise DataError(
                f"{path}: cannot read the picture ({error.strerror or error}). {REMAKE}"
            ) from error

    def row(self, pair: str) -> pd.Series:
        """Return the row of a pair. Raises DataError for an unknown pair."""
        if pair not in self.places:
            raise DataError(f"{self.folder}: this pilot has no pair {pair[:40]!r}.")
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
                f"{folder / name}: differs from what was written with {RECORD}. {REMAKE}"
            )
    arrays = load_arrays(folder / POPULATION, ARRAYS)
    if arrays is None:
        raise DataError(f"{folder / POPULATION}: cannot be read. {REMAKE}")
    names = [item.name for item in fields(Population)]
    pairs = unguarded_table(pd.read_csv(folder / PAIRS, dtype=COLUMNS, keep_default_na=False))
    population = Population(**{name: arrays[name] for name in names})
    return Pilot(
        folder, _config(folder, record), pairs, population, arrays["differ"], record["facts"]
    )


def save_pilot(pilot: Pilot) -> None:
    """Write the pilot's files except the pictures, pilot.json last. Raises DataError."""
    folder = pilot.folder
    (folder / RECORD).unlink(missing_ok=True)
    population = {item.name: getattr(pilot.population, item.name) for item in fields(Population)}
    save_arrays(folder / POPULATION, {**population, "differ": pilot.differ}, ARRAYS)
    write_csv(pilot.pairs, folder / PAIRS)
    record = {
        "format": FORMAT,
        "settings": asdict(pilot.config),
        "facts": pilot.facts,
        "files": {name: _digest(folder / name) for name in (PAIRS, POPULATION)},
    }
    write_text(folder / RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def refuse_foreign(folder: Path) -> None:
    """Raise DataError for a file, and for a folder with files that do not belong to a pilot."""
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: is a file; expected a new folder, or that of a pilot.")
    names = {path.name for path in folder.iterdir()} if folder.exists() else set()
    foreign = {name for name in names - OWN if not name.endswith(".partial")}
    if foreign:
        raise DataError(
            f"{folder}: holds {min(foreign)!r}, which is not part of a pilot. Choose a new folder."
        )


def reserve(config: PilotConfig) -> int:
    """Return the maximum number of pairs drawn from a stratum."""
    return max(10, int(np.ceil(config.pairs * STRATUM_SHARE)))


def _record(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise MissingFile(
            f"{path}: no such file; expected the folder of a finished pilot. Make one with: "
            "sameplayer pilot DATA --out PILOT"
        )
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise DataError(
            f"{path}: is not JSON ({error}); expected the record of a pilot."
        ) from error
    good = isinstance(record, dict) and record.get("format") == FORMAT
    parts = ("settings", "facts", "files")
    if not good or not all(isinstance(record.get(name), dict) for name in parts):
        raise DataError(f"{path}: is not the record of a pilot of format {FORMAT}.")
    wrong = [name for name, kind in FACTS.items() if type(record["facts"].get(name)) is not kind]
    if wrong:
        raise DataError(
            f"{path}: expected the fact {wrong[0]!r} as {FACTS[wrong[0]].__name__}, found "
            f"{record['facts'].get(wrong[0])!r}."
        )
    if set(record["files"]) != {PAIRS, POPULATION}:
        raise DataError(f"{path}: lists other files than {PAIRS} and {POPULATION}.")
    return record


def _config(folder: Path, record: dict[str, Any]) -> PilotConfig:
    try:
        return PilotConfig(**record["settings"])
    except (TypeError, SameplayerError) as error:
        raise DataError(f"{folder / RECORD}: invalid settings ({error}).") from error


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise MissingFile(f"{path}: no such file; expected it in the pilot's folder.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error
