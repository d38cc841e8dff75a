"""A log of players in a folder: tables for programs and for people, each file whole.

log.parquet, log.csv    a row an appearance; the CSV is for people, rounded
boxes.parquet           a row a box
links.parquet           why appearances were joined, or were not
players.csv             a row a player
log.json                facts and cameras; written last, so a log without it is not finished
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.common.cells import write_csv
from sameplayer.common.files import private_folder, whole_file, write_text
from sameplayer.common.names import control_character
from sameplayer.errors import DataError, MissingFile
from sameplayer.identity.log.player_log import APPEARANCES, BOXES, LINKS, PlayerLog
from sameplayer.tracks.camera import Camera

FORMAT = 1
TABLES = {"appearances": "log.parquet", "boxes": "boxes.parquet", "links": "links.parquet"}
COLUMNS = {"appearances": APPEARANCES, "boxes": BOXES, "links": LINKS}
WHOLE = ("appearance", "shot", "first_frame", "last_frame", "frames", "frame")
REAL = ("start_s", "end_s", "time_s", "left", "top", "width", "height")
SHARES = ("probability", "second_probability", "could_be_probability", "score")
TRUTHS = ("sure", "joined")
ROUNDED = {"start_s": 3, "end_s": 3}
LATER = ("could_be", "could_be_probability")  # columns that older logs do not have


def save_log(log: PlayerLog, folder: str | Path) -> Path:
    """Write the log's files into a folder, and return it; nobody else may look into a new one.

    Other files in the folder stay. Videos are named relative to the folder where that is possible.
    Raises DataError for what cannot be written.
    """
    folder = private_folder(folder)
    facts = folder / "log.json"
    try:
        facts.unlink(missing_ok=True)  # until all is written there is no log here
    except OSError as error:
        raise DataError(f"{facts}: cannot be written ({error.strerror or error}).") from error
    for name, file in TABLES.items():
        table = _in_order(getattr(log, name), COLUMNS[name])
        _write_parquet(table, folder / file)
    write_csv(log.appearances[list(APPEARANCES)].round(ROUNDED), folder / "log.csv")
    write_csv(log.players().round(3), folder / "players.csv")
    cameras = [
        {"name": one.name, "video": _relative(one.video, folder), "offset_s": one.offset_s}
        for one in log.cameras
    ]
    record = {"format": FORMAT, "cameras": cameras, "facts": plain(log.facts)}
    write_text(facts, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    return folder


def load_log(folder: str | Path) -> PlayerLog:
    """Read a log that ``save_log`` wrote; the videos need not be there.

    Raises MissingFile, and DataError naming the file for what is damaged or is no log.
    """
    folder = Path(folder)
    record = _read_record(folder / "log.json")
    tables = {name: _read_table(folder / file, name) for name, file in TABLES.items()}
    cameras = tuple(_camera(folder, one) for one in record["cameras"])
    log = PlayerLog(**tables, cameras=cameras, facts=record["facts"])
    _refuse_strangers(log, folder)
    return log


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it: numpy's numbers as Python's, what is not finite as None.

    Tables become lists of rows; other objects their words.
    """
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | np.ndarray):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def text_or(value: Any, otherwise: str = "") -> str:
    """Return a cell of a log's table as text, or ``otherwise`` where it is missing."""
    return otherwise if value is None or pd.isna(value) else str(value)


def rows_of(table: pd.DataFrame) -> list[Any]:
    """Return the rows of a log's table, each with its columns as attributes."""
    return list(table.itertuples(index=False))


