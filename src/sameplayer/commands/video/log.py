"""The verbs that make a log of players from the videos of a match, and export one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from sameplayer.commands.shared import Several, bar, console, lines_shown
from sameplayer.errors import DataError, SettingError
from sameplayer.identity.inputs.log_config import LogConfig

if TYPE_CHECKING:
    from sameplayer.identity.inputs.corrections import Correction
    from sameplayer.identity.log.player_log import PlayerLog

Videos = tyro.conf.Positional[
    Annotated[
        tuple[Path, ...],
        tyro.conf.arg(
            metavar="VIDEO [VIDEO ...]",
            help="Videos of one match, one per camera.",
            help_behavior_hint="",
        ),
    ]
]
LogFolder = tyro.conf.Positional[
    Annotated[Path, tyro.conf.arg(metavar="LOG", help="Folder of a log.")]
]
DEFAULTS = LogConfig()
LISTED = 40  # players in the summary


@dataclass(frozen=True)
class Given:
    """What else is known about the match."""

    boxes: Several[Path] = ()
    """Boxes of the people (MOT, CVAT, COCO and others); one file per video in the same order, or
    one with a column camera. None: the detector finds them."""
    roster: Path | None = None
    """Players (.csv or .xlsx with team, number, name; optionally colour)."""
    corrections: Path | None = None
    """Corrections (.csv) that the log's page saved. Those of earlier runs are kept in the log's
    folder and stay in force."""
    offsets: Several[float] = ()
    """Start of each video in seconds of match time. None: all at 0."""
    cuts: Several[Path] = ()
    """Times of cuts in seconds, one per line; one file per video in the same order. None: cuts are
    detected."""
    field: Several[Path] = ()
    """Corners of the field in pixels (.csv with x,y), in order around it; one file per video in the
    same order. Who stands outside is left out, and finding people is faster. None: the whole
    picture."""


@dataclass(frozen=True)
class Outputs:
    """What is written besides the log."""

    export: Several[str] = ()
    """More files for other tools: sportscode, cvat, label-studio, coco, supervision, gsr. MOT text
    is always written."""
    annotate: bool = False
    """Write each video with boxes and names drawn in."""
    crops: bool = False
    """Write crops.csv, the crops of each player with a name or number, for train or gallery
    enrol."""
    maps: bool = True
    """Show heat maps of what matches in the two pictures, for some links."""


def log(
    videos: Videos,
    out: Path,
    given: Given = Given(),
    settings: Annotated[LogConfig, tyro.conf.arg(name="")] = DEFAULTS,
    outputs: Outputs = Outputs(),
) -> None:
    """Find out who was on screen when, from the videos of a match.

    Args:
        out: Folder for the log. Run again with the same folder to resume after a stop or to apply
            corrections; finished work is not repeated.
        given: What else is known about the match.
        settings: Settings of the log.
        outputs: What is written besides the log.
    """
    from sameplayer.identity.export.crops_table import player_crops
    from sameplayer.identity.export.registry import check_exports
    from sameplayer.identity.inputs.corrections import add_corrections
    from sameplayer.identity.log.log_files import save_log
    from sameplayer.identity.pipeline import identify_players, load_networks
    from sameplayer.tracks.detection.detectors import refuse_unknown

    check_exports(outputs.export, "export")
    if not videos:
        raise DataError("No video given; expected one or more, one per camera.")
    _refuse_out(out)
    refuse_unknown(settings.detector)
    rows = _corrections(out, given.corrections)
    encoder, reader = load_networks(settings)
    with stages() as tell:
        try:
            made = identify_players(
                videos,
                _by_camera("boxes", videos, given.boxes, one_for_all=True),
                given.roster,
                rows,
                offsets=given.offsets,
                cuts=_by_camera("cuts", videos, given.cuts),
                field=_by_camera("field", videos, given.field),
                config=settings,
                encoder=encoder,
                reader=reader,
                folder=out / "work",
                progress=tell,
            )
        except DataError as error:
            raise _with_files(error, out, given.corrections) from error
    if rows:  # kept before the log is, so that none is lost
        add_corrections(rows, out / "corrections.csv")
    save_log(made, out)
    _write_all(made, out, outputs, encoder, reader)
    print(lines_shown(summary(made)))
    for note in made.facts.get("notes", ()):
        print(lines_shown(f"note: {note}"))
    print(f"page: {out / 'report.html'}")
    if outputs.crops:  # last, since a log in which nobody is known has none
        player_crops(made, out / "crops.csv")


def log_export(log: LogFolder, to: tuple[str, ...], out: Path | None = None) -> None:
    """Export a log for other tools.

    Args:
        to: One or more of mot, sportscode, cvat, label-studio, coco, supervision, gsr.
        out: Folder to write to; default: the log's own.
    """
    from sameplayer.identity.export.registry import EXPORTS, check_exports, export_log
    from sameplayer.identity.log.log_files import load_log

    if not to:
        raise SettingError("to", "empty", f"one or more of {', '.join(EXPORTS)}")
    check_exports(to)
    loaded = load_log(log)
    for name in to:
        for path in export_log(loaded, name, out or log):
            print(path)


@contextmanager
def stages() -> Iterator[Callable[[str, float, float], None]]:
    """Show a progress bar per stage; yield the function that takes (stage, done, all)."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        tasks: dict[str, Any] = {}

        def tell(stage: str, done: float, whole: float) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=None)
            progress.update(tasks[stage], completed=done, total=whole)

        yield tell


