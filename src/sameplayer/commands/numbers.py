"""The verb that reads shirt numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from sameplayer.commands.shared import DATA, EVERY_ROW, ReadingSplit, Several, bar, usual_or
from sameplayer.errors import DataError, SameplayerError

if TYPE_CHECKING:
    from sameplayer.numbers.reader import NumberReader
    from sameplayer.numbers.readers import ReaderSettings
    from sameplayer.numbers.reading import NumberReading


ReaderThenData = tyro.conf.Positional[
    Annotated[
        tuple[str, str],
        tyro.conf.arg(
            help="shirt: the package's own reader, which is taken where none is named; ocr: text "
            "recognition; joined: shirt, and text recognition on the torso where it is unsure; "
            "auto: joined where the extra numbers is installed, else shirt; clip: CLIP without "
            f"fine-tuning; shirt+ocr: both; or an ONNX file of a reader. Then: {DATA}",
            help_behavior_hint="",
        ),
        usual_or("shirt", "reader", "DATA"),
    ]
]


@dataclass(frozen=True)
class ReaderChoice:
    """What reads, and how sure it must be."""

    model: str = "ViT-B-32-quickgelu"
    """OpenCLIP model of the reader clip, or its configuration (.json)."""
    weights: str = "openai"
    """Weights of the reader clip: an OpenCLIP tag, or a file."""
    roster: Path | None = None
    """Read only numbers of this list (.csv with a column number, or a line each)."""
    by: Several[str] = ()
    """Columns that name a track, whose pictures are read together; none: each picture alone."""
    threshold: float = 0.5
    """Name a number only from this probability on."""
    temperature: float = 1.0
    """Over 1: lower probabilities. Scoring prints the value that calibrates the readings."""
    device: str = "auto"
    """Where a network runs: auto, cpu, cuda, cuda:N or mps."""

    def settings(self, name: str) -> ReaderSettings:
        """Return what the reader of this name is made with."""
        from sameplayer.encoder.runtime.device import place_of
        from sameplayer.numbers.reader import NUMBERS
        from sameplayer.numbers.readers import ReaderSettings
        from sameplayer.numbers.tables import read_roster_numbers

        numbers = NUMBERS if self.roster is None else read_roster_numbers(self.roster)
        if name == "ocr":
            device = "cpu"
        else:  # an ONNX file's runtime may not know the GPU that torch knows
            device = self.device if name.endswith(".onnx") else place_of(self.device)
        return ReaderSettings(self.model, self.weights, numbers, device)

    def make(self, name: str) -> NumberReader:
        """Return the reader of this name."""
        from sameplayer.numbers.readers import make_reader

        return make_reader(name, self.settings(name))


def jersey(
    source: ReaderThenData,
    out: Path | None = None,
    labels: bool = False,
    truth: Path | None = None,
    picture: Path | None = None,
    choice: ReaderChoice = ReaderChoice(),
    reading: ReadingSplit = EVERY_ROW,
) -> None:
    """Read shirt numbers into a crop table, or score the reading where the numbers are known.

    Args:
        out: Crop table to write (.csv or .parquet), with the columns read_number,
            read_number_probability and read_number_frames.
        labels: Score against the column "number" of the data; an empty cell: no number visible.
        truth: Take the numbers from this table (person,number) instead.
        picture: Draw a sheet of the readings (.png), from the surest to the least sure.
    """
    from sameplayer.data.crops import write_crops
    from sameplayer.maps.overlay import write_figure
    from sameplayer.numbers.contact_sheet import draw_readings
    from sameplayer.numbers.tables import add_readings, known_numbers, read_numbers

    if not (out or labels or truth or picture):
        raise SameplayerError("jersey needs --out, --labels, --truth or --picture.")
    name, data = source
    crops = reading.read(data)
    known = known_numbers(crops, truth) if labels or truth is not None else None
    number_reader = choice.make(name)
    with bar("reading") as advance:
        readings, rows = read_numbers(
            crops,
            number_reader,
            choice.by,
            threshold=choice.threshold,
            temperature=choice.temperature,
            progress=advance,
        )
    truths = None if known is None else [known[members[0]] for members in rows]
    if out is not None:
        write_crops(add_readings(crops, readings, rows), out)
        named = sum(one.number is not None for one in readings)
        print(f"{out}: {named} of {len(readings)} readings name a number")
    if picture is not None:
        sheet = draw_readings(
            lambda number: crops.read(rows[number][len(rows[number]) // 2]), readings, truths
        )
        write_figure(sheet, picture)
        print(f"{picture}: a sheet of the readings")
    if truths is not None:
        print(
            f"{number_reader.name}, {'by ' + ', '.join(choice.by) if choice.by else 'each alone'}"
        )
        _print_scores(readings, truths, choice.temperature)


def _print_scores(
    readings: Sequence[NumberReading], truths: Sequence[str], temperature: float
) -> None:
    from sameplayer.numbers.reading import fit_temperature
    from sameplayer.numbers.scores import score_numbers

    print(score_numbers(readings, truths).table())
    try:
        fitted = temperature * fit_temperature(readings, truths)
        print(f"--temperature {fitted:.2f} makes these readings as sure as they are right")
    except DataError as error:
        print(f"no temperature fitted: {error}")
