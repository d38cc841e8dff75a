"""Verbs of the data: draw, fetch, check and split."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Literal

import tyro

from sameplayer.commands.shared import Data, bar, console


def synth(out: Data, persons: int = 120, seed: int = 1, clips: int = 0) -> None:
    """Draw a league of players in the Synergy layout.

    Args:
        out: New or empty folder.
        persons: Training persons; a third as many each for test and challenge.
        seed: Decides every pixel.
        clips: Draw this many short clips with ground truth (MOT layout) beside it.
    """
    from sameplayer.data.synthetic import draw_clip, draw_league

    with bar("drawing") as advance:
        root = draw_league(out, persons, seed, progress=advance)
    for number in range(clips):
        draw_clip(out / "clips" / f"clip{number + 1}", seed + number)
    print(root)


def fetch(
    name: tyro.conf.Positional[Literal["synergy"]],
    folder: Data,
    url: str | None = None,
) -> None:
    """Download, verify and unpack a public data set; a broken download goes on where it stopped.

    Args:
        name: Which data set.
        folder: New or empty folder.
        url: Fetch the archive from this address instead.
    """
    from sameplayer.data.crops import describe_crops
    from sameplayer.data.download import SYNERGY, fetch_synergy

    with bar(f"fetching {name}") as advance:
        crops, warnings = fetch_synergy(folder, url=url or SYNERGY, progress=advance)
    for warning in warnings:
        console.print(f"warning: {warning}")
    print(describe_crops(crops))


def check(data: Data, source: str | None = None, scope: str | None = None) -> int:
    """Count a data set and list every problem with its row and file; exit 1 when there is one.

    Args:
        data: Folder or table.
        source: Layout: synergy, market1501, soccernet, mot, folder or table; none: recognised.
        scope: Where a person id holds: set, game or sequence; none: as the layout says.
    """
    from sameplayer.data.check import check_crops
    from sameplayer.data.crops import describe_crops
    from sameplayer.data.sources import read_source

    crops = read_source(data, source, scope)
    print(describe_crops(crops))
    with bar("checking") as advance:
        problems = check_crops(crops, advance)
    for problem in problems:
        print(problem)
    kinds = Counter(problem.kind for problem in problems)
    print(", ".join(f"{count} x {kind}" for kind, count in kinds.items()) or "no problems")
    return 1 if problems else 0


def split(
    data: Data,
    out: Path,
    share: float = 0.3,
    seed: int = 1,
    source: str | None = None,
    scope: str | None = None,
) -> None:
    """Split a data set by person into training, query and gallery; write it as a crop table.

    Args:
        data: Folder or table; its own split, if any, is left aside.
        out: Table to write (.csv or .parquet).
        share: Share of the persons to keep for query and gallery.
        seed: Decides who.
        source: Layout of the data; none: recognised.
        scope: Where a person id holds: set, game or sequence; none: as the layout says.
    """
    from sameplayer.data.crops import describe_crops, write_crops
    from sameplayer.data.sources import read_source
    from sameplayer.data.splits import hold_out

    crops = hold_out(read_source(data, source, scope), share, seed)
    write_crops(crops, out)
    print(describe_crops(crops))
