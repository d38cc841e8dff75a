"""An encoder as a caller gives it: the object, or what ``load_encoder`` takes."""

from __future__ import annotations

from pathlib import Path

from sameplayer.common.cache import Latest
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import load_encoder
from sameplayer.encoder.networks.presets import PRESETS

_kept: Latest[Encoder] = Latest(1)


def as_encoder(encoder: Encoder | str | Path) -> Encoder:
    """Return an encoder to embed with, loaded where it is named; errors as in ``load_encoder``.

    The last one of those in this package stays loaded, so do not change what is returned.
    """
    if isinstance(encoder, Encoder):
        return encoder
    shipped = str(encoder) in PRESETS and PRESETS[str(encoder)].shipped
    if not shipped or Path(encoder).exists():
        return load_encoder(encoder)
    return _kept.get(str(encoder), lambda: load_encoder(encoder))
