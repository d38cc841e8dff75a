"""The verb that writes an encoder as one ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from sameplayer.commands.shared import RUN, USUAL
from sameplayer.encoder.presets import DEFAULT

Source = tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="[RUN]", help=RUN + USUAL)]]


def export(run: Source = DEFAULT, *, out: Path) -> None:
    """Write an encoder as one ONNX file: pictures of any size in, unit rows out.

    The file is compared with the encoder before it is written. It needs the extra "onnx".

    Args:
        out: File to write (.onnx).
    """
    from sameplayer.encoder.encoder import load_encoder
    from sameplayer.encoder.onnx_export import export_encoder

    print(export_encoder(load_encoder(run), out))
