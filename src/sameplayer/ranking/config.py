"""RankConfig: every setting of a ranking, stated once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import Annotated, Any

import tyro

from sameplayer.errors import SettingError

K1, K2 = 20, 6
LAMBDAS = {"k-reciprocal": 0.3, "hard": 0.5}
TILE = 512  # rows; similarities over blocks come in such squares: blocks of any size, equal bits
MOST_NEIGHBOURS = 2**31 - 2  # lists hold 32-bit numbers

Progress = Callable[[int, int], None]  # called with (rows done, all rows)


@dataclass(frozen=True)
class NeighbourSearch:
    """How neighbours are looked for; how much this changes the result stands under each.

    memory_gb      bound of the block of similarities: the result stays
    device         "cpu", or where torch takes the products, see ``pick_device``: the result stays
                   but for rounding
    approximate    find the lists with a graph index (faiss's HNSW) instead of all products: for
                   galleries past a million. A list may then miss neighbours, and the largest
                   distance of a row is that to a sample of 2,048 rows
    effort         how far the index searches: more finds more of the true neighbours

    Raises SettingError for a value out of range.
    """

    memory_gb: float = 0.25
    device: str = "cpu"
    approximate: bool = False
    effort: int = 64

    def __post_init__(self) -> None:
        if not self.memory_gb > 0:
            raise SettingError("memory_gb", self.memory_gb, "more than 0")
        _check_count("effort", self.effort)


@dataclass(frozen=True)
class RankConfig:
    """Settings of a ranking."""

    method: Annotated[str, tyro.conf.arg(name="rerank")] = "none"
    """Re-ranking: none, k-reciprocal, hard, or a name that was put into RERANKERS."""
    k1: int = K1
    """Neighbours in the reciprocal sets, 1 or more."""
    k2: int = K2
    """Neighbours over which a row is averaged."""
    lambda_: Annotated[float | None, tyro.conf.arg(name="lambda")] = None
    """Weight from 0 to 1: of the direct distance in k-reciprocal (default 0.3), of the Jaccard
    distance in hard (default 0.5)."""
    memory_gb: float = NeighbourSearch.memory_gb
    """Memory for one block of similarities, in GB."""
    device: Annotated[str, tyro.conf.arg(name="search-device")] = NeighbourSearch.device
    """Device of the neighbour search of re-ranking: cpu, cuda, cuda:N, mps, or auto."""
    approximate: bool = NeighbourSearch.approximate
    """Search neighbours with an approximate graph index (faiss HNSW), for over a million rows."""
    effort: int = NeighbourSearch.effort
    """Search depth (efSearch) of the graph index: higher is slower and misses fewer."""

    def __post_init__(self) -> None:
        """Raise SettingError for a value out of range."""
        check_settings(self.k1, self.k2, 0.0 if self.lambda_ is None else self.lambda_)
        _ = self.search

    @property
    def search(self) -> NeighbourSearch:
        """How neighbours are looked for."""
        return NeighbourSearch(self.memory_gb, self.device, self.approximate, self.effort)

    @property
    def weight(self) -> float | None:
        """The lambda that is used; None where the method has none."""
        return LAMBDAS.get(self.method) if self.lambda_ is None else self.lambda_

    def facts(self) -> dict[str, Any]:
        """Return what decides the result under these settings, for records."""
        if self.method == "none":
            return {"rerank": "none"}
        facts: dict[str, Any] = {"rerank": self.method, "k1": self.k1, "k2": self.k2}
        facts |= {} if self.weight is None else {"lambda": self.weight}
        facts |= {"approximate": self.approximate}
        return facts | ({"effort": self.effort} if self.approximate else {})


@dataclass(frozen=True)
class TopConfig:
    """Settings of a re-ranking whose first answers are kept."""

    k1: int = K1
    """Neighbours in the reciprocal sets, 1 or more."""
    k2: int = K2
    """Neighbours over which a row is averaged."""
    lambda_: Annotated[float, tyro.conf.arg(name="lambda")] = LAMBDAS["k-reciprocal"]
    """Weight of the direct distance beside the Jaccard distance, 0 to 1."""
    top: int = 100
    """Answers kept for each query."""

    def __post_init__(self) -> None:
        """Raise SettingError for a value out of range."""
        check_settings(self.k1, self.k2, self.lambda_)
        if not 1 <= self.top <= MOST_NEIGHBOURS:
            raise SettingError("top", self.top, "a whole number, 1 or more")

    @property
    def count(self) -> int:
        """How many neighbours of each row are kept."""
        return max(self.k1 + 1, self.k2)


def check_settings(k1: int, k2: int, lambda_: float) -> None:
    """Raise SettingError for neighbour counts below 1 and a weight outside 0 to 1."""
    _check_count("k1", k1)
    _check_count("k2", k2)
    if not 0 <= lambda_ <= 1:
        raise SettingError("lambda_", lambda_, "from 0 to 1")


def _check_count(name: str, value: int) -> None:
    if not isinstance(value, Integral) or not 1 <= value <= MOST_NEIGHBOURS:
        raise SettingError(name, value, "a whole number, 1 or more")
