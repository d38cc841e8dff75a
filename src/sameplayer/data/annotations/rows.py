"""Annotations, and what their readers share: size limits, checked values, counted notes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.errors import DataError

NUMBERS = ("frame", "track", "left", "top", "width", "height", "score")
TEXTS = ("camera", "sequence", "label", "role", "team", "number", "name")


@dataclass(frozen=True, eq=False)
class Annotations:
    """Boxes of one file or folder as written; nothing is dropped, shifted or clipped.

    table       one row per box, in the order of the file, with the columns

                row        where it stands, as messages say it: "line 7", "annotation 12"
                frame      number of the frame, counted as the file counts
                track      whole number of the track, missing: none
                left, top, width, height    in pixels, or shares of the picture, see ``shares``
                score      as the file has it, missing: none
                label      class, such as "player" or "ball", missing: none said
                camera, sequence, role, team, number, name    text, missing: none said

    first       number that the format gives to a video's first frame: 0 or 1; None: the format
                does not say, so the numbers have to tell
    shares      whether boxes are shares of the picture's width and height, from 0 to 1
    notes       what was read as what, and what the file holds that is not used; one sentence each
    size        width and height that the file gives to its pictures; None: none, or several
    frames      how many frames the file says that its video has; None or 0: it does not say
    """

    table: pd.DataFrame
    first: int | None = None
    shares: bool = False
    notes: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    frames: int | None = None


def left_out_note(count: int, what: str, example: str) -> str:
    """Return a note on boxes that are left out: "3 boxes ..., such as line 7, are left out."."""
    if count == 1:
        return f"1 box {what}, {example}, is left out."
    return f"{count} boxes {what}, such as {example}, are left out."


Box = tuple[float, float, float, float]
LARGEST = 500 << 20  # bytes of a file
MOST = 5_000_000  # boxes of a file, those between keyframes included
EXACT = 2**53  # beyond it not every whole number is a float
HALVES = re.compile(r"\\u[dD][89a-fA-F]")
COUNTED = re.compile(r"(\d{1,12})$")  # number of a frame: match_000012
EXPORTED = re.compile(r"_(jpe?g|png|bmp|webp|tiff?)\.rf\.\w+$", re.IGNORECASE)  # as Roboflow does


@dataclass
class BoxCollector:
    """Collects the boxes of a file while it is read, and counts what is left out."""

    path: Path
    notes: list[str] = field(default_factory=list)
    _rows: list[tuple[Any, ...]] = field(default_factory=list)
    _left_out: dict[str, tuple[int, str]] = field(default_factory=dict)
    _sizes: set[tuple[int, int]] = field(default_factory=set)

    def add(
        self,
        row: str,
        frame: int,
        box: Box,
        track: object,
        texts: Mapping[str, str | None],
        score: float = math.nan,
    ) -> None:
        """Add a box: ``box`` is left, top, width, height; ``texts`` are those of Annotations."""
        self._refuse_more(row, 1)
        if isinstance(track, list | dict | bool):
            raise self.wrong(row, "track", track, "a number or a name")
        self._rows.append((row, frame, track, *box, score, *map(texts.get, TEXTS)))

    def between(
        self, row: str, first: Box, last: Box, frames: tuple[int, int], step: int = 1
    ) -> Iterator[tuple[int, Box]]:
        """Yield each step-th frame between two keyframes, with a box that moves straight."""
        start, stop = frames
        self._refuse_more(row, (stop - start - 1) // step)
        for frame in range(start + step, stop, step):
            share = (frame - start) / (stop - start)
            sides = (a + (b - a) * share for a, b in zip(first, last, strict=True))
            left, top, width, height = sides
            yield frame, (left, top, width, height)

    def _refuse_more(self, row: str, count: int) -> None:
        if len(self._rows) + count > MOST:
            raise DataError(
                f"{self.path}, {row}: the file holds more than {MOST:,} boxes; expected fewer. "
                "Export it in parts."
            )

    def made_for(self, width: object, height: object) -> None:
        """Record the picture size that the file states, if valid."""
        sides = text_of(width) or "", text_of(height) or ""
        if all(re.fullmatch("[1-9][0-9]{0,5}", side) for side in sides) and len(self._sizes) < 2:
            self._sizes.add((int(sides[0]), int(sides[1])))

    def leave_out(self, what: str, row: str) -> None:
        """Count a box that is left out; ``what`` continues "3 boxes ", such as "of a crowd"."""
        count, example = self._left_out.get(what, (0, row))
        self._left_out[what] = count + 1, example

    def number(self, value: object, row: str, name: str) -> float:
        """Return a number, NaN where missing. Raises DataError for anything else."""
        if value is None or value == "":
            return math.nan
        try:
            if isinstance(value, int | float | str) and not isinstance(value, bool):
                return float(value)
        except (ValueError, OverflowError):
            pass
        raise self.wrong(row, name, value, "a number")

    def numbers(self, value: object, row: str, name: str) -> Box:
        """Return the four numbers of a list."""
        if not isinstance(value, list) or len(value) != 4:
            raise self.wrong(row, name, value, "a list of four numbers")
        left, top, width, height = (self.number(side, row, name) for side in value)
        return left, top, width, height

    def frame(self, value: object, row: str, name: str = "frame") -> int:
        """Return a frame number. Raises DataError unless it is a whole number."""
        number = self.number(value, row, name)
        if not math.isfinite(number) or number != int(number) or abs(number) >= EXACT:
            raise self.wrong(row, name, value, "a whole number")
        return int(number)

    def wrong(self, row: str, name: str, value: object, expected: str) -> DataError:
        return DataError(f"{self.path}, {row}: {name} is {_short(value)}; expected {expected}.")

    def annotations(
        self, first: int | None = None, shares: bool = False, frames: int | None = None
    ) -> Annotations:
        """Return what was read. Raises DataError where every box was left out."""
        skipped = [left_out_note(count, what, row) for what, (count, row) in self._left_out.items()]
        if skipped and not self._rows:
            raise DataError(
                f"{self.path}: holds no box that can be read. {' '.join(skipped)} Expected "
                "rectangles that are not turned."
            )
        table = pd.DataFrame(self._rows, columns=["row", *NUMBERS, *TEXTS])
        numbers = [name for name in NUMBERS if name != "track"]
        table[numbers] = table[numbers].astype(np.float64)
        track, more = track_numbers(table["track"])
        size = next(iter(self._sizes)) if len(self._sizes) == 1 else None
        notes = (*self.notes, *skipped, *more)
        return Annotations(table.assign(track=track), first, shares, notes, size, frames)


def track_numbers(tracks: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Return tracks as float64, NaN where missing; names are numbered from 1 as they appear."""
    given = tracks.where(tracks.notna() & (tracks.astype(object) != ""), None)
    try:
        numbers = pd.to_numeric(given.astype(object)).to_numpy(np.float64, na_value=np.nan)
        if not (np.abs(numbers) >= EXACT).any():
            return numbers, []
    except (ValueError, TypeError, OverflowError):
        pass
    codes, names = pd.factorize(given.map(str, na_action="ignore"))
    example = _short(names[0])
    return np.where(codes < 0, np.nan, codes + 1.0), [
        f"Tracks are names, such as {example}, and are numbered from 1 as they come."
    ]


