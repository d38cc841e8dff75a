"""Queries with their nearest pictures, right and wrong, as the report shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.data.crops import Crops
from sameplayer.data.images.picture import Picture, letterbox_to
from sameplayer.errors import SameplayerError
from sameplayer.evaluation.pages import picture_address
from sameplayer.evaluation.scores import Scores, match_cameras, match_ids
from sameplayer.numbers.reader import NumberReader
from sameplayer.numbers.reading import read_jersey_number
from sameplayer.ranking.ranking import Ranking

READ = 5  # pictures of a strip whose numbers are read

Number = tuple[str, str]  # the number and its probability, in words


@dataclass(eq=False)
class ShownNumbers:
    """Shirt numbers: those of the table, else what a reader reads, until it fails.

    reader     a reader, a function that makes one, or None
    failure    why no (more) numbers are read, or None
    """

    reader: NumberReader | Callable[[], NumberReader] | None
    failure: str | None = field(default=None, init=False)

    def of(
        self, crops: Crops, row: int, picture: Callable[[], Picture] | None = None
    ) -> Number | None:
        """Return the number of one picture, from the table or else read from ``picture()``."""
        if "read_number" in crops.table.columns:
            return _number_in_table(crops.table, row)
        if self.reader is None or self.failure is not None or picture is None:
            return None
        try:
            if callable(self.reader):
                self.reader = self.reader()
            reading = read_jersey_number([picture()], self.reader)[0]
        except Exception as error:  # an optional part must not take the report with it
            self.failure = reason(error)
            return None
        return None if reading.number is None else (reading.number, f"{reading.probability:.2f}")


class Strips:
    """A ranking as strips of pictures: each query with the nearest that count for it.

    length     gallery pictures in a strip
    numbers    shirt numbers to show below them

    As in the scores, pictures of the query's own person and camera are left out, and so are those
    of another identity scope.
    """

    def __init__(
        self, ranking: Ranking, scores: Scores, length: int, numbers: ShownNumbers
    ) -> None:
        self.ranking, self.scores, self.length, self.numbers = ranking, scores, length, numbers
        self.ids, self.cameras = match_ids(ranking), match_cameras(ranking)
        self._pictures: dict[tuple[bool, int], Picture] = {}
        self._thumbnails: dict[tuple[bool, int], str] = {}

    def right(self, query: int) -> np.ndarray:
        """Return (n,) whether each gallery picture shows the query's person."""
        return self.ids[1] == self.ids[0][query]

    def listed(self, query: int) -> np.ndarray:
        """Return the gallery rows that count for a query, nearest first."""
        own = self.right(query) & (self.cameras[1] == self.cameras[0][query])
        distance = np.where(own, np.inf, self.ranking.distance[query])
        order = np.argsort(distance, kind="stable")
        return order[np.isfinite(distance[order])]

    def query(self, query: int) -> dict[str, Any]:
        """Return what the template shows of one query."""
        listed, table = self.listed(query), self.ranking.query.table
        right = self.right(query)[listed]
        number = self.numbers.of(
            self.ranking.query, query, lambda: self.picture(self.ranking.query, query)
        )
        items = [
            self._item(query, int(row), bool(good), number, position)
            for position, (row, good) in enumerate(
                zip(listed[: self.length], right[: self.length], strict=True)
            )
        ]
        return {
            "name": table["image"].iat[query],
            "person": str(table["person"].iat[query]),
            "ap": f"{100 * self.scores.per_query_ap[query]:.1f}",
            "picture": self._thumbnail(self.ranking.query, query),
            "number": number,
            "words": _in_words(right, items, number),
            "items": items,
        }

    def picture(self, crops: Crops, row: int) -> Picture:
        """Return a picture of the query or the gallery table, read once for the whole page."""
        key = crops is self.ranking.query, row
        if key not in self._pictures:
            self._pictures[key] = crops.read(row)
        return self._pictures[key]

    def _thumbnail(self, crops: Crops, row: int) -> str:
        key = crops is self.ranking.query, row
        if key not in self._thumbnails:
            small = letterbox_to(self.picture(crops, row), 128, 64)
            self._thumbnails[key] = picture_address(small)
        return self._thumbnails[key]

    def _item(
        self, query: int, row: int, right: bool, asked: Number | None, position: int
    ) -> dict[str, Any]:
        gallery = self.ranking.gallery
        read = (lambda: self.picture(gallery, row)) if position < READ else None
        number = self.numbers.of(gallery, row, read)
        return {
            "picture": self._thumbnail(gallery, row),
            "right": right,
            "distance": f"{self.ranking.distance[query, row]:.3f}",
            "person": gallery.table["person"].iat[row],
            "number": number,
            "clash": number is not None and asked is not None and number[0] != asked[0],
        }


def reason(error: Exception) -> str:
    """Return what an error says, in one line; a foreign one with its kind."""
    text = " ".join(str(error).split())
    return text if isinstance(error, SameplayerError) else f"{type(error).__name__}: {text}"


def _in_words(right: np.ndarray, items: list[dict[str, Any]], number: Number | None) -> str:
    first = int(right.argmax()) + 1 if right.any() else None
    wrong = Counter(str(item["person"]) for item in items if not item["right"])
    words = f"first right at rank {first}; {sum(wrong.values())} of the first {len(items)} wrong"
    clashes = {item["number"][0] for item in items if item["clash"]}
    if number is not None and clashes:
        shown = " and ".join(sorted(clashes, key=lambda text: (len(text), text)))
        words += f"; same appearance, numbers {number[0]} and {shown}"
    confused = ", ".join(f"person {name} x {count}" for name, count in wrong.most_common())
    return words + (f": {confused}" if confused else "")


def _number_in_table(table: pd.DataFrame, row: int) -> Number | None:
    number: Any = table["read_number"].iat[row]
    if pd.isna(number):
        return None
    likely: Any = None
    if "read_number_probability" in table.columns:
        likely = pd.to_numeric(table["read_number_probability"], errors="coerce").iat[row]
    return str(number), "?" if pd.isna(likely) else f"{float(likely):.2f}"
