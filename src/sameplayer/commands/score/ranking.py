"""Verbs of ranking: embed, evaluate, search, re-rank, fuse and submit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from sameplayer.commands.shared import (
    EVERY_ROW,
    HIDDEN,
    Compute,
    Fusing,
    ReadingSplit,
    RunsThenData,
    RunThenData,
    RunThenQuery,
    Several,
    bar,
    console,
)
from sameplayer.ranking.config import RankConfig

if TYPE_CHECKING:
    from sameplayer.data.crops import Crops
    from sameplayer.encoder.embeddings import Embeddings
    from sameplayer.encoder.encoder import Encoder
    from sameplayer.evaluation.scores import Scores
    from sameplayer.ranking.prepared.gallery import PreparedGallery
    from sameplayer.ranking.ranking import Ranking


def embed(
    inputs: RunThenData, out: Path, compute: Compute = Compute(), reading: ReadingSplit = EVERY_ROW
) -> None:
    """Turn crops into unit feature rows, saved with the encoder's fingerprint.

    Args:
        out: File to write (.safetensors).
    """
    run, data = inputs
    crops = reading.read(data)
    rows = compute.embed(compute.load(run), crops)
    rows.save(out)
    print(f"{out}: {len(rows)} rows, encoder {rows.fingerprint}")


@dataclass(frozen=True)
class Refinement:
    """Query expansion and shirt numbers."""

    expand: int = 0
    """Average each query with this many of its nearest gallery pictures first; 0: off."""
    alpha: float = 3.0
    """Exponent of the similarity by which neighbours are weighted; 0: equal weights."""
    number_weight: float = 0.0
    """Weight of shirt numbers in the distance, 0 or more: times P(numbers differ) - P(numbers are
    equal). The data must be a table that "sameplayer jersey" wrote. 0: off."""

    def rank(self, embeddings: Embeddings, config: RankConfig) -> Ranking:
        """Return the ranking of the queries, showing progress."""
        from sameplayer.ranking.expansion import expand_queries
        from sameplayer.ranking.jersey_term import with_numbers

        if self.expand:
            embeddings = expand_queries(embeddings, self.expand, self.alpha)
        ranking = ranked(embeddings, config)
        return with_numbers(ranking, self.number_weight) if self.number_weight else ranking


@dataclass(frozen=True)
class Output:
    """What is written beside the printed scores."""

    json: Path | None = None
    """Write the scores here as JSON."""
    report: Path | None = None
    """Write one self-contained HTML page here."""
    maps: bool = True
    """Show heat maps of the best and the most confident wrong matches in the report."""
    numbers: bool = False
    """Read and show the shirt numbers of the pictures in the report."""
    by: Several[str] = ()
    """Columns of the data: score each group of queries by itself, and test whether a group differs
    from the others."""


def evaluate(
    inputs: RunThenData,
    ranking: RankConfig = RankConfig(),
    refine: Refinement = Refinement(),
    output: Output = Output(),
    compute: Compute = Compute(),
    reading: ReadingSplit = ReadingSplit(),
) -> None:
    """Rank a gallery for every query and score it."""
    from sameplayer.evaluation.groups import check_columns, scores_by_group
    from sameplayer.evaluation.scores import evaluate as score

    run, data = inputs
    crops = reading.read(data)
    check_columns(crops.select("query").table, output.by)  # before anything is embedded
    tell_scope(run, crops)
    encoder = compute.load(run)
    result = refine.rank(compute.embed(encoder, crops), ranking)
    scores = score(result)
    groups = scores_by_group(result, output.by) if output.by else None
    if output.json is not None:
        told = {} if groups is None else {"groups": groups.json()}
        _write_json(output.json, scores.json() | told)
    if output.report is not None:
        facts = {"data": data, "split": reading.split}
        _write_report(output, result, scores, encoder, facts)
    print(scores.table())
    if groups is not None:
        print(f"\n{groups.table()}")


def _write_json(path: Path, record: object) -> None:
    from sameplayer.common.files import write_text

    write_text(path, json.dumps(record, indent=2) + "\n")


def _write_report(
    choice: Output, ranking: Ranking, scores: Scores, encoder: Encoder, facts: dict[str, str]
) -> None:
    from sameplayer.evaluation.report import write_report
    from sameplayer.numbers.readers import make_reader

    if choice.report is None:
        return
    write_report(
        choice.report,
        ranking,
        scores,
        {**facts, "encoder": encoder.spec.architecture, **encoder.spec.facts},
        encoder=encoder if choice.maps else None,
        reader=make_reader if choice.numbers else None,
    )
    console.print(f"report: {choice.report}")


def tell_scope(run: str, crops: Crops) -> None:
    """Say so when persons are told apart in another scope than the run was trained in."""
    from sameplayer.training.run.run_metadata import run_data

    here = crops.scope or "set"
    trained = run_data(run).get("scope", here)
    if trained != here:
        console.print(
            f"note: {run} was trained with persons told apart within a {trained}; here it is "
            f"a {here}"
        )


def ranked(embeddings: Embeddings, config: RankConfig) -> Ranking:
    """Return the ranking, showing progress."""
    from sameplayer.ranking.ranking import rank

    with bar("ranking") as advance:
        return rank(embeddings, rerank=config, progress=advance)


def search(
    inputs: RunThenQuery,
    k: int = 10,
    ranking: RankConfig = RankConfig(),
    prepared: Path | None = None,
    compute: Compute = Compute(),
    reading: ReadingSplit = ReadingSplit(),
) -> None:
    """Print the gallery pictures nearest to a query, as a table.

    The query is ranked on its own; other queries of the data do not matter.

    Args:
        k: Number of gallery pictures to print.
        prepared: File of the gallery's neighbour lists, for k-reciprocal: written if it does not
            exist, else read, so that later searches of this gallery need not find neighbours.
    """
    import numpy as np

    from sameplayer.ranking.ranking import find_query
    from sameplayer.ranking.retrieval import search as nearest

    run, data, query = inputs
    crops = reading.read(data)
    queries, gallery = crops.select("query"), crops.select("gallery", "distractor")
    one = queries.where(np.array([find_query(queries, query)]))
    encoder = compute.load(run)
    asked, items = compute.embed(encoder, one), compute.embed(encoder, gallery)
    searched = items if prepared is None else _prepared(items, prepared, ranking)
    table = nearest(asked, searched, k, rerank=ranking)
    print(table.drop(columns="query").to_string(index=False))


def _prepared(gallery: Embeddings, path: Path, config: RankConfig) -> PreparedGallery:
    """Return the gallery prepared, from the file or saved there."""
    from sameplayer.ranking.prepared.gallery import PreparedGallery

    if path.exists():
        return PreparedGallery.load(path, gallery)
    with bar("preparing") as advance:
        made = PreparedGallery(gallery, config, progress=advance)
    made.save(path)
    return made


def rerank(
    embeddings: tyro.conf.Positional[Path],
    ranking: RankConfig = RankConfig(method="k-reciprocal"),
    one_by_one: bool = False,
    out: Path | None = None,
) -> None:
    """Re-rank saved embeddings; score them before and after where the persons are known.

    Args:
        embeddings: File that "sameplayer embed" wrote, with query and gallery rows.
        one_by_one: Re-rank each query on its own, not jointly with the others (k-reciprocal).
        out: Write the distances here (.csv), labelled by the column id, else by row number.
    """
    from sameplayer.encoder.embeddings import load_embeddings
    from sameplayer.evaluation.scores import compare
    from sameplayer.evaluation.scores import evaluate as score
    from sameplayer.evaluation.submission import write_distances
    from sameplayer.ranking.retrieval import rank_one_by_one

    loaded = load_embeddings(embeddings)
    if one_by_one:
        with bar("ranking") as advance:
            result = rank_one_by_one(loaded, ranking, progress=advance)
    else:
        result = ranked(loaded, ranking)
    if out is not None:
        write_distances(out, result)
        print(f"{out}: {len(result.query)} queries x {len(result.gallery)} gallery pictures")
    if result.query.table["person"].notna().any():
        before, after = score(ranked(loaded, RankConfig())), score(result)
        print(f"before\n{before.table()}\n\nafter\n{after.table()}\n")
        print(compare(before, after).table())


def fuse(
    files: tyro.conf.Positional[Several[Path]],
    out: Path,
    method: Annotated[str, tyro.conf.arg(name="method")] = "similarity",
    weights: tuple[float, ...] | None = None,
    normalise: str = "none",
) -> None:
    """Fuse submission files of several models into one.

    Args:
        files: Submission files (.csv), two or more, with the same ids.
        out: File to write (.csv).
        method: similarity, dissimilarity or combined.
        weights: Weight of each file, over 0; None: equal weights.
        normalise: Normalise distances of different scales first: none, score or rank.
    """
    from sameplayer.evaluation.submission import fuse_submissions, write_submission

    fused = fuse_submissions(files, method, weights=weights, normalise=normalise)
    write_submission(out, *fused)
    print(f"{out}: {len(files)} models, {len(fused[1])} queries x {len(fused[2])} gallery pictures")


def submit(
    inputs: RunsThenData,
    out: Path,
    ranking: RankConfig = RankConfig(),
    fusing: Fusing = Fusing(),
    compute: Compute = Compute(),
    reading: ReadingSplit = HIDDEN,
) -> None:
    """Write the distance matrix (csv) of the challenge, from one encoder or several fused ones.

    Args:
        out: File to write (.csv).
    """
    from sameplayer.evaluation.submission import write_submission_of
    from sameplayer.ranking.fusion import fuse_rankings

    crops = reading.read(inputs.data)
    rankings = [ranked(compute.embed(compute.load(run), crops), ranking) for run in inputs.runs]
    fused = fuse_rankings(rankings, fusing.fuse, weights=fusing.weights, normalise=fusing.normalise)
    write_submission_of(out, fused)
    print(f"{out}: {len(fused.query)} queries x {len(fused.gallery)} gallery pictures")
