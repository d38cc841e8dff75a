"""The verb that asks a gallery who players are, and answers as lines of text."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from sameplayer.commands.gallery.gallery import Club, Who
from sameplayer.commands.shared import DATA, Reading, say
from sameplayer.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from sameplayer.gallery.core.records import Answer

Asked = tyro.conf.Positional[
    Annotated[
        tuple[Path, ...],
        tyro.conf.arg(
            metavar="PICTURE [PICTURE ...]",
            help=f"Pictures of players. Or: {DATA}",
            help_behavior_hint="",
        ),
    ]
]
TABLES = (".csv", ".parquet")


@dataclass(frozen=True)
class Counted:
    """Which of the gallery's pictures count."""

    team: str | None = None
    """Pictures of this team only."""
    game: str | None = None
    """Pictures of this game only."""
    camera: str | None = None
    """Pictures of this camera only."""
    since: str | None = None
    """Pictures taken on this day or later (2026-01-31)."""
    until: str | None = None
    """Pictures taken on this day or earlier."""


def ask(
    gallery: Club,
    pictures: Asked,
    track: bool = False,
    top: int = 5,
    known: float | None = None,
    keep: bool = False,
    rerank: bool = False,
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
    counted: Counted = Counted(),
    reading: Reading = Reading(),
    who: Who = Who(),
) -> None:
    """Say who players are: the likeliest persons, how surely, and that it is nobody we know.

    Args:
        track: All pictures show one person; of a table: those of one sequence and person do.
        top: Persons to name, at most.
        known: Share of the players asked about who are enrolled; left out: the gallery's.
        keep: Keep the pictures as questions, for a person's word.
        rerank: Choose the pictures that an answer rests on by k-reciprocal re-ranking.
        json_file: Write the answers to this file.
    """
    from sameplayer.common.files import write_text
    from sameplayer.gallery.core.records import PictureFilter

    where = PictureFilter(**asdict(counted))
    answers = []
    with who.open(gallery) as opened:
        for name, shown in _queries(pictures, track, reading):
            answer = opened.ask(
                shown, actor=who.actor, where=where, top=top, known=known, keep=keep, rerank=rerank
            )
            answers.append({"asked": name, **asdict(answer)})
            for line in lines_of(name, answer):
                say(line)
    if json_file is not None:
        write_text(json_file, json.dumps(answers, indent=1))


def lines_of(name: str, answer: Answer) -> list[str]:
    """Return an answer as lines of text."""
    from sameplayer.gallery.core.records import percent

    sure = "uncalibrated" if answer.nobody is None else f"nobody we know {percent(answer.nobody)}"
    kept = f", question {answer.question}" if answer.question else ""
    lines = [f"{name}: {sure}, of {answer.persons} persons{kept}"]
    for place, one in enumerate(answer.candidates, start=1):
        chance = "" if one.probability is None else f"{percent(one.probability):>8}"
        lines.append(
            f"  {place}. {one.name:<30}{chance}  similarity {one.similarity:.3f}, "
            f"{one.pictures} pictures"
        )
    return lines


def _queries(
    pictures: tuple[Path, ...], track: bool, reading: Reading
) -> list[tuple[str, list[np.ndarray]]]:
    """Return the name and the pictures of each player that is asked about."""
    from sameplayer.data.images.picture import decode
    from sameplayer.data.tracks import track_keys

    if not pictures:
        raise DataError("No picture is given; expected one or more.")
    first = pictures[0]
    if len(pictures) > 1 or not (first.is_dir() or first.suffix.lower() in TABLES):
        shown = [(str(path), [decode(path)]) for path in pictures]
        return [(f"{len(shown)} pictures", [one for _, [one] in shown])] if track else shown
    crops = reading.read(first)
    by = [name for name in ("sequence", "person") if crops.table[name].notna().any()]
    keys = track_keys(crops.table, by) if track and by else list(range(len(crops)))
    groups: dict[int, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(int(key), []).append(row)
    return [
        (_called(crops.table, rows[0], by if track else []), [crops.read(row) for row in rows])
        for rows in groups.values()
    ]


def _called(table: pd.DataFrame, row: int, by: list[str]) -> str:
    """Return a row's image, with what tells it from others of one frame: the track, or the box."""
    track = [f"{name} {table[name].iloc[row]!s}" for name in by if table[name].notna().iat[row]]
    box = []
    if not track and table["left"].notna().iat[row]:
        left, top = (float(table[name].iloc[row]) for name in ("left", "top"))
        box = [f"box at {left:.0f}, {top:.0f}"]
    return ", ".join([str(table["image"].iat[row]), *track, *box])
