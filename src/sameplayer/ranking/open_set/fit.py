"""Fitting a likelihood ratio: by least log loss of whole searches, of persons or of nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from sameplayer.data.crops import Crops
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.errors import DataError
from sameplayer.ranking.open_set.gallery_draws import People, Searches, draw_galleries, people_of
from sameplayer.ranking.open_set.likelihood import PARTS, Likelihood, line_over, one_scale, terms

FEWEST_PERSONS = 10
PULL = 1e-4  # on the weights of a fit to 100 persons; for fewer it is stronger
KNOWN = (0.2, 0.5, 0.8)  # priors for which the loss is meant at once


def fit_likelihood(embeddings: Embeddings, *, seed: int = 0) -> Likelihood:
    """Fit the ratio to labelled crops of persons whom the encoder was not trained on.

    embeddings    rows of the columns image and person; sequence, camera and track, where they are
                  there, say which pictures are of one track. Team mates are among the others as
                  often as they are in the table: take teams as you enrol them
    seed          decides which galleries are drawn

    Galleries of many sizes, of persons with few and with many pictures, are drawn from the table
    and searched for crops and tracks of those who are enrolled and of those who are not. The
    ratio is that by which Bayes' rule gives the least log loss over all searches, for shares of
    known persons of 0.2, 0.5 and 0.8 at once; so what one question shares with all persons is
    learnt too, which ratios of single pairs get wrong.

    Raises DataError for fewer than ten persons, or where similarity tells them not apart.
    """
    people = refuse_few(embeddings.crops)
    vectors = embeddings.vectors
    drawn = draw_galleries(vectors, people, np.random.default_rng(seed))
    _refuse_blind(drawn)
    cohesion = people.cohesion(vectors)
    level, spread = (tuple(map(float, row)) for row in usual_level(drawn, cohesion))
    mated = sum(people.can_be_mated(person) for person in people.persons)
    blank = Likelihood(
        (0.0,) * sum(PARTS),
        cohesion,
        level,
        spread,
        lowest=-float(np.log(mated + 1)),
        highest=float(np.log(mated * (mated - 1) / 2 + 1)),
        persons=len(people.persons),
        same=sum(int((searches.mate >= 0).sum()) for searches in drawn),
        others=sum(
            searches.similarities.size - int((searches.mate >= 0).sum()) for searches in drawn
        ),
        encoder=embeddings.fingerprint,
    )
    rows = join_rows([(_features(blank, searches), searches.mate) for searches in drawn])
    return replace(blank, weights=tuple(map(float, fit_weights(rows, PULL * 100 / mated))))


def refuse_few(crops: Crops) -> People:
    """Return the persons of a table; DataError where they are too few to fit a ratio to.

    It looks at no picture: call it before they are embedded.
    """
    people = people_of(crops)
    scopes = [persons for persons in people.by_scope() if len(persons) > 1]
    mated = sum(people.can_be_mated(person) for persons in scopes for person in persons)
    if mated < FEWEST_PERSONS:
        kind = "two or more separate tracks" if people.across else "two or more pictures"
        within = "" if crops.scope is None else f", with others in the same {crops.scope}"
        raise DataError(
            f"Calibration needs at least {FEWEST_PERSONS} persons seen in {kind}{within}; "
            f"{crops.root} has {mated}. Label more persons, none of whom the encoder was trained "
            "on."
        )
    return people


def _refuse_blind(drawn: list[Searches]) -> None:
    """Raise DataError unless persons are more like themselves than chance could make them."""
    gains = [
        searches.similarities - searches.similarities.mean(axis=1, keepdims=True)
        for searches in drawn
    ]
    rows = [np.flatnonzero(searches.mate >= 0) for searches in drawn]
    gain = np.concatenate([g[r, o.mate[r]] for g, r, o in zip(gains, rows, drawn, strict=True)])
    person = np.concatenate(
        [searches.person[row] for searches, row in zip(drawn, rows, strict=True)]
    )
    code = np.unique(person, return_inverse=True)[1]
    means = np.bincount(code, gain) / np.bincount(code)
    if not means.mean() > 3 * means.std() / np.sqrt(len(means)):
        raise DataError(
            "Pictures of one person are no more alike than pictures of two; expected an encoder "
            "that tells these persons apart. Train it first."
        )


def _features(blank: Likelihood, searches: Searches) -> np.ndarray:
    """Return (m, N, 14): what the weights are for, of every question and enrolled person."""
    n_query, n_person = searches.query_pictures[:, None], searches.person_pictures[None]
    level = blank.query_level(searches.similarities, n_query, n_person)[:, None]
    scaled = one_scale(searches.similarities, n_query, n_person, blank.cohesion)[..., None]
    offset, slope, bend = terms(n_query, n_person, level)
    return np.concatenate([offset, slope * scaled, bend * scaled**2], axis=-1)


def usual_level(drawn: Sequence[Searches], cohesion: float) -> tuple[np.ndarray, np.ndarray]:
    """Return lines (FORM,) of mean and variance of the scaled similarity of two persons."""
    scaled, lines = [], []
    for searches in drawn:
        n_query, n_person = searches.query_pictures[:, None], searches.person_pictures[None]
        wrong = searches.mate[:, None] != np.arange(len(searches.person_pictures))
        scaled.append(one_scale(searches.similarities, n_query, n_person, cohesion)[wrong])
        lines.append(line_over(n_query, n_person)[wrong])
    value, line = np.concatenate(scaled), np.concatenate(lines)
    level = np.linalg.lstsq(line, value)[0]
    return level, np.linalg.lstsq(line, (value - line @ level) ** 2)[0]


@dataclass(frozen=True, eq=False)
class SearchRows:
    """All pairs of a question and an enrolled person, search after search.

    features    (n, k) of each pair; the first column is 1
    search      (n,) int64, rising: the search that a pair belongs to
    size        (m,) int64: how many are enrolled
    mate        (m,) int64: the pair that is the right answer; -1: nobody
    weight      (m,) over 0: in each gallery the mated searches sum to 1, and so do the others
    """

    features: np.ndarray
    search: np.ndarray
    size: np.ndarray
    mate: np.ndarray
    weight: np.ndarray


def join_rows(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> SearchRows:
    """Return the pairs of galleries, each given as features (m, N, k) and mates (m,), -1: nobody.

    Every gallery weighs the same, and in it the mated searches as much as the others.
    """
    features, size, mates, weights, before = [], [], [], [], 0
    for of_gallery, mate in parts:
        count, persons, width = of_gallery.shape
        features.append(of_gallery.reshape(count * persons, width))
        size.append(np.full(count, persons))
        mates.append(np.where(mate >= 0, before + np.arange(count) * persons + mate, -1))
        alike = np.bincount((mate >= 0).astype(int), minlength=2)
        weights.append(1 / alike[(mate >= 0).astype(int)] / len(parts))
        before += count * persons
    sizes = np.concatenate(size)
    return SearchRows(
        np.concatenate(features),
        np.repeat(np.arange(len(sizes)), sizes),
        sizes,
        np.concatenate(mates),
        np.concatenate(weights),
    )


def fit_weights(rows: SearchRows, pull: float) -> np.ndarray:
    """Return (k,) weights for which features @ weights are log likelihood ratios, by least loss.

    pull    times half the squared length of the weights (of features of unit spread, the first
            column apart) is added to the mean log loss
    """
    centre, spread = rows.features.mean(axis=0), rows.features.std(axis=0)
    centre[0], spread[0] = 0, 1
    spread = np.where(spread > 1e-9, spread, 1.0)
    scaled = (rows.features - centre) / spread
    start = np.zeros(scaled.shape[1])
    found = minimize(_loss, start, (rows, scaled, pull), jac=True, method="L-BFGS-B").x / spread
    found[0] -= centre @ found
    return np.asarray(found)


def _loss(
    weights: np.ndarray, rows: SearchRows, scaled: np.ndarray, pull: float
) -> tuple[float, np.ndarray]:
    """Return the mean log loss over KNOWN of the answers by Bayes' rule, and its gradient."""
    mated = rows.mate >= 0
    ratio = scaled @ weights
    starts = np.cumsum(rows.size) - rows.size
    highest = np.maximum(np.maximum.reduceat(ratio, starts), 0)  # exp does not overflow
    grown = np.exp(ratio - highest[rows.search])
    together = np.add.reduceat(grown, starts)
    total, slope = 0.0, np.zeros(len(ratio))
    for known in KNOWN:
        share = known / rows.size
        evidence = share * together + (1 - known) * np.exp(-highest)
        right = np.where(mated, np.log(share) + ratio[rows.mate], np.log(1 - known))
        weight = rows.weight * np.where(mated, known, 1 - known)
        total += float(weight @ (np.log(evidence) + highest - right))
        slope += (weight * share / evidence)[rows.search] * grown
        slope[rows.mate[mated]] -= weight[mated]  # every pair is the answer of one search at most
    pulled = pull * np.r_[0.0, weights[1:]]
    gradient = scaled.T @ slope / len(KNOWN) + pulled
    return total / len(KNOWN) + 0.5 * float(pulled @ weights), gradient
