"""Linking, naming and confidence on drawn evidence (simulate.py).

python benchmarks/match/linking.py [--sizes 200 600 1000] [--seeds 0 1 2]       who is who
python benchmarks/match/linking.py --names                                      names, sureness
python benchmarks/match/linking.py --fit                                        the shipped curve
python benchmarks/match/linking.py --scale 6000 20000                           time and memory
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from simulate import Drawn, DrawnMatch, draw, majority, pair_scores

from sameplayer.common.statistics import expected_calibration_error
from sameplayer.identity.evidence.attributes import attribute_evidence, attribute_odds
from sameplayer.identity.evidence.evidence import Evidence
from sameplayer.identity.inputs.roster import Player, Roster
from sameplayer.identity.linking.confidence import fit_confidence, identity_confidence
from sameplayer.identity.linking.link import link
from sameplayer.identity.naming.naming import NamingConfig, name_identities


def plain_link(evidence: Evidence, *, mean: bool) -> np.ndarray:
    """Merge by the mean, or the sum, of all pairs' log-odds, number and team among them.

    The baselines: no cluster has a number, and pairs that may not be joined are all that forbids.
    """
    shares = attribute_evidence(evidence).probabilities()
    odds = attribute_odds(shares, shares)
    never = evidence.apart | odds.apart
    total = (evidence.appearance + odds.number + odds.team).astype(float)
    np.fill_diagonal(never, True)
    labels, size = np.arange(len(evidence)), np.ones(len(evidence))
    while True:
        score = total / (size[:, None] * size) if mean else total.copy()
        score[never] = -np.inf
        row, gone = np.unravel_index(score.argmax(), score.shape)
        if score[row, gone] <= 0:
            return np.unique(labels, return_inverse=True)[1]
        total[row] += total[gone]
        total[:, row] = total[row]
        never[row] |= never[gone]
        never[:, row] = never[row]
        never[gone], never[:, gone], never[row, row] = True, True, True
        size[row] += size[gone]
        labels[labels == gone] = row


RULES = {
    "ours": link,
    "mean": lambda evidence: plain_link(evidence, mean=True),
    "sum": lambda evidence: plain_link(evidence, mean=False),
}


def quality(sizes: list[int], seeds: list[int]) -> None:
    """Adjusted Rand index, purity and clusters of every rule, mean over the seeds."""
    print(f"{'tracklets':>9} {'noise':>5} {'boast':>5}", *(f"{rule:^24}" for rule in RULES))
    print(" " * 21, *(f"{'ARI (least)  purity  found':^24}" for _ in RULES))
    for count in sizes:
        for noise, boast in ((0.7, 1.0), (1.0, 1.0), (1.0, 2.0), (1.3, 1.0)):
            matches = [draw(Drawn(count, noise=noise, boast=boast), seed) for seed in seeds]
            cells = []
            for rule in RULES.values():
                rows = [pair_scores(rule(one.evidence), one.person) for one in matches]
                index, purity, found = (list(column) for column in zip(*rows, strict=True))
                cells.append(
                    f"{np.mean(index):.3f} ({min(index):.3f}) {np.mean(purity):.3f} "
                    f"{np.mean(found):>5.0f} "
                )
            print(f"{count:>9} {noise:>5} {boast:>5}", *cells, flush=True)


def names(sizes: list[int], seeds: list[int]) -> None:
    """Names with the roster and without, and how far the confidence is to be trusted.

    Of tracklets of numbered players: share named rightly, precision of names; then, over all
    tracklets, the calibration error, and the share that is kept at 95 and 99 % right.
    """
    print(
        f"{'tracklets':>9} {'noise':>5} {'boast':>5} {'roster':>6} {'named':>6} {'right':>6} "
        f"{'s':>5} {'error':>6} {'at 95':>6} {'at 99':>6}"
    )
    for count in sizes:
        for noise, boast in ((0.7, 1.0), (1.0, 1.0), (1.0, 2.0), (1.3, 1.0)):
            for with_roster in (True, False):
                rows = []
                for seed in seeds:
                    match = draw(Drawn(count, noise=noise, boast=boast), seed)
                    rows.append(_named(match, link(match.evidence), with_roster))
                cells = np.mean(rows, axis=0)
                print(
                    f"{count:>9} {noise:>5} {boast:>5} {with_roster!s:>6} {cells[0]:>6.3f} "
                    f"{cells[1]:>6.3f} {cells[2]:>5.2f} {cells[3]:>6.3f} {cells[4]:>6.3f} "
                    f"{cells[5]:>6.3f}",
                    flush=True,
                )


def _named(match: DrawnMatch, labels: np.ndarray, with_roster: bool) -> list[float]:
    roster = Roster(
        tuple(
            Player("AB"[team], number, f"person {at}")
            for at, (team, number) in enumerate(zip(match.teams, match.numbers, strict=True))
            if number
        )
    )
    naming = NamingConfig(roster if with_roster else None, players=12)
    began = time.perf_counter()
    found = name_identities(match.evidence, labels, match.spans, naming).names
    took = time.perf_counter() - began
    sides = ("A", "B", "") if with_roster else (*naming.teams[:2], "")
    given, right, numbered = [], [], []
    for identity, person in zip(labels, match.person, strict=True):
        name, truth = found[identity], (sides[match.teams[person]], match.numbers[person])
        given.append(name.number is not None)
        right.append((name.team, name.number) == truth)
        numbered.append(truth[1] != "")
    hits = np.array(given) & np.array(right)
    sure = identity_confidence(match.evidence, labels).probability
    good = majority(labels, match.person)[labels] == match.person
    order = np.argsort(-sure, kind="stable")
    share = np.cumsum(good[order]) / np.arange(1, len(order) + 1)
    kept = [
        float((np.flatnonzero(share >= level).max(initial=-1) + 1) / len(order))
        for level in (0.95, 0.99)
    ]
    precision = hits.sum() / max(sum(given), 1)
    error = expected_calibration_error(sure, good, bins=15)
    return [hits.sum() / sum(numbered), precision, took, error, *kept]


def fit(seeds: list[int]) -> None:
    """The curve that the package ships: fitted over how hard and how boastful evidence may be."""
    margin, size, right = [], [], []
    for noise in (0.6, 0.8, 1.0, 1.3):
        for boast in (1.0, 2.0):
            for count in (200, 700):
                for seed in seeds:
                    match = draw(Drawn(count, noise=noise, boast=boast), seed)
                    labels = link(match.evidence)
                    found = identity_confidence(match.evidence, labels)
                    margin.append(found.margin)
                    size.append(found.size)
                    right.append(majority(labels, match.person)[labels] == match.person)
    every = [np.concatenate(part) for part in (margin, size, right)]
    print(fit_confidence(*every, f"{len(every[0])} drawn tracklets"))


def scale(count: int) -> None:
    """Time and memory above the inputs, in this process."""
    link(draw(Drawn(200), 0).evidence)
    match = draw(Drawn(count), 0)
    Path("/proc/self/clear_refs").write_text("5")  # Linux: the highest memory so far is now
    before = _kilobytes("VmRSS")
    began, worked = time.perf_counter(), time.process_time()
    labels = link(match.evidence)
    took, work = time.perf_counter() - began, time.process_time() - worked
    index, purity, found = pair_scores(labels, match.person)
    above = (_kilobytes("VmHWM") - before) / 1e6
    print(
        f"{count} tracklets: {took:.1f} s ({work:.1f} of the processor), {above:.2f} GB above "
        f"{before / 1e6:.2f} GB with the evidence; ARI {index:.3f}, purity {purity:.3f}, "
        f"{found} clusters"
    )


def _kilobytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 600, 1000])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--scale", type=int, nargs="+")
    parser.add_argument("--names", action="store_true")
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--one", type=int)
    options = parser.parse_args()
    if options.names:
        names(options.sizes, options.seeds)
    elif options.fit:
        fit([100, 101])
    elif options.one:
        scale(options.one)
    elif options.scale:
        for count in options.scale:
            subprocess.run([sys.executable, __file__, "--one", str(count)], check=True)
    else:
        quality(options.sizes, options.seeds)


if __name__ == "__main__":
    main()
