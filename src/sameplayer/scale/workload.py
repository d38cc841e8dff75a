"""The work and the machines: how large a re-ranking is, and what there is to do it with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from sameplayer.errors import SettingError
from sameplayer.ranking.blocks import TILE
from sameplayer.ranking.config import TopConfig
from sameplayer.scale.config import MOST_BLOCKS, RANK_ROWS

ENCODERS = {"person": "person", "vit-b16": "vit_b16", "vit-l14": "vit_l14"}  # -> field of Rates


@dataclass(frozen=True)
class Fleet:
    """The machines, which are alike, and what an hour costs."""

    machines: int = 16
    """How many."""
    cores: int = 16
    """Cores a machine; each is a worker of one thread, as far as the memory goes."""
    gigabits: float = 10.0
    """Gigabits a second of each machine's link."""
    storage: float = 100.0
    """Gigabits a second that the shared storage gives to all machines together."""
    memory: float = 64.0
    """GB of memory a machine."""
    price: float = 0.05
    """Price of a core for an hour, in whatever currency."""

    def __post_init__(self) -> None:
        """Raise SettingError for a value out of range."""
        for name in ("machines", "cores"):
            if getattr(self, name) < 1:
                raise SettingError(name, getattr(self, name), "1 or more")
        for name in ("gigabits", "storage", "memory"):
            if not 0 < getattr(self, name) < float("inf"):
                raise SettingError(name, getattr(self, name), "a number above 0")
        if not 0 <= self.price < float("inf"):
            raise SettingError("price", self.price, "0 or more")

    @property
    def bytes_a_second(self) -> float:
        """What all machines together can read from the storage, or write to it, a second."""
        return min(self.machines * self.gigabits, self.storage) * 1e9 / 8


@dataclass(frozen=True)
class Size:
    """The work: a data set against itself, every row a query and an answer."""

    rows: Annotated[int, tyro.conf.Suppress] = 1_000_000
    """Crops."""
    columns: int = 512
    """Numbers of a feature."""
    blocks: int | None = None
    """Blocks of rows; None: as many as ``rerank_blocks`` takes."""
    k1: int = TopConfig.k1
    """As in ``TopConfig``, with k2 and top."""
    k2: int = TopConfig.k2
    """Rows that are averaged."""
    top: int = TopConfig.top
    """Answers kept for each query."""
    nonzeros: float = 50.0
    """Mean non-zeros of a row's weights: 20 for clear persons of 20 pictures."""
    averaged: float = 50.0
    """Mean non-zeros of a row after the mean over k2 rows."""
    missing: float = 0.3
    """Share of a row's expanded neighbours that its own list does not hold."""
    encoder: str = "person"
    """What embeds the crops, one of ENCODERS."""
    picture: float = 8000.0
    """Bytes of a crop's picture file."""

    def __post_init__(self) -> None:
        """Raise SettingError for a value out of range."""
        TopConfig(self.k1, self.k2, TopConfig.lambda_, self.top)
        for name in ("rows", "columns"):
            if getattr(self, name) < 1:
                raise SettingError(name, getattr(self, name), "1 or more")
        if self.blocks is not None and not 1 <= self.blocks <= -(-self.rows // TILE):
            raise SettingError("blocks", self.blocks, f"1 to {-(-self.rows // TILE)}")
        if self.encoder not in ENCODERS:
            raise SettingError("encoder", repr(self.encoder), f"one of {', '.join(ENCODERS)}")

    @property
    def count(self) -> int:
        """Blocks."""
        usual = max(RANK_ROWS, -(-self.rows // MOST_BLOCKS))
        return self.blocks or -(-self.rows // usual)

    @property
    def block(self) -> float:
        """Rows a block."""
        return self.rows / self.count

    @property
    def listed(self) -> int:
        """Neighbours kept of a row."""
        return max(self.k1 + 1, self.k2)


def rows_bytes(size: Size, rows: float) -> float:
    """Return the bytes of so many rows of features."""
    return 4.0 * rows * size.columns


def nearest_bytes(size: Size, rows: float) -> float:
    """Return the bytes of so many rows' lists: k1 + 1 and M neighbours, and the farthest."""
    return rows * (8.0 * (size.listed + size.top) + 4)


def sparse_bytes(rows: float, nonzeros: float) -> float:
    """Return the bytes of so many sparse rows: a column and a weight a non-zero."""
    return 8.0 * rows * nonzeros


def answers_bytes(size: Size, rows: float) -> float:
    """Return the bytes of so many rows' answers: a number and a distance each."""
    return rows * (8.0 * size.top + 8)