def summary(log: PlayerLog) -> str:
    """Return the players as lines of text, the longest on screen first."""
    from sameplayer.identity.log.log_files import rows_of

    players = log.players()
    sure = int(log.appearances["sure"].astype(bool).sum())
    lines = [f"{'player':<32}{'on screen':>10}{'appearances':>13}{'cameras':>9}"]
    for one in rows_of(players[:LISTED]):
        lines.append(
            f"{str(one.identity)[:31]:<32}{one.on_screen_s:>8.1f} s{one.appearances:>13}"
            f"{one.cameras:>9}"
        )
    if len(players) > LISTED:
        lines.append(f"and {len(players) - LISTED} more")
    lines.append(f"{len(players)} players and others, {len(log)} appearances, {sure} of them sure")
    return "\n".join(lines)


def _refuse_out(out: Path) -> None:
    """Raise DataError where the folder cannot be made, before the work starts."""
    there = next(one for one in (out, *out.absolute().parents) if one.exists())
    if not there.is_dir():
        raise DataError(
            f"{there}: is a file; expected a folder for the log, new or of an earlier run."
        )
    if not os.access(there, os.W_OK | os.X_OK):
        raise DataError(f"{there}: is not writable; choose another folder for the log.")


def _corrections(out: Path, path: Path | None) -> list[Correction]:
    """Return the rows kept from earlier runs, then the new ones of a file."""
    from sameplayer.identity.inputs.corrections import read_corrections

    kept = out / "corrections.csv"
    old = list(read_corrections(kept)) if kept.exists() else []
    new = [] if path is None else read_corrections(path)
    return old + [one for one in new if one not in old]


def _with_files(error: DataError, out: Path, path: Path | None) -> DataError:
    """Add to an error which files its rows of corrections are in."""
    kept = out / "corrections.csv"
    files = [str(one) for one in (kept, path) if one is not None and one.exists()]
    if not str(error).startswith("Corrections, row"):
        return error
    return DataError(
        f"{error} Row 2 is the first below the header; rows count on through "
        f"{' and then the new ones of '.join(files)}."
    )


def _by_camera(
    name: str, videos: tuple[Path, ...], files: tuple[Path, ...], one_for_all: bool = False
) -> Any:
    """Return one file for all cameras, or each camera's by its name, or None."""
    if not files:
        return None
    if len(files) == 1 and (one_for_all or len(videos) == 1):
        return files[0]
    if len(files) != len(videos):
        raise SettingError(
            name, f"{len(files)} files", f"a file for each of the {len(videos)} videos"
        )
    return {video.stem: file for video, file in zip(videos, files, strict=True)}


def _write_all(made: PlayerLog, out: Path, outputs: Outputs, encoder: Any, reader: Any) -> None:
    from sameplayer.evaluation.logs.page import write_log_page
    from sameplayer.identity.export.annotated_video import annotated_video
    from sameplayer.identity.export.boxes import camera_files
    from sameplayer.identity.export.registry import export_log

    for name in dict.fromkeys(("mot", *outputs.export)):
        export_log(made, name, out)
    with bar("making the page") as advance:
        write_log_page(
            made,
            out / "report.html",
            encoder=encoder if outputs.maps else None,
            reader=reader,
            progress=advance,
        )
    if outputs.annotate:
        with stages() as tell:
            for camera in made.cameras:
                what = f"annotating {camera.name}"
                path = out / "annotated" / camera_files(made, ".mp4")[camera.name]
                annotated_video(
                    made,
                    camera.name,
                    path,
                    progress=lambda done, whole, what=what: tell(what, done, whole),  # type: ignore[misc]
                )
