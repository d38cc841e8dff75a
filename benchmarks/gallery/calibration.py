"""Whether the stated probability of "who is this, or nobody we know" holds, by way to compute it.

    sameplayer demo --out DEMO
    python benchmarks/gallery/calibration.py OUT person DEMO/run

Draws a league of persons whom no encoder was trained on into OUT, embeds it with each encoder (kept
in OUT), and for each seed fits to half of the persons and scores the others: galleries of 5, 20 and
50 persons, asked with a crop or a track of five, of which a share of 0.2, 0.5 or 0.8 is enrolled,
with three pictures a person or with one to eight. The bias of a cell is the mean stated probability
less the share that was right, over all seeds. A file of embeddings (.safetensors, of ``sameplayer
embed``) in place of an encoder is scored as it is.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.optimize import isotonic_regression
from sklearn.linear_model import LogisticRegression

from sameplayer.data.layouts.sources import read_source
from sameplayer.encoder.embed import embed
from sameplayer.encoder.embeddings import Embeddings, load_embeddings
from sameplayer.encoder.load import load_encoder
from sameplayer.ranking.open_set import fit as module
from sameplayer.ranking.open_set.fit import fit_likelihood, fit_weights, join_rows
from sameplayer.ranking.open_set.gallery_draws import (
    Searches,
    draw_galleries,
    draw_searches,
    people_of,
)
from sameplayer.ranking.open_set.likelihood import Likelihood, bayes
from sameplayer.synthetic.league import draw_league

SIZES, KNOWN, ASKED, PICTURES = (5, 20, 50), (0.2, 0.5, 0.8), (1, 5), ((3, 3), (1, 8))
GALLERIES = 12  # of each kind for each seed
PAIR_PRIOR = 0.05  # share of right pairs for which a curve over pairs is fitted

# From searches and the share of known persons: P of each enrolled person (m, N), of nobody (m,).
Rule = Callable[[Searches, float], tuple[np.ndarray, np.ndarray]]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("encoders", nargs="+")
    parser.add_argument("--persons", type=int, default=240)
    parser.add_argument("--league-seed", type=int, default=11)
    parser.add_argument("--seeds", type=int, default=4)
    options = parser.parse_args()
    for encoder in options.encoders:
        rows = embedded(options.out, encoder, options.persons, options.league_seed)
        print(f"{encoder}: {rows.crops}")
        show(measured(rows, options.seeds))


def embedded(out: Path, encoder: str, persons: int, seed: int) -> Embeddings:
    """Return the rows of the league's test persons; they and the league are kept in ``out``."""
    if encoder.endswith(".safetensors"):
        return load_embeddings(encoder)
    league, kept = out / "league", out / f"{encoder.replace('/', '_')}.safetensors"
    if not league.exists():
        draw_league(league, 2, seed, test_persons=persons, challenge_persons=12, frames=16)
    if not kept.exists():
        embed(load_encoder(encoder), read_source(league).of_split("test")).save(kept)
    return load_embeddings(kept)


def rules(rows: Embeddings, seed: int) -> dict[str, Rule]:
    """Return ways to compute the probabilities, all fitted to the same drawn galleries."""
    people = people_of(rows.crops)
    drawn = draw_galleries(rows.vectors, people, np.random.default_rng(seed))
    ours = fit_likelihood(rows, seed=seed)
    features = [module._features(ours, one) for one in drawn]
    for part in features:  # without the question's level
        part[..., [4, 5, 10]] = 0
    searches = join_rows([(part, one.mate) for part, one in zip(features, drawn, strict=True)])
    pairs = replace(ours, weights=pair_weights(features, drawn))
    plain = replace(ours, cohesion=1.0)  # the cosine as it is
    bare = [module._features(plain, one) for one in drawn]
    for part in bare:  # without the counts of pictures and the level
        part[..., [1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13]] = 0
    plain = replace(plain, weights=pair_weights(bare, drawn))
    whole = replace(ours, weights=tuple(fit_weights(searches, module.PULL * 100 / ours.persons)))
    return {
        "pairs, similarity alone": by_ratio(plain),
        "pairs, counts of pictures": by_ratio(pairs),
        "the same, isotonic": by_ratio(pairs, isotonic(pairs, drawn)),
        "the same, first score alone": first_score(pairs, drawn),
        "whole searches": by_ratio(whole),
        "whole searches, level (used)": by_ratio(ours, level=True),
    }


def pair_weights(features: list[np.ndarray], drawn: list[Searches]) -> tuple[float, ...]:
    """Return the weights of a logistic curve over single pairs."""
    inputs = np.concatenate([part.reshape(-1, part.shape[-1]) for part in features])
    same = np.concatenate([right_pairs(one).ravel() for one in drawn])
    weight = np.where(same, PAIR_PRIOR / same.sum(), (1 - PAIR_PRIOR) / (~same).sum()) * 2000
    spread = np.maximum(inputs.std(axis=0), 1e-9)
    curve = LogisticRegression(C=100, fit_intercept=False, max_iter=3000)
    inputs = np.where(spread > 1e-8, inputs / spread, inputs)
    found = curve.fit(inputs, same, weight).coef_[0] / np.where(spread > 1e-8, spread, 1)
    found[0] -= np.log(PAIR_PRIOR / (1 - PAIR_PRIOR))
    return tuple(map(float, found))


def right_pairs(one: Searches) -> np.ndarray:
    """Return (m, N): whether the enrolled person is the one who is asked about."""
    return one.mate[:, None] == np.arange(one.similarities.shape[1])


