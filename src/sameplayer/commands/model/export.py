"""The verb that writes an encoder, or the shirt-number reader, as one ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from sameplayer.commands.shared import EVERY_ROW, RUN, USUAL, ReadingSplit
from sameplayer.encoder.networks.presets import DEFAULT
from sameplayer.errors import SameplayerError

READER = "shirt"  # as ``numbers.readers`` names it, which help does not import
WHAT = f"{RUN} {READER}: the shirt-number reader.{USUAL}"
Source = tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="[RUN]", help=WHAT)]]


def export(
    run: Source = DEFAULT, *, out: Path, int8: Path | None = None, reading: ReadingSplit = EVERY_ROW
) -> None:
    """Write an encoder, or the shirt-number reader, as one ONNX file.

    An encoder's takes pictures of any size and gives unit rows; the reader's gives probabilities
    of every number. The file is compared with torch before it is written. It needs the extra
    "onnx".

    Args:
        out: File to write (.onnx).
        int8: Compute in int8, with ranges of these crops: a folder or table of pictures like
            those you will embed, but not those on which you score. Encoders only.
    """
    if run == READER:
        if int8 is not None:
            raise SameplayerError("--int8 is for encoders; the shirt-number reader has no int8.")
        from sameplayer.numbers.network.onnx_export import export_reader
        from sameplayer.numbers.network.shirt_reader import ShirtReader

        print(export_reader(ShirtReader(device="cpu"), out))
        return
    from sameplayer.encoder.load import load_encoder

    if int8 is not None:
        from sameplayer.encoder.onnx.int8 import export_int8

        print(export_int8(load_encoder(run, device="cpu"), reading.read(int8), out))
        return
    from sameplayer.encoder.onnx.export import export_encoder

    print(export_encoder(load_encoder(run, device="cpu"), out))
