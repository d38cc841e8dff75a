"""Verbs of the data: draw, fetch, check and split."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

import tyro

from sameplayer.commands.shared import Data, Reading, bar, console

NewFolder = tyro.conf.Positional[
    Annotated[Path, tyro.conf.arg(metavar="FOLDER", help="New or empty folder.")]
]


def synth(
    folder: NewFolder, persons: int = 120, seed: int = 0, clips: int = 0, attributes: bool = False
) -> None:
    """Draw a league of players in the Synergy layout.

    Args:
        persons: Number of training persons; the test and challenge splits get a third as many.
        seed: Random seed; the same seed draws the same pictures.
        clips: Number of short clips with ground truth to draw too, in the MOT layout.
        attributes: Write kit, skin, hair, build, sleeve and headband of every person too, to
            score by: evaluate --by skin.
    """
    from sameplayer.synthetic.league import draw_clip, draw_league

    with bar("drawing") as advance:
        root = draw_league(folder, persons, seed, attributes=attributes, progress=advance)
    for number in range(clips):
        draw_clip(folder / "clips" / f"clip{number + 1}", seed + number)
    print(root)


def synth_match(
    folder: NewFolder, seconds: float = 60.0, seed: int = 0, cameras: int = 2, players: int = 7
) -> None:
    """Draw a match: videos of several cameras with boxes, roster, cuts and ground truth.

    Args:
        seconds: Length of each video, in seconds.
        seed: Random seed of players, movement and light.
        cameras: Number of cameras, side by side with overlapping views; the first one cuts.
        players: Players per team on the pitch.
    """
    from sameplayer.synthetic.match import draw_match

    print(draw_match(folder, seed, seconds=seconds, cameras=cameras, players=players))


def fetch(
    name: tyro.conf.Positional[Literal["synergy"]], folder: NewFolder, url: str | None = None
) -> None:
    """Download, verify and unpack a public data set; an interrupted download is resumed.

    Args:
        name: Name of the data set.
        url: Address of the archive, in place of the public one.
    """
    from sameplayer.data.crops import describe_crops
    from sameplayer.data.layouts.download import SYNERGY, fetch_synergy

    with bar(f"fetching {name}") as advance:
        crops, warnings = fetch_synergy(folder, url=url or SYNERGY, progress=advance)
    for warning in warnings:
        console.print(f"warning: {warning}")
    print(describe_crops(crops))


def check(data: Data, reading: Reading = Reading()) -> int:
    """Count a data set and list every problem with its row and file; exit 1 if there is one."""
    from sameplayer.data.check import check_crops
    from sameplayer.data.crops import describe_crops

    crops = reading.read(data, warn=False)
    print(describe_crops(crops))
    for note in crops.notes:
        print(f"note: {note}")
    with bar("checking") as advance:
        problems = check_crops(crops, advance)
    for problem in problems:
        print(problem)
    kinds = Counter(problem.kind for problem in problems)
    print(", ".join(f"{count} x {kind}" for kind, count in kinds.items()) or "no problems")
    return 1 if problems else 0


def split(
    data: Data, out: Path, share: float = 0.3, seed: int = 0, reading: Reading = Reading()
) -> None:
    """Split a data set by person into training, query and gallery; write it as a crop table.

    An existing split is ignored.

    Args:
        out: Table to write (.csv or .parquet).
        share: Share of persons held out for query and gallery.
        seed: Random seed of the choice of persons.
    """
    from sameplayer.data.crops import describe_crops, write_crops
    from sameplayer.data.splits import hold_out

    crops = hold_out(reading.read(data), share, seed)
    write_crops(crops, out)
    print(describe_crops(crops))