def _in_order(table: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    rest = [name for name in table.columns if name not in columns]
    return table[[*columns, *rest]].reset_index(drop=True)


def _write_parquet(table: pd.DataFrame, path: Path) -> None:
    with whole_file(path) as partial:
        try:
            table.to_parquet(partial, index=False)
        except (OverflowError, TypeError, ValueError) as error:
            raise DataError(f"{path}: no Parquet holds this ({error}).") from error


def _relative(video: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(video.resolve(), folder.resolve())).as_posix()
    except ValueError:  # on another drive
        return video.resolve().as_posix()


def _read_record(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise MissingFile(
            f"{path}: no such file; expected the folder of a log that was finished. Make it again, "
            "or let the stopped run go on."
        )
    expected = "expected the facts and cameras that save_log leaves"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise DataError(f"{path}: {expected}, found what is no JSON ({error}).") from error
    good = isinstance(record, dict) and record.get("format") == FORMAT
    if not good or not isinstance(record.get("facts"), dict):
        raise DataError(f"{path}: {expected}, of format {FORMAT}.")
    cameras = record.get("cameras")
    if not isinstance(cameras, list) or not all(map(_is_camera, cameras)):
        raise DataError(f"{path}: {expected}; a camera needs a name, a video and an offset_s.")
    names = [one["name"] for one in cameras]
    if len(set(names)) < len(names):
        raise DataError(f"{path}: two cameras of one name; expected each once.")
    return record


def _is_camera(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and all(isinstance(one.get(key), str) and not control_character(one[key]) for key in _TEXTS)
        and bool(one["name"])
        and not set(one["name"]) & set("/\\")
        and isinstance(one.get("offset_s"), int | float)
        and abs(one["offset_s"]) < 1e9
    )


_TEXTS = ("name", "video")


def _camera(folder: Path, one: dict[str, Any]) -> Camera:
    return Camera(one["name"], folder / one["video"], float(one["offset_s"]))


def _read_table(path: Path, name: str) -> pd.DataFrame:
    from pyarrow.parquet import read_table

    if not path.is_file():
        raise MissingFile(f"{path}: no such file; expected a table of a log.")
    try:
        read_table(path).validate(full=True)  # else damaged text is met later, anywhere
        table = pd.read_parquet(path)
    except Exception as error:  # a damaged file: Arrow and pandas raise many kinds
        raise DataError(f"{path}: cannot be read as a Parquet table ({error}).") from error
    for column in set(LATER) & set(COLUMNS[name]) - set(table.columns):
        table[column] = None
    missing = [column for column in COLUMNS[name] if list(table.columns).count(column) != 1]
    if missing:
        raise DataError(f"{path}: expected the column {missing[0]!r} once.")
    for column in COLUMNS[name]:
        kind = _kind(name, column)
        try:
            table[column] = kind(table[column])
        except (ValueError, TypeError, OverflowError) as error:
            raise DataError(f"{path}: column {column!r}: {error}.") from error
    return table


def _kind(table: str, column: str) -> Callable[[pd.Series], pd.Series]:
    """Return what checks a column and gives it its type.

    In the links, first and second are appearances, and what a kind of evidence adds has its name.
    """
    if table == "links":
        if column in ("first", "second"):
            return _whole
        return _truth if column == "joined" else _odds
    for names, kind in ((WHOLE, _whole), (REAL, _real), (SHARES, _share), (TRUTHS, _truth)):
        if column in names:
            return kind
    return _needed_text if column in ("identity", "camera", "rests_on") else _text


def _whole(column: pd.Series) -> pd.Series:
    if not len(column):
        return column.astype("int64")
    if not pd.api.types.is_integer_dtype(column) or column.isna().any():
        raise ValueError(f"expected whole numbers, found {column.dtype} or gaps")
    if not (column >= 0).all():
        raise ValueError(f"found {column.min()}; expected 0 or more")
    return column.astype("int64")


def _numbers(column: pd.Series) -> pd.Series:
    if not column.isna().all() and not pd.api.types.is_numeric_dtype(column):
        raise ValueError(f"expected numbers, found {column.dtype}")
    return column.astype("float64")


def _real(column: pd.Series) -> pd.Series:
    numbers = _numbers(column)
    if not (numbers.abs() < 1e12).all():
        raise ValueError("expected finite numbers")
    return numbers


def _odds(column: pd.Series) -> pd.Series:
    numbers = _numbers(column)
    if numbers.isna().any():
        raise ValueError("expected log-odds in every row")
    return numbers


def _share(column: pd.Series) -> pd.Series:
    numbers = _numbers(column)
    if not numbers.dropna().between(0, 1).all():
        raise ValueError("expected numbers from 0 to 1, or nothing")
    return numbers


def _truth(column: pd.Series) -> pd.Series:
    if not len(column):
        return column.astype(bool)
    if not pd.api.types.is_bool_dtype(column) or column.isna().any():
        raise ValueError(f"expected true and false, found {column.dtype} or gaps")
    return column.astype(bool)


def _text(column: pd.Series) -> pd.Series:
    strange = [one for one in column.dropna().tolist() if not isinstance(one, str)]
    if strange:
        raise ValueError(f"found {str(strange[0])[:40]!r}; expected texts")
    return column.astype("str")


def _needed_text(column: pd.Series) -> pd.Series:
    if column.isna().any():
        raise ValueError("expected a text in every row")
    return _text(column)


def _refuse_strangers(log: PlayerLog, folder: Path) -> None:
    """Refuse tables of which one names what another has not, as those of two logs do."""
    known = log.appearances["appearance"]
    if not known.is_unique:
        raise DataError(f"{folder / 'log.parquet'}: an appearance stands there twice.")
    cameras = {one.name for one in log.cameras}
    if not set(log.boxes["appearance"]) <= set(known):
        raise DataError(f"{folder / 'boxes.parquet'}: names an appearance that the log has not.")
    if not {*log.links["first"], *log.links["second"]} <= set(known):
        raise DataError(f"{folder / 'links.parquet'}: names an appearance that the log has not.")
    for name, table in (("log.parquet", log.appearances), ("boxes.parquet", log.boxes)):
        strange = set(table["camera"]) - cameras
        if strange:
            raise DataError(
                f"{folder / name}: names the camera {min(strange)!r}, unknown in log.json."
            )
    sizes = log.boxes[["width", "height"]]
    if not (sizes > 0).all(axis=None) or not (log.boxes["frame"] >= 1).all():
        raise DataError(f"{folder / 'boxes.parquet'}: a box without size or before frame 1.")
    if not (log.appearances["end_s"] >= log.appearances["start_s"]).all():
        raise DataError(f"{folder / 'log.parquet'}: an appearance ends before it starts.")