def ratios(one: Searches, fitted: Likelihood, level: bool = False) -> np.ndarray:
    asked, held = one.query_pictures[:, None], one.person_pictures[None]
    of_query = fitted.query_level(one.similarities, asked, held)[:, None] if level else 0.0
    return fitted.log_ratio(one.similarities, asked, held, of_query)


def by_ratio(
    fitted: Likelihood, curve: Callable[[np.ndarray], np.ndarray] | None = None, level: bool = False
) -> Rule:
    """Return Bayes' rule over all N ratios."""

    def rule(one: Searches, known: float) -> tuple[np.ndarray, np.ndarray]:
        found = ratios(one, fitted, level)
        return bayes(found if curve is None else curve(found), known)

    return rule


def isotonic(fitted: Likelihood, drawn: list[Searches]) -> Callable[[np.ndarray], np.ndarray]:
    """Return the best rising map of the log ratios of pairs, between its steps a line."""
    found = np.concatenate([ratios(one, fitted).ravel() for one in drawn])
    same = np.concatenate([right_pairs(one).ravel() for one in drawn])
    order = np.argsort(found, kind="stable")
    weight = np.where(same, 0.5 / same.sum(), 0.5 / (~same).sum())[order]
    share = isotonic_regression(same[order].astype(float), weights=weight).x
    level, start = np.unique(share, return_index=True)
    middle = [part.mean() for part in np.split(found[order], start[1:])]
    kept = np.clip(level, np.exp(fitted.lowest), 1 - np.exp(-fitted.highest))
    return lambda asked: np.interp(asked, middle, np.log(kept / (1 - kept)))


def first_score(fitted: Likelihood, drawn: list[Searches]) -> Rule:
    """Return the rule that knows the first score alone, and the distributions F0 and F1."""
    found = np.concatenate([ratios(one, fitted).ravel() for one in drawn])
    same = np.concatenate([right_pairs(one).ravel() for one in drawn])
    below = [np.sort(found[side]) for side in (~same, same)]

    def rule(one: Searches, known: float) -> tuple[np.ndarray, np.ndarray]:
        own = ratios(one, fitted)
        size, best = own.shape[1], own.max(axis=1)
        f0, f1 = ((np.searchsorted(part, best, "right") + 0.5) / (len(part) + 1) for part in below)
        right = known * np.exp(best) * f0
        first = right / (right + known * (size - 1) * f1 + (1 - known) * size * f0)
        top = np.arange(size) == own.argmax(axis=1)[:, None]
        return np.where(top, first[:, None], 0), np.full(len(own), np.nan)

    return rule


Cell = tuple[int, float, int, tuple[int, int]]
Found = dict[str, dict[Cell, list[tuple[float, ...]]]]


def measured(rows: Embeddings, seeds: int) -> Found:
    """Return for each rule and cell: (bias of the first, of nobody, log loss) of each gallery."""
    people, found = people_of(rows.crops), {}
    for seed in range(seeds):
        rng = np.random.default_rng((seed, 9))
        order = rng.permutation(len(people.persons))
        fitted = {people.persons[at].code for at in order[: len(order) // 2]}
        scored = [one for one in people.persons if one.code not in fitted]
        ways = rules(rows.where(np.isin(rows.crops.persons(), list(fitted))), seed)
        for size, asked, pictures in itertools.product(SIZES, ASKED, PICTURES):
            for _ in range(GALLERIES):
                one = draw_searches(
                    rows.vectors, people, scored, size, rng, enrolled=pictures, asked=(asked, asked)
                )
                for (name, rule), known in itertools.product(ways.items(), KNOWN):
                    cell = (size, known, asked, pictures)
                    of_rule = found.setdefault(name, {}).setdefault(cell, [])
                    of_rule.append((seed, *scores(one, rule, known)))
    return found


def scores(one: Searches, rule: Rule, known: float) -> tuple[float, float, float]:
    """Return bias of the first answer, of nobody, and the log loss of the truth."""
    persons, nobody = rule(one, known)
    mated = one.mate >= 0
    weight = np.where(mated, known / mated.sum(), (1 - known) / (~mated).sum())
    right = persons.argmax(axis=1) == one.mate
    truth = np.where(mated, persons[np.arange(len(mated)), np.maximum(one.mate, 0)], nobody)
    loss = -weight @ np.log(np.maximum(truth, 1e-9))
    return weight @ (persons.max(axis=1) - right), weight @ (nobody - ~mated), loss


def show(found: Found) -> None:
    head = (
        f"{'rule':<32}{'largest bias: first, in':>44}{'nobody':>8}{'mean: first':>13}{'nobody':>8}"
    )
    print(f"{head}{'log loss':>10}")
    for name, cells in found.items():
        means = {cell: np.mean(values, axis=0)[1:] for cell, values in cells.items()}
        every = np.array(list(means.values()))
        worst = max(means, key=lambda cell: abs(means[cell][0]))
        largest, mean = np.abs(every).max(axis=0), np.abs(every).mean(axis=0)
        print(
            f"{name:<32}{largest[0]:>16.3f} {worst!s:<27}{largest[1]:>8.3f}{mean[0]:>13.3f}"
            f"{mean[1]:>8.3f}{every[:, 2].mean():>10.3f}"
        )
    print("used, by cell: enrolled, known, asked, pictures: bias of first (range of seeds), nobody")
    for cell, values in found["whole searches, level (used)"].items():
        row = np.array(values)
        seeds = [row[row[:, 0] == seed, 1].mean() for seed in np.unique(row[:, 0])]
        words = f"{row[:, 1].mean():+.3f} ({min(seeds):+.3f} to {max(seeds):+.3f})"
        print(f"  {cell!s:<26}{words:>28}{row[:, 2].mean():>+9.3f}")


if __name__ == "__main__":
    main()