def folder_in_name(name: object) -> str | None:
    """Return the folder of a picture's path, other than img1; None without one."""
    parts = PurePosixPath(str(name).replace("\\", "/")).parent.parts
    return "/".join(part for part in parts if part not in ("img1", "/", "..")) or None


def text_of(value: object) -> str | None:
    """Return an attribute's value as stripped text; None where it is empty."""
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        value = int(value)
    if value is None or isinstance(value, bool | list | dict):
        return None
    return str(value).strip() or None


def key_of(value: object) -> str:
    """Return an id as text: 1, 1.0 and "1" are equal; "" where there is none."""
    return text_of(value) or ""


def number_in_name(name: object) -> int | None:
    """Return the number at the end of a file's name, such as 12 of img1/match_000012.jpg."""
    file = PurePosixPath(str(name).replace("\\", "/")).name
    stem = EXPORTED.sub("", re.sub(r"\.[A-Za-z]\w{0,4}$", "", file))
    match = COUNTED.search(stem)
    return int(match[1]) if match else None


def numbers_in_names(names: Sequence[object], groups: Sequence[object]) -> list[int] | None:
    """Return the numbers of pictures by ``number_in_name``.

    None where a name has no number, or where two of one group have the same.
    """
    numbers = [number_in_name(name) for name in names]
    known = [number for number in numbers if number is not None]
    different = len(set(zip(groups, numbers, strict=True))) == len(known) == len(names)
    return known if different else None


def named(values: Mapping[str, Any], names: Mapping[str, tuple[str, ...]]) -> dict[str, str | None]:
    """Return attributes as text under standard names; case and separators are ignored."""
    given = {_plain(key): value for key, value in values.items()}
    texts: dict[str, str | None] = {}
    for ours, others in names.items():
        values_given = (text_of(given[other]) for other in others if other in given)
        text = next(filter(None, values_given), None)
        if text is not None:
            texts[ours] = text
    return texts


@lru_cache(4096)
def _plain(key: str) -> str:
    return re.sub(r"[\W_]", "", key).lower()


ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "role": ("role",),
    "team": ("team", "club", "teamname"),
    "number": ("number", "jersey", "jerseynumber", "shirt", "shirtnumber"),
    "name": ("identity", "name", "player", "playername"),
}
"""Attributes by which annotators say who somebody is, as ``named`` takes them."""


def refuse_large(path: Path) -> None:
    size = path.stat().st_size
    if size > LARGEST:
        raise DataError(
            f"{path}: is {size >> 20:,} MB large; expected at most {LARGEST >> 20}. Export it in "
            "parts, or as MOT text."
        )


def load_json(path: Path) -> Any:
    """Return the content of a JSON file. Raises DataError where it is invalid or too deep."""
    refuse_large(path)
    try:
        content = path.read_bytes()
        text = content.decode(json.detect_encoding(content))
        del content
        data = json.loads(text)
        if HALVES.search(text):  # lone surrogates, which cannot be encoded
            whole = json.dumps(data, ensure_ascii=False).encode("utf-8", "replace")
            data = json.loads(whole)
        return data
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise DataError(f"{path}: not a JSON file that can be read ({reason[:200]}).") from error


def objects(rows: BoxCollector, value: object, what: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ("annotation 1", entry) of a list of objects. Raises DataError for other entries."""
    if not isinstance(value, list):
        raise DataError(f"{rows.path}: expected a list of {what}s; found {_short(value)}.")
    for place, item in enumerate(value, start=1):
        if not isinstance(item, dict):
            raise DataError(
                f"{rows.path}, {what} {place}: expected an object; found {_short(item)}."
            )
        yield f"{what} {place}", item


def _short(value: object) -> str:
    if isinstance(value, int) and abs(value) >= 10**40:
        return "a whole number of over 40 digits"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if not isinstance(value, str | int | float | None):
        return "an object" if isinstance(value, dict) else type(value).__name__
    text = repr(value)
    return f"{text[:60]}..." if len(text) > 60 else text
