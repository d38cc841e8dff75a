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
    folder: NewFolder, persons: int = 120, seed: int = 1, clips: int = 0, looks: bool = False
) -> None:
    """Draw a league of players in the Synergy layout.

    Args:
        persons: Training persons; the test and the challenge part get a third as many each.
        seed: Decides every pixel.
        clips: Also draw this many short clips with ground truth, in the MOT layout.
        looks: Also write down kit, skin, hair, build, sleeve and headband of every person, to
            score by: evaluate --by skin.
    """
    from sameplayer.synthetic.league import draw_clip, draw_league, write_looks

    with bar("drawing") as advance:
        root = draw_league(folder, persons, seed, progress=advance)
    if looks:
        write_looks(root, seed)
    for number in range(clips):
        draw_clip(folder / "clips" / f"clip{number + 1}", seed + number)
    print(root)


def synth_match(
    folder: NewFolder, seconds: float = 60.0, seed: int = 1, cameras: int = 2, players: int = 7
) -> None:
    """Draw a match: videos of several cameras, boxes, roster, cuts, and the truth.

    Args:
        seconds: How long each camera records.
        seed: Decides players, play and light.
        cameras: They stand side by side and overlap; the first one cuts to other views.
        players: Of a team on the pitch.
    """
    from sameplayer.synthetic.match import draw_match

    print(draw_match(folder, seed, seconds=seconds, cameras=cameras, players=players))


def fetch(
    name: tyro.conf.Positional[Literal["synergy"]], folder: NewFolder, url: str | None = None
) -> None:
    """Download, verify and unpack a public data set; a broken download goes on where it stopped.

    Args:
        name: Which data set.
        url: Fetch the archive from this address instead.
    """
    from sameplayer.data.crops import describe_crops
    from sameplayer.data.layouts.download import SYNERGY, fetch_synergy

    with bar(f"fetching {name}") as advance:
        crops, warnings = fetch_synergy(folder, url=url or SYNERGY, progress=advance)
    for warning in warnings:
        console.print(f"warning: {warning}")
    print(describe_crops(crops))


def check(data: Data, reading: Reading = Reading()) -> int:
    """Count a data set and list every problem with its row and file; exit 1 when there is one."""
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
    data: Data,
    out: Path,
    share: float = 0.3,
    seed: int = 1,
    reading: Reading = Reading(),
) -> None:
    """Split a data set by person into training, query and gallery; write it as a crop table.

    The data's own split, if any, is left aside.

    Args:
        out: Table to write (.csv or .parquet).
        share: Share of the persons to keep for query and gallery.
        seed: Decides which persons.
    """
    from sameplayer.data.crops import describe_crops, write_crops
    from sameplayer.data.splits import hold_out

    crops = hold_out(reading.read(data), share, seed)
    write_crops(crops, out)
    print(describe_crops(crops))
