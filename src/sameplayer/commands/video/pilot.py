"""The verb pilot: which pairs to ask about, their answers, and the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from sameplayer.commands.shared import Reading, bar
from sameplayer.commands.video.log import stages
from sameplayer.errors import DataError, SettingError
from sameplayer.pilot.config import PilotConfig

if TYPE_CHECKING:
    from sameplayer.data.crops import Crops
    from sameplayer.pilot.folder import Pilot

Footage = tyro.conf.Positional[
    Annotated[
        tuple[Path, ...],
        tyro.conf.arg(
            metavar="FOOTAGE [FOOTAGE ...]",
            help="Folder or table of crops, or videos; or the folder of a pilot, to resume it.",
            help_behavior_hint="",
        ),
    ]
]
DEFAULTS = PilotConfig()


@dataclass(frozen=True)
class Answering:
    """Answers that are not given on a page."""

    answers: Path | None = None
    """Import answers from this file (.csv with pair,answer: yes, no, unsure)."""
    known: bool = False
    """Answer from the column person of the table, to compare with the full evaluation."""


def pilot(
    footage: Footage,
    out: Path | None = None,
    boxes: Path | None = None,
    answering: Annotated[Answering, tyro.conf.arg(name="")] = Answering(),
    settings: Annotated[PilotConfig, tyro.conf.arg(name="")] = DEFAULTS,
    reading: Reading = Reading(),
) -> None:
    """Estimate error rates on your footage from a few hundred answers to "same player or not?".

    Args:
        out: Folder for the pilot. Run again with the same folder to resume after a stop, or to add
            more pairs; answers stay.
        boxes: Boxes of the people in the videos (MOT text, CSV or Parquet); default: detect them.
    """
    from sameplayer.pilot.acquisition import answer_from_table
    from sameplayer.pilot.folder import is_pilot, load_pilot
    from sameplayer.pilot.labels import import_answers

    if not footage:
        raise DataError("No footage given; expected crops, videos, or the folder of a pilot.")
    if out is None:
        if len(footage) > 1 or not is_pilot(footage[0]):
            raise DataError(
                f"{footage[0]}: is not the folder of a pilot. To make one: sameplayer pilot "
                "FOOTAGE --out PILOT"
            )
        if answering.known:
            raise DataError(
                "--known needs the table of crops and the pilot: sameplayer pilot DATA --out PILOT "
                "--known"
            )
        made = load_pilot(footage[0])
    else:
        crops = _crops(footage, out, boxes, settings, reading)
        made = _made(crops, out, settings)
        if answering.known:
            answer_from_table(made, crops)
    if answering.answers is not None:
        import_answers(made, answering.answers)
    show(made)


def show(made: Pilot) -> None:
    """Write the report of a pilot and print its first lines."""
    from sameplayer.common.files import write_text
    from sameplayer.pilot.page import render_report
    from sameplayer.pilot.results import report, write_json

    found = report(made)
    write_json(made.folder / "report.json", found)
    write_text(made.folder / "report.html", render_report(made, found))
    print(summary(found, made.config.pairs))
    print(f"report: {made.folder / 'report.html'}")


def summary(found: dict[str, Any], pairs: int) -> str:
    """Return a report as a few lines of text."""
    answers = found["answers"]
    lines = [
        f"{answers['asked']} of {pairs} questions answered: {answers['same']} same, "
        f"{answers['different']} different, {answers['unsure']} undecided"
    ]
    if not found["enough"]:
        return "\n".join([*lines, f"no rates yet: {found['why']}"])
    lines.append(f"{'wanted %':>9}{'threshold':>11}{'false matches %':>24}{'missed %':>22}")
    for row in found["thresholds"]:
        lines.append(
            f"{100 * row['wanted']:>9g}{row['threshold']:>11.3f}"
            f"{_words(row['false'], 2):>24}{_words(row['missed'], 1):>22}"
        )
    return "\n".join([*lines, *found["advice"]])


def _words(found: Sequence[float], places: int) -> str:
    low, middle, high = (f"{100 * value:.{places}f}" for value in found)
    return f"{middle} ({low} to {high})"


def _crops(
    footage: Sequence[Path], out: Path, boxes: Path | None, settings: PilotConfig, reading: Reading
) -> Crops:
    from sameplayer.data.video.frames import VIDEO_SUFFIXES
    from sameplayer.pilot.folder import WORK, refuse_foreign

    refuse_foreign(out)
    if all(path.suffix.lower() in VIDEO_SUFFIXES for path in footage):
        from sameplayer.pilot.create import crops_of_videos

        with stages() as tell:
            return crops_of_videos(
                footage,
                settings,
                boxes=boxes,
                folder=out / WORK,
                progress=lambda done, whole: tell("finding people", done, whole),
            )
    if boxes is not None:
        raise SettingError("boxes", str(boxes), "none; boxes are for videos, crops have their own")
    if len(footage) > 1:
        raise DataError(
            f"{len(footage)} inputs given; expected one folder or table of crops, or videos."
        )
    return reading.read(footage[0])


def _made(crops: Crops, out: Path, settings: PilotConfig) -> Pilot:
    from sameplayer.encoder.load import load_encoder
    from sameplayer.pilot.create import make_pilot
    from sameplayer.pilot.folder import is_pilot, load_pilot

    if is_pilot(out):  # answers may be there for more pairs than are asked for by default
        before = load_pilot(out).config.pairs
        settings = replace(settings, pairs=max(settings.pairs, before))
    encoder = load_encoder(settings.encoder, device=settings.device)
    with bar("measuring pictures") as advance:
        return make_pilot(crops, encoder, out, settings, progress=advance)
