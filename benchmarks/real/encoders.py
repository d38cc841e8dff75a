"""Every encoder at hand on real players: two soccer cameras, two volleyball matches.

    python benchmarks/real/encoders.py SHARED OUT [--more NAME=ENCODER ...]

SHARED holds data/soccer_two_cameras and data/volleyball; OUT gets the cut pictures. ``--more`` adds
runs, saved encoders, or names of presets and timm models whose weights are at hand. Prints a table:
mAP with its 95 % interval over persons, and rank-1, in per cent, of

    across        a query of one soccer camera among everybody in the other
    within        the same camera, at least 3 s later
    volleyball    neighbouring frames of one clip, 12 persons: nearly the same pictures
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from real.crops import across, cut, soccer_labels, within

from sameplayer import embed, evaluate, load_encoder, rank, read_source
from sameplayer.common.statistics import bootstrap_interval
from sameplayer.data.crops import Crops
from sameplayer.encoder import create_encoder
from sameplayer.encoder.encoder import Encoder


def main() -> None:
    shown = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=shown)
    parser.add_argument("shared", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--more", nargs="+", default=[], metavar="NAME=ENCODER")
    options = parser.parse_args()
    data = options.shared / "data"
    soccer = cut(soccer_labels(), data / "soccer_two_cameras", options.out)
    matches = read_source(data / "volleyball" / "data_reid", scope="sequence").of_split("test")
    tests = {"across": across(soccer), "within": within(soccer), "volleyball": matches}
    print(f"| encoder | {' | '.join(tests)} |\n|{'---|' * (len(tests) + 1)}", flush=True)
    for name, encoder in encoders(options.more).items():
        cells = [cell(encoder, test) for test in tests.values()]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def encoders(more: list[str]) -> dict[str, Encoder]:
    person, large = load_encoder("person"), load_encoder("person-large")
    found = {
        "small, random weights": create_encoder("small", pretrained=False),
        "colour": load_encoder("colour"),
        "person": person,
        "person, one picture instead of two": person.with_views(mirror=False),
        "person, colours of the middle half": person.with_views(colour_region="middle"),
        "person, network alone": person.with_views(colour=0.0),
        "person-large": large,
        "person-large, network alone": large.with_views(colour=0.0),
    }
    return found | {
        name: load_encoder(source) for name, _, source in (text.partition("=") for text in more)
    }


def cell(encoder: Encoder, test: Crops) -> str:
    """Return mAP, its interval and rank-1. Persons are drawn: pictures of one are alike."""
    scores = evaluate(rank(embed(encoder, test)))
    each = pd.Series(100 * scores.per_query_ap)
    of_persons = each.groupby(test.select("query").persons()).mean().dropna().to_numpy()
    low, high = bootstrap_interval(of_persons, 1000, np.random.default_rng(0))
    return f"{each.mean():.1f} ({low:.1f} to {high:.1f}), {100 * scores.cmc['market1501'][0]:.1f}"


if __name__ == "__main__":
    main()
