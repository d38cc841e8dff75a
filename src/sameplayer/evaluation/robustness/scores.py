"""How far an encoder holds: its mAP as the pictures get worse, one corruption at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from sameplayer.common.notebook import NotebookTable
from sameplayer.common.statistics import cluster_bootstrap_interval
from sameplayer.data.corruption.corrupted_crops import (
    CorruptionChoice,
    corrupt_crops,
    find_corruptions,
)
from sameplayer.data.corruption.corruptions import CORRUPTIONS
from sameplayer.data.crops import Crops
from sameplayer.encoder.embed import embed
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import SettingError
from sameplayer.evaluation.protocols import MatchRanks
from sameplayer.evaluation.scores import evaluate, match_cameras, match_ids
from sameplayer.ranking.config import RankConfig
from sameplayer.ranking.ranking import Ranking, gallery_rows, query_rows, rank, refuse_empty

Embedder = Callable[[Crops], Embeddings]
Progress = Callable[[int, int], None]
DRAWS = 2000
POINTS = 5.0  # of mAP, by which an encoder is said to have given way


@dataclass(frozen=True)
class RobustnessConfig:
    """What is corrupted, and how it is ranked.

    corruptions         names of CORRUPTIONS, also "blur=3,9", or name -> levels; None: all
    corrupted        "query": the queries alone, a bad picture searched in a good gallery;
                  "both": query and gallery alike, as when all pictures are bad
    ranking       re-ranking and its settings
    seed          decides what is random in the corruptions
    batch_size, precision    as in ``embed``
    """

    corruptions: CorruptionChoice | None = None
    corrupted: Literal["query", "both"] = "query"
    ranking: RankConfig = RankConfig()
    seed: int = 0
    batch_size: int = 64
    precision: str = "fp32"

    def __post_init__(self) -> None:
        """Raise SettingError for an unknown corruption or part, or a level out of range."""
        find_corruptions(self.corruptions)
        if self.corrupted not in ("query", "both"):
            raise SettingError("corrupted", repr(self.corrupted), "query or both")


@dataclass(frozen=True)
class CorruptedScore:
    """Scores with one corruption at one level, fractions of 1.

    interval         95 % of mAP, persons drawn anew (all queries of a person together)
    top1             share of queries whose first match stands at rank 1 (market1501)
    lost             mAP without corruption less mAP with it
    lost_interval    95 % of that difference, over the same persons
    """

    corruption: str
    level: float
    unit: str
    mAP: float
    interval: tuple[float, float]
    top1: float
    lost: float
    lost_interval: tuple[float, float]


@dataclass(frozen=True, eq=False, repr=False)
class Robustness(NotebookTable):
    """What ``measure_robustness`` found.

    clean     the scores of the pictures as they are (corruption "none")
    levels    one entry a corruption and level, from mild to severe
    facts     what was measured: queries, persons, gallery, corrupted part, heights of pictures
    """

    clean: CorruptedScore
    levels: tuple[CorruptedScore, ...]
    facts: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return (
            f"Robustness(mAP {self.clean.mAP:.3f} as the pictures are, {len(self.corruptions)} "
            f"corruptions, {len(self.levels)} levels)"
        )

    @property
    def corruptions(self) -> list[str]:
        """The corruptions that were tried, in order."""
        return list(dict.fromkeys(score.corruption for score in self.levels))

    def of(self, corruption: str) -> list[CorruptedScore]:
        """Return the scores of one corruption, from mild to severe."""
        return [score for score in self.levels if score.corruption == corruption]

    def gives_way(self, corruption: str, points: float = POINTS) -> CorruptedScore | None:
        """Return the mildest level tried from which on mAP is always lower by ``points`` or more.

        None where the most severe level loses less.
        """
        first = None
        for score in reversed(self.of(corruption)):
            if 100 * score.lost < points:
                break
            first = score
        return first

    def verdict(self, corruption: str, points: float = POINTS) -> str:
        """Return in words where an encoder gives way under a corruption."""
        first = self.gives_way(corruption, points)
        if first is None:
            last = self.of(corruption)[-1]
            return f"holds to the last level tried, {last.level:g} {last.unit}".rstrip()
        sure = "" if 100 * first.lost_interval[0] > 0 else "; may be chance"
        return f"{points:g} points lost from {first.level:g} {first.unit}".rstrip() + sure

    def to_frame(self) -> pd.DataFrame:
        """Return a row for the clean pictures and score for each corruption and level."""
        rows = [asdict(score) for score in (self.clean, *self.levels)]
        for row in rows:
            row["low"], row["high"] = row.pop("interval")
            row["lost_low"], row["lost_high"] = row.pop("lost_interval")
        return pd.DataFrame(rows)

    def table(self) -> str:
        """Return the scores as lines of text, in per cent and points."""
        head = (
            f"{'corruption':<14}{'level':>16}{'mAP %':>8}{'95 % interval':>16}{'top-1 %':>9}  lost"
        )
        lines = [head, *map(_line, (self.clean, *self.levels)), ""]
        width = max(map(len, self.corruptions)) + 2
        return "\n".join(
            [*lines, *(f"{name:<{width}}{self.verdict(name)}" for name in self.corruptions)]
        )

    def json(self) -> dict[str, Any]:
        """Return all of it as what JSON can hold."""
        levels = [asdict(score) for score in self.levels]
        lost = {name: self.gives_way(name) for name in self.corruptions}
        given = {name: None if score is None else score.level for name, score in lost.items()}
        record = {"clean": asdict(self.clean), "levels": levels, "5_points_lost_from": given}
        return record | {"facts": self.facts}


def measure_robustness(
    encoder: Encoder | Embedder,
    crops: Crops,
    config: RobustnessConfig = RobustnessConfig(),
    *,
    progress: Progress | None = None,
) -> Robustness:
    """Score an encoder on crops as they are, and corrupted in one way at one level after the other.

    encoder     an encoder, or any function from crops to their embeddings
    crops       with the roles query and gallery, as for ``evaluate``; a moved box takes the real
                surroundings where rows have boxes, else pictures are mirrored at their edges
    progress    called with (pictures embedded, all)

    The gallery is embedded once where only queries are corrupted. Raises RankingError where there
    is nothing to rank or no query has a match, DataError for a picture that cannot be read.
    """
    levels = find_corruptions(config.corruptions)
    meter = _Meter(encoder, crops, config, sum(map(len, levels.values())), progress)
    clean = meter.scored("none", 0.0, meter.gallery, meter.queries)
    scores = []
    for name, of_corruption in levels.items():
        for level in of_corruption:
            queries = meter.embed(corrupt_crops(meter.queries.crops, name, level, config.seed))
            gallery = meter.gallery
            if config.corrupted == "both":
                gallery = meter.embed(corrupt_crops(gallery.crops, name, level, config.seed))
            scores.append(meter.scored(name, level, gallery, queries))
    return Robustness(clean, tuple(scores), meter.facts())


class _Meter:
    """Embeds, ranks and scores; holds the embeddings of the clean pictures."""

    def __init__(
        self,
        encoder: Encoder | Embedder,
        crops: Crops,
        config: RobustnessConfig,
        levels: int,
        progress: Progress | None,
    ) -> None:
        self.encoder, self.config, self.progress = encoder, config, progress
        nothing = Embeddings(np.zeros((len(crops), 1), np.float32), crops, "")
        parts = nothing.where(query_rows(nothing)), nothing.where(gallery_rows(nothing))
        refuse_empty(*parts)
        queries, gallery = (part.crops for part in parts)
        again = len(queries) if config.corrupted == "query" else len(queries) + len(gallery)
        self.done, self.total = 0, len(queries) + len(gallery) + levels * again
        self.queries = self.embed(queries)
        self.gallery = self.embed(gallery)
        ranking = rank(self.queries, self.gallery, rerank=config.ranking)
        self.rank_facts = ranking.facts
        evaluate(ranking)  # says why where nothing matches
        self.persons = match_ids(ranking)[0]
        self.clean = self.precision(ranking)[0]

    def embed(self, crops: Crops) -> Embeddings:
        """Return embeddings with the plain table, so that they fit each other in ``rank``."""
        began, progress = self.done, self.progress

        def advance(done: int, _: int) -> None:
            if progress is not None:
                progress(began + done, self.total)

        if not isinstance(self.encoder, Encoder):
            made = self.encoder(crops)
        else:
            made = embed(
                self.encoder,
                crops,
                batch_size=self.config.batch_size,
                precision=self.config.precision,
                progress=advance,
            )
        self.done += len(crops)
        advance(len(crops), 0)
        plain = Crops(crops.table, crops.root, crops.scope, crops.source)
        return replace(made, crops=plain)

    def precision(self, ranking: Ranking) -> tuple[np.ndarray, float]:
        """Return average precision (m,) and the share of queries with a match at rank 1."""
        ranks = MatchRanks(ranking.distance, *match_ids(ranking), *match_cameras(ranking))
        return ranks.average_precision(), float(ranks.cmc("market1501", 1)[0])

    def scored(
        self, name: str, level: float, gallery: Embeddings, queries: Embeddings
    ) -> CorruptedScore:
        ranking = rank(queries, gallery, rerank=self.config.ranking)
        precision, top1 = self.precision(ranking)
        valid = ~np.isnan(precision)
        here, lost = precision[valid], (self.clean - precision)[valid]
        intervals = [
            cluster_bootstrap_interval(values, self.persons[valid], DRAWS, np.random.default_rng(0))
            for values in (here, lost)
        ]
        unit = CORRUPTIONS[name].unit if name in CORRUPTIONS else ""
        mean, less = float(here.mean()), float(lost.mean())
        return CorruptedScore(name, level, unit, mean, intervals[0], top1, less, intervals[1])

    def facts(self) -> dict[str, Any]:
        crops = self.queries.crops
        some = np.linspace(0, len(crops) - 1, min(len(crops), 200)).astype(int)
        heights = [crops.read(int(row)).shape[0] for row in some]
        low, middle, high = (int(value) for value in np.percentile(heights, [5, 50, 95]))
        boxed = bool(crops.table["width"].notna().all())
        valid = ~np.isnan(self.clean)
        return {
            "encoder": self.queries.fingerprint,
            "queries": int(valid.sum()),
            "queries_without_match": int((~valid).sum()),
            "persons": len(np.unique(self.persons[valid])),
            "gallery": len(self.gallery),
            "corrupted": self.config.corrupted,
            "seed": self.config.seed,
            "query_heights_5_50_95": [low, middle, high],
            "around_the_box": "the picture" if boxed else "mirrored",
            **{name.replace(" ", "_"): value for name, value in self.rank_facts.items()},
        }


def _line(score: CorruptedScore) -> str:
    level = "" if score.corruption == "none" else f"{score.level:g} {score.unit}".rstrip()
    interval = f"{100 * score.interval[0]:.1f} to {100 * score.interval[1]:.1f}"
    name, shares = score.corruption, (100 * score.mAP, 100 * score.top1)
    text = f"{name:<14}{level:>16}{shares[0]:>8.1f}{interval:>16}{shares[1]:>9.1f}"
    if score.corruption == "none":
        return text
    low, high = (100 * end for end in score.lost_interval)
    return f"{text}  {100 * score.lost:.1f} ({low:.1f} to {high:.1f})"
