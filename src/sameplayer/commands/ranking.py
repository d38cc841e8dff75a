"""Verbs of ranking: embed, evaluate, re-rank, fuse and submit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import tyro

from sameplayer.commands.shared import Data, Lambda, Rerank, bar, console, embedded
from sameplayer.errors import SameplayerError
from sameplayer.files import write_text
from sameplayer.ranking.config import RankConfig


def embed(
    run: Data,
    data: Data,
    out: Path,
    split: str | None = None,
    source: str | None = None,
    scope: str | None = None,
) -> None:
    """Turn crops into unit feature rows, saved with the encoder's fingerprint.

    Args:
        run: Run folder, saved encoder, or preset name.
        data: Folder or table.
        out: File to write (.safetensors).
        split: Only this split; none: all rows.
        source: Layout of the data; none: recognised.
        scope: Where a person id holds: set, game or sequence; none: as the layout says.
    """
    rows = embedded(run, data, split, source, scope)[1]
    rows.save(out)
    print(f"{out}: {len(rows)} rows, encoder {rows.fingerprint}")


def evaluate(
    run: Data,
    data: Data,
    rerank: Rerank = "none",
    k1: int = 20,
    k2: int = 6,
    lambda_: Lambda = None,
    memory: float = 0.25,
    expand: int = 0,
    alpha: float = 3.0,
    split: str = "test",
    json_: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
    report: Path | None = None,
    maps: bool = True,
    numbers: bool = False,
    number_weight: float = 0.0,
    source: str | None = None,
    scope: str | None = None,
) -> None:
    """Rank a gallery for every query and score it.

    Args:
        run: Run folder, saved encoder, or preset name.
        data: Folder or table with query and gallery rows.
        rerank: Re-ranking.
        k1: Neighbours in the reciprocal sets.
        k2: Neighbours of the local expansion.
        lambda_: Weight in the re-ranked sum; none: the method's own.
        memory: Bound of the block of similarities, in GB.
        expand: Mix each query with this many of its nearest gallery pictures first; 0: do not.
        alpha: Power of the similarity by which those weigh.
        split: Which split: test, valid, training.
        json_: Write the scores here as JSON.
        report: Write one self-contained HTML page here.
        maps: Show in the report what the best and the wrong matches rest on.
        numbers: Read shirt numbers by text recognition for the report.
        number_weight: Add this times the contradiction of read numbers to the distance; the data is
            then a table that "sameplayer jersey" wrote.
        source: Layout of the data; none: recognised.
        scope: Where a person id holds: set, game or sequence; none: as the layout says.
    """
    from sameplayer.evaluation.report import write_report
    from sameplayer.evaluation.scores import evaluate as score
    from sameplayer.numbers.readers import OcrReader
    from sameplayer.ranking.expansion import expand_queries
    from sameplayer.ranking.numbers import with_numbers
    from sameplayer.ranking.ranking import rank

    encoder, rows = embedded(run, data, split, source, scope)
    if expand:
        rows = expand_queries(rows, expand, alpha)
    config = RankConfig(rerank, k1, k2, lambda_, memory)
    with bar("ranking") as advance:
        ranking = rank(rows, rerank=config, progress=advance)
    if number_weight:
        ranking = with_numbers(ranking, number_weight)
    scores = score(ranking)
    print(scores.table())
    if json_ is not None:
        write_text(json_, json.dumps(scores.json(), indent=2) + "\n")
    if report is not None:
        facts = {"data": str(data), "split": split, "encoder": encoder.spec.architecture}
        write_report(
            report,
            ranking,
            scores,
            {**facts, **encoder.spec.facts},
            encoder=encoder if maps else None,
            reader=OcrReader if numbers else None,
        )
        console.print(f"report: {report}")


def rerank(
    embeddings: Data,
    method: Annotated[Rerank, tyro.conf.arg(name="method")] = "k-reciprocal",
    k1: int = 20,
    k2: int = 6,
    lambda_: Lambda = None,
    memory: float = 0.25,
    one_by_one: bool = False,
    out: Path | None = None,
) -> None:
    """Re-rank saved embeddings; score them before and after where the persons are known.

    Args:
        embeddings: File that "sameplayer embed" wrote, with query and gallery rows.
        method: Re-ranking.
        k1: Neighbours in the reciprocal sets.
        k2: Neighbours of the local expansion.
        lambda_: Weight in the re-ranked sum; none: the method's own.
        memory: Bound of the block of similarities, in GB.
        one_by_one: Ask each query as if it were the only one (k-reciprocal).
        out: Write the distances here (.csv), by the column id or else by row number.
    """
    from sameplayer.encoder.embeddings import load_embeddings
    from sameplayer.evaluation.scores import compare
    from sameplayer.evaluation.scores import evaluate as score
    from sameplayer.evaluation.submission import write_distances
    from sameplayer.ranking.prepared import rank_one_by_one
    from sameplayer.ranking.ranking import rank

    loaded = load_embeddings(embeddings)
    config = RankConfig(method, k1, k2, lambda_, memory)
    with bar("ranking") as advance:
        if one_by_one:
            ranking = rank_one_by_one(loaded, config, progress=advance)
        else:
            ranking = rank(loaded, rerank=config, progress=advance)
    if ranking.query.table["person"].notna().any():
        before, after = score(rank(loaded)), score(ranking)
        print(f"before\n{before.table()}\n\nafter\n{after.table()}\n")
        print(compare(before, after).table())
    if out is not None:
        write_distances(out, ranking)
        print(f"{out}: {len(ranking.query)} queries x {len(ranking.gallery)} gallery pictures")


def fuse(
    files: tyro.conf.Positional[tuple[Path, ...]],
    out: Path,
    method: Literal["similarity", "dissimilarity", "combined"] = "similarity",
    weights: tuple[float, ...] | None = None,
    normalise: Literal["none", "score", "rank"] = "none",
) -> None:
    """Fuse submission files of several models into one.

    Args:
        files: Two or more submission files (.csv) with the same ids.
        out: File to write (.csv).
        method: How the distances become one.
        weights: A number over 0 for each file; none: all alike.
        normalise: Make distances of different scale comparable first: by score or by rank.
    """
    from sameplayer.evaluation.submission import fuse_submissions, write_submission

    fused = fuse_submissions(files, method, weights=weights, normalise=normalise)
    write_submission(out, *fused)
    print(f"{out}: {len(files)} models, {len(fused[1])} queries x {len(fused[2])} gallery pictures")


def submit(
    runs: tyro.conf.Positional[tuple[Path, ...]],
    out: Path,
    rerank: Rerank = "none",
    k1: int = 20,
    k2: int = 6,
    lambda_: Lambda = None,
    memory: float = 0.25,
    fuse: Literal["similarity", "dissimilarity", "combined"] = "similarity",
    weights: tuple[float, ...] | None = None,
    normalise: Literal["none", "score", "rank"] = "none",
    split: str = "challenge",
    source: str | None = None,
) -> None:
    """Write the challenge's distance matrix (csv) of one encoder or several fused.

    Args:
        runs: One or more run folders, then the data.
        out: File to write (.csv).
        rerank: Re-ranking before fusion.
        k1: Neighbours in the reciprocal sets.
        k2: Neighbours of the local expansion.
        lambda_: Weight in the re-ranked sum; none: the method's own.
        memory: Bound of the block of similarities, in GB.
        fuse: How several encoders' distances become one.
        weights: A number over 0 for each encoder; none: all alike.
        normalise: Make distances of different scale comparable first: by score or by rank.
        split: Which split.
        source: Layout of the data; none: recognised.
    """
    from sameplayer.evaluation.submission import write_submission_of
    from sameplayer.ranking.fusion import fuse_rankings
    from sameplayer.ranking.ranking import rank

    if len(runs) < 2:
        raise SameplayerError("submit needs at least one run folder, then the data folder.")
    *folders, data = runs
    config = RankConfig(rerank, k1, k2, lambda_, memory)
    rankings = []
    for run in folders:
        rows = embedded(run, data, split, source, "set")[1]
        with bar("ranking") as advance:
            rankings.append(rank(rows, rerank=config, progress=advance))
    fused = fuse_rankings(rankings, fuse, weights=weights, normalise=normalise)
    write_submission_of(out, fused)
    print(f"{out}: {len(fused.query)} queries x {len(fused.gallery)} gallery pictures")
