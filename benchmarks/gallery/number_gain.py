"""Whether shirt numbers that are read help to say who it is, on real crops.

    python benchmarks/real/crops.py SHARED OUT
    python benchmarks/gallery/number_gain.py OUT

(with ``PYTHONPATH=benchmarks``)

Galleries of half of the persons, three pictures each, half of the questions about somebody else;
by ``person`` and the reader ``shirt``. Volleyball: the ratio of appearance is fitted to half of the
persons, the others are scored. Soccer across cameras has too few persons for that: there it is
fitted to the same persons within one camera, which flatters appearance if anything. Told is the
mean of -log of the probability that the truth got, and what number readings gain in it, with the
95 % interval over persons.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from gallery.real import embedded

from sameplayer.common.statistics import cluster_bootstrap_interval
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.numbers.readers import make_reader
from sameplayer.numbers.reading import clearness, combine
from sameplayer.ranking.jersey_term import number_log_ratio
from sameplayer.ranking.open_set.fit import fit_likelihood
from sameplayer.ranking.open_set.gallery_draws import Person, Searches, draw_searches, people_of
from sameplayer.ranking.open_set.likelihood import Likelihood, bayes

WEIGHTS, DRAWS, PICTURES = (0.0, 0.5, 1.0), 10, 32


class Readings:
    """What the reader says of every crop of a table, and of groups of them."""

    def __init__(self, rows: Embeddings) -> None:
        reader, crops = make_reader(), rows.crops
        parts = [range(at, min(at + PICTURES, len(crops))) for at in range(0, len(crops), PICTURES)]
        found, clear = [], []
        for part in parts:
            pictures = [crops.read(row) for row in part]
            found.append(reader.read(pictures))
            clear.append(clearness(pictures))
        self.rows, self.clear = np.concatenate(found), np.concatenate(clear)

    def of(self, groups: tuple[np.ndarray, ...]) -> np.ndarray:
        return np.stack([combine(self.rows[group], self.clear[group]) for group in groups])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    within = fit_likelihood(embedded(options.out, "within"))
    for name, fitted in (("volleyball", None), ("crops", within)):
        rows = embedded(options.out, name)
        readings = Readings(rows)
        seen = (readings.rows[:, -1] < np.log(0.5)).mean()
        print(f"{name}: a number is seen on {seen:.0%} of {len(rows)} crops")
        for asked in (1, 5):
            show(asked, measured(rows, readings, asked, fitted))


def measured(
    rows: Embeddings, readings: Readings, asked: int, fitted: Likelihood | None
) -> list[np.ndarray]:
    """Return, of each gallery, (m, 2 + 2 per weight): mated, person, then loss and rank 1."""
    people, found = people_of(rows.crops), []
    for seed in range(DRAWS):
        rng = np.random.default_rng(seed)
        order = [people.persons[at] for at in rng.permutation(len(people.persons))]
        own = fitted
        if own is None:
            known = [one.code for one in order[: len(order) // 2]]
            own = fit_likelihood(rows.where(np.isin(rows.crops.persons(), known)), seed=seed)
            order = order[len(order) // 2 :]
        scopes: dict[int, list[Person]] = {}
        for person in order:
            scopes.setdefault(person.scope, []).append(person)
        for persons in scopes.values():
            if len(persons) > 3:
                counts = {"enrolled": (3, 3), "asked": (asked, asked)}
                one = draw_searches(rows.vectors, people, persons, len(persons) // 2, rng, **counts)
                found.append(scored(one, own, readings))
    return found


def scored(one: Searches, fitted: Likelihood, readings: Readings) -> np.ndarray:
    asked, held = one.query_pictures[:, None], one.person_pictures[None]
    level = fitted.query_level(one.similarities, asked, held)[:, None]
    looks = fitted.log_ratio(one.similarities, asked, held, level)
    queries, persons = readings.of(one.query_rows), readings.of(one.person_rows)
    numbers = number_log_ratio(queries[:, None], persons[None], 1.0)
    mated, columns = one.mate >= 0, []
    for weight in WEIGHTS:
        each, nobody = bayes(looks + weight * numbers, 0.5)
        right = each[np.arange(len(mated)), np.maximum(one.mate, 0)]
        loss = -np.log(np.maximum(np.where(mated, right, nobody), 1e-9))
        columns += [loss, each.argmax(axis=1) == one.mate]
    return np.column_stack([mated, one.person, *columns])


def show(asked: int, found: list[np.ndarray]) -> None:
    every = np.concatenate(found)
    mated, person = every[:, 0] > 0, every[:, 1]
    even = np.where(mated, 0.5 / mated.mean(), 0.5 / (~mated).mean())
    for number, weight in enumerate(WEIGHTS):
        loss, first = every[:, 2 + 2 * number], every[:, 3 + 2 * number]
        gain = even * (every[:, 2] - loss)
        low, high = cluster_bootstrap_interval(gain, person, 2000, np.random.default_rng(0))
        print(
            f"  {asked} asked, weight {weight}: log loss {(even * loss).mean():.3f}, gain "
            f"{gain.mean():+.3f} ({low:+.3f} to {high:+.3f}), rank-1 {first[mated].mean():.1%}"
        )


if __name__ == "__main__":
    main()
