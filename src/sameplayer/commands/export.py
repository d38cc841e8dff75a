"""The verb that writes an encoder, or the shirt-number reader, as one ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from sameplayer.commands.shared import RUN, USUAL
from sameplayer.encoder.presets import DEFAULT

READER = "shirt"  # as ``numbers.readers`` names it, which help does not import
WHAT = f"{RUN} {READER}: the shirt-number reader.{USUAL}"
Source = tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="[RUN]", help=WHAT)]]


def export(run: Source = DEFAULT, *, out: Path) -> None:
    """Write an encoder, or the shirt-number reader, as one ONNX file.

    An encoder's takes pictures of any size and gives unit rows; the reader's gives probabilities
    of every number. The file is compared with torch before it is written. It needs the extra
    "onnx".

    Args:
        out: File to write (.onnx).
    """
    if run == READER:
        from sameplayer.numbers.onnx_export import export_reader
        from sameplayer.numbers.shirt import ShirtReader

        print(export_reader(ShirtReader(), out))
        return
    from sameplayer.encoder.encoder import load_encoder
    from sameplayer.encoder.onnx_export import export_encoder

    print(export_encoder(load_encoder(run), out))
