"""Verbs of explanation: heat maps of a match, shirt numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import tyro

from sameplayer.commands.shared import Data, bar, embedded
from sameplayer.data.crops import Crops
from sameplayer.errors import ConfigError, DataError, SameplayerError
from sameplayer.numbers.readers import NumberReader


def explain(
    run: Data,
    a: Data,
    b: tyro.conf.Positional[Path | None] = None,
    *,
    out: Path,
    query: str | None = None,
    method: Literal["score-cam", "grad-cam", "legrad", "random"] = "score-cam",
    block: int | None = None,
    channels: int = 0,
    clusters: int = 64,
    coarse: int | None = None,
    strip: int = 6,
    split: str = "test",
    device: str = "cpu",
    source: str | None = None,
    scope: str | None = None,
) -> None:
    """Show what a match rests on: two pictures, or a query of a data set with its ranked gallery.

    Args:
        run: Run folder, saved encoder, or preset name.
        a: First picture; with --query the data.
        b: Second picture.
        out: Picture to write (.png).
        query: Picture of the data (its path, or a part of it) or number of a query row.
        method: Score-CAM; gradients, which are faster: Grad-CAM, LeGrad (ViTs); a random control.
        block: Transformer block or stage whose channels are looked at, -1 the last; none: chosen.
        channels: Only this many channels, those with the largest activations; 0: all.
        clusters: Score the channels in this many groups of like maps; 0: each for itself.
        coarse: Score masked pictures at a size divided by this; 1: at full size; none: chosen.
        strip: Gallery pictures in a ranked strip.
        split: Which split of the data: test, valid, training.
        device: cpu, cuda or cuda:N.
        source: Layout of the data; none: recognised.
        scope: Where a person id holds: set, game or sequence; none: as the layout says.
    """
    from sameplayer.data.images import decode
    from sameplayer.encoder.encoder import load_encoder
    from sameplayer.maps.overlay import draw_pair, draw_strip, write_figure
    from sameplayer.maps.score_cam import explain as why
    from sameplayer.ranking.ranking import rank

    settings: dict[str, Any] = {
        "method": method,
        "block": block,
        "channels": channels or None,
        "clusters": clusters or None,
        "coarse": coarse,
        "half": device != "cpu",
    }
    if query is None:
        if b is None:
            raise SameplayerError("explain needs two pictures, or DATA with --query.")
        encoder = load_encoder(run, device=device)
        pictures = decode(a), decode(b)
        found = why(encoder, *pictures, **settings)
        write_figure(draw_pair(*pictures, found), out)
        print(f"{out}: similarity {found.similarity:.4f}")
        return
    encoder, rows = embedded(run, a, split, source, scope)
    encoder.to(device)
    ranking = rank(rows)
    row = _find_query(ranking.query, query)
    asked = ranking.query.read(row)
    items = []
    with bar("explaining") as advance:
        for place, item in enumerate(ranking.order()[row, :strip].tolist(), start=1):
            picture = ranking.gallery.read(item)
            person = ranking.gallery.table["person"].iat[item]
            found = why(encoder, asked, picture, **settings)
            items.append((picture, found, f"{place}: person {person}"))
            advance(place, strip)
    name = (
        f"{ranking.query.table['image'].iat[row]}, person {ranking.query.table['person'].iat[row]}"
    )
    write_figure(draw_strip(asked, items, name), out)
    print(f"{out}: {len(items)} nearest of {name}")


def jersey(
    inputs: tyro.conf.Positional[tuple[Path, ...]],
    out: Path | None = None,
    labels: bool = False,
    truth: Path | None = None,
    weights: str = "openai",
    roster: Path | None = None,
    by: tuple[str, ...] = (),
    picture: Path | None = None,
    threshold: float = 0.5,
    temperature: float = 1.0,
    split: str | None = None,
    source: str | None = None,
    scope: str | None = None,
) -> None:
    """Read shirt numbers into a crop table, or score the reading where the numbers are known.

    Args:
        inputs: The reader, then the data. ocr (also when left out): text recognition; an OpenCLIP
            model such as ViT-L-14-quickgelu, or its configuration (.json): CLIP; ocr+MODEL: both.
        out: Crop table to write (.csv or .parquet), with the columns read_number,
            read_number_probability and read_number_frames.
        labels: Score against the column number of the data, empty where none is to be seen.
        truth: Take the numbers from this table (person,number) instead.
        weights: OpenCLIP tag or file of weights.
        roster: Read only numbers of this list (.csv with a column number, or a line each).
        by: Columns that name a track, whose pictures are read together; none: each alone.
        picture: Draw a sheet of the readings (.png), from the surest to the least sure.
        threshold: Name a number only from this probability on.
        temperature: Over 1: less sure. Scoring says which value makes the readings honest.
        split: Only this split; none: all rows.
        source: Layout of the data; none: recognised.
        scope: Where a person id holds: set, game or sequence; none: as the layout says.
    """
    from sameplayer.data.crops import write_crops
    from sameplayer.data.sources import read_source
    from sameplayer.maps.overlay import write_figure
    from sameplayer.numbers.readers import NUMBERS
    from sameplayer.numbers.reading import fit_temperature
    from sameplayer.numbers.scores import score_numbers
    from sameplayer.numbers.sheet import draw_readings
    from sameplayer.numbers.tables import read_numbers, read_roster

    if not 1 <= len(inputs) <= 2 or not (out or labels or truth or picture):
        raise SameplayerError(
            "jersey needs [READER] DATA, and --out, --labels, --truth or --picture."
        )
    crops = read_source(inputs[-1], source, scope)
    crops = crops.of_split(split) if split is not None else crops
    numbers = read_roster(roster) if roster is not None else NUMBERS
    reader = _reader(str(inputs[0]) if len(inputs) == 2 else "ocr", weights, numbers)
    with bar("reading") as advance:
        readings, rows = read_numbers(
            crops, reader, by, threshold=threshold, temperature=temperature, progress=advance
        )
    known = None
    if labels or truth is not None:
        of_rows = _known_numbers(crops, truth)
        known = [of_rows[place[0]] for place in rows]
        print(f"{reader.name}, {'each picture' if not by else 'by ' + ', '.join(by)}")
        print(score_numbers(readings, known).table())
        try:
            fitted = temperature * fit_temperature(readings, known)
            print(f"--temperature {fitted:.2f} makes these readings as sure as they are right")
        except DataError as error:
            print(f"no temperature fitted: {error}")
    if picture is not None:
        sheet = draw_readings(
            lambda one: crops.read(rows[one][len(rows[one]) // 2]), readings, known
        )
        write_figure(sheet, picture)
        print(f"{picture}: a sheet of the readings")
    if out is not None:
        table = crops.table.copy()
        for one, places in zip(readings, rows, strict=True):
            table.loc[places, "read_number"] = one.number
            table.loc[places, "read_number_probability"] = round(one.probability, 4)
            table.loc[places, "read_number_frames"] = one.frames
        write_crops(replace(crops, table=table), out)
        named = sum(one.number is not None for one in readings)
        print(f"{out}: {named} of {len(readings)} readings name a number")


def _reader(name: str, weights: str, numbers: tuple[str, ...]) -> NumberReader:
    from sameplayer.numbers.readers import BothReaders, ClipReader, OcrReader

    if (Path(name) / "model.safetensors").exists() or (Path(name) / "best").is_dir():
        raise ConfigError(
            f"{name}: an image encoder without a text tower cannot read numbers; name an OpenCLIP "
            "model, such as ViT-L-14-quickgelu, or ocr."
        )
    readers: list[NumberReader] = []
    for part in name.split("+"):
        readers.append(OcrReader(numbers) if part == "ocr" else ClipReader(part, weights, numbers))
    return readers[0] if len(readers) == 1 else BothReaders(readers)


def _known_numbers(crops: Crops, truth: Path | None) -> list[str]:
    if truth is not None:
        try:
            table = pd.read_csv(truth, dtype=str).set_index("person")["number"]
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"{truth}: expected a table with person and number.") from error
        return crops.table["person"].astype(str).map(table).fillna("").tolist()
    if "number" not in crops.table.columns:
        raise DataError(f"{crops.root}: no column number to score against; name --truth FILE.")
    return [str(number) for number in crops.table["number"].fillna("")]


def _find_query(queries: Crops, name: str) -> int:
    images = queries.table["image"].astype(str)
    found = [row for row, image in enumerate(images) if name in image]
    if len(found) != 1 and name.isdigit() and int(name) < len(images):
        return int(name)
    if len(found) != 1:
        raise DataError(
            f"--query {name}: fits {len(found)} of {len(images)} queries, such as "
            f"{images.iat[0]}; name one picture, or a row from 0 to {len(images) - 1}."
        )
    return found[0]
